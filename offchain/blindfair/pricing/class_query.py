"""The query for a record's class: asked only where its sign survives rounding and noise, with the bits that it has.

One bit is enough where every record's score for the class is as large as any other's, as under an untrained logistic
regression. Where they differ, small ones drown in the noise, and the class takes more bits. Not here: the score itself
(`valuation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.noise import EXACT_BITS, sign_survival
from blindfair.influence.quantise import QuantisedRows, quantise_query, quantise_query_to_range

TOLD = 0.995
"""The class is asked for only where it is told for this share of the buyer's own records, on average over noise."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassQuery:
    """`query` is `k` int64 to be asked with `bits`, or none where no number of bits that may be asked tells the class.

    `bits` are then the least that would, or none where no number does.
    """

    query: Integers | None
    bits: int | None


def scale_query(
    query: Floats, own: Sequence[QuantisedRows], plain_modulus: int, bits: int, margin: float
) -> tuple[Integers, float]:
    """Return the integers of a real query `k` and the size of one unit, for scores with so many bits.

    Exact ones by the bound that no row can pass (`quantise_query`); others so that the largest score of the buyer's own
    rows, `margin` times, fills the usable range. Raises QueryOutOfBounds as these do.
    """
    if bits == EXACT_BITS:
        return quantise_query(query, plain_modulus)
    return quantise_query_to_range(query, margin * _reach(query, own), plain_modulus, bits)


def class_query(
    query: Floats,
    own: QuantisedRows,
    turned: QuantisedRows,
    sides: Floats,
    plain_modulus: int,
    bits: int,
    *,
    most: int | None = None,
) -> ClassQuery:
    """Scale the real query `k` for a class to the least bits that tell it, from `bits` up to `most` if that is more.

    `own` are rows of `n` records of the buyer, `sides` +1 for class 1 and -1 for class 0; `turned` are rows of some of
    them with the other label, which the range has to hold as well. Raises QueryOutOfBounds as `scale_query`, but none
    for a query by which all scores are zero.
    """
    if not _reach(query, (own, turned)) > 0:
        return ClassQuery(None, None)
    for each in range(bits, EXACT_BITS + 1):
        integers, _ = scale_query(query, (own, turned), plain_modulus, each, 1.0)
        if _told(own.entry_scores(integers[np.newaxis, :])[0], sides, plain_modulus, each) >= TOLD:
            return ClassQuery(integers if each <= max(bits, most or 0) else None, each)
    return ClassQuery(None, None)


def _reach(query: Floats, own: Sequence[QuantisedRows]) -> float:
    """The largest absolute score of rows by a real query, in units of an entry; 0 of no rows."""
    return max((float(np.abs(rows.entries @ query).max()) for rows in own if len(rows.entries)), default=0.0)


def _told(scores: Integers, sides: Floats, plain_modulus: int, bits: int) -> float:
    """The share of records whose class is seen, on average over noise; a record of the wrong sign is not."""
    survives = 1.0 if bits == EXACT_BITS else sign_survival(scores, bits, plain_modulus)
    return float(((np.sign(scores) == sides) * survives).mean())
