"""Rows are deterministic CBOR (RFC 8949 section 4.2.1), texts are UTF-8; one record has one byte form (PROTOCOL 1)."""

import contextlib
import math
import struct
from http import HTTPStatus
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.errors import MalformedRecord
from blindfair.protocol.records import (
    Cell,
    RecordLimits,
    Row,
    decode_row,
    decode_text,
    encode_row,
    encode_rows,
    encode_text,
)
from protocol.vector_files import Case, each, outcome

unicode_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    unicode_text,
)
rows = st.lists(cells, max_size=30)


def cell_of(described: dict[str, str]) -> Cell:
    match described["type"]:
        case "integer":
            return int(described["value"])
        case "float":
            (number,) = struct.unpack(">d", bytes.fromhex(described["value"]))
            return float(number)
        case "text":
            return described["value"]
        case "missing":
            return None
        case boolean:
            return boolean == "true"


def same(left: Row, right: Row) -> bool:
    """Equal in value, type and sign of zero."""
    return [(type(cell), repr(cell)) for cell in left] == [(type(cell), repr(cell)) for cell in right]


@each("rfc8949/cells.json")
def test_examples_of_the_rfc_as_a_cell(case: Case) -> None:
    data = b"\x81" + bytes.fromhex(case["item"])
    row = outcome(case, lambda: decode_row(data))
    if row is not None:
        assert same(row, (cell_of(case["cell"]),))
        assert encode_row(row) == data


@each("rfc8949/rows.json")
def test_rows_of_the_rfc_and_what_is_none(case: Case) -> None:
    data = bytes.fromhex(case["row"])
    row = outcome(case, lambda: decode_row(data))
    if row is not None:
        assert same(row, tuple(cell_of(cell) for cell in case["cells"]))


@given(rows)
def test_what_is_encoded_is_decoded(row: list[Cell]) -> None:
    assert same(decode_row(encode_row(row)), tuple(row))


@given(st.lists(rows, min_size=1, max_size=5))
def test_rows_of_a_listing_are_of_one_length_and_decode_to_what_they_were(listed: list[list[Cell]]) -> None:
    records = encode_rows(listed)
    assert {len(record) for record in records} == {max(len(encode_row(row)) for row in listed)}
    assert all(same(decode_row(record), tuple(row)) for record, row in zip(records, listed, strict=True))


@given(st.binary(max_size=40))
def test_any_bytes_are_refused_or_canonical(data: bytes) -> None:
    with contextlib.suppress(MalformedRecord):
        canonical = encode_row(decode_row(data))
        assert data.startswith(canonical) and not data[len(canonical) :].strip(b"\0")


@given(rows, st.data())
def test_altered_rows_are_refused_or_other_rows(row: list[Cell], data: st.DataObject) -> None:
    good = encode_row(row)
    bad = bytearray(good)
    bad[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        other = decode_row(bytes(bad))
    except MalformedRecord:
        return
    assert not same(other, tuple(row))


@given(rows, st.integers(0, 2**32))
def test_cut_rows_are_refused(row: list[Cell], at: int) -> None:
    good = encode_row(row)
    with pytest.raises(MalformedRecord):
        decode_row(good[: at % len(good)])


def test_integers_and_floats_are_different_cells() -> None:
    assert encode_row([1]).hex() == "8101"
    assert encode_row([1.0]).hex() == "81f93c00"
    assert type(decode_row(encode_row([1.0]))[0]) is float
    assert type(decode_row(encode_row([1]))[0]) is int


def test_zeros_keep_their_sign() -> None:
    (zero,) = decode_row(encode_row([-0.0]))
    assert isinstance(zero, float)
    assert math.copysign(1, zero) == -1


@pytest.mark.parametrize(
    "cell",
    [
        math.nan,
        math.inf,
        -math.inf,
        2**64,
        -(2**64) - 1,
        b"bytes",
        [1],
        (1,),
        {"a": 1},
        {1},
        1j,
        "\ud800",
        np.float64(1.5),
        np.int64(1),
        np.str_("a"),
        np.bool_(True),
        HTTPStatus.OK,
        object(),
    ],
    ids=lambda cell: type(cell).__name__,
)
def test_other_cells_are_refused(cell: Any) -> None:
    with pytest.raises(MalformedRecord):
        encode_row([1, cell])


@pytest.mark.parametrize("tag", ["c0", "c2", "d81c", "d81d", "d823", "d9d9f7"])
def test_a_tag_is_refused_before_anything_is_made_of_it(tag: str) -> None:
    # Tag 35 would compile a regular expression, 28 and 29 would share values.
    with pytest.raises(MalformedRecord, match="nesting depth"):
        decode_row(bytes.fromhex("81" + tag + "60"))


@given(unicode_text)
def test_texts_are_their_utf8(text: str) -> None:
    plain = text.rstrip("\0")
    assert encode_text(plain) == plain.encode()
    assert decode_text(encode_text(plain)) == plain


@pytest.mark.parametrize("data", [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"])
def test_other_bytes_are_no_text(data: bytes) -> None:
    with pytest.raises(MalformedRecord):
        decode_text(data)


@given(unicode_text, st.integers(0, 5))
def test_zero_bytes_after_a_text_are_not_part_of_it(text: str, zeros: int) -> None:
    plain = text.rstrip("\0")
    assert decode_text(encode_text(plain) + bytes(zeros)) == plain


def test_a_text_ends_in_no_zero_character() -> None:
    """It could not be told from one that is filled up to whole chunks."""
    with pytest.raises(MalformedRecord):
        encode_text("a\0")


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(MalformedRecord):
        encode_text("a\udfff")


def test_records_beyond_the_limits_are_refused() -> None:
    limits = RecordLimits(cells=2, size=5)
    assert decode_row(encode_row([1, 2]), limits) == (1, 2)
    assert decode_text(b"12345", limits) == "12345"
    with pytest.raises(MalformedRecord, match="too many cells"):
        decode_row(encode_row([1, 2, 3]), limits)
    with pytest.raises(MalformedRecord, match="too long"):
        decode_row(encode_row(["12345"]), limits)
    with pytest.raises(MalformedRecord, match="too long"):
        decode_text(b"123456", limits)
