"""Chunks are encrypted by ChaCha20 of RFC 8439 at the nonce of PROTOCOL 6.2."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.cipher import ChunkCipher, crypt_chunk, key_commitment, new_delivery_key
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey
from protocol.vector_files import Case, each, load
from vectors import reference

KEY = DeliveryKey(bytes(range(32)))


@each("rfc8439/chacha20.json")
def test_the_library_is_the_rfc(case: Case) -> None:
    nonce = case["counter"].to_bytes(4, "little") + bytes.fromhex(case["nonce"])
    cipher = Cipher(ChaCha20(bytes.fromhex(case["key"]), nonce), mode=None).encryptor()
    assert cipher.update(bytes.fromhex(case["plaintext"])).hex() == case["ciphertext"]


def test_chunks_are_the_rfc_at_their_nonce() -> None:
    taken = 0
    for case in load("rfc8439/chacha20.json")["cases"]:
        nonce = bytes.fromhex(case["nonce"])
        if nonce[:4] != bytes(4):
            continue
        # A chunk starts at block 0; what the RFC starts at block c is found 64 c bytes further on.
        skip = bytes(64 * case["counter"])
        index = ChunkIndex(int.from_bytes(nonce[4:], "big"))
        chunk = crypt_chunk(DeliveryKey(bytes.fromhex(case["key"])), index, skip + bytes.fromhex(case["plaintext"]))
        assert chunk[len(skip) :].hex() == case["ciphertext"]
        taken += 1
    assert taken == 9


@given(st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_decryption_is_encryption_again(index: int, data: bytes) -> None:
    encrypted = crypt_chunk(KEY, ChunkIndex(index), data)
    assert len(encrypted) == len(data)
    assert crypt_chunk(KEY, ChunkIndex(index), encrypted) == data
    assert encrypted == reference.encrypt_chunk(KEY, index, data)


def test_no_two_chunks_share_key_stream() -> None:
    streams = {crypt_chunk(KEY, ChunkIndex(i), bytes(64)) for i in (0, 1, 2, 255, 256, 2**32, 2**63)}
    assert len(streams) == 7


@pytest.mark.parametrize("index", [-1, 2**64])
def test_there_is_no_chunk_beyond_64_bits(index: int) -> None:
    with pytest.raises(OverflowError):
        crypt_chunk(KEY, ChunkIndex(index), b"data")


@pytest.mark.parametrize("pieces", [[b"a" * 9], [b"a" * 5, b"b" * 4], [b"a" * 4, b"b" * 6], []])
def test_pieces_of_other_lengths_than_the_chunks_give_nothing_that_memory_held_before(pieces: list[bytes]) -> None:
    """The memory is used again: what was in it is another buyer's."""
    held = memoryview(bytearray(b"another" * 2))[:10]
    given = ChunkCipher(DeliveryKey(bytes(32))).crypt_into(ChunkIndex(0), map(memoryview, pieces), [5, 5], held)
    with pytest.raises(ValueError, match="not of these lengths"):
        list(given)


def test_a_key_is_fresh_and_committed_by_keccak() -> None:
    first, second = new_delivery_key(), new_delivery_key()
    assert first != second
    assert len(first) == 32
    assert key_commitment(first) == reference.keccak256(first)
    # The well-known hash of 32 zero bytes on the EVM.
    zero = "290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563"
    assert key_commitment(DeliveryKey(bytes(32))).hex() == zero
