"""Data sets as salted chunks with one hash each (PROTOCOL 2): what a listing commits to.

Not here: the meaning of a record's bytes (`records`), and encryption (`cipher`).
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from blindfair.protocol.errors import InvalidListing, MalformedChunk
from blindfair.protocol.hashing import sha256, u64
from blindfair.protocol.merkle import MerkleTree, Tree, leaf_hash
from blindfair.protocol.quantities import ChunkIndex, Digest, RecordIndex, Root, Salt, Secret

CHUNK_SIZES = (1024, 4096, 16384)
"""Bytes of a full chunk, salt included; the first is the default (PROTOCOL 2)."""

SALT_SIZE = 16

CHUNK_COUNT_LIMIT = 2**20
"""Chunks of a data set that is kept in memory, and whose leaf list travels whole: 32 MiB."""

LISTED_CHUNKS_LIMIT = 2**24
"""Chunks of any listing: up to 256 GiB. Of more than `CHUNK_COUNT_LIMIT` no leaf list travels (PROTOCOL 2)."""


def chunk_salt(secret: Secret, chunk: ChunkIndex) -> Salt:
    """`HMAC-SHA256(secret, "chunk" || u64(j))[:16]` (PROTOCOL 2)."""
    return Salt(hmac.digest(secret, b"chunk" + u64(chunk), "sha256")[:SALT_SIZE])


def split_record(record: bytes, chunk_size: int) -> list[bytes]:
    """A record's payloads: each but the last exactly `chunk_size - 16` bytes, one empty payload for an empty record."""
    payload = chunk_size - SALT_SIZE
    return [record[i : i + payload] for i in range(0, max(len(record), 1), payload)]


def fill_record(record: bytes, chunk_size: int) -> bytes:
    """A record of any length with zero bytes after it, up to whole chunks: its chunks' lengths tell nothing of it.

    >>> len(fill_record(b"a text", 1024)), len(fill_record(bytes(1009), 1024))
    (1008, 2016)
    """
    return record.ljust(filled_size(len(record), chunk_size), b"\0")


def filled_size(size: int, chunk_size: int) -> int:
    """Bytes of a record of so many bytes once it is filled up to whole chunks, without the salts."""
    payload = chunk_size - SALT_SIZE
    return -(-max(size, 1) // payload) * payload


def join_record(payloads: Sequence[bytes], chunk_size: int) -> bytes:
    """The record of these payloads. Raises `MalformedChunk` where `split_record` would not have made them."""
    check_chunk_lengths([SALT_SIZE + len(payload) for payload in payloads], chunk_size)
    return b"".join(payloads)


def check_chunk_lengths(lengths: Sequence[int], chunk_size: int) -> None:
    """The length rule of PROTOCOL 2 for the chunks of one record, salts included: it fixes every length but the last,
    and the last is empty of payload only in an empty record. Raises `MalformedChunk`.
    """
    if not lengths:
        raise MalformedChunk("A record has no chunk", expected="at least 1 chunk", found=0)
    for number, length in enumerate(lengths[:-1]):
        if length != chunk_size:
            raise MalformedChunk(f"Chunk {number} of a record is not full", expected=chunk_size, found=length)
    least = SALT_SIZE if len(lengths) == 1 else SALT_SIZE + 1
    if not least <= lengths[-1] <= chunk_size:
        raise MalformedChunk(
            "The last chunk of a record has a wrong length",
            expected=f"{least} ... {chunk_size} bytes",
            found=lengths[-1],
        )


def chunk_range(first_chunks: Sequence[int], chunk_count: int, record: RecordIndex) -> range:
    """The numbers of a record's chunks, given the first chunk of every record. Raises `IndexError`."""
    if not 0 <= record < len(first_chunks):
        raise IndexError(record)
    end = first_chunks[record + 1] if record + 1 < len(first_chunks) else chunk_count
    return range(first_chunks[record], end)


def check_chunk_size(chunk_size: int) -> None:
    """Raises `InvalidListing` for a chunk size that PROTOCOL 2 does not name."""
    if chunk_size not in CHUNK_SIZES:
        raise InvalidListing(
            "The chunk size is not one of the protocol's",
            expected=CHUNK_SIZES,
            found=chunk_size,
            hint="1024 suits short records; larger chunks are delivered faster",
        )


@dataclass(frozen=True)
class ChunkedDataset:
    """A whole data set as its seller keeps it, in memory or on disk (`bulk.store`).

    Not slotted, because the tree is built on first use and kept.
    """

    chunk_size: int
    """Bytes of a full chunk."""

    chunks: Sequence[bytes] = field(repr=False)
    """`salt || payload` of every chunk, by chunk number: the data itself."""

    first_chunks: Sequence[int] = field(repr=False)
    """The number of the first chunk of every record."""

    leaf_hashes: Sequence[Digest] = field(repr=False)
    """`L_j = H(00 || chunk_j)` of every chunk."""

    @classmethod
    def build(cls, records: Sequence[bytes], chunk_size: int, secret: Secret) -> "ChunkedDataset":
        """Cut and salt the canonical bytes of all records, in order.

        Raises `InvalidListing` without records, beyond `CHUNK_COUNT_LIMIT`, or for another chunk size.
        """
        check_chunk_size(chunk_size)
        if not records:
            raise InvalidListing("A data set has no records", expected="at least 1 record", found=0)
        parts = [split_record(record, chunk_size) for record in records]
        payloads = list(chain.from_iterable(parts))
        if len(payloads) > CHUNK_COUNT_LIMIT:
            raise InvalidListing("A data set is too large", expected=f"{CHUNK_COUNT_LIMIT} chunks", found=len(payloads))
        first_chunks = [0]
        for part in parts[:-1]:
            first_chunks.append(first_chunks[-1] + len(part))
        chunks = tuple(chunk_salt(secret, ChunkIndex(j)) + payload for j, payload in enumerate(payloads))
        return cls(chunk_size, chunks, tuple(first_chunks), tuple(leaf_hash(chunk) for chunk in chunks))

    @cached_property
    def tree(self) -> Tree:
        """The listing tree, for paths to `listing_root`."""
        return MerkleTree(self.leaf_hashes)

    @property
    def root(self) -> Root:
        """`listing_root` (PROTOCOL 2)."""
        return self.tree.root

    @property
    def leaf_digest(self) -> Digest:
        """`H(L_0 || ... || L_last)` (PROTOCOL 2)."""
        return sha256(b"".join(self.leaf_hashes))

    def chunks_of(self, record: RecordIndex) -> range:
        """The numbers of a record's chunks. Raises `IndexError`."""
        return chunk_range(self.first_chunks, len(self.chunks), record)
