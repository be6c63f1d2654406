"""Which cells there are: a design that varies one thing at a time around a middle buyer, and crosses what matters most.

- logistic regression: every data set of two classes, a middle buyer; every regime where there are enough records;
- small and large buyers: three data sets, three regimes;
- networks: the regimes that a network can be expected to take differently, on images, texts and a small CNN.

Cells of one seed come before those of the next, so that a run cut short has all regimes with fewer seeds.
"""

from collections.abc import Iterable

from blindfair.studies.cells import Cell
from blindfair.studies.worlds import BuyerSize, Regime

SEEDS = 12
TABLES = ("trial", "cancer", "affairs", "digits-high", "tweets")
"""Data sets of two classes that are large enough for every regime."""

_SMALL_TABLES = ("diabetes", "election")
_SMALL_REGIMES = (Regime.CLEAN, Regime.WRONG_30, Regime.NOISE, Regime.IMBALANCE)
_SIZED = ("trial", "digits-high", "tweets")
_SIZED_REGIMES = (Regime.CLEAN, Regime.WRONG_30, Regime.SHIFT_WRONG)
_NETWORKS = (
    ("digits", "softmax", (Regime.CLEAN, Regime.WRONG_30, Regime.NOISE, Regime.SHIFT_WRONG)),
    ("mnist", "mlp", (Regime.CLEAN, Regime.WRONG_30, Regime.WRONG_50)),
    ("tweets", "mlp", (Regime.CLEAN, Regime.WRONG_30)),
    ("digits", "mlp", (Regime.NEAR_COPIES, Regime.SELLERS)),
    ("digits", "cnn", (Regime.CLEAN, Regime.WRONG_30)),
)


def full_plan(seeds: int = SEEDS) -> list[Cell]:
    """Every cell of the full study."""
    return [cell for seed in range(seeds) for cell in _of_seed(seed)]


def quick_plan() -> list[Cell]:
    """A few minutes: three tables and a network, four regimes, three seeds."""
    regimes = (Regime.CLEAN, Regime.WRONG_30, Regime.NOISE, Regime.IMBALANCE)
    tables = [
        Cell(data, "logistic", regime, BuyerSize.MIDDLE, seed)
        for seed in range(3)
        for data in ("trial", "cancer", "digits-high")
        for regime in regimes
    ]
    networks = [
        Cell("digits", "softmax", regime, BuyerSize.MIDDLE, seed) for seed in range(3) for regime in regimes[:2]
    ]
    return tables + networks


def _of_seed(seed: int) -> Iterable[Cell]:
    for data in TABLES:
        yield from (Cell(data, "logistic", regime, BuyerSize.MIDDLE, seed) for regime in Regime)
    for data in _SMALL_TABLES:
        yield from (Cell(data, "logistic", regime, BuyerSize.MIDDLE, seed) for regime in _SMALL_REGIMES)
    for size in (BuyerSize.SMALL, BuyerSize.LARGE):
        for data in _SIZED:
            yield from (Cell(data, "logistic", regime, size, seed) for regime in _SIZED_REGIMES)
    for data, kind, regimes in _NETWORKS:
        yield from (Cell(data, kind, regime, BuyerSize.MIDDLE, seed) for regime in regimes)
