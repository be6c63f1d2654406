"""Segments: a delivery of any size in aligned parts of 8 MiB, each made, sealed, sent, checked and opened on its own
(PROTOCOL 6.7).

    content = u32 number of chunks || each chunk's length as u32 || the ciphertext chunks, one after the other

Segment `s` holds the delivery's chunks from `s * segment_chunks` on. Its leaves are an aligned subtree of the delivery
tree, so the roots of the segments make the upper part of that tree, and `delivery_root` is theirs.

Not here: files and processes (package `bulk`), and deliveries that travel in one message (`packing`).
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from blindfair.protocol.chunks import SALT_SIZE
from blindfair.protocol.cipher import ChunkCipher
from blindfair.protocol.errors import MalformedChunk, MalformedMessage, RootMismatch
from blindfair.protocol.hashing import u32
from blindfair.protocol.merkle import DIGEST_SIZE, MerkleTree, root_of
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest, KeyCommitment, Root
from blindfair.protocol.space import Space, new_space

SEGMENT_BYTES = 2**23
"""Bytes of a full segment's ciphertext: 8 MiB."""

Content: TypeAlias = bytes | memoryview
"""The bytes of a segment."""

SEGMENT_COUNT_LIMIT = 2**15
"""Segments of a delivery: 256 GiB."""


@dataclass(frozen=True, slots=True)
class EncryptedSegment:
    """One segment of a delivery, encrypted."""

    content: memoryview = field(repr=False)
    """Lengths and ciphertext chunks, as they are sealed."""

    root: Root
    """The root of the segment's leaves: a node of the delivery tree."""


def segment_chunks(chunk_size: int) -> int:
    """The number of chunks in a full segment, a power of two.

    >>> [segment_chunks(size) for size in (1024, 4096, 16384)]
    [8192, 2048, 512]
    """
    return SEGMENT_BYTES // chunk_size


def segment_count(chunk_count: int, chunk_size: int) -> int:
    """The number of segments of a delivery of so many chunks."""
    return -(-chunk_count // segment_chunks(chunk_size))


def segment_range(number: int, chunk_count: int, chunk_size: int) -> range:
    """The delivery's chunks in segment `number`. Raises `IndexError`."""
    if not 0 <= number < segment_count(chunk_count, chunk_size):
        raise IndexError(number)
    whole = segment_chunks(chunk_size)
    return range(number * whole, min((number + 1) * whole, chunk_count))


def segment_info(evaluation: Digest, commitment: KeyCommitment, number: int) -> bytes:
    """Context of a sealed segment (PROTOCOL 6.7).

    The key's commitment stands for the delivery: its root is not known before the last segment was encrypted.
    """
    return b"blindfair/v1/segment" + evaluation + commitment + u32(number)


def encrypt_segment(key: DeliveryKey, first: ChunkIndex, chunks: Sequence[bytes], leaves: bytes) -> EncryptedSegment:
    """Encrypt the chunks of a segment, whose first is delivery chunk `first`; `leaves` are their committed hashes.

    Raises `InvalidListing` for a segment without chunks.
    """
    return encrypt_pieces(key, first, map(memoryview, chunks), list(map(len, chunks)), leaves)


def encrypt_pieces(
    key: DeliveryKey,
    first: ChunkIndex,
    pieces: Iterable[memoryview],
    lengths: Sequence[int],
    leaves: bytes,
    space: Space = new_space,
) -> EncryptedSegment:
    """The same of chunks of these lengths that come in pieces, each some of them, one after the other.

    Raises `InvalidListing`, and what making a piece raises.
    """
    head = 4 + 4 * len(lengths)
    content = space(head + sum(lengths))
    struct.pack_into(f">{len(lengths) + 1}I", content, 0, len(lengths), *lengths)
    ciphertexts = ChunkCipher(key).crypt_into(first, pieces, lengths, content[head:])
    return EncryptedSegment(content, _root(ciphertexts, leaves))


def segment_lengths(content: Content) -> tuple[int, ...]:
    """The lengths of a segment's chunks. Raises `MalformedMessage` for a content cut off or with bytes left over, and
    for a chunk shorter than its salt; no count is believed before its bytes are there."""
    count = int.from_bytes(content[:4], "big")
    head = 4 + 4 * count
    lengths = struct.unpack_from(f">{count}I", content, 4) if 4 < head <= len(content) else ()
    if not lengths or head + sum(lengths) != len(content) or min(lengths) < SALT_SIZE:
        raise MalformedMessage(
            "A segment's content is cut off, or has bytes left over",
            expected="lengths of 16 bytes or more, and chunks of these",
            found=f"{len(content)} bytes for {count} chunks",
        )
    return lengths


def check_segment(content: Content, leaves: bytes, lengths: Sequence[range]) -> Root:
    """Check a segment without the key, and return its root (PROTOCOL 6.7).

    `leaves` are the committed hashes of its chunks by the buyer's own selection, `lengths` what each may be long.
    Raises `MalformedMessage`, and `MalformedChunk` for another number of chunks or another length.
    """
    found = segment_lengths(content)
    if len(found) != len(lengths):
        raise MalformedChunk("A segment has the wrong number of chunks", expected=len(lengths), found=len(found))
    for number, (length, allowed) in enumerate(zip(found, lengths, strict=True)):
        if not allowed.start <= length < allowed.stop:
            raise MalformedChunk(
                f"Chunk {number} of a segment has a wrong length",
                expected=f"{allowed.start} ... {allowed.stop - 1} bytes",
                found=length,
            )
    return _root(segment_ciphertexts(content), leaves)


def segment_ciphertexts(content: Content) -> Iterator[memoryview]:
    """The ciphertext chunks of a segment, as views of it. Raises `MalformedMessage`."""
    lengths, view = segment_lengths(content), memoryview(content)
    start = 4 + 4 * len(lengths)
    for length in lengths:
        yield view[start : start + length]
        start += length


def open_segment(
    content: Content, leaves: bytes, key: DeliveryKey, first: ChunkIndex, space: Space = new_space
) -> tuple[memoryview, int | None]:
    """Decrypt a segment: its chunks one after the other, and the place among them of the first that is not the
    committed one, or None. What comes after that one is not decrypted.

    `leaves` are the committed hashes of its chunks, and `first` the number of its first chunk in the delivery. Raises
    `MalformedMessage`.
    """
    sha256, lengths = hashlib.sha256, segment_lengths(content)
    whole = space(sum(lengths))
    data = memoryview(content)[4 + 4 * len(lengths) :]
    for place, chunk in enumerate(ChunkCipher(key).crypt_into(first, [data], lengths, whole)):
        # A hash of two parts, where joining them would copy the chunk.
        leaf = sha256(b"\x00")
        leaf.update(chunk)
        if leaf.digest() != leaves[DIGEST_SIZE * place : DIGEST_SIZE * (place + 1)]:
            return whole, place
    return whole, None


def delivery_path(content: Content, leaves: bytes, roots: bytes, number: int, place: int) -> tuple[Digest, ...]:
    """The path of a chunk to `delivery_root`: through segment `number` of this content, then over all segments' roots.

    `roots` are those of all segments in order, 32 bytes each.
    """
    lower = MerkleTree.of_bytes(_leaves(segment_ciphertexts(content), leaves))
    return lower.path(place) + MerkleTree.of_bytes(roots).path(number)


def check_roots(roots: bytes, delivery_root: Root) -> None:
    """Check that the segments' roots lead to the delivery's. Raises `RootMismatch`, `InvalidListing`."""
    found = root_of(roots)
    if found != delivery_root:
        raise RootMismatch("The segments lead to another root", expected=delivery_root.hex(), found=found.hex())


def _root(ciphertexts: Iterable[memoryview], leaves: bytes) -> Root:
    return root_of(_leaves(ciphertexts, leaves))


def _leaves(ciphertexts: Iterable[memoryview], leaves: bytes) -> bytes:
    """Leaves of the delivery tree: `H(00 || H(ciphertext) || L)`, one after the other."""
    sha256, size = hashlib.sha256, DIGEST_SIZE
    return b"".join(
        [
            sha256(b"\x00" + sha256(each).digest() + leaves[size * place : size * (place + 1)]).digest()
            for place, each in enumerate(ciphertexts)
        ]
    )
