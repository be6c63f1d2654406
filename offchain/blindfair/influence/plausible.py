"""Questions that read records instead of scoring them: one entry of a row, or several packed into one number.

A query that weighs many entries alike tells what a record is worth. One that weighs a single entry reads that entry,
and weights of which each outgrows all smaller ones together write several entries as the digits of one number. This
refuses both, where they can be seen: the buyer's program sees its own queries, the seller's the columns of a
projection. **It only raises the price of an attack**: queries are encrypted, so a buyer with a program of its own asks
what it likes. What bounds an attack is the number of bits (PROTOCOL 4.6), whatever is asked.
"""

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection
from blindfair.protocol.errors import QueryOutOfBounds, UnusableModel

MIN_PARTICIPATION = 1.05
"""Entries that have a part in a score, at least: 1.05 is one entry beside which the others have a fortieth of the sum
of squares. Honest queries came to 1.8 and more on the real tables of the studies."""

MIN_ENTRIES = 8
"""A row is not projected to fewer entries than this, unless it has no more, and queries over fewer are not judged."""

_DIGITS = 3
"""So many weights that outgrow one another are a packing; two happen by chance."""


def participation(weights: Floats) -> float:
    """How many entries have a part in `weights`, `k` numbers: `(sum w^2)^2 / sum w^4`, from 1 to `k`; 0 for zeros.

    >>> participation(np.array([1.0, 1.0, -1.0, 1.0])), participation(np.array([5.0, 0.0]))
    (4.0, 1.0)
    """
    largest = float(np.abs(weights).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    # Divided first: squares of squares overflow and underflow early.
    squares = (weights / largest) ** 2
    return float(squares.sum() ** 2 / (squares**2).sum())


def is_packing(weights: Floats) -> bool:
    """Whether each of three weights or more is at least all smaller ones together: the places of a number's digits.

    >>> is_packing(np.array([1.0, 20.0, -400.0])), is_packing(np.array([1.0, 2.0, -2.5]))
    (True, False)
    """
    sizes = np.sort(np.abs(weights[weights != 0]))
    return sizes.size >= _DIGITS and bool((sizes[1:] >= np.cumsum(sizes)[:-1]).all())


def check_query(query: Floats) -> None:
    """Refuse a query of `k` entries that reads one of them, or packs several into one number.

    Rows of fewer than `MIN_ENTRIES` entries pass: there one column may well outweigh all others. For queries of more
    than one bit: one bit has no space for digits, and which class a record is of is asked by a single entry. Raises
    QueryOutOfBounds.
    """
    if query.size < MIN_ENTRIES:
        return
    if participation(query) < MIN_PARTICIPATION:
        raise QueryOutOfBounds(
            "A query reads one entry of the rows instead of scoring records",
            expected=f"a participation ratio of at least {MIN_PARTICIPATION}",
            found=f"{participation(query):.2f}",
            hint="one column outweighs all others: leave it out, or scale it as the others are",
        )
    if is_packing(query):
        raise QueryOutOfBounds(
            "A query packs several entries of the rows into one number",
            expected="weights that do not each outgrow all smaller ones together",
            found=f"{np.count_nonzero(query)} weights that do",
        )


def check_projection(projection: Projection, d: int) -> None:
    """Refuse a projection of rows of `d` entries whose columns read or pack entries.

    Random signs and no projection pass. Raises UnusableModel.
    """
    if projection.k < min(d, MIN_ENTRIES):
        raise UnusableModel(
            "The projection leaves too few entries of a row",
            expected=f"at least {min(d, MIN_ENTRIES)}",
            found=projection.k,
            hint="project to more directions",
        )
    for matrix in projection.matrices:
        for number, column in enumerate(matrix.T):
            if column.size >= MIN_ENTRIES and is_packing(column):
                raise UnusableModel(
                    "A projection packs several entries of the rows into one number",
                    expected="weights that do not each outgrow all smaller ones together",
                    found=f"direction {number} of {matrix.shape[1]}",
                )
