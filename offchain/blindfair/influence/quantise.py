"""Rounding of gradient rows and queries to the integers of the exact blind evaluation (PROTOCOL 4.2).

    real row   ~ integer row * 2^exponent / row_scale       row_scale: units per 1.0, as in the request
    real query ~ integer query * query_scale                query_scale: 1.0s per unit
    real score ~ integer score * query_scale / row_scale    integer score: integer row . query * 2^exponent

A row's exponent is 0 unless the request gives it bits: for rows whose sizes differ by more than twelve bits can hold.
Not here: encryption (package `blind`). The loss by rounding is measured for each evaluation, not assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Exponents, Floats, IntegerRows, Integers
from blindfair.influence.noise import seen_scores, usable_range
from blindfair.protocol.errors import QueryOutOfBounds, ShapeMismatch, UnusableModel
from blindfair.protocol.rows import ROW_LIMIT

_PERCENTILE = 99.99


@dataclass(frozen=True, slots=True, eq=False)
class QuantisedRows:
    """`n` rows as they are committed and scored.

    `entries` is `n x k` int16 within +-2047, `exponents` `n` uint8; `clipped` is the share of entries out of bounds.
    """

    entries: IntegerRows
    exponents: Exponents
    clipped: float

    def scores(self, queries: Integers) -> Integers:
        """The exact integer scores `m x n` for `queries` `m x k`, in units of exponent 0. Raises ShapeMismatch."""
        return scale_scores(self.entry_scores(queries), self.exponents)

    def entry_scores(self, queries: Integers) -> Integers:
        """The same before the exponents: these are what noise is added to and what wraps around."""
        return np.stack([clear_scores(self.entries, query) for query in queries])

    def seen_scores(
        self, queries: Integers, bits: Sequence[int], plain_modulus: int, rng: np.random.Generator
    ) -> Integers:
        """The scores `m x n` as the buyer sees them through the noise of each query's bits. Raises as
        `noise.seen_scores`."""
        return scale_scores(seen_scores(self.entry_scores(queries), bits, plain_modulus, rng), self.exponents)

    def at(self, places: NDArray[np.generic]) -> "QuantisedRows":
        """The rows at these places, in their order."""
        return QuantisedRows(self.entries[places], self.exponents[places], self.clipped)


def scale_scores(scores: Integers, exponents: Exponents) -> Integers:
    """Scores `m x n` of rows at their exponents, as a blind evaluation decrypts to, in units of exponent 0."""
    return np.asarray(np.left_shift(scores, exponents.astype(np.int64)), dtype=np.int64)


def choose_row_scale(own_rows: Floats, exponent_bits: int = 0) -> float:
    """Units per 1.0 for rows like the buyer's own.

    Without exponents the 99.99th percentile of `|entries|` becomes 2047; with them the largest entry does, at the
    largest exponent, and a row has all twelve bits down to `2^(2^exponent_bits - 1)` times smaller ones. Raises
    UnusableModel for rows that are empty, not finite or all zero.
    """
    top = 0.0
    if own_rows.size and np.isfinite(own_rows).all():
        magnitudes = np.abs(own_rows)
        # Where nearly all entries are zero, the percentile may be too.
        top = 0.0 if exponent_bits else float(np.percentile(magnitudes, _PERCENTILE))
        top = top or float(magnitudes.max())
    with np.errstate(over="ignore"):
        scale = float(np.ldexp(ROW_LIMIT / top, 2**exponent_bits - 1)) if top > 0 else float("inf")
    if not np.isfinite(scale):
        raise UnusableModel("The gradient rows give no scale", expected="finite rows that are not all zero")
    return scale


def choose_exponents(rows: Floats, scale: float, exponent_bits: int) -> Exponents:
    """The least exponent of each of `n x k` rows at which no entry is clipped, or the largest exponent."""
    if not exponent_bits or not rows.size:
        return np.zeros(len(rows), dtype=np.uint8)
    with np.errstate(over="ignore"):
        peaks = np.abs(rows).max(axis=1) * scale
    # frexp gives the least E with peak / 2047.5 < 2^E, and an entry under 2047.5 units rounds to 2047 at most.
    _, exponents = np.frexp(np.minimum(peaks, np.finfo(np.float64).max) / (ROW_LIMIT + 0.5))
    return np.asarray(np.clip(exponents, 0, 2**exponent_bits - 1), dtype=np.uint8)


def exponent_bounds(rows: Floats, scale: float, exponent_bits: int, tolerance: int) -> tuple[Exponents, Exponents]:
    """The least and the largest exponent of each row that an honest seller could have chosen on another machine.

    `tolerance` is how far an entry may lie off, in units; it moves the largest entry by that part of 2047.
    """
    part = tolerance / ROW_LIMIT
    return (
        choose_exponents(rows, scale * (1 - part), exponent_bits),
        choose_exponents(rows, scale * (1 + part), exponent_bits),
    )


def quantise_rows(
    rows: Floats, scale: float, exponent_bits: int = 0, exponents: Exponents | None = None
) -> QuantisedRows:
    """`rows * scale / 2^exponent`, rounded half to even and clipped to +-2047 (PROTOCOL 4.2).

    `rows` is `n x k`. The exponents are `choose_exponents`' unless given, as an audit gives those of a reply. Raises
    UnusableModel for rows that are not finite and for a scale that is not positive and finite.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise UnusableModel("The scale of the rows cannot be used", expected="a positive finite number", found=scale)
    if not np.isfinite(rows).all():
        raise UnusableModel("The gradient rows are not finite", hint="the scoring model or a record is out of range")
    if exponents is None:
        exponents = choose_exponents(rows, scale, exponent_bits)
    with np.errstate(over="ignore"):
        rounded = np.rint(np.ldexp(rows * scale, -exponents.astype(np.int64)[:, np.newaxis]))
    clipped = np.abs(rounded) > ROW_LIMIT
    share = float(clipped.mean()) if clipped.size else 0.0
    return QuantisedRows(np.clip(rounded, -ROW_LIMIT, ROW_LIMIT).astype(np.int16), exponents, share)


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


def quantise_query_to_range(query: Floats, reach: float, plain_modulus: int, bits: int) -> tuple[Integers, float]:
    """Integers by which a score of `reach` just fills the usable range of a query of `bits`, and the size of one unit.

    `reach` is an absolute score of rounded rows by the real query: `|integer entries . query|`. Scores beyond it wrap
    around modulo `t` under some noise (`noise.usable_range`), so it comes from the buyer's own records. Entries stay
    within `t/2`: no score of rows of up to 2^21 entries leaves 64 bits. Raises QueryOutOfBounds for a query that is
    empty, zero or not finite, and for a reach that is not positive and finite.
    """
    largest = float(np.abs(query).max()) if query.ndim == 1 and query.size else float("nan")
    if not (np.isfinite(largest) and largest > 0 and np.isfinite(reach) and reach > 0):
        raise QueryOutOfBounds(
            "The query cannot be scaled", expected="finite numbers, not all zero, and a score that is not", found=reach
        )
    # Where even the largest score is tiny beside the query, the entries bound the scale.
    unit = max(reach / usable_range(plain_modulus, bits), largest / ((plain_modulus - 1) // 2))
    return np.rint(query / unit).astype(np.int64), unit


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """Turn integer scores back into the unit of the query: `integer * query_scale / row_scale`."""

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
