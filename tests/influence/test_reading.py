"""How each column was read: what is told of a column of numbers that one cell made a category."""

from pathlib import Path

import pytest

from blindfair.influence.reading import ColumnReading, warnings
from blindfair.influence.table import read_table
from blindfair.protocol.schema import ColumnKind


def reading(folder: Path, cells: list[str], text: tuple[str, ...] = ()) -> ColumnReading:
    """How a column of these cells is read."""
    path = folder / "table.csv"
    lines = ['"' + cell.replace('"', '""') + f'",{number % 2}\n' for number, cell in enumerate(cells)]
    path.write_bytes(("my col,y\n" + "".join(lines)).encode())
    found = {each.name: each for each in read_table(path, "y", text=text).readings}
    assert found["y"].is_label and found["y"].warning is None
    return found["my col"]


NUMBERS = [f"{number}.5" for number in range(20)]


@pytest.mark.parametrize(
    ("cell", "called", "advice"),
    [
        ("62 y", "a number with a unit", "unit into the column's name"),
        ("12,345", "separated thousands", "write 12345"),
        ("1 234 567.5", "separated thousands", "write 12345"),
        ("12\u00a0345", "separated thousands", "write 12345"),
        ("3,5", "a decimal comma", "write a point"),
        ("$5.00", "a currency", "write the number alone"),
        ("12,345 €", "a currency", "write the number alone"),
        ("EUR 7", "a currency", "write the number alone"),
        ("<5", "a number below or above a limit", "write the limit alone"),
        ("> 1000", "a number below or above a limit", "write the limit alone"),
        ("≤0.5", "a number below or above a limit", "write the limit alone"),
        (">=1,000", "a number below or above a limit", "write the limit alone"),
        ("<0,5", "a number below or above a limit", "write the limit alone"),
        ("7 %", "a percentage", "without the % sign"),
        ("N/A", "a word for a missing value", "as empty cells"),
        ("None", "a word for a missing value", "as empty cells"),
        ("-", "a word for a missing value", "as empty cells"),
        ("007", "a leading zero", "if it is an amount"),
        ("9" * 20, "too many digits", "codes"),
        ("about six", "no number", "leave the cell empty"),
    ],
)
def test_the_first_cell_that_makes_numbers_a_category_is_named(
    tmp_path: Path, cell: str, called: str, advice: str
) -> None:
    found = reading(tmp_path, [*NUMBERS, cell, "also text"])
    assert (found.kind, found.numbers) == (ColumnKind.CATEGORY, 20)
    assert found.first_text is not None and found.first_text.line == 22
    assert called in found.first_text.called
    warning = found.warning
    assert warning is not None
    assert "line 22 holds" in warning and advice in warning and warning.endswith("`text=['my col']`")


@pytest.mark.parametrize(
    "cells", [["34,1", "29,2"], ["59 y", "7 y"], ["$5", "$6"], ["5%", "6%"], ["12,345", "1,234"], ["<5", "6"]]
)
def test_a_column_of_amounts_none_of_which_is_read_is_told(tmp_path: Path, cells: list[str]) -> None:
    found = reading(tmp_path, cells * 10)
    assert found.numbers == (10 if "6" in cells else 0)
    assert found.warning is not None and "line 2 holds" in found.warning


def test_laboratory_values_below_a_limit_are_told(tmp_path: Path) -> None:
    found = reading(tmp_path, [*[f"{number}.5" for number in range(428)], *["<5"] * 72])
    assert found.amounts == 500 and found.warning is not None and "'<5'" in found.warning


@pytest.mark.parametrize(
    "cells",
    [
        ["<18", "18 - 40", ">40", "north"],
        ["north", "south"],
        ["a1", "2", "b3"],
        ["007", "010"],
        ["9" * 20, "8" * 20],
        ["None", "mild", "3"],
        ["yes", "-"],
        ["1.5", "2.25", "NA", ""],
        ["2", "2.0", "3.5"],
        ["1e-5", "2E3", "1.5"],
    ],
    ids=str,
)
def test_nothing_is_told_of_a_column_that_is_what_it_looks_like(tmp_path: Path, cells: list[str]) -> None:
    assert warnings([reading(tmp_path, cells * 4)]) == []


def test_a_share_of_numbers_is_kept_although_nothing_is_to_warn_of(tmp_path: Path) -> None:
    found = reading(tmp_path, [*NUMBERS, *["word"] * 10])
    assert (found.numbers, found.filled, found.warning) == (20, 30, None)
    assert found.first_text is not None and found.first_text.text == "'word'"
    assert found.to_document()["first_text"] == {"called": "no number", "line": 22, "text": "'word'"}


@pytest.mark.parametrize("cells", [["250.0", "250.00", "250.01"], ["1000000e45", "1000001e45"]], ids=str)
def test_codes_that_are_read_as_numbers_are_told(tmp_path: Path, cells: list[str]) -> None:
    found = reading(tmp_path, cells * 4)
    assert found.kind is ColumnKind.NUMBER
    assert found.warning is not None and "`text=['my col']`" in found.warning
    assert reading(tmp_path, cells * 4, text=("my col",)).warning is None


def test_a_cell_is_shown_short_and_cannot_command_the_terminal(tmp_path: Path) -> None:
    found = reading(tmp_path, [*NUMBERS, "\x1b[2J" + "x" * 1000]).first_text
    assert found is not None and found.text.isprintable() and len(found.text) < 40


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('\na,b,y\n1,"two\nlines",0\n\n2,x,1\n' + "3,x,0\n" * 20 + "4 m,x,1\n")
    found = read_table(path, "y").readings[0].first_text
    assert found is not None and found.line == 27
