"""Tables in memory, pandas data frames and pyarrow tables, as the texts that a CSV file of them would hold.

So all checks and the report of how each column was read are the same, whatever a table came in. Missing values (None,
NaN, NaT, NA) are empty cells. An index is not a column: `reset_index()` makes it one. Not here: files (`table_file`).
"""

import math
import sys
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Protocol

from blindfair.influence.csv_file import CELL_LENGTH, CELL_LIMIT, CsvTexts, check_columns
from blindfair.protocol.errors import MalformedTable, NoRecords, TooLarge

_PLAIN = (str, bool, int, float, Decimal, date, datetime, time)


class Frame(Protocol):
    """A pandas data frame or a pyarrow table."""

    @property
    def columns(self) -> Any:
        """The columns, or their names."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Records and columns."""
        ...


def frame_texts(frame: Any) -> CsvTexts:
    """Return the cells of a data frame or a pyarrow table as texts; `lines` counts its records from 1.

    Raises MalformedTable for names or cells that no CSV file holds, NoRecords, TooLarge.
    """
    if "pyarrow" in sys.modules and isinstance(frame, sys.modules["pyarrow"].Table):
        return arrow_texts(frame)
    names = [_name(name) for name in frame.columns]
    _check_size(len(frame), len(names))
    columns = []
    for place in range(len(names)):
        series = frame.iloc[:, place]
        columns.append(series.astype(object).where(series.notna(), None).tolist())
    return texts_of(names, columns)


def arrow_texts(table: Any) -> CsvTexts:
    """Return the cells of a pyarrow table as texts. Raises as `frame_texts`."""
    _check_size(table.num_rows, table.num_columns)
    columns = [[value for chunk in column.chunks for value in _values(chunk)] for column in table.columns]
    return texts_of([_name(name) for name in table.column_names], columns)


def _values(chunk: Any) -> list[object]:
    """A chunk of a pyarrow column as Python's values; equal texts of a dictionary are kept once."""
    if not hasattr(chunk, "dictionary"):
        return list(chunk.to_pylist())
    values = chunk.dictionary.to_pylist()
    return [None if place is None else values[place] for place in chunk.indices.to_pylist()]


def texts_of(names: Sequence[str], columns: Sequence[Sequence[object]], lines: Sequence[int] | None = None) -> CsvTexts:
    """Return columns of Python's values, all of one length, as texts. Raises as `frame_texts`.

    >>> texts_of(["a", "b"], [[1, None], [2.5, float("nan")]]).rows
    [['1', '2.5'], ['', '']]
    """
    stripped = tuple(name.strip() for name in names)
    check_columns(stripped, 1)
    records = len(columns[0])
    if not records:
        raise NoRecords("The table has no records", expected="records", found=0, hint="is this the right table?")
    _check_size(records, len(columns))
    numbers = range(1, records + 1) if lines is None else lines
    cells = [
        [_text(name, value, line) for value, line in zip(column, numbers, strict=True)]
        for name, column in zip(stripped, columns, strict=True)
    ]
    return CsvTexts(stripped, [list(row) for row in zip(*cells, strict=True)], numbers)


def _name(name: object) -> str:
    if isinstance(name, str):
        return name
    raise MalformedTable(
        "The name of a column is no text",
        expected="texts",
        found=f"{type(name).__name__} {str(name)[:40]!a}",
        hint="rename the columns of the data frame",
    )


def _text(name: str, value: object, line: int) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, _PLAIN):
        raise MalformedTable(
            f"Column {name!r} holds something that is no number, text or date",
            expected="one value in each cell",
            found=f"{type(value).__name__} in record {line}",
            hint="leave the column out, or make several columns of it",
        )
    text = repr(float(value)) if isinstance(value, float) else str(value)
    if len(text) > CELL_LENGTH:
        raise MalformedTable(
            f"The record {line} has a cell that is too long",
            expected=f"at most {CELL_LENGTH:,} characters a cell",
            found=f"{len(text):,} in column {name!r}",
            hint="shorten the cell, or leave its column out",
        )
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise MalformedTable(
            f"Record {line} holds half of a character",
            expected="text that UTF-8 can hold",
            found=f"{text[:40]!a} in column {name!r}",
            hint="read the text again with the encoding that it was written in",
        )
    if "\0" in text:
        raise MalformedTable(
            f"Record {line} holds a zero byte", expected="text", found=f"0x00 in column {name!r}", hint="is this text?"
        )
    return text


def _check_size(records: int, columns: int) -> None:
    if records * columns > CELL_LIMIT:
        raise TooLarge(
            "The table has too many cells",
            expected=f"at most {CELL_LIMIT}",
            found=records * columns,
            hint="take a part of the table",
        )
