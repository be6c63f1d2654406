"""Files with a table that tells of them: the table's columns are scored, and the files are delivered as they are.

    table.csv + folder    a column of the table has the names of the files, relative to the folder

A file is read when its record is asked for, so that they may be more than the memory holds.
Not here: one record's bytes (`protocol.files`), and terms (`api.listing_options`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar, overload

from blindfair.influence.reading import ColumnReading
from blindfair.influence.table import Table
from blindfair.protocol.chunks import fill_record
from blindfair.protocol.errors import FileChanged, FileMissing, LabelMissing, MalformedTable, TooLarge
from blindfair.protocol.files import encode_file_row
from blindfair.protocol.hashing import sha256
from blindfair.protocol.records import RECORD_LIMITS, RecordEncoding, Row, encode_row
from blindfair.protocol.schema import Column, ColumnKind, Schema

_Any = TypeVar("_Any")

CONTENT_COLUMN = "content"
"""The first column of a listing of files."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when the listing was begun."""

    name: str
    size: int
    modified: int
    """Nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Files:
    """A table of `n` rows, and the file of each in a folder."""

    table: Table
    folder: Path
    column: str
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

    def schema(self, unscored: Sequence[str]) -> Schema:
        """The columns as a manifest names them (PROTOCOL 2): the files', then the table's."""
        listed = self.table.listed_schema((*unscored, self.column))
        files = (
            Column(CONTENT_COLUMN, ColumnKind.FILE, scored=False),
            Column(self.column, ColumnKind.TEXT, scored=False),
        )
        return Schema((*files, *listed.columns[1:]), listed.label)

    def records(self, chunk_size: int) -> Sequence[bytes]:
        """The records of a listing."""
        return FileRecords(self, self.table.listed_rows(), chunk_size)

    def source(self) -> str:
        """What names the files and their state: another size or time of one of them is another source."""
        told = "\n".join(f"{state.size} {state.modified} {state.name}" for state in self.states)
        rows = b"".join(encode_row(row) for row in self.table.listed_rows())
        return f"{len(self.states)} files, {sha256(told.encode('utf-8', 'surrogateescape') + rows).hex()}"

    def content(self, number: int) -> bytes:
        """The bytes of one file. Raises FileMissing, FileChanged."""
        state = self.states[number]
        path = self.folder / state.name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FileMissing(f"{path} cannot be read", found=error.strerror, hint="put it back") from error
        if len(data) != state.size:
            raise FileChanged(
                f"{path} has changed since the listing was begun",
                expected=f"{state.size:,} bytes",
                found=f"{len(data):,}",
                hint="put it back as it was",
            )
        return data


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
        return fill_record(encode_file_row(self._files.content(number), self._rows[number]), self._chunk_size)


def named_first(table: Table, column: str) -> Table:
    """The table with the column of the files' names before the others.

    Raises LabelMissing where there is no such column, MalformedTable for names that are not free.
    """
    if column not in table.columns:
        raise LabelMissing(
            f"The table has no column {column!r} with the names of the files",
            expected=repr(column),
            found=", ".join(table.columns[:8]),
            hint="`file_column=COLUMN` names another",
        )
    if column == table.label or CONTENT_COLUMN in table.columns:
        raise MalformedTable(
            "A column of the table has a name that is not free",
            expected=f"a label that is not {column!r}, and no column {CONTENT_COLUMN!r}",
            found=f"label {table.label!r}, columns {', '.join(table.columns[:8])}",
            hint="rename it",
        )
    place = table.columns.index(column)

    def moved(row: tuple[_Any, ...]) -> tuple[_Any, ...]:
        return (row[place], *row[:place], *row[place + 1 :])

    return replace(table, columns=moved(table.columns), rows=tuple(map(moved, table.rows)))


def read_files(table: Table, folder: Path, column: str) -> Files:
    """Find the files that a table names in its first column. Raises MalformedTable, FileMissing, TooLarge."""
    return Files(table, folder, column, tuple(_state(folder, row[0]) for row in table.rows))


def _state(folder: Path, name: object) -> FileState:
    # A table may come from anywhere: it names files in this folder and no others.
    if not isinstance(name, str) or not is_inside(name):
        raise MalformedTable(
            "The table names a file outside of the folder",
            expected="paths of files in the folder, such as scans/one.dcm",
            found=repr(name)[:80],
            hint="move the files there",
        )
    try:
        found = (folder / name).stat()
    except (OSError, ValueError) as error:
        raise FileMissing(
            f"There is no file {name[:80]!r} in {folder}", found=str(error)[:80], hint="`files=FOLDER` names the folder"
        ) from error
    if not (folder / name).is_file():
        raise FileMissing(f"{folder / name} is not a regular file", expected="a file", found="something else")
    if found.st_size > RECORD_LIMITS.size - 2**16:
        raise TooLarge(
            f"{folder / name} is too large to be a record",
            expected=f"at most {RECORD_LIMITS.size - 2**16:,} bytes",
            found=f"{found.st_size:,}",
            hint="divide it",
        )
    return FileState(name, found.st_size, found.st_mtime_ns)


def is_inside(name: str) -> bool:
    """Whether a name is that of a file in a folder, or in a folder of it, by its text alone."""
    path = PurePosixPath(name)
    parts = path.parts
    return bool(parts) and not path.is_absolute() and ".." not in parts and "\0" not in name and "\\" not in name
