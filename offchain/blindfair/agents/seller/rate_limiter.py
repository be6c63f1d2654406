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
        self._taken: deque[tuple[Timestamp, int]] = deque()

    def take(self, size: int, now: Timestamp) -> None:
        """Count `size` more. Raises BudgetExhausted, and counts nothing then."""
        while self._taken and self._taken[0][0] + self._span <= now:
            self._taken.popleft()
        given = sum(each for _, each in self._taken)
        if given and given + size > self._most:
            raise BudgetExhausted(
                "The seller gives no more for now",
                expected=f"at most {self._most} {self._unit} in {self._span} s",
                found=given + size,
                hint="ask again later, or have the seller name you as a buyer",
            )
        self._taken.append((now, size))

    def give_back(self) -> None:
        """Do not count the last bytes that were taken: they were not given."""
        self._taken.pop()
