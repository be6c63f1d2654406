"""A person's CSV file as column names and texts. Everything wrong with the file itself is found here.

The file is UTF-8, separated by commas, with column names in its first line that is not blank.
Not here: typing of cells (`columns`), and which columns are kept (`table`).
"""

import csv
import hashlib
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from blindfair.influence.columns import is_number_text
from blindfair.influence.folder import no_table
from blindfair.protocol.errors import (
    FileChanged,
    FileMissing,
    MalformedTable,
    NoRecords,
    TooLarge,
    UndecodableBytes,
)
from blindfair.protocol.schema import COLUMN_LIMIT, NAME_LIMIT

BYTE_LIMIT = 256 * 2**20
CELL_LIMIT = 10_000_000
LINE_LIMIT = 4 * 2**20
"""Characters of one line. It bounds the memory for a header of millions of columns, which is then refused."""

CELL_LENGTH = 131_072
"""Characters of one cell: the limit of Python's `csv`, which most other readers share or exceed."""

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""Byte order marks of other encodings, the longer ones first, with what `iconv` calls them."""


@dataclass(frozen=True, slots=True)
class CsvTexts:
    """The cells of a file as they are written in it.

    `rows` is `n_records` x `len(columns)`, and `lines[n]` is the line on which record `n` begins, counted from 1.
    """

    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: Sequence[int]


def read_csv(path: Path) -> CsvTexts:
    """Read a CSV file; blank lines are passed over, wherever they are.

    Raises FileMissing, TooLarge (before it fills the memory), UndecodableBytes, MalformedTable, NoRecords, FileChanged.
    """

    def read() -> CsvTexts:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return texts_of_csv(stream)

    return read_unchanged(path, read)


def read_unchanged(path: Path, read: Callable[[], CsvTexts]) -> CsvTexts:
    """Return what `read` makes of a file that is a regular one, not too large, and the same before and after.

    Raises as `read_csv`, and what `read` raises.
    """
    before = _fingerprint(path)
    try:
        found = read()
    except UnicodeDecodeError as error:
        raise undecodable(path, error) from error
    if _fingerprint(path) != before:
        raise FileChanged(
            f"{path} changed while it was read",
            expected="the same bytes before and after",
            found="others",
            hint="wait until it is written in full, then try again",
        )
    if not found.rows:
        raise NoRecords(
            f"{path} has no records", expected="lines after the header", found=0, hint="is this the right file?"
        )
    return found


def _fingerprint(path: Path) -> tuple[object, ...]:
    # Both: times are too coarse to see a quick change, and a digest does not see a file replaced by an equal one that
    # is still being written.
    try:
        if not path.is_file():
            raise no_table(path, "a file with a table, such as CSV")
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


def undecodable(path: Path, error: UnicodeDecodeError) -> UndecodableBytes:
    """The error for a file that is not UTF-8, with what its first bytes say."""
    with path.open("rb") as stream:
        head = stream.read(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return UndecodableBytes(
                f"{path} is {encoding.upper()}, not UTF-8",
                expected="UTF-8",
                found=f"the byte order mark {mark.hex(' ')}",
                hint=f"save it as UTF-8, or convert it: iconv -f {encoding} -t utf-8 OLD.csv > NEW.csv",
            )
    return UndecodableBytes(
        f"{path} is not UTF-8",
        expected="UTF-8",
        found=f"byte 0x{error.object[error.start]:02x}",
        hint="save it as UTF-8, or convert it: iconv -f latin1 -t utf-8 OLD.csv > NEW.csv",
    )


class _Lines:
    """The lines of a file, of bounded length. Iterating raises TooLarge and MalformedTable."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.number = 0
        self.last = ""
        self.has_lone_returns = False
        """Whether a line so far ends with a carriage return alone, where line editors see no end."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(LINE_LIMIT)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == LINE_LIMIT and not line.endswith("\n"):
            raise TooLarge(
                f"Line {self.number} is too long",
                expected=f"at most {COLUMN_LIMIT} columns and {LINE_LIMIT} characters",
                found=f"{line.count(',')} commas so far",
                hint="leave columns out; is this a CSV file?",
            )
        if "\0" in line:
            raise MalformedTable(
                f"Line {self.number} holds a zero byte",
                expected="text",
                found="0x00",
                hint="is this a CSV file? If it is UTF-16: iconv -f utf-16le -t utf-8 OLD.csv > NEW.csv",
            )
        self.last = line
        self.has_lone_returns |= line.endswith("\r")
        return line


def texts_of_csv(stream: TextIO) -> CsvTexts:
    """Read the text of a CSV file, opened without translation of line ends.

    Raises TooLarge, MalformedTable, NoRecords (no header), UnicodeDecodeError.
    """
    columns, records = csv_records(stream)
    rows: list[list[str]] = []
    lines = array("L")
    for line, row in records:
        if (len(rows) + 1) * len(columns) > CELL_LIMIT:
            raise TooLarge(
                "The table has too many cells",
                expected=f"at most {CELL_LIMIT}",
                found=f"more in {line} lines",
                hint="take a part of the table",
            )
        rows.append(row)
        lines.append(line)
    return CsvTexts(columns, rows, lines)


def csv_records(stream: TextIO) -> tuple[tuple[str, ...], Iterator[tuple[int, list[str]]]]:
    """The columns of a CSV file, and its records one after the other, each with the line on which it begins.

    Raises as `texts_of_csv`, also while records are taken.
    """
    lines_read = _Lines(stream)
    reader = csv.reader(lines_read, strict=True)
    try:
        # Spreadsheets write a blank row as commas alone. Below the header it is a record without a label.
        header = next((row for row in reader if any(map(str.strip, row)) or len(row) > COLUMN_LIMIT), [])
        columns = tuple(name.strip() for name in header)
        _check_nameless(columns, reader, lines_read)
        check_columns(columns, reader.line_num)
    except csv.Error as error:
        raise _not_csv(1, error) from error
    return columns, _records(columns, reader, lines_read)


def _records(columns: tuple[str, ...], reader: Any, lines_read: "_Lines") -> Iterator[tuple[int, list[str]]]:
    ended, is_first = reader.line_num, True
    try:
        for row in reader:
            begun, ended = ended + 1, reader.line_num
            if _is_blank(row):
                continue
            if len(row) != len(columns):
                all_alike = is_first and _all_end_with_comma(row, len(columns), begun, reader, lines_read)
                raise _ragged(columns, row, begun, all_alike=all_alike)
            is_first = False
            yield begun, row
    except csv.Error as error:
        raise _not_csv(ended + 1, error) from error


def _is_blank(row: Sequence[str]) -> bool:
    # A table has two columns at least, so a line of one empty cell is no record.
    return not row or (len(row) == 1 and not row[0].strip())


def _all_end_with_comma(row: Sequence[str], width: int, begun: int, reader: Iterator[list[str]], lines: _Lines) -> bool:
    """Whether this record and all that follow have one comma too many, each at the end of a line of its own."""
    try:
        while True:
            if len(row) != width + 1 or row[-1] or lines.number != begun or not lines.last.rstrip("\r\n").endswith(","):
                return False
            begun = lines.number + 1
            while _is_blank(row := next(reader)):
                begun = lines.number + 1
    except StopIteration:
        # A carriage return alone ends a line here, and none for a line editor.
        return not lines.has_lone_returns
    except (csv.Error, MalformedTable, TooLarge, UnicodeDecodeError):
        return False


def _ragged(columns: Sequence[str], row: Sequence[str], line: int, *, all_alike: bool) -> MalformedTable:
    """The error for a record on `line` of other width; `all_alike` where every record has the same comma too many."""
    expected, found = len(columns), len(row)
    if expected == 1:
        return MalformedTable(
            f"The first line has one name, and line {line} has {found} cells",
            expected="the names of all columns in the first line, separated by commas",
            found=ascii(columns[0][:40]),
            hint=f"delete a title above the names of the columns: tail -n +{line} OLD.csv > NEW.csv",
        )
    if found == expected + 1 and not row[-1].strip():
        return MalformedTable(
            f"Line {line} ends with a comma, and the first line does not",
            expected=f"{expected} cells, as the first line has",
            found=f"{found}, the last one empty",
            hint="delete the comma at the end of each line: sed 's/,\\r*$//' OLD.csv > NEW.csv"
            if all_alike
            else "delete the last comma of this record, and of others that have one too many; not every line has",
        )
    return MalformedTable(
        f"Line {line} has another number of cells than the header",
        expected=expected,
        found=found,
        hint="put cells that contain a comma between double quotes"
        if found > expected
        else "is it a title, a footer such as a total, or a broken line? Delete it, or add the missing cells",
    )


def _not_csv(line: int, error: csv.Error) -> MalformedTable:
    # The reader has no other sign of it than its words.
    if "field limit" in str(error):
        return MalformedTable(
            f"The record on line {line} has a cell that is too long",
            expected=f"at most {csv.field_size_limit():,} characters a cell",
            found="more",
            hint="shorten the cell, or leave its column out of the file; is a double quote not closed?",
        )
    return MalformedTable(
        f"The record on line {line} is not CSV",
        expected="cells separated by commas, in double quotes where they hold any",
        found=str(error),
        hint="is this a CSV file? A double quote inside a quoted cell is written twice",
    )


def _check_nameless(columns: Sequence[str], reader: Iterator[list[str]], lines: _Lines) -> None:
    """Raises MalformedTable for columns without a name, and for a title in place of the header: what stands below is
    read to tell one from the other."""
    nameless = next((number for number, name in enumerate(columns) if not name and number > 0), None)
    if nameless is None or len(columns) > COLUMN_LIMIT or columns[0].casefold().startswith("sep="):
        return
    line = lines.number
    below, below_line = _next_with_cells(reader, lines, least=2)
    are_at_end = not any(columns[nameless:])
    if nameless == 1 and are_at_end and len(columns) > 2 and _are_names(below):
        raise MalformedTable(
            f"Line {line} holds one cell alone, as a title does",
            expected="the names of all columns",
            found=ascii(columns[0][:40]),
            hint=f"delete the lines above the names of the columns: tail -n +{below_line} OLD.csv > NEW.csv",
        )
    are_empty = are_at_end and not any(below[nameless:])
    raise MalformedTable(
        f"Column {nameless + 1} has no name",
        expected="a name",
        found="a comma at the end of the line" if are_at_end else "nothing",
        hint="delete the commas at the end of each line" if are_empty else "give every column a name in the first line",
    )


def _are_names(cells: Sequence[str]) -> bool:
    """Whether these may be the names of columns."""
    return bool(cells) and not any(is_number_text(cell) for cell in cells if cell)


def _next_with_cells(reader: Iterator[list[str]], lines: _Lines, least: int) -> tuple[list[str], int]:
    """The next record with at least `least` filled cells, stripped, and its line; empty if no such record is CSV."""
    begun = lines.number + 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if sum(map(bool, cells)) >= least:
                return cells, begun
            begun = lines.number + 1
    except (csv.Error, MalformedTable, TooLarge, UnicodeDecodeError):
        pass
    return [], 0


def check_columns(columns: Sequence[str], line: int) -> None:
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
    if columns[0].casefold().startswith("sep=") and len(columns) <= 2 and not any(columns[1:]):
        raise MalformedTable(
            f"Line {line} tells a spreadsheet the separator, and is no line of the table",
            expected="the names of the columns",
            found=ascii(columns[0][:40]),
            hint=f"delete that line: tail -n +{line + 1} OLD.csv > NEW.csv; the table must be separated by commas",
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
                hint="give every column a name",
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
