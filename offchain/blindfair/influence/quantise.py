"""Rounding of gradient rows and queries to the integers of the exact blind evaluation (PROTOCOL 4.2).

    real row   ~ integer row / row_scale            row_scale: units per 1.0, as in the request
    real query ~ integer query * query_scale        query_scale: 1.0s per unit
    real score ~ integer score * query_scale / row_scale

Not here: encryption (room `blind`). The loss by rounding is measured for each evaluation, not assumed.
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, IntegerRows, Integers
from blindfair.protocol.errors import QueryOutOfBounds, ShapeMismatch, UnusableModel
from blindfair.protocol.rows import ROW_LIMIT

_PERCENTILE = 99.99


def choose_row_scale(own_rows: Floats) -> float:
    """Units per 1.0, so that the 99.99th percentile of the buyer's own `|entries|` becomes 2047.

    Raises UnusableModel for rows that are empty, not finite or all zero.
    """
    top = 0.0
    if own_rows.size and np.isfinite(own_rows).all():
        magnitudes = np.abs(own_rows)
        # Where nearly all entries are zero, the percentile may be too.
        top = float(np.percentile(magnitudes, _PERCENTILE)) or float(magnitudes.max())
    scale = ROW_LIMIT / top if top > 0 else float("inf")
    if not np.isfinite(scale):
        raise UnusableModel("The gradient rows give no scale", expected="finite rows that are not all zero")
    return scale


def quantise_rows(rows: Floats, scale: float) -> tuple[IntegerRows, float]:
    """`rows * scale`, rounded half to even and clipped to +-2047 (PROTOCOL 4.2), and the share of entries clipped.

    `rows` is `n x k`; the result is `n x k` int16 and a number from 0 to 1. Raises UnusableModel for rows that are not
    finite and for a scale that is not positive and finite.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise UnusableModel("The scale of the rows cannot be used", expected="a positive finite number", found=scale)
    if not np.isfinite(rows).all():
        raise UnusableModel("The gradient rows are not finite", hint="the scoring model or a record is out of range")
    with np.errstate(over="ignore"):
        rounded = np.rint(rows * scale)
    clipped = np.abs(rounded) > ROW_LIMIT
    share = float(clipped.mean()) if clipped.size else 0.0
    return np.clip(rounded, -ROW_LIMIT, ROW_LIMIT).astype(np.int16), share


def quantise_query(query: Floats, plain_modulus: int) -> tuple[Integers, float]:
    """Integers as large as `2047 * ||q||_1 < t / 2` allows (SCORING requirement 4), and the real size of one unit.

    `query` is `k` numbers, the result `k` int64 and `query_scale`. Raises QueryOutOfBounds for a query that is empty,
    zero or not finite, and for a modulus too small to hold its rounding.
    """
    norm = float(np.abs(query).sum()) if query.ndim == 1 else float("nan")
    if not (np.isfinite(norm) and norm > 0):
        raise QueryOutOfBounds("The query cannot be scaled", expected="finite numbers, not all zero")
    limit = (plain_modulus - 1) // (2 * ROW_LIMIT)
    # Rounding adds at most half a unit an entry.
    usable = limit - query.size / 2
    if usable < 1:
        raise QueryOutOfBounds(
            "The plaintext modulus is too small for a query of this length",
            expected=f"more than {ROW_LIMIT * (2 + query.size)}",
            found=plain_modulus,
        )
    # Divided first: the norm may be so small that its inverse overflows.
    return np.rint(query / norm * usable).astype(np.int64), norm / usable


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """From integer scores back to the unit of the query: `integer * query_scale / row_scale`."""

    row_scale: float
    query_scale: float

    def real(self, scores: Integers) -> Floats:
        """Integer scores of any shape as real ones."""
        return np.asarray(scores * (self.query_scale / self.row_scale), dtype=np.float64)


def clear_scores(rows: IntegerRows, query: Integers) -> Integers:
    """The exact integer scores `n` of rows `n x k`, as a blind evaluation decrypts to. Raises ShapeMismatch."""
    if rows.ndim != 2 or query.shape != rows.shape[1:]:
        raise ShapeMismatch("Rows and query differ in length", expected=rows.shape[1:], found=query.shape)
    scores: Integers = rows.astype(np.int64) @ query
    return scores
