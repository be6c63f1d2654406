"""Files with a table that tells of them: the table's columns are scored, and the files are delivered as they are.

    table.csv + folder    a column of the table has the names of the files, relative to the folder

A file is read when its record is asked for, so that they may be more than the memory holds.
Not here: one record's bytes (`protocol.files`), and terms (`api.listing_options`).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, overload

from blindfair.influence.folder import FileState, Folder
from blindfair.influence.reading import ColumnReading
from blindfair.influence.table import Table
from blindfair.protocol.chunks import filled_size
from blindfair.protocol.errors import LabelMissing, MalformedTable
from blindfair.protocol.files import check_file_size
from blindfair.protocol.hashing import sha256, u64
from blindfair.protocol.records import RecordEncoding, Row, encode_row
from blindfair.protocol.schema import Column, ColumnKind, Schema

_Any = TypeVar("_Any")

CONTENT_COLUMN = "content"
"""The first column of a listing of files."""


@dataclass(frozen=True, slots=True)
class Files:
    """A table of `n` rows, and the file of each in a folder."""

    table: Table
    folder: Path
    file_column: str
    """The table's first column, with the files' names."""

    states: tuple[FileState, ...] = field(repr=False)

    def __repr__(self) -> str:
        return f"Files({len(self.states):,} of {self.size:,} bytes in all, label {self.table.label!r})"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(state.size for state in self.states)

    @property
    def encoding(self) -> RecordEncoding:
        """How the records are encoded."""
        return RecordEncoding.BYTES

    @property
    def readings(self) -> tuple[ColumnReading, ...]:
        """How the table's columns were read."""
        return self.table.readings

    def alike_but_texts(self) -> int:
        """None: files are not compared by how a number is written."""
        return 0

    def records(self, chunk_size: int) -> Sequence[bytes]:
        """The records of a listing."""
        return FileRecords(self, self.table.listed_rows(), chunk_size)

    def source(self) -> str:
        """What names the files and their state: another size or time of one of them is another source."""
        told = "\n".join(f"{state.size} {state.modified} {state.name}" for state in self.states)
        rows = b"".join(encode_row(row) for row in self.table.listed_rows())
        return f"{len(self.states)} files, {sha256(told.encode('utf-8', 'surrogateescape') + rows).hex()}"


class FileRecords(Sequence[bytes]):
    """The canonical bytes of files with their rows, each read when it is asked for."""

    def __init__(self, files: Files, rows: Sequence[Row], chunk_size: int, places: range | None = None) -> None:
        """`places` are the numbers of the records, all of them if it is not given."""
        self._files = files
        self._rows = rows
        self._chunk_size = chunk_size
        self._places = range(len(rows)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "FileRecords": ...
    def __getitem__(self, index: int | slice) -> "bytes | FileRecords":
        if isinstance(index, slice):
            return FileRecords(self._files, self._rows, self._chunk_size, self._places[index])
        number = self._places[index]
        return file_record(Folder(self._files.folder), self._files.states[number], self._rows[number], self._chunk_size)


def file_record(folder: Folder, state: FileState, row: Row, chunk_size: int) -> bytes:
    """The canonical bytes of a file with its row, filled up to whole chunks (PROTOCOL 1).

    The file is in memory once, and not beside its record. Raises MalformedRecord, and as `Folder.pieces`.
    """
    encoded = encode_row(row)
    length = check_file_size(state.size, len(encoded))
    # Made at its full size at once: it grows in copies otherwise.
    record = io.BytesIO()
    record.seek(filled_size(length, chunk_size) - 1)
    record.write(b"\0")
    record.seek(0)
    record.write(u64(state.size))
    record.writelines(folder.pieces(state))
    record.write(encoded)
    return record.getvalue()


def files_schema(table: Table, column: str, unscored: Sequence[str]) -> Schema:
    """The columns of a listing of files as a manifest names them (PROTOCOL 2): the files', then the table's, of which
    the first has their names."""
    listed = table.listed_schema((*unscored, column))
    files = (
        Column(CONTENT_COLUMN, ColumnKind.FILE, scored=False),
        Column(column, ColumnKind.TEXT, scored=False),
    )
    return Schema((*files, *listed.columns[1:]), listed.label)


def check_named(columns: Sequence[str], label: str, column: str) -> int:
    """The place of the column with the files' names.

    Raises LabelMissing where there is no such column, MalformedTable for names that are not free.
    """
    if column not in columns:
        raise LabelMissing(
            f"The table has no column {column!r} with the names of the files",
            expected=repr(column),
            found=", ".join(columns[:8]),
            hint="`file_column=COLUMN` names another",
        )
    if column == label or CONTENT_COLUMN in columns:
        raise MalformedTable(
            "A column of the table has a name that is not free",
            expected=f"a label that is not {column!r}, and no column {CONTENT_COLUMN!r}",
            found=f"label {label!r}, columns {', '.join(columns[:8])}",
            hint="rename it",
        )
    return columns.index(column)


def moved_first(cells: Sequence[_Any], place: int) -> tuple[_Any, ...]:
    """The cells with the one at `place` before the others."""
    return (cells[place], *cells[:place], *cells[place + 1 :])


def named_first(table: Table, column: str) -> Table:
    """The table with the column of the files' names before the others. Raises as `check_named`."""
    place = check_named(table.columns, table.label, column)
    return replace(
        table,
        columns=moved_first(table.columns, place),
        rows=tuple(moved_first(row, place) for row in table.rows),
    )


def read_files(table: Table, folder: Path, column: str) -> Files:
    """Find the files that a table names in its first column. Raises as `Folder.state`."""
    beside = Folder(folder)
    return Files(table, folder, column, tuple(beside.state(row[0]) for row in table.rows))
