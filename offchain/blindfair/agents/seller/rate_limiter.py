"""How much is given to strangers in a stretch of chain time. In memory: after a restart all of it is there again."""

from collections import deque

from blindfair.protocol.errors import BudgetExhausted
from blindfair.protocol.quantities import Seconds, Timestamp


class RateLimiter:
    """At most `most` of a `unit` in any `span`; what alone is larger is given when nothing else was."""

    def __init__(self, most: int, span: Seconds, unit: str = "bytes") -> None:
        self._most = most
        self._unit = unit
        self._span = span
        self._counted: deque[tuple[Timestamp, int]] = deque()

    def count(self, size: int, now: Timestamp) -> None:
        """Count `size` more. Raises BudgetExhausted, and counts nothing then."""
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

    def uncount(self) -> None:
        """Take back the last count: nothing was given."""
        self._counted.pop()
