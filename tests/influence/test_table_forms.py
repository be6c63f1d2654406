"""A table in any form reads as its CSV file does, and a small file cannot fill the memory."""

import gzip
import io
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blindfair.influence import columnar, frames, table_file
from blindfair.influence.table import read_table
from blindfair.protocol.errors import (
    BlindfairError,
    FileMissing,
    MalformedTable,
    MissingPackage,
    NoRecords,
    TooLarge,
    UndecodableBytes,
)

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
import pyarrow.feather  # noqa: E402
import pyarrow.parquet  # noqa: E402

COLUMNS: dict[str, list[Any]] = {
    "age": [31, 40, 22, 57],
    "dose": [1.5, None, 0.25, 1e-7],
    "ward": ["north", "007", None, 'a, quoted "one" é'],
    "smokes": [True, False, True, None],
    "sick": ["yes", "no", "no", "yes"],
}
CSV = (
    "age,dose,ward,smokes,sick\n31,1.5,north,True,yes\n40,,007,False,no\n22,0.25,,True,no\n"
    '57,1e-07,"a, quoted ""one"" é",,yes\n'
)
ARROW = pa.table(COLUMNS)


def parquet(table: Any = ARROW, **options: Any) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, **options)
    return file.getvalue()


def feather(table: Any = ARROW, **options: Any) -> bytes:
    file = io.BytesIO()
    pyarrow.feather.write_feather(table, file, **options)
    return file.getvalue()


def json_lines() -> bytes:
    rows = ARROW.to_pylist()
    # A name that is left out is a missing value, and names come in any order.
    rows[2] = {name: rows[2][name] for name in reversed(rows[2]) if rows[2][name] is not None}
    return "\n".join(json.dumps(row) for row in rows).encode() + b"\n\n"


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


FORMS: dict[str, bytes] = {
    "csv": CSV.encode(),
    "csv.gz": gzip.compress(CSV.encode()),
    "csv.zst": zstd(CSV.encode()),
    "jsonl": json_lines(),
    "jsonl.gz": gzip.compress(json_lines()),
    "parquet": parquet(),
    "parquet, dictionaries": parquet(ARROW.set_column(2, "ward", ARROW["ward"].dictionary_encode())),
    "parquet of two groups, zstd": parquet(row_group_size=2, compression="zstd"),
    "feather, lz4": feather(),
    "feather, zstd, two batches": feather(compression="zstd", chunksize=2),
    "feather, plain": feather(compression="uncompressed"),
    "feather, dictionaries": feather(ARROW.set_column(2, "ward", ARROW["ward"].dictionary_encode())),
}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_as_the_csv_file_whatever_its_name(form: str, tmp_path: Path) -> None:
    expected = read_table(written(tmp_path / "true.csv", FORMS["csv"]), "sick")
    found = read_table(written(tmp_path / "records.csv", FORMS[form]), "sick")
    assert found == expected
    assert found.companions == expected.companions
    assert [reading.kind for reading in found.readings] == [reading.kind for reading in expected.readings]


@pytest.mark.parametrize("source", [ARROW, ARROW.to_pandas(), pd.DataFrame(COLUMNS).convert_dtypes()], ids=str)
def test_a_frame_reads_as_the_csv_file(source: Any, tmp_path: Path) -> None:
    expected = read_table(written(tmp_path / "true.csv", FORMS["csv"]), "sick")
    assert read_table(source, "sick").rows == expected.rows


def test_numbers_of_json_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    lines = b'{"dose": 250.00, "sick": 1}\n{"dose": 3, "sick": 0}\n'
    table = read_table(written(tmp_path / "x", lines), "sick")
    assert table.rows == ((250.0, 1), (3.0, 0))
    assert table.companions[0].cells[0] == "250.00"


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b'{"a": 1\n', MalformedTable, "Line 1 is not JSON"),
        (b'{"a": 1, "a": 2}\n', MalformedTable, "a name occurs twice"),
        (b'{"a": 1, "sick": 0}\n[]\n', MalformedTable, "Line 2 is no object"),
        (b'{"a": [1], "sick": 0}\n', MalformedTable, "list in record 1"),
        (b'{"a": "\\ud800", "sick": 0}\n', MalformedTable, "half of a character"),
        (b'{"a": "\xff", "sick": 0}\n', UndecodableBytes, "0xff"),
        (b"{" * 5000, MalformedTable, "Line 1 is not JSON"),
        (gzip.compress(CSV.encode())[:-20], MalformedTable, "is damaged"),
        (b"\x1f\x8bnonsense", MalformedTable, "is damaged"),
        (zstd(CSV.encode())[:-20], MalformedTable, "is damaged"),
        (parquet()[:-40], MalformedTable, "cannot be read"),
        (b"PAR1nonsense", MalformedTable, "cannot be read"),
        (feather()[:-40], MalformedTable, "cannot be read"),
        (b"ARROW1\0\0nonsense", MalformedTable, "cannot be read"),
        (b"FEA1nonsense", MalformedTable, "version 1"),
        (parquet(ARROW.slice(0, 0)), NoRecords, "no records"),
        (feather(ARROW.slice(0, 0)), NoRecords, "no records"),
        (parquet(pa.table({"a": [[1]], "sick": [1]})), MalformedTable, "one value in each cell"),
        (feather(pa.table({"a": [b"x"], "sick": [1]})), MalformedTable, "one value in each cell"),
        (parquet(pa.table({"a": [1], "": [2], "sick": [1]})), MalformedTable, "has no name"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_what_is_no_table_is_told_by_name(data: bytes, error: type[BlindfairError], words: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        read_table(written(tmp_path / "x.csv", data), "sick")


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_table(tmp_path / "x.parquet", "sick")


ZEROS = pa.table({"a": [0] * 200_000, "sick": [0] * 200_000})
TEXTS = pa.table({"a": ["x" * 100_000] * 2_000, "sick": ["y"] * 2_000})


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"a,sick\n" + b"0,0\n" * 500_000),
        zstd(b"a,sick\n" + b"0,0\n" * 500_000),
        parquet(ZEROS),
        feather(ZEROS),
        feather(ZEROS, compression="zstd"),
        feather(TEXTS, compression="zstd"),
    ],
    ids=["gzip", "zstd", "parquet", "feather, lz4", "feather, zstd", "feather, texts"],
)
def test_a_small_file_of_a_large_table_is_refused_before_it_is_expanded(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(data) < 200_000
    monkeypatch.setattr(table_file, "BYTE_LIMIT", 1_000_000)
    monkeypatch.setattr(columnar, "_LIMIT", 1_000_000)
    # Nothing of it is decoded before. Columns of numbers in Parquet are bounded by the number of cells besides.
    monkeypatch.setattr(pa.ipc, "open_file", lambda *_: pytest.fail("decoded"))
    with pytest.raises(TooLarge) as caught:
        read_table(written(tmp_path / "x", data), "sick")
    assert "too large once it is expanded" in str(caught.value)


def test_equal_texts_of_a_parquet_file_are_kept_once(tmp_path: Path) -> None:
    """2,000 texts of 100,000 characters in a file of a few kilobytes: 200 MB if each were a text of its own."""
    table = TEXTS.set_column(1, "sick", pa.array(["y", "n"] * 1_000))
    path = written(tmp_path / "x", parquet(table))
    assert path.stat().st_size < 20_000
    tracemalloc.start()
    try:
        found = table_file.read_table_file(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert len(found.rows) == 2_000


@pytest.mark.parametrize("read", [lambda: parquet(ZEROS), lambda: feather(ZEROS)], ids=["parquet", "feather"])
def test_too_many_cells_are_refused(read: Callable[[], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "CELL_LIMIT", 1000)
    with pytest.raises(TooLarge, match="too many cells"):
        read_table(written(tmp_path / "x", read()), "sick")
    monkeypatch.setattr(frames, "CELL_LIMIT", 1000)
    with pytest.raises(TooLarge, match="too many cells"):
        read_table(ZEROS, "sick")
    monkeypatch.setattr(table_file, "CELL_LIMIT", 3)
    with pytest.raises(TooLarge, match="too many cells"):
        read_table(written(tmp_path / "x", b'{"a": 1, "sick": 0}\n' * 3), "sick")


def test_without_pyarrow_csv_and_json_lines_are_read_and_others_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for form in ("csv", "csv.gz", "jsonl", "jsonl.gz"):
        assert len(read_table(written(tmp_path / "x", FORMS[form]), "sick").rows) == 4
    for form in ("csv.zst", "parquet", "feather, lz4"):
        with pytest.raises(MissingPackage, match="blindfair"):
            read_table(written(tmp_path / "x", FORMS[form]), "sick")
