"""What records that a buyer has seen, opened or bought as a sample, tell of how the listing writes its columns.

The manifest names frequent categories alone: that no category of a column matches shows first in the records.
Not here: what the manifest tells before anything is asked (`own_kinds`).
"""

from collections.abc import Sequence

from blindfair.influence.features import kind_of, same_value
from blindfair.influence.spelling import difference, shown_apart
from blindfair.protocol.records import Cell, Row
from blindfair.protocol.schema import Schema

FEWEST_CELLS = 5
"""Cells of either side from which on a column is compared."""

REPEATED = 2
"""Cells for each different value, from which on a column is one of categories and not of names or free text."""


def compare_values(schema: Schema, own: Sequence[Row], seen: Sequence[Row]) -> tuple[str, ...]:
    """Return a warning for each column that models may read, and whose values are never the same on both sides.

    Rows of both sides have the columns of `schema`, those that the buyer left out empty. Numbers are not compared with
    numbers, nor images with images: these differ.
    """
    if not own or not seen:
        return ()
    pairs = zip(schema.columns, zip(*own, strict=True), zip(*seen, strict=True), strict=True)
    found = (
        _warning(column.name, mine, theirs)
        for column, mine, theirs in pairs
        if column.scored and column.name != schema.label
    )
    return tuple(warning for warning in found if warning)


def _warning(column: str, own: Sequence[Cell], seen: Sequence[Cell]) -> str:
    mine, theirs = ([cell for cell in cells if cell is not None] for cells in (own, seen))
    if min(len(mine), len(theirs)) < FEWEST_CELLS:
        return ""
    values, others = dict.fromkeys(mine), dict.fromkeys(theirs)
    kinds, other_kinds = ({kind_of(value) for value in each} for each in (values, others))
    if kinds == other_kinds and kinds in ({"number"}, {"array"}):
        return ""
    if any(same_value(one, two) for one in values for two in others):
        return ""
    if kinds == other_kinds and REPEATED * len(values) > len(mine):
        return ""
    listed, ours = shown_apart(others, values)
    only = difference(others, values)
    return (
        f"Column {column!r}: no value of the {len(seen):,} records that were seen is in your table. They have "
        f"{', '.join(listed)}; you have {', '.join(ours)}{'; ' + only if only else ''}"
    )
