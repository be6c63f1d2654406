"""Hashes and the byte notation of PROTOCOL 1."""

import hashlib
from collections.abc import Iterable

from eth_hash.auto import keccak

from blindfair.protocol.quantities import Digest, RecordIndex


def sha256(data: bytes) -> Digest:
    """`H(data)`: SHA-256 (PROTOCOL 1)."""
    return Digest(hashlib.sha256(data).digest())


def tagged(tag: str, data: bytes) -> Digest:
    """`D(tag, x) = H("blindfair/v1/" || tag || 00 || x)`: a hash that serves one purpose only (PROTOCOL 1)."""
    return sha256(b"blindfair/v1/" + tag.encode("ascii") + b"\x00" + data)


def keccak256(data: bytes) -> bytes:
    """The hash of the EVM, 32 bytes; used where the contract uses it, nowhere else."""
    return bytes(keccak(data))


def u32(value: int) -> bytes:
    """4 bytes, big-endian. Raises `OverflowError` outside 0 ... 2^32 - 1."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """8 bytes, big-endian. Raises `OverflowError` outside 0 ... 2^64 - 1."""
    return value.to_bytes(8, "big")


def digest_of_records(records: Iterable[RecordIndex]) -> Digest:
    """`H(S)`: of the record numbers' `u64`, concatenated in the order given (PROTOCOL 1)."""
    return sha256(b"".join(u64(record) for record in records))
