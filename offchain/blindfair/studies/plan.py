"""Which cells there are: a design that varies one thing at a time around a middle buyer, and crosses what matters most.

- logistic regression: every data set of two classes, a middle buyer; every regime where there are enough records;
- small and large buyers: three data sets, three regimes;
- networks: images, texts, digits, in few regimes;
- few bits: every data set, by logistic or softmax regression, and every regime; texts by a network in few.

Tables come before networks, and cells of one seed before those of the next: a run cut short has fewer seeds.
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
    ("digits", "softmax", (Regime.CLEAN, Regime.WRONG_30, Regime.NOISE)),
    ("mnist", "mlp", (Regime.CLEAN, Regime.WRONG_30)),
    ("tweets", "mlp", (Regime.CLEAN, Regime.WRONG_30)),
    ("digits", "mlp", (Regime.SELLERS,)),
    ("digits", "cnn", (Regime.CLEAN, Regime.WRONG_30)),
)


_FEW_BITS = (
    *((data, "logistic", tuple(Regime)) for data in (*TABLES, *_SMALL_TABLES)),
    *((data, "softmax", tuple(Regime)) for data in ("digits", "mnist")),
    ("tweets", "mlp", (Regime.CLEAN, Regime.WRONG_10, Regime.WRONG_30, Regime.SHIFT)),
)


def few_bits_plan(quick: bool = False) -> list[Cell]:
    """The cells at which scores of few bits are studied; cells of one seed before those of the next.

    The quick one has four regimes on three tables and one seed.
    """
    if quick:
        regimes = (Regime.CLEAN, Regime.WRONG_30, Regime.NOISE, Regime.IMBALANCE)
        cases = [(data, "logistic", regimes) for data in ("trial", "cancer", "digits-high")]
        return [Cell(data, kind, one, BuyerSize.MIDDLE, 0) for data, kind, these in cases for one in these]
    return [
        Cell(data, kind, one, BuyerSize.MIDDLE, seed)
        for seed in range(SEEDS)
        for data, kind, these in _FEW_BITS
        for one in these
    ]


def full_plan(seeds: int = SEEDS) -> list[Cell]:
    """Every cell of the full study."""
    return [cell for of_seed in (_tables, _networks) for seed in range(seeds) for cell in of_seed(seed)]


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


def _tables(seed: int) -> Iterable[Cell]:
    for data in TABLES:
        yield from (Cell(data, "logistic", regime, BuyerSize.MIDDLE, seed) for regime in Regime)
    for data in _SMALL_TABLES:
        yield from (Cell(data, "logistic", regime, BuyerSize.MIDDLE, seed) for regime in _SMALL_REGIMES)
    for size in (BuyerSize.SMALL, BuyerSize.LARGE):
        for data in _SIZED:
            yield from (Cell(data, "logistic", regime, size, seed) for regime in _SIZED_REGIMES)


def _networks(seed: int) -> Iterable[Cell]:
    for data, kind, regimes in _NETWORKS:
        yield from (Cell(data, kind, regime, BuyerSize.MIDDLE, seed) for regime in regimes)
