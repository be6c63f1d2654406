"""Reasons to wait, and how an agent with several tasks in hand takes its turn."""

from collections.abc import Iterator
from contextlib import contextmanager

from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.quantities import Timestamp


class Waiting(Exception):
    """Not an error: nothing to do before something happens outside.

    `until` is the chain time at which the clock alone changes things, None where only the other side or the chain can.
    """

    def __init__(self, reason: str, until: Timestamp | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.until = until


class Turn:
    """One step over independent tasks: what holds up one of them does not hold up the others."""

    def __init__(self) -> None:
        self._waits: list[Waiting] = []
        self._troubles: list[BlindfairError] = []

    @contextmanager
    def task(self) -> Iterator[None]:
        """Around one task. A node that fails may have failed this one alone: the others are tried as well."""
        try:
            yield
        except Waiting as waiting:
            self._waits.append(waiting)
        except BlindfairError as trouble:
            self._troubles.append(trouble)

    def end(self) -> None:
        """Raises the first trouble, since the owner must see it; else Waiting with the next moment that matters."""
        if self._troubles:
            raise self._troubles[0]
        if self._waits:
            raise min(self._waits, key=lambda waiting: (waiting.until is None, waiting.until or 0))
