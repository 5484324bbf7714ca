"""Waiting for events with deadlines. Times are time.time(), the clock of packet timestamps too."""

import time


class Failure(Exception):
    """What a scenario demanded did not hold."""


class Skip(Exception):
    """The scenario cannot run here; the text says why."""


def until(what, function, within=10.0, since=None, every=0.04):
    """Calls the function until it answers something true; returns (that, when it was true).

    A deadline counts from `since` (default: now). The time returned is that of the start of the call
    that saw it, so a slow observation does not count against what it observed.
    """
    start = time.time() if since is None else since
    seen, error = None, None
    while True:
        at = time.time()
        try:
            seen, error = function(), None
        except Failure as problem:
            error = problem
        if seen and not error:
            return seen, at
        if at > start + within:
            last = f"{error}" if error else f"last seen: {shorten(seen)}"
            raise Failure(f"{what}: not within {within:g} s; {last}")
        time.sleep(every)


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {shorten(got)} instead of {shorten(wanted)}")


def between(what, value, low, high, unit=" s"):
    if not low <= value <= high:
        raise Failure(f"{what}: {value:.3f}{unit}, must be {low:.3f} to {high:.3f}{unit}")
    return value


def contains(what, text, *parts):
    """Each part must stand in the text, without regard to case; a tuple is a choice."""
    for part in parts:
        choice = part if isinstance(part, tuple) else (part,)
        if not any(word.lower() in text.lower() for word in choice):
            raise Failure(f"{what}: {' or '.join(map(repr, choice))} is not in {shorten(text)}")


def shorten(value, length=600):
    text = value if isinstance(value, str) else repr(value)
    text = text.strip()
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"
