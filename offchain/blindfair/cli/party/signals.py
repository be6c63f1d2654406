"""Signals of a party that runs as a service: SIGTERM ends it as Ctrl-C does, SIGHUP reads again what can be.

Nothing slow is imported here: commands need it before everything else.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType


class Reloads:
    """SIGHUP since the last look. The signal is only noted: a step that is under way is not disturbed."""

    def __init__(self) -> None:
        self._is_asked = False

    def _ask(self, _: int, __: FrameType | None) -> None:
        self._is_asked = True

    def turn(self, reload: Callable[[], None]) -> None:
        """Call `reload` if SIGHUP has come since the last time."""
        if self._is_asked:
            self._is_asked = False
            reload()


@contextlib.contextmanager
def hangups_noted() -> Iterator[Reloads]:
    """Note SIGHUP in the block. A command that becomes a service begins with this: while libraries load and the
    directory opens, which takes seconds, the signal would end the program otherwise."""
    reloads = Reloads()
    before = signal.signal(signal.SIGHUP, reloads._ask)
    try:
        yield reloads
    finally:
        signal.signal(signal.SIGHUP, before)


@contextlib.contextmanager
def as_service() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does. A service has then done its work as well as after Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
