"""Seconds that the trades of a demo take besides gradient rows, queries and blind evaluations.

    transactions, sealed messages, journals, keys    the same for every trade of a demo
    hashes of the listing and of a delivery          for each offered record
    audit                                            for each record whose score is recomputed, besides its row

They were measured once and divided by how much slower than the reference machine the measured one encrypts and
multiplies: so they are scaled here. Waiting for the blocks of a real chain is not in it.
"""

import time
from statistics import median

from blindfair.agents.policy import AUDIT_ROWS
from blindfair.blind.cost_model import CostModel
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.reference_costs import REFERENCE

_TRADE = 1.1
"""Seconds of the two orders that each trade has, for the evaluation and for the sample, with waiting for the disk."""

_REST = 0.2
"""Seconds of the order of the rest, which the honest trade alone has."""

_RECORD = 3e-5
"""Seconds for each offered record."""

_RECOMPUTED = 1.3e-3
"""Seconds for each record whose score is recomputed from it."""


class Busy:
    """How much longer work takes than the processor's time for it, since this was made: others may use it as well.

    What is timed is timed by the processor's clock: a piece of some milliseconds may be done between two of theirs.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    @property
    def factor(self) -> float:
        """It: 1 or more."""
        passed, worked = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        return max(1.0, passed / worked) if worked else 1.0


def slowness(costs: CostModel) -> float:
    """Return how many times as long as the reference machine this one takes: the median over all operations."""
    here, there = costs.of(DEFAULT), REFERENCE.of(DEFAULT)
    measured = [(getattr(here, name), getattr(there, name)) for name in type(there).__slots__]
    return float(median(found / known for found, known in measured if found and known))


def recomputed_records(trades: int, selected: int) -> int:
    """Return how many scores are recomputed in all: the audit's in each trade, and in the honest one all others."""
    sampled = min(AUDIT_ROWS, selected)
    return trades * sampled + selected - sampled


def other_seconds(costs: CostModel, trades: int, records: int, selected: int) -> float:
    """Return the seconds of all trades of a demo whose buyer selects `selected` of `records` records."""
    known = trades * (_TRADE + _RECORD * records) + _REST + _RECOMPUTED * recomputed_records(trades, selected)
    return slowness(costs) * known
