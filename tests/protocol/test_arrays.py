"""Records that begin with an array are npy 1.0 in one form, compared and never interpreted (PROTOCOL 1, 2)."""

import io

import numpy as np
import pytest

from blindfair.protocol.arrays import ArrayForm, decode_array_row, encode_array, encode_array_rows, form_of
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import InvalidListing, MalformedRecord
from blindfair.protocol.fields import Fields
from blindfair.protocol.records import RecordEncoding, RecordLimits, Row, encode_row
from blindfair.protocol.schema import Column, ColumnKind, Schema
from protocol.vector_files import Case, each, outcome

IMAGE = np.arange(6, dtype=np.uint8).reshape(2, 3)
FORM = ArrayForm("|u1", (2, 3))
SCHEMA = Schema((Column("image", ColumnKind.ARRAY, form=FORM), Column("label", ColumnKind.NUMBER)), "label")


@each("arrays/records.json")
def test_a_record_is_read_in_its_listing_s_form_or_refused(case: Case) -> None:
    form, record = ArrayForm(case["dtype"], tuple(case["shape"])), bytes.fromhex(case["record"])
    row = outcome(case, lambda: decode_array_row(record, form))
    if row is None:
        return
    assert row[1:] == tuple(int(cell, 16) for cell in case["cells"])
    (again,) = encode_array_rows([row])
    assert again == record.rstrip(b"\0") or again == record
    assert isinstance(row[0], bytes)
    assert form_of(row[0]) == form
    # Anybody's numpy reads the record as it is, and so does this program.
    loaded = np.load(io.BytesIO(record), allow_pickle=False)
    assert np.array_equal(loaded, form.numbers(row[0]))
    assert encode_array(loaded) == row[0]


@each("arrays/forms.json")
def test_a_form_is_one_that_is_listed_or_refused(case: Case) -> None:
    outcome(case, lambda: ArrayForm(case["dtype"], tuple(case["shape"])))


@pytest.mark.parametrize("shape", [(28, 28), (5,), (3, 4, 2), (100, 100), (65536,)])
@pytest.mark.parametrize("dtype", ["|u1", "<u2", "<f4", "<f8"])
def test_an_array_has_the_bytes_of_numpy_s_own_files(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    file = io.BytesIO()
    np.save(file, array)
    for stored in (array, array.astype(array.dtype.newbyteorder(">")), np.asfortranarray(array)):
        assert encode_array(stored) == file.getvalue()


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.array(1.0), MalformedRecord),
        (np.array([1.0, np.nan]), MalformedRecord),
        (np.array([np.inf], dtype="f4"), MalformedRecord),
        (np.array([1, 2]), InvalidListing),
        (np.array([object()]), InvalidListing),
        (np.zeros((0, 2), dtype="u1"), InvalidListing),
    ],
)
def test_an_array_of_another_kind_is_not_encoded(array: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        encode_array(array)


@pytest.mark.parametrize("row", [(), (7,), ("text",), (b"no array", 7), (None, 7)])
def test_a_row_without_an_array_is_not_encoded(row: Row) -> None:
    with pytest.raises(MalformedRecord, match="does not begin with an array"):
        encode_array_rows([row])


@pytest.mark.parametrize("cell", [b"", b"other bytes", FORM.header.replace(b"(2, 3)", b"(0, 3)"), FORM.header[:-1]])
def test_no_form_is_read_from_another_header(cell: bytes) -> None:
    with pytest.raises(MalformedRecord, match="no array"):
        form_of(cell)


def test_records_of_a_listing_are_equally_long() -> None:
    rows: list[Row] = [(encode_array(IMAGE), 7), (encode_array(IMAGE), "a longer label")]
    records = encode_array_rows(rows)
    assert len({len(record) for record in records}) == 1
    assert [SCHEMA.decode(RecordEncoding.ARRAY, record) for record in records[:1]] == rows[:1]
    assert encode_array_rows([]) == ()


def test_a_record_longer_than_any_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindfair.protocol.arrays.RECORD_LIMITS", RecordLimits(cells=10, size=200))
    (record,) = encode_array_rows([(encode_array(IMAGE), 7)])
    assert decode_array_row(record, FORM)
    with pytest.raises(MalformedRecord, match="too long"):
        decode_array_row(record.ljust(201, b"\0"), FORM)


def test_a_row_in_cbor_holds_no_array() -> None:
    with pytest.raises(MalformedRecord):
        encode_row([encode_array(IMAGE)])


def test_a_schema_says_the_form_of_its_arrays() -> None:
    document = SCHEMA.to_document()
    assert document["columns"] == [
        {"name": "image", "kind": "array", "scored": True, "dtype": "|u1", "shape": [2, 3]},
        {"name": "label", "kind": "number", "scored": True},
    ]
    assert Schema.from_fields(Fields(document, "schema")) == SCHEMA
    listed = Schema((SCHEMA.columns[0], Column("label", ColumnKind.NUMBER, form=ArrayForm("<i8", ()))), "label")
    read = Schema.from_fields(Fields(listed.to_document(), "schema"))
    assert read == listed
    assert canonical(read.to_document()) == canonical(listed.to_document())


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (ColumnKind.ARRAY, None),
        (ColumnKind.ARRAY, ArrayForm("|u1", ())),
        (ColumnKind.NUMBER, FORM),
        (ColumnKind.TEXT, FORM),
    ],
)
def test_a_column_has_a_form_that_fits_its_kind(kind: ColumnKind, form: ArrayForm | None) -> None:
    with pytest.raises(InvalidListing, match="kind of a column"):
        Column("image", kind, form=form)


def test_a_schema_without_arrays_reads_no_record_of_arrays() -> None:
    (record,) = encode_array_rows([(encode_array(IMAGE), 7)])
    for schema in (Schema(SCHEMA.columns[::-1], "label"), Schema((Column("label", ColumnKind.NUMBER),), None)):
        with pytest.raises(MalformedRecord, match="begin with arrays"):
            schema.decode(RecordEncoding.ARRAY, record)


@pytest.mark.parametrize("row", [(encode_array(IMAGE),), (encode_array(IMAGE), "seven"), (encode_array(IMAGE), 7, 7)])
def test_the_other_cells_fit_the_schema_too(row: Row) -> None:
    (record,) = encode_array_rows([row])
    with pytest.raises(MalformedRecord):
        SCHEMA.decode(RecordEncoding.ARRAY, record)
