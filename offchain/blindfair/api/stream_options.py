"""A listing of a table that is read as a stream: a survey and a sample in memory, the records on disk alone.

Terms and prices are `listing_options`, the reading is `influence.table_survey`.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import overload

from blindfair.agents.seller.data import DATA, commit_stream
from blindfair.agents.store.directory import DirectoryLock, write_atomically
from blindfair.api.checked_options import some_names
from blindfair.bulk.committing import commit_records
from blindfair.bulk.store import RECORD_HEAD, open_store, read_state
from blindfair.influence.csv_file import BYTE_LIMIT, CsvTexts
from blindfair.influence.reading import ColumnReading
from blindfair.influence.table import Table
from blindfair.influence.table_stream import TableStream, open_table
from blindfair.influence.table_survey import TableSurvey, survey_table, typed_records
from blindfair.protocol.errors import CannotWrite, FileChanged, InvalidListing, InvalidOption
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import DIGEST_SIZE
from blindfair.protocol.quantities import Secret
from blindfair.protocol.records import RecordEncoding

Told = Callable[[float, int], None]
"""Told the share that is done, and the number of records."""

RECORDS = "records.csv"
"""The copy of the table in the seller's directory; of a table that is read as a stream, its survey with the sample."""

SPACE_LEFT = 2**28
"""Bytes that a listing leaves free on its disk."""

_TRIAL_BATCHES = 4


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
        return RecordEncoding.CBOR_ROW

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
        """Names the file, its state, and how it was read."""
        return f"{self.survey.source}, {sha256(self.survey.to_bytes()).hex()}"

    def to_bytes(self) -> bytes:
        """The copy for the seller's directory."""
        return self.survey.to_bytes()


def in_memory(table: Table | StreamedTable) -> Table:
    """The records that are in memory: all, or the sample."""
    return table.table if isinstance(table, StreamedTable) else table


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


@dataclass(frozen=True, slots=True)
class StreamEstimate:
    """What listing a table takes, by a trial with its first records."""

    seconds: float
    disk: int
    """Bytes of the data set."""

    records: int


def is_large(records: object) -> bool:
    """Whether a table is a file that is too large to be read at once."""
    return isinstance(records, Path) and records.is_file() and records.stat().st_size > BYTE_LIMIT


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


def estimate_stream(
    source: Path, label: str, folder: Path, chunk_size: int, *, exclude: Sequence[str], text: Sequence[str]
) -> StreamEstimate:
    """Survey and write the first records, in a new folder in `folder` that is removed at once.

    Raises CannotWrite where the whole would not fit on the disk, and as `survey_table` and `commit_records`.
    """
    stream, shares = open_table(source), [1.0]

    def some() -> Iterator[tuple[CsvTexts, float]]:
        for batch, share in islice(stream.batches(), _TRIAL_BATCHES):
            shares.append(share)
            yield batch, share

    trial, began = replace(stream, batches=some), time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".trial-") as name:
        found = survey_table(trial, label, Path(name), exclude=exclude, text=text)
        written = commit_records(
            Path(name) / DATA,
            found.source,
            lambda start: typed_records(trial, found, chunk_size, start),
            chunk_size,
            Secret(bytes(DIGEST_SIZE)),
        )
        state = written.files.state
    seconds, share = time.perf_counter() - began, max(shares[-1], 1e-9)
    disk = state.data + DIGEST_SIZE * state.chunks + RECORD_HEAD * state.records
    estimate = StreamEstimate(seconds / share, int(disk / share), int(state.records / share))
    free = shutil.disk_usage(folder).free
    if estimate.disk + SPACE_LEFT > free:
        raise CannotWrite(
            f"The records of {source} do not fit on the disk",
            expected=f"about {estimate.disk / 1e9:,.1f} GB free in {folder}, and 0.3 GB that stay free",
            found=f"{free / 1e9:,.1f} GB",
            hint="free space, or name a directory on another disk; nothing was written",
        )
    return estimate


def survey(
    source: Path,
    label: str,
    directory: Path,
    *,
    exclude: Sequence[str],
    text: Sequence[str],
    is_begun: bool,
    tell: Told,
) -> StreamedTable:
    """Survey a table that is to be listed from `directory`, unless that was done; the survey is kept there.

    `is_begun` says that more was done with the survey that is there. Raises FileChanged where that is of another state
    of the file, InvalidOption where it is of other columns, and what `survey_table` raises.
    """
    kept, stream = directory / RECORDS, open_table(source)
    if kept.exists():
        found = kept_stream(kept)
        is_same = found.survey.is_of(stream, label, exclude, text)
        if is_same and found.survey.source == stream.source:
            return found
        if is_begun:
            raise _other(source, directory, found.survey, stream, is_same=is_same)
    made = survey_table(stream, label, directory, exclude=exclude, text=text, tell=tell)
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
        found="other `label`, `exclude` or `text`",
        hint="use the same options to go on, or another directory",
    )


def kept_stream(path: Path) -> StreamedTable:
    """What `survey` found, from its copy, with the data set beside it. Raises JournalDamaged, InsecureStore."""
    found = TableSurvey.from_bytes(path.read_bytes())
    store = path.parent / DATA
    state = read_state(store)
    return StreamedTable(found, found.table(), store if state is not None and state.finished else None)


def write_records(directory: Path, source: Path, table: StreamedTable, chunk_size: int, tell: Told) -> StreamedTable:
    """Write all records of a surveyed table into a seller's directory, or go on with it; nothing where it is done.

    Raises StoreInUse, and what `typed_records` and `commit_records` raise.
    """
    if table.store is None:
        count = table.survey.record_count
        with DirectoryLock(directory):
            stream = open_table(source)
            commit_stream(
                directory,
                table.source(),
                lambda start: typed_records(stream, table.survey, chunk_size, start),
                chunk_size,
                lambda records, _: tell(records / count, records),
            )
    return replace(table, store=directory / DATA)


def streamed(
    source: Path, directory: Path, label: str, chunk_size: int, *, exclude: Sequence[str], text: Sequence[str]
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
            is_begun=read_state(directory / DATA) is not None,
            tell=lambda share, records: None,
        )
    return write_records(directory, source, found, chunk_size, lambda share, records: None)
