"""Seconds that the trades of a demo take besides gradient rows, queries and blind evaluations.

    transactions, sealed messages, journals, keys    the same for every trade of a demo
    hashes of the listing and of a delivery          for each offered record
    audit                                            for each record whose score is recomputed, besides its row

They were measured once on the machine of `REFERENCE`, and are scaled by how much slower this machine encrypts and
multiplies. Waiting for the blocks of a real chain is not in it.
"""

from statistics import median

from blindfair.agents.policy import AUDIT_ROWS
from blindfair.blind.cost_model import CostModel
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.reference_costs import REFERENCE

_TRADE = 0.9
"""Seconds of 9 to 15 transactions, and of what belongs to them."""

_RECORD = 1.5e-4
"""Seconds for each offered record."""

_RECOMPUTED = 1.3e-3
"""Seconds for each record whose score is recomputed from it."""


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
    known = trades * (_TRADE + _RECORD * records) + _RECOMPUTED * recomputed_records(trades, selected)
    return slowness(costs) * known
