"""Files and folders as streams of records: the same from any place on, and what is not of their form is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from blindfair.influence.streams import RecordStream, stream_records
from blindfair.protocol.errors import BlindfairError, FileMissing, MalformedTable, UndecodableBytes
from blindfair.protocol.files import decode_file_row
from blindfair.protocol.records import RecordEncoding, decode_row

ROWS = [(number, f'text {number}, "quoted"\nand é', number / 8, None) for number in range(2500)]
NAMES = ("number", "text", "value", "none")


def made_json(path: Path) -> Path:
    path.write_text("".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in ROWS))
    return path


def made_parquet(path: Path) -> Path:
    table = pa.Table.from_pylist([dict(zip(NAMES, row, strict=True)) for row in ROWS])
    write_table(table, path, row_group_size=1100)
    return path


def test_a_row_group_of_any_size_takes_little_memory(tmp_path: Path) -> None:
    texts = pa.array([f"{number:04}" * 256 for number in range(20_000)])
    table = pa.table({"a": texts, "b": texts})
    write_table(table, tmp_path / "t.parquet", row_group_size=len(texts), compression="none", use_dictionary=False)
    stream, before = stream_records(tmp_path / "t.parquet", 4096), pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in stream.records_from(0)]
    assert len(held) == len(texts)
    assert 0 < max(held) < 15_000_000 < table.nbytes


@pytest.mark.parametrize(("name", "made"), [("t.jsonl", made_json), ("t.parquet", made_parquet)])
def test_typed_rows_come_from_any_place_on(tmp_path: Path, name: str, made: Callable[[Path], Path]) -> None:
    stream = stream_records(made(tmp_path / name), 1024)
    assert (stream.encoding, stream.columns) == (RecordEncoding.CBOR_ROW, NAMES)
    for start in (0, 1, 1099, 1100, 1101, 2199, 2499, 2500):
        found = list(stream.records_from(start))
        assert [decode_row(record) for record in found] == ROWS[start:]
        assert {len(record) for record in found} <= {1008}


def test_csv_cells_are_texts_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1.0,"x\ny"\n007,\n', newline="")
    stream = stream_records(path, 1024)
    assert stream.columns == ("a", "b")
    assert [decode_row(record) for record in stream.records_from(0)] == [("1.0", "x\ny"), ("007", "")]
    assert [decode_row(record) for record in stream.records_from(1)] == [("007", "")]


def test_a_folder_gives_its_files_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b/2.bin", "a.bin", "b/1.bin"):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_bytes(name.encode() * 300)
    stream = stream_records(tmp_path / "f", 1024)
    assert stream.encoding is RecordEncoding.BYTES
    names = ["a.bin", "b/1.bin", "b/2.bin"]
    for start in (0, 2, 3):
        rows = [decode_file_row(record) for record in stream.records_from(start)]
        assert rows == [(name.encode() * 300, name) for name in names[start:]]


def sources(path: Path) -> RecordStream:
    return stream_records(path, 1024)


def test_a_change_of_the_source_is_another_source(tmp_path: Path) -> None:
    path = made_json(tmp_path / "t.jsonl")
    before = sources(path).source
    assert sources(path).source == before
    path.write_text(path.read_text() + "\n")
    assert sources(path).source != before
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a").write_bytes(b"1")
    before = sources(tmp_path / "f").source
    (tmp_path / "f" / "a").write_bytes(b"22")
    assert sources(tmp_path / "f").source != before


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("t.csv", b"", MalformedTable),
        ("t.csv", b"a,b\n1\n", MalformedTable),
        ("t.csv", b"a,b\n1,2,3\n", MalformedTable),
        ("t.csv", b'a,b\n"1"x,2\n', MalformedTable),
        ("t.csv", b"a,b\n\xff,2\n", UndecodableBytes),
        ("t.jsonl", b"", MalformedTable),
        ("t.jsonl", b"[1]\n", MalformedTable),
        ("t.jsonl", b"{}\n", MalformedTable),
        ("t.jsonl", b'{"a": 1}\nnone\n', MalformedTable),
        ("t.jsonl", b'{"a": 1}\n{"a": 1, "b": 2}\n', MalformedTable),
        ("t.jsonl", b'{"a": [1]}\n', MalformedTable),
        ("t.jsonl", b'{"a": NaN}\n', MalformedTable),
        ("t.parquet", b"PAR1 and no more", MalformedTable),
        ("t.xlsx", b"PK", MalformedTable),
    ],
)
def test_what_is_not_of_its_form_is_refused(
    tmp_path: Path, name: str, content: bytes, error: type[BlindfairError]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error):
        list(stream_records(tmp_path / name, 1024).records_from(0))


@pytest.mark.parametrize("name", ["none", "none.csv"])
def test_what_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileMissing):
        stream_records(tmp_path / name, 1024)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileMissing):
        stream_records(tmp_path / "empty", 1024)


def test_a_stream_is_committed_and_listed_by_a_seller_s_directory(tmp_path: Path) -> None:
    from blindfair.agents.seller.data import commit_stream
    from blindfair.agents.store.directory import SecretStore
    from blindfair.protocol.chunks import ChunkedDataset
    from blindfair.protocol.quantities import Secret

    stream: Any = stream_records(made_json(tmp_path / "t.jsonl"), 1024)
    home = tmp_path / "seller"
    dataset = commit_stream(home, stream.source, stream.records_from, 1024, lambda *_: None)
    secret = SecretStore(home / "secrets").get("listing")
    assert secret is not None
    assert dataset.root == ChunkedDataset.build(list(stream.records_from(0)), 1024, Secret(secret)).root
