"""Deliveries: the selected chunks encrypted under one key, the tree over ciphertexts and committed hashes, the checks
before paying, and the proof of a fault after the key is revealed (PROTOCOL 6.2 - 6.6, 7).

Not here: sealing (`sealing`), the offer's fields (`offer`, `offer_checks`), and a delivery's byte form (`packing`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from blindfair.protocol.chunks import SALT_SIZE, ChunkedDataset, check_chunk_lengths
from blindfair.protocol.cipher import ChunkCipher, crypt_chunk, key_commitment
from blindfair.protocol.errors import (
    CommittedGarbage,
    MalformedChunk,
    MalformedRecord,
    NoFault,
    OfferRejected,
    PathInvalid,
    RootMismatch,
)
from blindfair.protocol.errors.refusal import RefusedCall
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import MerkleTree, leaf_hash, root_of_path
from blindfair.protocol.packing import pack_delivery, unpack_delivery
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest, KeyCommitment, RecordIndex, Root
from blindfair.protocol.records import RecordEncoding, Row
from blindfair.protocol.schema import Schema
from blindfair.protocol.selection import check_selection, selected_chunks, selected_leaves

__all__ = [
    "EncryptedDelivery",
    "Fault",
    "check_delivery",
    "decode_delivery",
    "delivery_tree",
    "encrypt_delivery",
    "open_delivery",
    "pack_delivery",
    "selected_leaves",
    "unpack_delivery",
    "verify_fault",
]


@dataclass(frozen=True, slots=True)
class EncryptedDelivery:
    """The delivery that a seller makes of a selection. The key is not in it."""

    ciphertexts: tuple[bytes, ...] = field(repr=False)
    """Encrypted chunks in the order of delivery, each as long as its chunk."""

    leaf_hashes: tuple[Digest, ...] = field(repr=False)
    """`L_j(i)`: the committed leaf hashes of the same chunks, from the listing tree."""

    root: Root
    """`delivery_root`."""

    @property
    def chunk_count(self) -> int:
        """The number of chunks."""
        return len(self.ciphertexts)


@dataclass(frozen=True, slots=True)
class Fault:
    """A delivered chunk that is not the committed one, with all that the contract wants to see (PROTOCOL 7)."""

    index: ChunkIndex
    """Number of the chunk in the delivery."""

    ciphertext: bytes = field(repr=False)
    """The chunk as delivered, encrypted."""

    leaf: Digest
    """`L`: what it should have hashed to."""

    path: tuple[Digest, ...] = field(repr=False)
    """From the chunk's leaf to `delivery_root`."""


def delivery_tree(ciphertexts: Sequence[bytes], leaves: Sequence[Digest]) -> MerkleTree:
    """The tree with leaf data `H(ciphertext chunk i) || L_j(i)` (PROTOCOL 6.3). Raises `InvalidListing` if empty."""
    return MerkleTree([_leaf(c, leaf) for c, leaf in zip(ciphertexts, leaves, strict=True)])


def encrypt_delivery(dataset: ChunkedDataset, records: Sequence[RecordIndex], key: DeliveryKey) -> EncryptedDelivery:
    """Encrypt the selected records' chunks in listing order under a key never used before (PROTOCOL 6.2, 6.3).

    Raises `MalformedMessage` for a selection that is empty, not ascending or outside the listing.
    """
    numbers = selected_chunks(dataset.first_chunks, len(dataset.chunks), records)
    ciphertexts = tuple(ChunkCipher(key).crypt_all(ChunkIndex(0), (dataset.chunks[j] for j in numbers)))
    leaves = tuple(dataset.leaf_hashes[j] for j in numbers)
    return EncryptedDelivery(ciphertexts, leaves, delivery_tree(ciphertexts, leaves).root)


def check_delivery(
    ciphertexts: Sequence[bytes],
    expected_leaves: Sequence[Digest],
    delivery_root: Root,
    chunk_size: int,
    records: Sequence[RecordIndex],
    first_chunks: Sequence[int],
) -> None:
    """Check a delivery before paying, without the key (PROTOCOL 6.6).

    `expected_leaves` are `selected_leaves` of the buyer's own selection `records`; `first_chunks` are the listing's.
    Raises `OfferRejected` for another number of chunks, `MalformedChunk` for a length that PROTOCOL 2 does not give the
    chunk, `RootMismatch` for another tree.
    """
    check_selection(records, len(first_chunks))
    if len(ciphertexts) != len(expected_leaves):
        raise OfferRejected(
            "A delivery has the wrong number of chunks", expected=len(expected_leaves), found=len(ciphertexts)
        )
    start = 0
    for record in records:
        # The listing's last record reaches to the last chunk, and so to the end of the delivery.
        has_next = record + 1 < len(first_chunks)
        count = first_chunks[record + 1] - first_chunks[record] if has_next else len(ciphertexts) - start
        check_chunk_lengths([len(c) for c in ciphertexts[start : start + count]], chunk_size)
        start += count
    if start != len(ciphertexts):
        raise OfferRejected("A delivery has the wrong number of chunks", expected=start, found=len(ciphertexts))
    root = delivery_tree(ciphertexts, expected_leaves).root
    if root != delivery_root:
        raise RootMismatch("A delivery has another root", expected=delivery_root.hex(), found=root.hex())


def open_delivery(
    ciphertexts: Sequence[bytes],
    leaves: Sequence[Digest],
    key: DeliveryKey,
    chunk_size: int,
    chunk_counts: Sequence[int],
) -> tuple[bytes, ...] | Fault:
    """Decrypt a delivery that `check_delivery` passed: the canonical bytes of its records, or the first provable fault.

    `leaves` are the expected `L_j(i)` and `chunk_counts` the number of chunks of each record. Raises `CommittedGarbage`
    where chunks are as committed and yet do not make a record: nothing can be proven then (`check_delivery` would have
    refused before paying).
    """
    chunks = ChunkCipher(key).crypt_all(ChunkIndex(0), ciphertexts)
    for index, (chunk, leaf) in enumerate(zip(chunks, leaves, strict=True)):
        if leaf_hash(chunk) != leaf:
            path = delivery_tree(ciphertexts, leaves).path(index)
            return Fault(ChunkIndex(index), ciphertexts[index], leaf, path)
    records: list[bytes] = []
    start = 0
    for count in chunk_counts:
        parts = chunks[start : start + count]
        try:
            # Before the salts are cut off: from a chunk shorter than a salt, nothing at all would be left to check.
            check_chunk_lengths([len(part) for part in parts], chunk_size)
        except MalformedChunk as error:
            raise CommittedGarbage(
                "Delivered chunks are as committed and do not make a record", found=f"record {len(records)}: {error}"
            ) from error
        records.append(b"".join(part[SALT_SIZE:] for part in parts))
        start += count
    return tuple(records)


def decode_delivery(records: Sequence[bytes], encoding: RecordEncoding, schema: Schema) -> tuple[Row, ...]:
    """The rows of records from `open_delivery`; a text is a row of one cell.

    Raises `CommittedGarbage` for bytes that are no record of the listing's encoding and schema: they are what was
    committed and paid for, so that the contract has nothing to judge. The audit before paying bounds how many they are.
    """
    rows = []
    for number, record in enumerate(records):
        try:
            rows.append(schema.decode(encoding, record))
        except MalformedRecord as error:
            raise CommittedGarbage(
                "Delivered bytes are as committed and no record of the listing", found=f"record {number}: {error}"
            ) from error
    return tuple(rows)


def verify_fault(
    fault: Fault,
    key: DeliveryKey,
    commitment: KeyCommitment,
    delivery_root: Root,
    chunk_count: int,
    chunk_size: int,
) -> None:
    """The contract's rule for a dispute: the proof holds when none of this raises `NoFault` (PROTOCOL 7).

    `chunk_count` and `chunk_size` are the offer's. The checks come in the contract's order, so that of a proof with
    several faults both say the same.
    """
    if key_commitment(key) != commitment:
        raise NoFault(
            "A proof comes with another key",
            refusal=RefusedCall.KEY,
            expected=commitment.hex(),
            found=key_commitment(key).hex(),
        )
    if not 0 <= fault.index < chunk_count:
        raise NoFault(
            "A proof is of a chunk outside of the delivery",
            refusal=RefusedCall.CHUNK_INDEX,
            expected=f"0 ... {chunk_count - 1}",
            found=fault.index,
        )
    if not SALT_SIZE <= len(fault.ciphertext) <= chunk_size:
        raise NoFault(
            "A proof holds a chunk of a wrong length",
            refusal=RefusedCall.CHUNK_LENGTH,
            expected=f"{SALT_SIZE} ... {chunk_size} bytes",
            found=len(fault.ciphertext),
        )
    try:
        root = root_of_path(_leaf(fault.ciphertext, fault.leaf), fault.index, chunk_count, fault.path)
    except PathInvalid as error:
        raise NoFault("A proof's path does not hold", refusal=RefusedCall.PATH_LENGTH, found=error.what) from error
    if root != delivery_root:
        raise NoFault(
            "A proof's path does not lead to the delivery's root",
            refusal=RefusedCall.ROOT,
            expected=delivery_root.hex(),
            found=root.hex(),
        )
    if leaf_hash(crypt_chunk(key, fault.index, fault.ciphertext)) == fault.leaf:
        raise NoFault("The chunk is the committed one", refusal=RefusedCall.HONEST, found=f"chunk {fault.index}")


def _leaf(ciphertext: bytes, leaf: Digest) -> Digest:
    return leaf_hash(sha256(ciphertext) + leaf)
