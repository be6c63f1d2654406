"""Files with a table that tells of them, both as a stream: more of them than the memory holds, and a row for each.

    table + folder --survey_files--> a survey of the table, and the size and time of every file on the disk
                   --file_records--> canonical bytes, one record after the other, the same as `files` gives

A file is opened in the survey and read once, when its record is made; one that is not as it was then is refused by its
name. Files need not be compared: records differ because their rows do, and these have the names.
Not here: how a file is opened (`folder`), and what is learned of the table (`table_survey`).
"""

import hashlib
import os
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from blindfair.influence.csv_file import CsvTexts
from blindfair.influence.files import check_named, file_record, moved_first
from blindfair.influence.folder import FileState, Folder
from blindfair.influence.table import kept_columns
from blindfair.influence.table_stream import TableStream
from blindfair.influence.table_survey import SurveyedFiles, TableSurvey, survey_table, typed_rows
from blindfair.protocol.chunks import LISTED_CHUNKS_LIMIT, SALT_SIZE
from blindfair.protocol.errors import CannotWrite, InvalidListing, JournalDamaged

_STATE = struct.Struct(">Qq")
"""Size and time of a file."""

_PIECE = 2**18
"""States that are read together."""


@dataclass(frozen=True, slots=True)
class FilesBeside:
    """The folder of the files that a table names, and the column that names them."""

    folder: Path
    column: str

    def named(self, stream: TableStream, label: str, exclude: Collection[str]) -> TableStream:
        """The table with the column of the names before the others. Raises as `kept_columns` and `check_named`."""
        kept = [stream.columns[place] for place in kept_columns(stream.columns, label, exclude, ())]
        check_named(kept, label, self.column)
        return self.moved(stream)

    def moved(self, stream: TableStream) -> TableStream:
        """The same of a table that has this column."""
        place = stream.columns.index(self.column)

        def batches() -> Iterator[tuple[CsvTexts, float]]:
            for batch, share in stream.batches():
                yield replace(batch, columns=columns, rows=[list(moved_first(row, place)) for row in batch.rows]), share

        columns = moved_first(stream.columns, place)
        return replace(stream, columns=columns, batches=batches)

    def texts(self, text: Sequence[str]) -> tuple[str, ...]:
        """The columns whose cells are read as they are written: those of `text`, and the names."""
        return (*text, *(() if self.column in text else (self.column,)))


def survey_files(
    stream: TableStream,
    beside: FilesBeside,
    label: str,
    states: Path,
    *,
    exclude: Collection[str] = (),
    text: Sequence[str] = (),
    tell: Callable[[float, int], None] = lambda share, records: None,
) -> TableSurvey:
    """Read a table from beginning to end, open every file that it names, and write their sizes and times to `states`.

    `stream` is as `FilesBeside.named` gives it. 16 bytes a record stay in `states`, and as many more are beside it
    meanwhile. Raises as `survey_table`, `Folder.state`, CannotWrite.
    """
    folder = Folder(beside.folder)
    with _Writer(states) as writer:

        def batches() -> Iterator[tuple[CsvTexts, float]]:
            for batch, share in stream.batches():
                writer.add([folder.state(row[0]) for row in batch.rows])
                yield batch, share

        found = survey_table(
            replace(stream, batches=batches),
            label,
            states.parent,
            exclude=exclude,
            text=beside.texts(text),
            tell=tell,
        )
    return replace(found, files=SurveyedFiles(beside.column, writer.size, writer.digest.hexdigest()))


def file_records(
    stream: TableStream, survey: TableSurvey, folder: Path, states: Path, chunk_size: int, start: int
) -> Iterator[bytes]:
    """The canonical bytes of all records from number `start` on, filled up to whole chunks.

    Raises FileChanged where the table or a file is not the one that was surveyed, FileMissing, JournalDamaged.
    """
    inside = Folder(folder)
    for row, (size, modified) in zip(typed_rows(stream, survey, start), _states(states, survey, start), strict=False):
        yield file_record(inside, FileState(str(row[0]), size, modified), row, chunk_size)


def check_chunks(states: Path, survey: TableSurvey, chunk_size: int) -> int:
    """The chunks of all records, or a few more. Raises InvalidListing beyond `LISTED_CHUNKS_LIMIT`, JournalDamaged."""
    _check_states(states, survey)
    payload, most, least = chunk_size - SALT_SIZE, 0, 0
    with states.open("rb") as file:
        while data := file.read(_STATE.size * _PIECE):
            sizes = np.frombuffer(data, dtype=">u8").reshape(-1, 2)[:, 0].astype(np.int64) + 8
            least += int((-(-sizes // payload)).sum())
            most += int((-(-(sizes + survey.record_bytes) // payload)).sum())
    if least > LISTED_CHUNKS_LIMIT:
        raise InvalidListing(
            "The files are too many, or too large, for one listing",
            expected=f"{LISTED_CHUNKS_LIMIT:,} chunks of {chunk_size:,} bytes",
            found=f"at least {least:,}",
            hint="take larger chunks, or list them in parts",
        )
    return most


def _check_states(states: Path, survey: TableSurvey) -> None:
    wanted, found = _STATE.size * survey.record_count, states.stat().st_size if states.exists() else 0
    if found != wanted:
        raise JournalDamaged(
            f"{states} is damaged",
            expected=f"{wanted:,} bytes",
            found=f"{found:,}",
            hint="begin again in another directory",
        )


def _states(states: Path, survey: TableSurvey, start: int) -> Iterator[tuple[int, int]]:
    _check_states(states, survey)
    with states.open("rb") as file:
        file.seek(_STATE.size * start)
        while data := file.read(_STATE.size * _PIECE):
            yield from _STATE.iter_unpack(data)


class _Writer:
    """Writes the sizes and times of files, for their owner alone."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._path = path
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            # Without a buffer: what a full disk has not taken is not tried once more when the file is closed.
            self._file = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0)
        except OSError as error:
            raise self._not_written(error) from error

    def add(self, states: Sequence[FileState]) -> None:
        """Add files in the table's order. Raises CannotWrite."""
        data = b"".join(_STATE.pack(state.size, state.modified) for state in states)
        self.size += sum(state.size for state in states)
        self.digest.update(data)
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._not_written(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                os.fsync(self._file.fileno())
        except OSError as failed:
            raise self._not_written(failed) from failed
        finally:
            self._file.close()
            if kind is not None:
                self._path.unlink(missing_ok=True)

    def _not_written(self, error: OSError) -> CannotWrite:
        return CannotWrite(
            f"The sizes of the files cannot be written to {self._path}",
            expected="16 bytes for each file",
            found=error.strerror,
            hint="free space, then repeat the command",
        )
