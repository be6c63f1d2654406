"""Records that begin with a file hold it as it was, and the row of the other cells (PROTOCOL 1, 2)."""

from dataclasses import replace

import pytest

from blindfair.protocol.errors import InvalidListing, MalformedRecord
from blindfair.protocol.files import decode_file_row, encode_file_row
from blindfair.protocol.records import RECORD_LIMITS, RecordEncoding
from blindfair.protocol.schema import Column, ColumnKind, Schema
from protocol.test_manifest import MANIFEST
from protocol.vector_files import Case, each, outcome

FILES = Column("content", ColumnKind.FILE, scored=False)
NAME, LABEL = Column("file", ColumnKind.TEXT, scored=False), Column("label", ColumnKind.NUMBER)
SCHEMA = Schema((FILES, NAME, LABEL), "label")


@each("arrays/files.json")
def test_a_record_holds_its_file_or_is_refused(case: Case) -> None:
    record = bytes.fromhex(case["record"])
    row = outcome(case, lambda: decode_file_row(record))
    if row is None:
        return
    assert row == (bytes.fromhex(case["file"]), *case["cells"])
    assert record.startswith(encode_file_row(bytes.fromhex(case["file"]), case["cells"]))


def test_a_schema_reads_files_by_its_columns() -> None:
    record = encode_file_row(b"\x89PNG\0\0", ("scan.png", 3))
    assert SCHEMA.decode(RecordEncoding.BYTES, record) == (b"\x89PNG\0\0", "scan.png", 3)
    with pytest.raises(MalformedRecord):
        SCHEMA.decode(RecordEncoding.BYTES, encode_file_row(b"", ("scan.png",)))


@pytest.mark.parametrize("size", [RECORD_LIMITS.size, RECORD_LIMITS.size + 1])
def test_a_file_is_shorter_than_a_record_may_be(size: int) -> None:
    with pytest.raises(MalformedRecord):
        encode_file_row(bytes(size), ())
    with pytest.raises(MalformedRecord):
        decode_file_row(bytes(RECORD_LIMITS.size + 1))


def test_no_model_reads_files() -> None:
    with pytest.raises(InvalidListing):
        Column("content", ColumnKind.FILE)


@pytest.mark.parametrize(
    ("encoding", "columns"),
    [
        (RecordEncoding.BYTES, (NAME, LABEL)),
        (RecordEncoding.BYTES, (LABEL, FILES)),
        (RecordEncoding.BYTES, (FILES, replace(FILES, name="more"), LABEL)),
        (RecordEncoding.CBOR_ROW, (FILES, LABEL)),
    ],
)
def test_files_are_the_first_column_of_their_encoding_alone(
    encoding: RecordEncoding, columns: tuple[Column, ...]
) -> None:
    assert replace(MANIFEST, encoding=RecordEncoding.BYTES, schema=SCHEMA).schema == SCHEMA
    with pytest.raises(InvalidListing):
        replace(MANIFEST, encoding=encoding, schema=Schema(columns, "label"))
