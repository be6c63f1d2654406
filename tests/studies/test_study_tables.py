"""A table of a report: parts that fit on a line, each with the columns that name a row; and the pages written so."""

import pytest
from study_pages import PAGES

from blindfair.studies.table import WIDEST, TextTable


def table(columns: int, cell: str, keys: int = 1, breaks: tuple[str, ...] = ()) -> TextTable:
    names = tuple(f"c{number}" for number in range(columns))
    return TextTable(
        "t", "A title", "How to read it.\n*Word*: its sense.", names, ((cell,) * columns,) * 2, keys, breaks
    )


def heads(markdown: str) -> list[str]:
    """The first line of every part."""
    lines = markdown.splitlines()
    return [lines[place - 1] for place, line in enumerate(lines) if line.startswith("| ---")]


def test_a_narrow_table_is_one_part_under_its_title_and_note() -> None:
    assert table(2, "x").to_markdown() == (
        "## A title\n\nHow to read it.\n\n- *Word*: its sense.\n\n| c0 | c1 |\n| --- | --- |\n| x | x |\n| x | x |\n"
    )


def test_a_wide_table_is_divided_evenly_and_every_part_names_its_rows() -> None:
    markdown = table(11, "a cell of some width", keys=2).to_markdown()
    assert max(map(len, markdown.splitlines())) <= WIDEST
    assert heads(markdown) == [
        "| c0 | c1 | c2 | c3 | c4 |",
        "| c0 | c1 | c5 | c6 | c7 |",
        "| c0 | c1 | c8 | c9 | c10 |",
    ]


def test_a_part_begins_where_it_was_asked_to() -> None:
    assert heads(table(4, "x", breaks=("c3",)).to_markdown()) == ["| c0 | c1 | c2 |", "| c0 | c3 |"]


def test_one_column_that_is_too_wide_stands_alone() -> None:
    assert heads(table(3, "x" * WIDEST).to_markdown()) == ["| c0 | c1 |", "| c0 | c2 |"]


def test_the_document_has_the_note_in_one_line_and_every_column() -> None:
    document = table(2, "x").to_document()
    assert document["note"] == "How to read it. *Word*: its sense."
    assert document["rows"] == [{"c0": "x", "c1": "x"}] * 2


@pytest.mark.parametrize("page", ["queries.md", "few-bits.md", "peers.md"])
def test_no_line_of_a_page_is_wider_than_it_may_be(page: str) -> None:
    lines = (PAGES / page).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > WIDEST] == []
