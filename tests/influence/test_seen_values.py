"""A buyer that has seen records of a listing is warned of columns whose values are never its own."""

from collections.abc import Sequence

import pytest

from blindfair.influence.seen_values import compare_values
from blindfair.protocol.records import Cell
from blindfair.protocol.schema import Column, ColumnKind, Schema

KINDS = {"sex": ColumnKind.CATEGORY, "name": ColumnKind.CATEGORY, "age": ColumnKind.NUMBER, "y": ColumnKind.CATEGORY}
SCHEMA = Schema(tuple(Column(name, kind) for name, kind in KINDS.items()), "y")


def rows(count: int, sex: Sequence[Cell], names: str, label: str = "") -> list[tuple[Cell, ...]]:
    return [(sex[number % len(sex)], f"{names} {number}", number, f"{label}{number % 2}") for number in range(count)]


def test_columns_that_share_a_value_and_names_are_not_warned_of() -> None:
    own, seen = rows(40, ["male", "female"], "Ann"), rows(10, ["female", "other"], "Bob", "other classes ")
    assert compare_values(SCHEMA, own, seen) == ()


@pytest.mark.parametrize(
    ("theirs", "shown"),
    [
        (["M", "F"], "They have 'M', 'F'; you have 'male', 'female'"),
        (["Male", "Female"], "you have 'male', 'female'; they differ only in upper and lower case"),
        ([1, 2], "They have 1, 2; you have 'male', 'female'"),
    ],
)
def test_categories_that_never_match_are_shown_side_by_side(theirs: Sequence[Cell], shown: str) -> None:
    (warning,) = compare_values(SCHEMA, rows(40, ["male", "female"], "Ann"), rows(10, theirs, "Bob"))
    assert warning.startswith("Column 'sex': no value of the 10 records that were seen is in your table")
    assert shown in warning


def test_few_cells_and_columns_that_no_model_reads_are_not_compared() -> None:
    own, seen = rows(40, ["male", "female"], "Ann"), rows(10, ["M"], "Bob")
    assert compare_values(SCHEMA, own, seen[:4]) == compare_values(SCHEMA, own, []) == ()
    assert compare_values(SCHEMA, rows(40, [None], "Ann"), seen) == ()
    unread = Schema((Column("sex", ColumnKind.CATEGORY, scored=False), *SCHEMA.columns[1:]), "y")
    assert compare_values(unread, own, seen) == ()
