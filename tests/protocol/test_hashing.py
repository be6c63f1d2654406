"""The notation of PROTOCOL 1."""

import pytest

from blindfair.protocol.hashing import digest_of_records, keccak256, sha256, tagged, u32, u64
from blindfair.protocol.quantities import RecordIndex
from vectors import reference


def test_hashes_are_the_published_ones() -> None:
    # FIPS 180-4 "abc"; the empty string under the hash of the EVM.
    assert sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_a_tag_keeps_purposes_apart() -> None:
    assert tagged("audit", b"x") == sha256(b"blindfair/v1/audit\x00x") == reference.tagged("audit", b"x")
    assert len({tagged("rB", b"x"), tagged("rS", b"x"), tagged("r", b"Bx"), sha256(b"x")}) == 4


def test_record_numbers_are_hashed_as_eight_bytes_each() -> None:
    records = [RecordIndex(1), RecordIndex(256)]
    assert digest_of_records(records) == sha256(bytes.fromhex("00000000000000010000000000000100"))
    assert digest_of_records(records) != digest_of_records(records[::-1])
    assert digest_of_records([]) == sha256(b"")


@pytest.mark.parametrize(("write", "bits"), [(u32, 32), (u64, 64)])
def test_integers_are_big_endian_and_do_not_wrap(write: object, bits: int) -> None:
    assert callable(write)
    assert write(1) == bytes(bits // 8 - 1) + b"\x01"
    assert write(2**bits - 1) == b"\xff" * (bits // 8)
    for beyond in (-1, 2**bits):
        with pytest.raises(OverflowError):
            write(beyond)
