"""Moments and spans of time for people: UTC, and how far off they are by the chain's clock."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from blindfair.protocol.words import counted

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_MOST = 2**35
"""A second that calendars still know; a later one is a number that somebody made up."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A second since 1970, as a page shows it: for people, and for programs."""

    text: str
    machine: str


def moment(second: int) -> Moment:
    """Show a second of chain time.

    >>> moment(1_700_000_000)
    Moment(text='14 Nov 2023, 22:13:20 UTC', machine='2023-11-14T22:13:20Z')
    """
    when = datetime.fromtimestamp(max(0, min(second, _MOST)), UTC)
    return Moment(f"{when.day} {when:%b %Y, %H:%M:%S} UTC", f"{when:%Y-%m-%dT%H:%M:%SZ}")


def span(seconds: int) -> str:
    """Return a length of time in its two largest units, rounded down.

    >>> span(90_061), span(59), span(0)
    ('1 day 1 hour', '59 seconds', '0 seconds')
    """
    for (size, name), (smaller, smaller_name) in pairwise(_UNITS):
        if seconds >= size:
            second = seconds % size // smaller
            return counted(seconds // size, name) + (f" {counted(second, smaller_name)}" if second else "")
    return counted(max(0, seconds), "second")


def until(second: int, now: int) -> str:
    """Say how far off a moment is: what is to come in two units, what has been in one.

    >>> until(100, 35), until(35, 100)
    ('in 1 minute 5 seconds', '1 minute ago')
    """
    if second >= now:
        return f"in {span(second - now)}"
    size, name = next(each for each in _UNITS if now - second >= each[0])
    return f"{counted((now - second) // size, name)} ago"
