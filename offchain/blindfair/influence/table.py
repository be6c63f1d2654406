"""A person's CSV file as a table of typed records with a two-class label. Everything wrong with the file is found here.

The file is UTF-8, separated by commas, with column names in its first line. Not here: typing of cells (`columns`),
features (`encoding`), and the canonical bytes of records (`protocol.records`).
"""

import csv
import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from blindfair.influence.columns import typed_column
from blindfair.protocol.errors import (
    FileChanged,
    FileMissing,
    InvalidOption,
    LabelMissing,
    MalformedTable,
    NoRecords,
    NotTwoClasses,
    TooLarge,
    UndecodableBytes,
)
from blindfair.protocol.records import Cell, Row
from blindfair.protocol.schema import COLUMN_LIMIT, NAME_LIMIT, Column, ColumnKind, Schema

BYTE_LIMIT = 256 * 2**20
CELL_LIMIT = 10_000_000
LINE_LIMIT = 4 * 2**20
"""Characters of one line. It bounds the memory for a header of millions of columns, which is then refused."""

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True, slots=True)
class Table:
    """Records of one width. `rows` is `n_records` x `len(columns)`; the label's cell is one of each row's."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    label: str

    def labels(self) -> list[Cell]:
        """The label of each record, in order."""
        place = self.columns.index(self.label)
        return [row[place] for row in self.rows]

    def identifiers(self) -> tuple[str, ...]:
        """The columns that look like names or numbers of records: texts or integers, all different.

        Empty cells may repeat, as long as half of the cells are filled. Of equal rows the first alone counts.
        """
        return tuple(
            name
            for name, cells in zip(self.columns, zip(*dict.fromkeys(self.rows), strict=True), strict=True)
            if name != self.label and identifies(cells)
        )

    def schema(self, unscored: Collection[str] = ()) -> Schema:
        """The columns as a manifest names them (PROTOCOL 2): numbers where all cells are, else categories.

        No model may read those of `unscored`. Raises InvalidListing for the label or all columns.
        """
        kinds = [
            ColumnKind.CATEGORY if any(isinstance(cell, str) for cell in column) else ColumnKind.NUMBER
            for column in zip(*self.rows, strict=True)
        ]
        scored = [name not in unscored for name in self.columns]
        return Schema(tuple(map(Column, self.columns, kinds, scored)), self.label)

    def scored_rows(self, unscored: Collection[str]) -> list[Row]:
        """The rows without the columns of `unscored`."""
        places = [place for place, name in enumerate(self.columns) if name not in unscored]
        return [tuple(row[place] for place in places) for row in self.rows]


def identifies(cells: Sequence[Cell]) -> bool:
    """Whether a column looks like names or numbers of records: texts or integers, all different, half of it filled."""
    filled = [cell for cell in cells if cell is not None]
    kinds = {type(cell) for cell in filled}
    return 2 * len(filled) >= len(cells) and kinds in ({int}, {str}) and len(set(filled)) == len(filled) > 1


def read_table(path: Path, label: str, *, leave_out: Collection[str] = ()) -> Table:
    """Read a CSV file whose column `label` has two classes, without the columns `leave_out`.

    A first column without a name is a row number, as R and pandas write it, and is left out too. Missing values are
    empty cells, `NA`, `NaN`, `null` and `?`.

    Raises FileMissing, TooLarge (before it fills the memory), UndecodableBytes, MalformedTable, NoRecords,
    LabelMissing, NotTwoClasses, InvalidOption (a column to leave out that is not there), FileChanged.
    """
    before = _fingerprint(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            columns, texts = _read_texts(stream)
    except UnicodeDecodeError as error:
        raise UndecodableBytes(
            f"{path} is not UTF-8",
            expected="UTF-8",
            found=f"byte 0x{error.object[error.start]:02x}",
            hint="convert it, as with `iconv -f latin1 -t utf-8`",
        ) from error
    if _fingerprint(path) != before:
        raise FileChanged(
            f"{path} changed while it was read",
            expected="the same bytes before and after",
            found="others",
            hint="wait until it is written in full, then try again",
        )
    kept = _kept_columns(columns, label, leave_out)
    if not texts:
        raise NoRecords(
            f"{path} has no records", expected="lines after the header", found=0, hint="is this the right file?"
        )
    typed = [typed_column(columns[place], [row[place] for row in texts]) for place in kept]
    table = Table(tuple(columns[place] for place in kept), tuple(zip(*typed, strict=True)), label)
    _check_label(table)
    return table


def _fingerprint(path: Path) -> tuple[object, ...]:
    # Both: times are too coarse to see a quick change, and a digest does not see a file replaced by an equal one that
    # is still being written.
    try:
        if not path.is_file():
            raise FileMissing(
                f"{path} is not a file",
                expected="a CSV file",
                found="something else" if path.exists() else "nothing",
                hint="check the path",
            )
        state = path.stat()
        if state.st_size > BYTE_LIMIT:
            raise TooLarge(
                f"{path} is too large",
                expected=f"at most {BYTE_LIMIT} bytes",
                found=state.st_size,
                hint="take a part of the table",
            )
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise FileMissing(
            f"{path} cannot be read",
            expected="a file that may be read",
            found=os.strerror(error.errno or 0),
            hint="check the path and its permissions",
        ) from error
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, digest


def _read_texts(stream: TextIO) -> tuple[list[str], list[list[str]]]:
    reader = csv.reader(_bounded_lines(stream), strict=True)
    rows: list[list[str]] = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        _check_columns(columns)
        for row in reader:
            if not row:
                continue
            if len(row) != len(columns):
                raise MalformedTable(
                    f"Line {reader.line_num} has another number of cells than the header",
                    expected=len(columns),
                    found=len(row),
                    hint="put cells that contain a comma between double quotes",
                )
            if (len(rows) + 1) * len(columns) > CELL_LIMIT:
                raise TooLarge(
                    "The table has too many cells",
                    expected=f"at most {CELL_LIMIT}",
                    found=f"more in {reader.line_num} lines",
                    hint="take a part of the table",
                )
            rows.append(row)
    except csv.Error as error:
        raise MalformedTable(
            f"Line {reader.line_num} is not CSV",
            expected="cells separated by commas, in double quotes where they hold any",
            found=str(error),
            hint="is this a CSV file?",
        ) from error
    return columns, rows


def _bounded_lines(stream: TextIO) -> Iterator[str]:
    number = 0
    while line := stream.readline(LINE_LIMIT):
        number += 1
        if len(line) == LINE_LIMIT and not line.endswith("\n"):
            raise TooLarge(
                f"Line {number} is too long",
                expected=f"at most {COLUMN_LIMIT} columns and {LINE_LIMIT} characters",
                found=f"{line.count(',')} commas so far",
                hint="leave columns out; is this a CSV file?",
            )
        if "\0" in line:
            raise MalformedTable(
                f"Line {number} holds a zero byte", expected="text", found="0x00", hint="is this a CSV file?"
            )
        yield line


def _check_columns(columns: Sequence[str]) -> None:
    if len(columns) > COLUMN_LIMIT:
        raise TooLarge(
            "The table has too many columns",
            expected=f"at most {COLUMN_LIMIT}",
            found=len(columns),
            hint="leave columns out",
        )
    if not columns:
        raise NoRecords(
            "The file is empty", expected="a line with column names", found="nothing", hint="is this the right file?"
        )
    for separator, called in _OTHER_SEPARATORS.items():
        if len(columns) == 1 and separator in columns[0]:
            raise MalformedTable(
                f"The table is separated by {called}",
                expected="commas, and a point in numbers",
                found=ascii(columns[0][:40]),
                hint=f"write it with commas instead of {called}",
            )
    for number, name in enumerate(columns):
        if not name and number > 0:
            raise MalformedTable(
                f"Column {number + 1} has no name",
                expected="a name",
                found="nothing",
                hint="give every column a name in the first line",
            )
        if len(name) > NAME_LIMIT or not name.isprintable():
            raise MalformedTable(
                f"The name of column {number + 1} cannot be used",
                expected=f"at most {NAME_LIMIT} printable characters",
                found=ascii(name[:40]),
                hint="the first line must hold the names of the columns",
            )
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise MalformedTable(
            "Two columns have the same name",
            expected="different names",
            found=", ".join(repeated[:5]),
            hint="rename or remove one of each",
        )


def _kept_columns(columns: Sequence[str], label: str, leave_out: Collection[str]) -> list[int]:
    unknown = sorted(set(leave_out) - set(columns))
    if unknown or label in leave_out:
        raise InvalidOption(
            "These columns cannot be left out",
            expected=f"columns of the table other than {label!r}",
            found=", ".join(unknown) or label,
            hint="the first line of the file has the names",
        )
    named = [name for name in columns if name]
    if label not in named:
        raise LabelMissing(
            "The label column is not in the table",
            expected=repr(label),
            found=", ".join(named[:12]) + (", ..." if len(named) > 12 else ""),
            hint="name one of the columns; they must be separated by commas",
        )
    kept = [place for place, name in enumerate(columns) if name and name not in leave_out]
    if len(kept) < 2:
        raise MalformedTable(
            "The table has no column besides the label",
            expected="at least one",
            found=0,
            hint="is the file separated by commas?",
        )
    return kept


def _check_label(table: Table) -> None:
    labels = table.labels()
    if None in labels:
        raise LabelMissing(
            "A record has no label",
            expected=f"a value in column {table.label!r} of every record",
            found=f"none in record {labels.index(None)}, counted from 0",
            hint="remove the records without a label",
        )
    classes = sorted(set(labels), key=repr)
    if len(classes) != 2:
        raise NotTwoClasses(
            f"Column {table.label!r} does not have two classes",
            expected="2 different values",
            found=f"{len(classes)}: " + ", ".join(map(repr, classes[:5])) + (", ..." if len(classes) > 5 else ""),
            hint="name another column, or make two classes of this one",
        )
