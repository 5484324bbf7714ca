"""What can be wrong with received bytes."""


class Malformed(ValueError):
    """The tag holds, and the body is not as chapter 2 wants it: dropped whole (R-FMT-09).

    reason is the counter's name; content the value of the REJECT (content) that an HMS answers with, or None."""

    def __init__(self, text, reason="malformed", content=None):
        super().__init__(text)
        self.reason, self.content = reason, content


class Dropped(ValueError):
    """Dropped before or because of the tag; the reason is the counter's name."""
