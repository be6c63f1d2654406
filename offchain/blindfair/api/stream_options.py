"""A listing of a table, or of files with one, that is read as a stream: a survey and a sample in memory, the records on
disk alone.

Terms and prices are `listing_options`, what it takes is `stream_estimate`, the reading is `influence.table_survey` and
`influence.file_stream`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from blindfair.agents.seller.data import DATA, commit_stream
from blindfair.agents.store.directory import DirectoryLock, write_atomically
from blindfair.api.checked_options import some_names
from blindfair.api.disk_space import check_space, stored_size
from blindfair.bulk.store import SourceState, open_store, read_state
from blindfair.influence.csv_file import BYTE_LIMIT
from blindfair.influence.file_stream import FilesBeside, check_chunks, file_records, survey_files
from blindfair.influence.files import Files
from blindfair.influence.folder import folder_exceeds
from blindfair.influence.reading import ColumnReading
from blindfair.influence.table import Table
from blindfair.influence.table_stream import TableStream, is_streamable, open_table
from blindfair.influence.table_survey import TableSurvey, survey_table, typed_records
from blindfair.protocol.errors import FileChanged, InvalidListing, InvalidOption
from blindfair.protocol.hashing import sha256
from blindfair.protocol.records import RecordEncoding

Told = Callable[[float, int], None]
"""Told the share that is done, and the number of records."""

RECORDS = "records.csv"
"""The copy of the table in the seller's directory; of a table that is read as a stream, its survey with the sample."""

STATES = "files.states"
"""Sizes and times of the files beside a table, in the seller's directory until their records are written."""


@dataclass(frozen=True, slots=True)
class StreamedTable:
    """A table that was surveyed; its records are in the data set of a seller's directory, or will be."""

    survey: TableSurvey
    table: Table
    """The sample, typed as all records are."""

    store: Path | None = None
    """The folder of the finished data set, once there is one."""

    def __repr__(self) -> str:
        return f"StreamedTable({self.survey.record_count:,} records, {self.table!r} of them in memory)"

    @property
    def encoding(self) -> RecordEncoding:
        """How the records are encoded."""
        return RecordEncoding.CBOR_ROW if self.survey.files is None else RecordEncoding.BYTES

    @property
    def file_column(self) -> str | None:
        """The column with the names of the files; None where there are none."""
        return None if self.survey.files is None else self.survey.files.column

    @property
    def readings(self) -> tuple[ColumnReading, ...]:
        """How the columns were read, by the sample."""
        return self.table.readings

    def alike_but_texts(self) -> int:
        """How many records of the sample differ from an earlier one only in how a number is written."""
        return self.table.alike_but_texts()

    def records(self, chunk_size: int) -> Sequence[bytes]:
        """The records of the listing; before they are on disk, only their number is known."""
        return _Unwritten(self.survey.record_count) if self.store is None else open_store(self.store).records

    def source(self) -> str:
        """Names the table, its state, those of its files, and how it was read."""
        return f"{self.survey.source}, {sha256(self.survey.to_bytes()).hex()}"

    def to_bytes(self) -> bytes:
        """The copy for the seller's directory."""
        return self.survey.to_bytes()


def in_memory(table: Table | Files | StreamedTable) -> Table:
    """The rows that are in memory: all, or the sample."""
    return table if isinstance(table, Table) else table.table


def file_column(table: Table | Files | StreamedTable) -> str | None:
    """The column with the names of the files; None where there are none."""
    return None if isinstance(table, Table) else table.file_column


class _Unwritten(Sequence[bytes]):
    """Records that are not on disk yet."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        raise InvalidListing("The records are not on disk yet", expected="a data set that was written", found=index)


def is_large(records: object, files: Path | None = None) -> bool:
    """Whether a table is a file that is too large to be read at once, or is beside a folder of as much that the table
    can be read as a stream with."""
    if not isinstance(records, Path) or not records.is_file():
        return False
    if records.stat().st_size > BYTE_LIMIT:
        return True
    return files is not None and is_streamable(records) and folder_exceeds(files, BYTE_LIMIT)


def check_streamed(**options: object) -> None:
    """Raises InvalidOption for an option of a listing that is read at once."""
    for name, value in options.items():
        if value:
            raise InvalidOption(
                f"`{name}` is for records that are read at once, and this table is read as a stream",
                expected="a table without it",
                found=name,
                hint="remove copies first: `sort -u` does so for lines of CSV"
                if name == "without_copies"
                else "list in parts, or leave the option out",
            )


def opened(
    source: Path, label: str, exclude: Sequence[str], text: Sequence[str], files: FilesBeside | None
) -> tuple[TableStream, tuple[str, ...]]:
    """A table to be surveyed, and its columns that are read as they are written. Raises as `open_table` and
    `FilesBeside.named`."""
    stream = open_table(source)
    return (stream, tuple(text)) if files is None else (files.named(stream, label, exclude), files.texts(text))


def survey(
    source: Path,
    label: str,
    directory: Path,
    *,
    exclude: Sequence[str],
    text: Sequence[str],
    files: FilesBeside | None = None,
    is_begun: bool,
    tell: Told,
) -> StreamedTable:
    """Survey a table that is to be listed from `directory`, unless that was done; the survey is kept there.

    Of `files` beside it sizes and times are kept, too. `is_begun` says that more was done with the survey that is
    there. Raises FileChanged where that is of another state of the table, InvalidOption where it is of other columns,
    and what `survey_table` and `survey_files` raise.
    """
    kept, (stream, as_text) = directory / RECORDS, opened(source, label, exclude, text, files)
    if kept.exists():
        found = kept_stream(kept)
        column = None if files is None else files.column
        is_same = found.file_column == column and found.survey.is_of(stream, label, exclude, as_text)
        if is_same and found.survey.source == stream.source:
            return found
        if is_begun:
            raise _other(source, directory, found.survey, stream, is_same=is_same)
        # What is beside it is overwritten.
        kept.unlink()
    if files is None:
        made = survey_table(stream, label, directory, exclude=exclude, text=as_text, tell=tell)
    else:
        made = survey_files(stream, files, label, directory / STATES, exclude=exclude, text=text, tell=tell)
    table = StreamedTable(made, made.table())
    write_atomically(kept, made.to_bytes())
    return table


def _other(
    source: Path, directory: Path, found: TableSurvey, stream: TableStream, *, is_same: bool
) -> FileChanged | InvalidOption:
    if is_same:
        return FileChanged(
            f"{source} has changed since the listing was begun",
            expected=found.source,
            found=stream.source,
            hint="put it back as it was, or begin again in another directory",
        )
    return InvalidOption(
        f"{directory} was begun with other options",
        expected=f"label {found.label}, columns {some_names([column.name for column in found.columns])}",
        found="other `label`, `exclude`, `text` or `file_column`",
        hint="use the same options to go on, or another directory",
    )


def kept_stream(path: Path) -> StreamedTable:
    """What `survey` found, from its copy, with the data set beside it. Raises JournalDamaged, InsecureStore."""
    found = TableSurvey.from_bytes(path.read_bytes())
    store = path.parent / DATA
    state = read_state(store)
    return StreamedTable(found, found.table(), store if state is not None and state.finished else None)


def write_records(
    directory: Path, source: Path, table: StreamedTable, chunk_size: int, tell: Told, files: FilesBeside | None = None
) -> StreamedTable:
    """Write all records of a surveyed table into a seller's directory, or go on with it; nothing where it is done.

    Raises StoreInUse, of `files` CannotWrite before anything is written where the disk has no space for them, and what
    `typed_records`, `file_records` and `commit_records` raise.
    """
    if table.store is None:
        with DirectoryLock(directory):
            commit_stream(directory, table.source(), *_records(directory, source, table, chunk_size, tell, files))
    # Also where a run before was killed right after the last record.
    (directory / STATES).unlink(missing_ok=True)
    return replace(table, store=directory / DATA)


def _records(
    directory: Path, source: Path, table: StreamedTable, chunk_size: int, tell: Told, files: FilesBeside | None
) -> tuple[Callable[[int], Iterator[bytes]], int, Callable[[int, int], None]]:
    found, states = table.survey, directory / STATES
    if files is None:
        stream, count = open_table(source), found.record_count
        return (
            lambda start: typed_records(stream, found, chunk_size, start),
            chunk_size,
            lambda records, _: tell(records / count, records),
        )
    stream, size = files.moved(open_table(source)), check_fits(directory, table, chunk_size) * chunk_size
    return (
        lambda start: file_records(stream, found, files.folder, states, chunk_size, start),
        chunk_size,
        # Files differ in size, and by their number the time that is left would not be known.
        lambda records, done: tell(min(1.0, done / size), records),
    )


def check_fits(directory: Path, table: StreamedTable, chunk_size: int) -> int:
    """The chunks of files that were surveyed, or a few more.

    Raises InvalidListing where a listing takes no more, CannotWrite where the disk has no space for those that are not
    written yet, JournalDamaged.
    """
    found = table.survey
    chunks, state = check_chunks(directory / STATES, found, chunk_size), read_state(directory / DATA)
    begun = state or SourceState("", chunk_size, records=0, chunks=0, data=0, finished=False)
    whole = replace(begun, data=chunks * chunk_size, chunks=chunks, records=found.record_count)
    check_space("the files", directory, max(0, stored_size(whole) - stored_size(begun)))
    return chunks


def streamed(
    source: Path,
    directory: Path,
    label: str,
    chunk_size: int,
    *,
    exclude: Sequence[str],
    text: Sequence[str],
    files: FilesBeside | None = None,
) -> StreamedTable:
    """Survey a table and write its records into a seller's directory, or go on with that, without a word.

    Raises as `survey` and `write_records`.
    """
    with DirectoryLock(directory):
        found = survey(
            source,
            label,
            directory,
            exclude=exclude,
            text=text,
            files=files,
            is_begun=read_state(directory / DATA) is not None,
            tell=lambda share, records: None,
        )
    return write_records(directory, source, found, chunk_size, lambda share, records: None, files)
