"""How far a long work of the seller's is, for people: what is done, how fast it goes, what is left.

Not here: when it is shown. That is for those who watch.
"""

import time
from collections import deque
from collections.abc import Callable

PROGRESS = "scoring"
"""Step of the events that tell of progress, each in place of the one before."""

_LATEST = 16
"""Steps from which the rate is reckoned: what an earlier life of the process has finished goes by at once."""


class Progress:
    """Called with how many of how many `parts` are done, it tells so, and with the second call the rate in records."""

    def __init__(
        self,
        tell: Callable[[str, str], None],
        what: str,
        records: int,
        parts: str = "blocks",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`records` are all that the work is over; `clock` gives seconds."""
        self._tell = tell
        self._what = what
        self._records = records
        self._parts = parts
        self._clock = clock
        self._latest: deque[tuple[float, int]] = deque(maxlen=_LATEST)

    def __call__(self, done: int, of: int) -> None:
        """Tell that so many are done."""
        self._latest.append((self._clock(), done))
        (since, before), (now, _) = self._latest[0], self._latest[-1]
        text = f"{self._what}: {done:,} of {of:,} {self._parts}"
        if done > before and now > since:
            rate = (done - before) / (now - since)
            text += f", {rate * self._records / of:,.0f} records a second"
            if done < of:
                text += f", about {(of - done) / rate:,.0f} s left"
        self._tell(PROGRESS, text)
