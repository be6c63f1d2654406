"""CSV as this program writes it: every reader gets the cells that were written, whatever is in them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.cli.csv_text import csv_bytes, formulas, is_formula, number_name

CELLS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
    st.text(' ,"\r\n\u2028\ufeff;=x', max_size=6),
)


def read(data: bytes) -> list[list[str]]:
    """The cells, as Python reads them."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1)))
def test_any_cells_come_back(rows: list[list[str]]) -> None:
    data = csv_bytes(rows[0], rows[1:])
    assert read(data) == rows
    # No line ends outside of quotes but at the end of a record.
    outside = "".join(data.decode().split('"')[::2])
    assert "\r" not in outside and outside.count("\n") == len(rows)


def test_a_lone_carriage_return_is_quoted() -> None:
    assert csv_bytes(["a", "b"], [["one\rtwo", None]]) == b'a,b\n"one\rtwo",\n'
    assert csv_bytes(["a"], [[None], [""]]) == b'a\n""\n""\n'


def test_numbers_and_truths_are_written_as_python_shows_them() -> None:
    assert csv_bytes(["a", "b", "c"], [[1.0, 7, True]]) == b"a,b,c\n1.0,7,True\n"


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "  =x", "\t=x"])
def test_what_a_spreadsheet_may_run_is_counted_and_written_as_it_is(cell: str) -> None:
    assert formulas(["a", cell], [["-5", "+1.5e3"], [cell, "-"]]) == 2
    assert read(csv_bytes(["a"], [[cell]])) == [["a"], [cell]]


@pytest.mark.parametrize("cell", ["-5", "+5", "-.5", "-1e-3", "-", "", "a=b", " -7 "])
def test_numbers_are_no_formulas(cell: str) -> None:
    assert not is_formula(cell)


def test_the_records_numbers_have_a_column_of_their_own() -> None:
    assert number_name(["a", "b"]) == "record"
    assert number_name(["record", "b"]) == "record number"
    assert number_name(["record", "record number"]) == "record number'"
