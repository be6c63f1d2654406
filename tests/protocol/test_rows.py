"""Gradient rows are committed in salted leaves before the draw (PROTOCOL 4.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.errors import MalformedMessage, ShapeMismatch
from blindfair.protocol.merkle import leaf_hash, verify_path
from blindfair.protocol.quantities import Digest, RecordIndex, Salt, Secret
from blindfair.protocol.rows import ROW_LIMIT, build_row_tree, parse_row_leaf, row_leaf, row_salt
from protocol.vector_files import Case, each, load, outcome

FILE = load("rows/rows.json")
SECRET, REQUEST = Secret(bytes.fromhex(FILE["secret"])), Digest(bytes.fromhex(FILE["request"]))
SALT = Salt(bytes(16))
entries = st.lists(st.integers(-ROW_LIMIT, ROW_LIMIT), max_size=20)


def as_bytes(row: list[int]) -> bytes:
    return b"".join(entry.to_bytes(2, "big", signed=True) for entry in row)


@each("rows/rows.json")
def test_opened_rows_are_read_or_refused(case: Case) -> None:
    leaf = outcome(case, lambda: parse_row_leaf(bytes.fromhex(case["leaf"]), case["k"]))
    if leaf is not None:
        assert (leaf.record, list(leaf.row)) == (case["record"], case["row"])
        assert leaf.salt == row_salt(SECRET, REQUEST, leaf.record)
        assert row_leaf(leaf.salt, leaf.record, leaf.row).hex() == case["leaf"]


def test_the_root_of_all_rows() -> None:
    tree = build_row_tree(SECRET, REQUEST, b"".join(map(as_bytes, FILE["rows"])), 4)
    assert tree.root.hex() == FILE["row_root"]
    for record, row in enumerate(FILE["rows"]):
        leaf = row_leaf(row_salt(SECRET, REQUEST, RecordIndex(record)), RecordIndex(record), row)
        verify_path(leaf_hash(leaf), record, len(FILE["rows"]), tree.path(record), tree.root)


def test_rows_of_one_entry_make_a_tree() -> None:
    assert build_row_tree(SECRET, REQUEST, as_bytes([5, -5, 0]), 1).size == 3


def test_equal_rows_of_another_request_record_or_secret_are_not_recognised() -> None:
    salts = {
        row_salt(secret, request, RecordIndex(record))
        for secret in (SECRET, Secret(bytes(32)))
        for request in (REQUEST, Digest(bytes(32)))
        for record in (0, 1, 2**64 - 1)
    }
    assert len(salts) == 12
    assert {len(salt) for salt in salts} == {16}


@given(entries, st.integers(0, 2**64 - 1))
def test_a_row_survives_its_leaf_in_both_forms(row: list[int], record: int) -> None:
    leaf = row_leaf(SALT, RecordIndex(record), row)
    assert leaf == row_leaf(SALT, RecordIndex(record), as_bytes(row))
    read = parse_row_leaf(leaf, len(row))
    assert (read.salt, read.record, list(read.row)) == (SALT, record, row)


@given(st.binary(max_size=60), st.integers(0, 20))
def test_any_bytes_are_refused_or_a_leaf(data: bytes, k: int) -> None:
    try:
        leaf = parse_row_leaf(data, k)
    except MalformedMessage:
        return
    assert row_leaf(leaf.salt, leaf.record, leaf.row) == data


@pytest.mark.parametrize("row", [[2048], [-2048], [0, 32767], [-32768], [2**40], b"\x08\x00", b"\xf8\x00", b"\x00"])
def test_rows_out_of_bounds_are_not_committed(row: list[int] | bytes) -> None:
    with pytest.raises(ShapeMismatch):
        row_leaf(SALT, RecordIndex(0), row)


@pytest.mark.parametrize(
    ("rows", "k"),
    [(b"", 1), (bytes(7), 2), (bytes(8), 3), (bytes(8), 0), (bytes(8), -2), (b"\x08\x00" * 4, 2)],
)
def test_bytes_that_are_no_table_are_not_committed(rows: bytes, k: int) -> None:
    with pytest.raises(ShapeMismatch):
        build_row_tree(SECRET, REQUEST, rows, k)
