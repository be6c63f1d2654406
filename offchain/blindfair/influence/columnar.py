"""Parquet and Feather files as the texts that a CSV file of the table would hold. Needs pyarrow.

Both forms are compressed inside, and a small file may state or hold a huge table. So what a file states is added up
before it is decoded: records, columns, and bytes. Columns of text are read as dictionaries, whose values are kept once.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from blindfair.influence.csv_file import BYTE_LIMIT, CELL_LIMIT, CsvTexts
from blindfair.influence.frames import arrow_texts
from blindfair.protocol.errors import BlindfairError, MalformedTable, MissingPackage, NoRecords, TooLarge

_LIMIT = 4 * BYTE_LIMIT
"""Bytes of a table once it is decoded, at most: columns of numbers take eight bytes a cell."""

_PIECE = 2**20
_DICTIONARY, _RECORDS = 2, 3
"""Kinds of messages in an Arrow file (`MessageHeader` of Arrow's `Message.fbs`)."""


def parquet_texts(path: Path, file: BinaryIO) -> CsvTexts:
    """Read a Parquet file. Raises MalformedTable, NoRecords, TooLarge, MissingPackage."""
    return _columnar(path, file, _parquet)


def feather_texts(path: Path, file: BinaryIO) -> CsvTexts:
    """Read a Feather file of version 2, which is an Arrow file. Raises as `parquet_texts`."""
    return _columnar(path, file, _feather)


def pyarrow_for(path: Path) -> ModuleType:
    """Return pyarrow, to read this file with. Raises MissingPackage."""
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        raise MissingPackage(
            f"{path} is of a form that needs pyarrow: Parquet, Feather or zstd",
            expected="pyarrow",
            found="it is not installed",
            hint="pip install 'blindfair[tables]', or write the table as CSV",
        ) from error
    found: ModuleType = pyarrow
    return found


def _columnar(path: Path, file: BinaryIO, read: Callable[[ModuleType, Path, BinaryIO], Any]) -> CsvTexts:
    arrow = pyarrow_for(path)
    try:
        return arrow_texts(read(arrow, path, file))
    except BlindfairError:
        raise
    except (arrow.ArrowException, OSError, ValueError, KeyError, struct.error) as error:
        raise MalformedTable(
            f"{path} cannot be read",
            expected="a table that pyarrow reads",
            found=ascii(str(error)[:80]),
            hint="write it again, or write it as CSV",
        ) from error


def _parquet(arrow: ModuleType, path: Path, file: BinaryIO) -> Any:
    from pyarrow import parquet

    limits = {"thrift_string_size_limit": 64 * _PIECE, "thrift_container_size_limit": _PIECE}
    schema = parquet.ParquetFile(file, **limits).schema_arrow
    check_kinds(arrow, schema)
    texts = [field.name for field in schema if _is_text(arrow, field.type)]
    file.seek(0)
    found = parquet.ParquetFile(file, read_dictionary=texts, **limits)
    state = found.metadata
    _check_cells(path, state.num_rows, state.num_columns)
    groups = range(state.num_row_groups)
    _check_bytes(path, sum(state.row_group(number).total_byte_size for number in groups))
    parts = []
    for number in groups:
        parts.append(found.read_row_group(number))
        _check_bytes(path, sum(part.nbytes for part in parts))
    return arrow.concat_tables(parts)


def _feather(arrow: ModuleType, path: Path, file: BinaryIO) -> Any:
    _check_bytes(path, _stated_bytes(arrow, file))
    file.seek(0)
    found = arrow.ipc.open_file(file)
    check_kinds(arrow, found.schema)
    batches, records = [], 0
    for number in range(found.num_record_batches):
        batches.append(found.get_batch(number))
        records += batches[-1].num_rows
        _check_cells(path, records, batches[-1].num_columns)
    _check_cells(path, records, len(found.schema))
    return arrow.Table.from_batches(batches, schema=found.schema)


def _stated_bytes(arrow: ModuleType, file: BinaryIO) -> int:
    """Bytes of all columns of an Arrow file once they are decoded: compressed bytes begin by saying how many."""
    file.seek(8)
    total = 0
    for message in arrow.ipc.MessageReader.open_stream(file):
        header, body = memoryview(message.metadata), memoryview(message.body or b"")
        place = _table(header, 0)
        kind = _field(header, place, 1)
        batch = _field(header, place, 2)
        if not kind or not batch or header[kind] not in (_DICTIONARY, _RECORDS):
            continue
        at = _table(header, batch)
        if header[kind] == _DICTIONARY:
            at = _table(header, _field(header, at, 1))
        buffers, is_compressed = _field(header, at, 2), _field(header, at, 3)
        if not buffers:
            continue
        start = buffers + struct.unpack_from("<I", header, buffers)[0]
        for number in range(struct.unpack_from("<I", header, start)[0]):
            offset, length = struct.unpack_from("<qq", header, start + 4 + 16 * number)
            stated = struct.unpack_from("<q", body, offset)[0] if is_compressed and length >= 8 else -1
            total += length if stated < 0 else stated
    return total


def _table(data: memoryview, place: int) -> int:
    """The place of a FlatBuffers table that an offset at `place` leads to."""
    return place + int(struct.unpack_from("<I", data, place)[0])


def _field(data: memoryview, table: int, number: int) -> int:
    """The place of a table's field, 0 where it is left out."""
    index = table - struct.unpack_from("<i", data, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", data, index)[0]:
        return 0
    offset = int(struct.unpack_from("<H", data, index + 4 + 2 * number)[0])
    return table + offset if offset else 0


def check_kinds(arrow: ModuleType, schema: Any) -> None:
    """Raises MalformedTable for columns of lists, objects and bytes, before they are decoded."""
    types = arrow.types
    plain = (
        types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_decimal, types.is_temporal
    )  # fmt: skip
    for field in schema:
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        if not _is_text(arrow, kind) and not any(test(kind) for test in plain):
            raise MalformedTable(
                f"Column {field.name!r} holds something that is no number, text or date",
                expected="one value in each cell",
                found=f"cells of {str(kind)[:40]!a}",
                hint="leave the column out of the file, or make several columns of it",
            )


def _is_text(arrow: ModuleType, kind: Any) -> bool:
    types = arrow.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _check_cells(path: Path, records: int, columns: int) -> None:
    if records < 1:
        raise NoRecords(f"{path} has no records", expected="records", found=0, hint="is this the right file?")
    if records * columns > CELL_LIMIT:
        raise TooLarge(
            "The table has too many cells",
            expected=f"at most {CELL_LIMIT}",
            found=records * columns,
            hint="take a part of the table",
        )


def _check_bytes(path: Path, size: int) -> None:
    if size > _LIMIT:
        raise TooLarge(
            f"{path} is too large once it is expanded",
            expected=f"at most {_LIMIT} bytes",
            found=size,
            hint="take a part of the table",
        )
