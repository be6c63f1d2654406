"""Gradient rows as they are committed before the draw: salted leaves of the row tree (PROTOCOL 4.2).

Not here: how a row is computed, projected, rounded and clipped (package `influence`).
"""

import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from blindfair.protocol.chunks import SALT_SIZE
from blindfair.protocol.errors import MalformedMessage, ShapeMismatch
from blindfair.protocol.hashing import u64
from blindfair.protocol.merkle import MerkleTree, leaf_hash
from blindfair.protocol.quantities import Digest, RecordIndex, Salt, Secret

ROW_LIMIT = 2047
"""Entries of a row lie in -2047 ... 2047: 12 bits (PROTOCOL 4.2)."""

EXPONENT_BITS_LIMIT = 4
"""Bits of a row's exponent at most: rows up to `2^15` times smaller than the largest keep all twelve bits."""

ENTRY_SIZE = 2
"""Bytes of an entry: int16, big-endian."""


@dataclass(frozen=True, slots=True)
class RowLeaf:
    """The opening of one row by its seller."""

    salt: Salt
    """16 bytes before the row."""

    record: RecordIndex
    """The record that the row is of."""

    row: tuple[int, ...]
    """`k` entries."""


def row_salt(secret: Secret, request_digest: Digest, record: RecordIndex) -> Salt:
    """`HMAC-SHA256(secret, "row" || request digest || u64(record))[:16]` (PROTOCOL 4.2)."""
    return Salt(hmac.digest(secret, b"row" + request_digest + u64(record), "sha256")[:SALT_SIZE])


def row_leaf(salt: Salt, record: RecordIndex, row: Sequence[int] | bytes) -> bytes:
    """Leaf data `salt || u64(record) || k x int16 big-endian`; `row` as `k` integers or as those `2 k` bytes.

    Raises `ShapeMismatch` for an entry beyond `ROW_LIMIT` or half an entry.
    """
    if isinstance(row, bytes):
        if len(row) % ENTRY_SIZE:
            raise ShapeMismatch("A row ends within an entry", expected="2 bytes an entry", found=f"{len(row)} bytes")
        entries: Sequence[int] = _entries(row)
    else:
        entries = row
    if entries and not -ROW_LIMIT <= min(entries) <= max(entries) <= ROW_LIMIT:
        raise ShapeMismatch("A row has an entry out of bounds", expected=f"-{ROW_LIMIT} ... {ROW_LIMIT}")
    return salt + u64(record) + struct.pack(f">{len(entries)}h", *entries)


def parse_row_leaf(data: bytes, k: int) -> RowLeaf:
    """Read opened leaf data of a row of `k` entries.

    Raises `MalformedMessage` for another length or an entry beyond `ROW_LIMIT`.
    """
    head = SALT_SIZE + 8
    if len(data) != head + ENTRY_SIZE * k:
        raise MalformedMessage("An opened row has a wrong length", expected=head + ENTRY_SIZE * k, found=len(data))
    row = _entries(data[head:])
    for entry in row:
        if not -ROW_LIMIT <= entry <= ROW_LIMIT:
            raise MalformedMessage(
                "An opened row has an entry out of bounds", expected=f"-{ROW_LIMIT} ... {ROW_LIMIT}", found=entry
            )
    return RowLeaf(Salt(data[:SALT_SIZE]), RecordIndex(int.from_bytes(data[SALT_SIZE:head], "big")), row)


def build_row_tree(secret: Secret, request_digest: Digest, rows: bytes, k: int) -> MerkleTree:
    """The row tree of all records; its root is `row_root` (PROTOCOL 4.2).

    `rows` are `n_records x k` int16, big-endian, row after row. Raises `ShapeMismatch` for bytes that are not a whole
    positive number of rows and for entries beyond `ROW_LIMIT`.
    """
    return MerkleTree(row_leaves(secret, request_digest, RecordIndex(0), rows, k))


def row_leaves(secret: Secret, request_digest: Digest, first: RecordIndex, rows: bytes, k: int) -> list[Digest]:
    """The leaf hashes of the row tree for the records from `first` on. `rows` and errors as in `build_row_tree`."""
    size = ENTRY_SIZE * k
    if k < 1 or not rows or len(rows) % size:
        raise ShapeMismatch("The rows are no table", expected=f"rows of {k} entries", found=f"{len(rows)} bytes")
    leaves = []
    for number in range(len(rows) // size):
        record = RecordIndex(first + number)
        row = rows[number * size : (number + 1) * size]
        leaves.append(leaf_hash(row_leaf(row_salt(secret, request_digest, record), record, row)))
    return leaves


def _entries(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(data) // ENTRY_SIZE}h", data)
