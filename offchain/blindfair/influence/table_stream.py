"""A table in a file, read from its beginning to its end in memory that does not grow: CSV, JSON Lines or Parquet.

Every form gives the texts that `table_file` gives of it, some thousand records at a time. Not here: what the texts mean
(`table_survey`), and records of any content (`streams`).
"""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from blindfair.influence.columnar import check_kinds, pyarrow_for
from blindfair.influence.csv_file import LINE_LIMIT, CsvTexts, csv_records, undecodable
from blindfair.influence.folder import no_table
from blindfair.influence.frames import arrow_texts, texts_of
from blindfair.influence.table_file import json_object
from blindfair.protocol.errors import FileMissing, MalformedTable, NoRecords, TooLarge
from blindfair.protocol.schema import COLUMN_LIMIT

BATCH = 1024
"""Records that are read together."""

_FORMS = "CSV, JSON Lines or Parquet, not compressed as a whole"
_PARQUET, _FEATHER = b"PAR1", b"ARROW1"
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True, slots=True)
class TableStream:
    """A table that is read in batches."""

    path: Path

    source: str
    """Names the file and its state: name, size and time of its last change."""

    columns: tuple[str, ...]

    batches: Callable[[], Iterator[tuple[CsvTexts, float]]]
    """All records from the first on, with the share of the file that was read up to each batch's end."""


def source_of(path: Path) -> str:
    """Names a file and its state. Raises FileMissing."""
    try:
        state = path.stat()
    except OSError as error:
        raise FileMissing(f"{path} cannot be read", found=error.strerror, hint="check the path") from error
    return f"{path.name}, {state.st_size} bytes, {state.st_mtime_ns}"


def open_table(path: Path) -> TableStream:
    """Open a table. What a file is, its first bytes say.

    Raises FileMissing, MalformedTable, NoRecords, TooLarge, UndecodableBytes, MissingPackage; also while it is read.
    """
    source = source_of(path)
    if not path.is_file():
        raise no_table(path, _FORMS)
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith((*_COMPRESSED, _FEATHER)):
        raise MalformedTable(
            f"{path} is not read as a stream",
            expected=_FORMS,
            found="Feather" if head.startswith(_FEATHER) else "a file of gzip or zstd",
            hint="write it as Parquet" if head.startswith(_FEATHER) else "expand it first",
        )
    if head.startswith(_PARQUET):
        return _parquet(path, source)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return _json(path, source)
    return _csv(path, source)


def is_streamable(path: Path) -> bool:
    """Whether a file may be of a form that is read as a stream, by its first bytes. Raises FileMissing."""
    source_of(path)
    with path.open("rb") as file:
        return not file.read(4096).startswith((*_COMPRESSED, _FEATHER))


@contextlib.contextmanager
def _opened_csv(path: Path) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[int, list[str]]], BinaryIO]]:
    try:
        with path.open("rb") as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as stream:
            yield (*csv_records(stream), file)
    except UnicodeDecodeError as error:
        raise undecodable(path, error) from error


def _csv(path: Path, source: str) -> TableStream:
    with _opened_csv(path) as (columns, _, _):
        pass

    def batches() -> Iterator[tuple[CsvTexts, float]]:
        size = path.stat().st_size
        with _opened_csv(path) as (_, records, file):
            while some := list(islice(records, BATCH)):
                yield CsvTexts(columns, [row for _, row in some], [line for line, _ in some]), file.tell() / size

    return TableStream(path, source, columns, _with_records(path, batches))


def _json(path: Path, source: str) -> TableStream:
    """The first object names the columns: another name further down would be known too late."""

    def objects() -> Iterator[tuple[int, dict[str, object], int]]:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LINE_LIMIT):
                number += 1
                if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
                    raise TooLarge(
                        f"Line {number} is too long",
                        expected=f"at most {LINE_LIMIT:,} bytes",
                        found="more",
                        hint="is this JSON Lines, an object in each line?",
                    )
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError as error:
                    raise undecodable(path, error) from error
                if text:
                    yield number, json_object(text, number), file.tell()

    first = next(objects(), None)
    names = () if first is None else tuple(first[1])
    if not 0 < len(names) <= COLUMN_LIMIT:
        raise MalformedTable(
            f"The first object of {path} has no names, or too many",
            expected=f"1 ... {COLUMN_LIMIT} columns",
            found=len(names),
            hint="put an object with all names first",
        )
    columns = texts_of(names, [[""] for _ in names]).columns

    def batches() -> Iterator[tuple[CsvTexts, float]]:
        found, known = objects(), set(names)
        while some := list(islice(found, BATCH)):
            for line, record, _ in some:
                if not known.issuperset(record):
                    raise _unknown(line, [name for name in record if name not in known])
            cells = [[record.get(name) for _, record, _ in some] for name in names]
            yield texts_of(names, cells, [line for line, _, _ in some]), some[-1][2] / path.stat().st_size

    return TableStream(path, source, columns, _with_records(path, batches))


def _unknown(line: int, names: Sequence[str]) -> MalformedTable:
    return MalformedTable(
        f"Line {line} has a name that the first line has not",
        expected="all names in the first object, as null where it has no value",
        found=ascii(names[0])[:60],
        hint="put an object with all names first",
    )


def _parquet(path: Path, source: str) -> TableStream:
    arrow = pyarrow_for(path)
    from pyarrow.parquet import ParquetFile

    limits = {"thrift_string_size_limit": 2**26, "thrift_container_size_limit": 2**20}
    damaged = (arrow.ArrowException, OSError, ValueError)
    try:
        with ParquetFile(path, **limits) as file:
            check_kinds(arrow, file.schema_arrow)
            names, total = file.schema_arrow.names, file.metadata.num_rows
    except damaged as error:
        raise _unreadable(path, error) from error
    columns = texts_of(names, [[""] for _ in names]).columns

    def batches() -> Iterator[tuple[CsvTexts, float]]:
        done = 0
        try:
            # Buffered, a column is read page by page, and not a row group at once.
            with ParquetFile(path, buffer_size=2**20, pre_buffer=False, **limits) as file:
                for batch in file.iter_batches(BATCH, use_threads=False):
                    found = arrow_texts(arrow.Table.from_batches([batch]))
                    lines = range(done + 1, done + 1 + len(found.rows))
                    done += len(found.rows)
                    yield CsvTexts(columns, found.rows, lines), done / total
        except damaged as error:
            raise _unreadable(path, error) from error

    return TableStream(path, source, columns, _with_records(path, batches))


def _unreadable(path: Path, error: Exception) -> MalformedTable:
    return MalformedTable(
        f"{path} cannot be read", expected="Parquet", found=ascii(str(error)[:80]), hint="write it anew, or as CSV"
    )


def _with_records(
    path: Path, batches: Callable[[], Iterator[tuple[CsvTexts, float]]]
) -> Callable[[], Iterator[tuple[CsvTexts, float]]]:
    def checked() -> Iterator[tuple[CsvTexts, float]]:
        are_some = False
        for batch in batches():
            are_some = True
            yield batch
        if not are_some:
            raise NoRecords(f"{path} has no records", expected="records", found=0, hint="is this the right file?")

    return checked
