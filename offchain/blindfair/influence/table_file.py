"""A person's table in a file: CSV, JSON Lines, Parquet or Feather, also compressed by gzip or zstd.

What a file is, its first bytes say, not its name: a copy under another name reads the same. Every form gives the texts
that a CSV file of the table would hold, so the checks and the report of how columns were read are the same. Sizes are
bounded before they are in memory, compressed ones as well.

Parquet, Feather and zstd need pyarrow (`pip install blindfair[tables]`). Not here: CSV itself (`csv_file`).
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from blindfair.influence.columnar import feather_texts, parquet_texts, pyarrow_for
from blindfair.influence.csv_file import (
    BYTE_LIMIT,
    CELL_LIMIT,
    LINE_LIMIT,
    CsvTexts,
    read_unchanged,
    texts_of_csv,
)
from blindfair.influence.frames import texts_of
from blindfair.protocol.documents import check_nesting
from blindfair.protocol.errors import MalformedMessage, MalformedTable, TooLarge

_PARQUET, _FEATHER, _OLD_FEATHER = b"PAR1", b"ARROW1", b"FEA1"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 2**20


def read_table_file(path: Path) -> CsvTexts:
    """Read a table in any of the forms. `lines` are those of CSV and JSON Lines, else they count the records from 1.

    Raises FileMissing, TooLarge (before it fills the memory), UndecodableBytes, MalformedTable, NoRecords, FileChanged,
    MissingPackage.
    """
    return read_unchanged(path, lambda: _read(path))


def _read(path: Path) -> CsvTexts:
    with path.open("rb") as file:
        head = file.read(len(_FEATHER))
        file.seek(0)
        if head.startswith(_GZIP):
            return _plain(path, io.BytesIO(_expanded(path, gzip.GzipFile(fileobj=file), "gzip")))
        if head.startswith(_ZSTD):
            stream = pyarrow_for(path).CompressedInputStream(file, "zstd")
            return _plain(path, io.BytesIO(_expanded(path, stream, "zstd")))
        return _plain(path, file)


def _expanded(path: Path, stream: Any, called: str) -> bytes:
    """The content of a compressed file, as long as it stays within the limit of a plain one."""
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > BYTE_LIMIT:
                raise TooLarge(
                    f"{path} is too large once it is expanded",
                    expected=f"at most {BYTE_LIMIT} bytes",
                    found=f"more, in {path.stat().st_size} bytes of {called}",
                    hint="take a part of the table",
                )
            pieces.append(bytes(piece))
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedTable(
            f"{path} is damaged",
            expected=f"a file of {called}",
            found=ascii(str(error)[:80]),
            hint="compress it again, or give the file as it was before",
        ) from error
    return b"".join(pieces)


def _plain(path: Path, file: BinaryIO) -> CsvTexts:
    """A table that is not compressed as a whole."""
    head = file.read(_PIECE)
    file.seek(0)
    if head.startswith(_PARQUET):
        return parquet_texts(path, file)
    if head.startswith(_FEATHER):
        return feather_texts(path, file)
    if head.startswith(_OLD_FEATHER):
        raise MalformedTable(
            f"{path} is Feather of version 1",
            expected="Feather of version 2, Parquet, JSON Lines or CSV",
            found="a format that is no longer written",
            hint="read it with pandas and write it as Parquet",
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return _json_lines(file)
    return texts_of_csv(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))


def _json_lines(file: BinaryIO) -> CsvTexts:
    """Objects, one a line, of the same names in any order; a name that is left out is a missing value."""
    names: dict[str, None] = {}
    found: list[dict[str, object]] = []
    lines: list[int] = []
    number = 0
    while line := file.readline(LINE_LIMIT):
        number += 1
        if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            raise TooLarge(f"Line {number} is too long", expected=f"at most {LINE_LIMIT} bytes", found="more")
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if not text:
            continue
        found.append(json_object(text, number))
        lines.append(number)
        names.update(dict.fromkeys(found[-1]))
        if len(found) * len(names) > CELL_LIMIT:
            raise TooLarge(
                "The table has too many cells",
                expected=f"at most {CELL_LIMIT}",
                found=f"more in {number} lines",
                hint="take a part of the table",
            )
    return texts_of(list(names), [[record.get(name) for record in found] for name in names], lines)


def json_object(text: str, line: int) -> dict[str, object]:
    """The object in a line of JSON Lines, numbers as they are written. Raises MalformedTable."""

    def unique(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
        held = list(pairs)
        record = dict(held)
        if len(record) != len(held):
            raise ValueError("a name occurs twice")
        return record

    try:
        check_nesting(text.encode())
        # Numbers stay as they are written: 250.00 comes back as 250.00, as in CSV.
        record = json.loads(text, object_pairs_hook=unique, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, MalformedMessage) as error:
        raise MalformedTable(
            f"Line {line} is not JSON",
            expected="an object in each line, as in JSON Lines",
            found=ascii(str(error)[:80]),
            hint='write each record as {"column": value, ...} in a line of its own',
        ) from error
    if not isinstance(record, dict):
        raise MalformedTable(
            f"Line {line} is no object",
            expected='{"column": value, ...}',
            found=ascii(text[:40]),
            hint="is this a table?",
        )
    return record
