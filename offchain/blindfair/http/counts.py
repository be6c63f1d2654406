"""What a service counts of itself, as its process tells the program that started it: a line of text now and then.

Not here: where it is counted (`counting`), and who shows it.
"""

from dataclasses import dataclass, field, fields
from typing import Self

from blindfair.protocol.documents import Document, canonical, json_value

COUNTS = b"counts "
"""A line of output of the process that begins so tells counts; each other one tells of an error."""

COUNTS_LIMIT = 4096
"""Bytes of such a line. A pipe takes so many at once, or none of them."""

_STATUSES = range(100, 600)
_MOST = 2**53


@dataclass(frozen=True, slots=True)
class ServiceCounts:
    """Counts of one service: what it has done since it began, and what is there now. No account, URL or handle is among
    them.

    >>> told = ServiceCounts({200: 3}, sent=70, sessions=1)
    >>> ServiceCounts.from_line(told.to_line()) == told
    True
    """

    answers: dict[int, int] = field(default_factory=dict)
    """Answers that were begun, by HTTP status."""

    received: int = 0
    """Bytes of bodies of requests."""

    sent: int = 0
    """Bytes of bodies of answers."""

    connections: int = 0
    sessions: int = 0

    unread: int = 0
    """Messages that the seller has not read yet."""

    unread_bytes: int = 0

    arriving: int = 0
    """Messages that have begun to come."""

    arriving_bytes: int = 0
    """Bytes of them that are on the disk."""

    def after(self, earlier: Self) -> "ServiceCounts":
        """The same of a process that goes on after another one: what was done adds up, what is there is as it is now.

        >>> found = ServiceCounts({200: 3}, sessions=1).after(ServiceCounts({200: 4, 429: 1}, sessions=9))
        >>> found.answers, found.sessions
        ({200: 7, 429: 1}, 1)
        """
        statuses = sorted({*self.answers, *earlier.answers})
        return ServiceCounts(
            {status: self.answers.get(status, 0) + earlier.answers.get(status, 0) for status in statuses},
            self.received + earlier.received,
            self.sent + earlier.sent,
            *(getattr(self, name) for name in _NUMBERS[2:]),
        )

    def to_line(self) -> bytes:
        """A line of output, without its end."""
        numbers: Document = {name: getattr(self, name) for name in _NUMBERS}
        return COUNTS + canonical({**numbers, "answers": {str(key): count for key, count in self.answers.items()}})

    @classmethod
    def from_line(cls, line: bytes) -> "ServiceCounts":
        """Read what `to_line` gave. Raises ValueError.

        The process answers strangers: whatever takes it over adds no name of its own to what its owner collects.
        """
        found = json_value(line.removeprefix(COUNTS))
        try:
            answers = {int(status): _count(count) for status, count in found["answers"].items()}
            numbers = [_count(found[name]) for name in _NUMBERS]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("these are no counts of a service") from error
        if not all(status in _STATUSES for status in answers):
            raise ValueError("an answer has no HTTP status")
        return cls(answers, *numbers)


_NUMBERS = tuple(each.name for each in fields(ServiceCounts) if each.name != "answers")


def _count(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < _MOST:
        raise ValueError("a count is no number of things")
    return value
