"""How finely gradient rows must be rounded so that their scores keep their ranks (SCORING requirement 6).

Not here: the rounding itself (package `influence`).
"""

import math
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.quantise import QuantisedRows, choose_exponents, choose_row_scale, quantise_rows
from blindfair.pricing.ranks import rank_correlation
from blindfair.protocol.rows import EXPONENT_BITS_LIMIT, ROW_LIMIT

SUMS = 256
"""Groups of own records by which the rounding of groups is chosen."""

FAITHFUL = 0.9999
"""Spearman's correlation with scores of unrounded rows from which on twelve bits an entry are enough."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """The rounding of rows that a request states, and how well it does on the buyer's own records.

    `spearman` compares the scores of rounded rows with those of unrounded ones; None where all scores are equal.
    """

    row_scale: float
    exponent_bits: int
    spearman: float | None

    def scales(self, rows: Floats) -> Floats:
        """Units per 1.0 of each of `n` rows, at its exponent."""
        exponents = choose_exponents(rows, self.row_scale, self.exponent_bits)
        return np.ldexp(self.row_scale, -exponents.astype(np.int64))

    def apply(self, rows: Floats) -> QuantisedRows:
        """Rows `n x k` as a seller rounds them. Raises UnusableModel as `quantise_rows`."""
        return quantise_rows(rows, self.row_scale, self.exponent_bits)


def faithful_rounding(own_rows: Floats, query: Floats) -> Rounding:
    """The fewest bits of exponent that keep the ranks of the buyer's own `n x k` rows, or those that come nearest.

    Every bit is one that each record discloses besides its score, so none is taken where none is needed: only rows
    with heavy tails need any. Raises UnusableModel as `choose_row_scale`.
    """
    tried = []
    for bits in range(EXPONENT_BITS_LIMIT + 1):
        tried.append(_try(own_rows, query, bits))
        if tried[-1].spearman is None or tried[-1].spearman >= FAITHFUL:
            return tried[-1]
    return max(tried, key=lambda rounding: rounding.spearman or 0.0)


def known_rounding(own_rows: Floats, query: Floats, entry_bound: float, size: int) -> Rounding:
    """The rounding of sums of `size` rows whose entries are within +-`entry_bound`: it depends on nothing else.

    So a request tells nothing of the buyer's records by it. `own_rows` measure how well it does. Raises UnusableModel
    for rows that are not finite.
    """
    return _measured(own_rows, query, known_scale(entry_bound, size), 0)


def known_scale(entry_bound: float, size: int) -> float:
    """Units per 1.0 for sums of `size` rows whose entries are within +-`entry_bound` (PROTOCOL 4.1).

    A row of one record is never clipped. Of a sum the range holds a mean entry of a quarter of the bound, and four
    standard deviations besides where that of an entry is half the bound.
    """
    return ROW_LIMIT / (entry_bound * min(size, size / 4 + 2 * math.sqrt(size)))


def sums_of_own_rows(right: Floats, wrong: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Rows `SUMS x k` of groups of `size` records, drawn with replacement from the buyer's own rows `n x k`.

    `right` are rows of right labels, `wrong` of wrong ones, of which the groups have from none to all: what is offered
    may be either, and sums are the larger the more labels are wrong.
    """
    wrongs = np.rint(np.linspace(0.0, 1.0, SUMS) * size).astype(np.int64)
    return np.stack([_sum(right, size - int(bad), rng) + _sum(wrong, int(bad), rng) for bad in wrongs])


def _sum(rows: Floats, size: int, rng: np.random.Generator) -> Floats:
    return np.asarray(rng.multinomial(size, np.full(len(rows), 1 / len(rows))) @ rows, dtype=np.float64)


def _try(own_rows: Floats, query: Floats, bits: int) -> Rounding:
    return _measured(own_rows, query, choose_row_scale(own_rows, bits), bits)


def _measured(own_rows: Floats, query: Floats, scale: float, bits: int) -> Rounding:
    rows = quantise_rows(own_rows, scale, bits)
    scores = np.ldexp(rows.entries @ query, rows.exponents.astype(np.int64))
    return Rounding(scale, bits, rank_correlation(scores, own_rows @ query))
