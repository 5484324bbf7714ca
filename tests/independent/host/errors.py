"""What can be wrong with received bytes."""


class Malformed(ValueError):
    """The tag holds, and the body is not as chapter 2 wants it: dropped whole (R-FMT-09)."""


class Dropped(ValueError):
    """Dropped before or because of the tag; the reason is the counter's name."""
