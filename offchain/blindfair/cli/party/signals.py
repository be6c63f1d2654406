"""Signals of a party that runs as a service: SIGTERM ends it as Ctrl-C does, SIGHUP reads again what can be."""

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
def as_service() -> Iterator[Reloads]:
    """Take both signals in the block. A service is ended by SIGTERM, and has then done its work as well as after
    Ctrl-C."""
    reloads = Reloads()
    ends = signal.signal(signal.SIGTERM, signal.default_int_handler)
    reads = signal.signal(signal.SIGHUP, reloads._ask)
    try:
        yield reloads
    finally:
        signal.signal(signal.SIGTERM, ends)
        signal.signal(signal.SIGHUP, reads)
