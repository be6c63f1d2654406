"""How much is given to strangers in a stretch of chain time, counted on beyond a restart.

Else whoever can make a program end could have all of it again.
"""

import json
from collections import deque
from pathlib import Path

from blindfair.agents.store.directory import write_atomically
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import BudgetExhausted
from blindfair.protocol.quantities import Seconds, Timestamp

_TOGETHER = 60
"""Seconds of which counts are kept together: what is written stays small."""


class RateLimiter:
    """At most `most` of a `unit` in any `span`; what alone is larger is given when nothing else was.

    `path` is the file that the counts are kept in; in memory alone if None. A file that is damaged counts as none.
    """

    def __init__(self, most: int, span: Seconds, unit: str = "bytes", path: Path | None = None) -> None:
        self._most = most
        self._unit = unit
        self._span = span
        self._path = path
        self._counted: deque[tuple[Timestamp, int]] = deque()
        if path is not None:
            self._counted.extend(_read(path))

    def count(self, size: int, now: Timestamp) -> None:
        """Count `size` more. Raises BudgetExhausted, and counts nothing then; CannotWrite."""
        while self._counted and self._counted[0][0] + self._span <= now:
            self._counted.popleft()
        given = sum(each for _, each in self._counted)
        if given and given + size > self._most:
            raise BudgetExhausted(
                "The seller gives no more for now",
                expected=f"at most {self._most} {self._unit} in {self._span} s",
                found=given + size,
                hint="ask again later, or have the seller name you as a buyer",
            )
        self._counted.append((now, size))
        self._keep()

    def uncount(self) -> None:
        """Take back the last count: nothing was given. Raises CannotWrite."""
        self._counted.pop()
        self._keep()

    def _keep(self) -> None:
        if self._path is None:
            return
        together: dict[int, int] = {}
        for when, size in self._counted:
            # Rounded up: a count ends too late rather than too early.
            minute = -(-when // _TOGETHER) * _TOGETHER
            together[minute] = together.get(minute, 0) + size
        write_atomically(self._path, json.dumps(list(together.items())).encode())


def _read(path: Path) -> list[tuple[Timestamp, int]]:
    try:
        return [(Timestamp(int(when)), int(size)) for when, size in json_value(path.read_bytes())]
    except (OSError, ValueError, TypeError):
        return []
