"""What a scenario shows, and how it says that it did not."""


class Skipped(Exception):
    """It cannot be shown here."""


def shows(*rules):
    """Names the rules of the specification that a scenario shows."""
    def mark(scenario):
        scenario.rules = rules
        return scenario
    return mark


def check(what, ok, shown=""):
    if not ok:
        raise AssertionError("%s: %s" % (what, shown))
