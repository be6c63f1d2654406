"""Records of a file or a folder one after the other, in memory that does not grow: CSV, JSON Lines, Parquet, files.

    CSV          a record a row; every cell is the text that the file has
    JSON Lines   a record a line; cells are what JSON says, objects and lists are not taken
    Parquet      a record a row; cells are what Parquet says (needs pyarrow)
    a folder     a record a file, in the order of their paths: the file, then its path

Records are filled up to whole chunks, so that their lengths tell nothing. What a table means is not looked at: a
listing that is scored is made by `api.listing`, which reads tables whole.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from blindfair.influence.columnar import pyarrow_for
from blindfair.influence.files import file_record
from blindfair.influence.folder import Folder
from blindfair.protocol.chunks import fill_record
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import FileMissing, MalformedRecord, MalformedTable, UndecodableBytes
from blindfair.protocol.hashing import sha256
from blindfair.protocol.records import Cell, RecordEncoding, encode_row

_BATCH = 1024
"""Rows of Parquet that are read together."""


@dataclass(frozen=True, slots=True)
class RecordStream:
    """The records of a file or a folder."""

    source: str
    """Names the file or folder and its state: name, sizes and times."""

    encoding: RecordEncoding

    columns: tuple[str, ...]
    """The names of a record's cells."""

    records_from: Callable[[int], Iterable[bytes]]
    """All records from this number on, counted from 0, as `bulk.commit_records` takes them."""


def stream_records(path: Path, chunk_size: int) -> RecordStream:
    """Open a file or a folder. Raises FileMissing, MalformedTable, UndecodableBytes; also while records are taken."""
    if path.is_dir():
        return _folder(path, chunk_size)
    if not path.is_file():
        raise FileMissing(f"There is no file or folder {path}", hint="check the path")
    kinds = {".csv": _csv_rows, ".jsonl": _json_rows, ".parquet": _parquet_rows}
    rows_of = kinds.get(path.suffix)
    if rows_of is None:
        raise MalformedTable(
            f"{path} is not read as a stream", expected=", ".join(kinds), found=repr(path.suffix), hint="convert it"
        )
    columns, rows_from = rows_of(path)
    stat = path.stat()

    def records_from(start: int) -> Iterator[bytes]:
        for number, row in enumerate(rows_from(start), start):
            if len(row) != len(columns):
                raise MalformedTable(
                    f"Record {number} of {path} has another number of cells", expected=len(columns), found=len(row)
                )
            yield fill_record(_encoded(path, number, row), chunk_size)

    source = f"{path.name}, {stat.st_size} bytes, {stat.st_mtime_ns}"
    return RecordStream(source, RecordEncoding.CBOR_ROW, columns, records_from)


def _encoded(path: Path, number: int, row: list[Cell]) -> bytes:
    try:
        return encode_row(row)
    except MalformedRecord as error:
        raise MalformedTable(
            f"Record {number} of {path} cannot be listed", expected=error.expected, found=error.what
        ) from error


def _csv_rows(path: Path) -> tuple[tuple[str, ...], Callable[[int], Iterator[list[Cell]]]]:
    def lines() -> Iterator[list[Cell]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            try:
                yield from csv.reader(file, strict=True)
            except UnicodeDecodeError as error:
                raise UndecodableBytes(f"{path} is not UTF-8", found=error.reason, hint="convert it") from error
            except csv.Error as error:
                raise MalformedTable(f"{path} is not CSV", found=str(error)) from error

    header = next(lines(), None)
    if not header:
        raise MalformedTable(f"{path} has no header", expected="a first line with names of columns", found="nothing")
    return tuple(map(str, header)), lambda start: islice(lines(), start + 1, None)


def _json_rows(path: Path) -> tuple[tuple[str, ...], Callable[[int], Iterator[list[Cell]]]]:
    def objects() -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    value = json_value(line)
                except ValueError as error:
                    raise MalformedTable(f"Line {number} of {path} is not JSON", found=str(error)[:80]) from error
                if not isinstance(value, dict):
                    raise MalformedTable(f"Line {number} of {path} is no object", expected="an object", found=line[:40])
                yield value

    first = next(objects(), None)
    if not first:
        raise MalformedTable(f"{path} has no records", expected="an object a line", found="nothing")
    columns = tuple(first)

    def rows(start: int) -> Iterator[list[Cell]]:
        for value in islice(objects(), start, None):
            # A name that the first object lacks makes a row of another length, which is refused.
            more = [value[name] for name in value if name not in first]
            yield [*(value.get(name) for name in columns), *more]

    return columns, rows


def _parquet_rows(path: Path) -> tuple[tuple[str, ...], Callable[[int], Iterator[list[Cell]]]]:
    pyarrow_for(path)
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        columns = tuple(ParquetFile(path).schema_arrow.names)
    except (ArrowException, OSError) as error:
        raise MalformedTable(f"{path} is not Parquet", found=str(error)[:80]) from error

    def rows(start: int) -> Iterator[list[Cell]]:
        left = start
        # Buffered, a column is read page by page, and not a row group at once.
        with ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if left >= count:
                    left -= count
                    continue
                for batch in file.iter_batches(_BATCH, row_groups=[group], use_threads=False):
                    values = [column.to_pylist() for column in batch.columns]
                    yield from map(list, islice(zip(*values, strict=True), left, None))
                    left = max(0, left - batch.num_rows)

    return columns, rows


def _folder(folder: Path, chunk_size: int) -> RecordStream:
    names = sorted(
        Path(top, name).relative_to(folder).as_posix() for top, _, files in os.walk(folder) for name in files
    )
    if not names:
        raise FileMissing(f"{folder} holds no files", hint="check the path")
    inside = Folder(folder)
    states = [inside.state(name) for name in names]
    told = "\n".join(f"{state.name} {state.size} {state.modified}" for state in states)
    digest = sha256(told.encode("utf-8", "surrogateescape")).hex()

    def records_from(start: int) -> Iterator[bytes]:
        for state in islice(states, start, None):
            yield file_record(inside, state, (state.name,), chunk_size)

    return RecordStream(
        f"{folder.name}, {len(names)} files, {digest}", RecordEncoding.BYTES, ("content", "file"), records_from
    )
