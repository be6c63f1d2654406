"""The delivery cipher: ChaCha20 (RFC 8439) under one key for each ciphertext, and the key's commitment.

It hides, and the hash trees authenticate: no tag is needed, because every chunk has two hashes in the delivery tree.
Not here: sealing to the buyer's public key (`sealing`).
"""

import secrets
from collections.abc import Iterable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from blindfair.protocol.hashing import keccak256, u64
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, KeyCommitment

KEY_SIZE = 32

# `cryptography` wants counter and nonce in one: the first four bytes are the little-endian block counter.
_ZERO = b"\x00\x00\x00\x00" + b"\x00\x00\x00\x00"


def new_delivery_key() -> DeliveryKey:
    """A fresh key; one for every ciphertext that is ever made (PROTOCOL 6.2)."""
    return DeliveryKey(secrets.token_bytes(KEY_SIZE))


def key_commitment(key: DeliveryKey) -> KeyCommitment:
    """`keccak256(key)` (PROTOCOL 1): hiding, because the key is uniformly random."""
    return KeyCommitment(keccak256(key))


def crypt_chunk(key: DeliveryKey, index: ChunkIndex, data: bytes) -> bytes:
    """Encrypt or decrypt delivery chunk `index`, counted from 0 through the delivery (PROTOCOL 6.2).

    The nonce is `00000000 || u64(index)` and the block counter starts at 0; the length stays as it is.
    """
    return ChunkCipher(key).crypt(index, data)


class ChunkCipher:
    """The cipher of one delivery: the key is set up once, and each chunk has its own nonce."""

    __slots__ = ("_context",)

    def __init__(self, key: DeliveryKey) -> None:
        self._context = Cipher(ChaCha20(key, _ZERO + u64(ChunkIndex(0))), mode=None).encryptor()

    def crypt(self, index: ChunkIndex, data: bytes) -> bytes:
        """Encrypt or decrypt delivery chunk `index`, as `crypt_chunk`."""
        # Resetting the nonce also takes the block counter back to its start.
        self._context.reset_nonce(_ZERO + u64(index))
        return self._context.update(data)

    def crypt_into(
        self, first: ChunkIndex, pieces: Iterable[memoryview], lengths: Iterable[int], to: memoryview
    ) -> Iterator[memoryview]:
        """Encrypt or decrypt delivery chunks of these lengths, into `to`. A piece is some chunks, one after the other.

        Each chunk is given as soon as it is there, as a view of `to`: chunks are many, and nothing of them is copied or
        kept. The next piece is taken when all of one was used, so it may overwrite it. Raises `ValueError` where the
        pieces do not end between two chunks, or are too few.
        """
        reset, update_into, start = self._context.reset_nonce, self._context.update_into, 0
        more, data, place = iter(pieces), memoryview(b""), 0
        for index, length in enumerate(lengths, first):
            if place == len(data):
                data, place = next(more, memoryview(b"")), 0
            view = to[start : start + length]
            reset(_ZERO + index.to_bytes(8, "big"))
            if update_into(data[place : place + length], view) != length:
                # The rest of `view` is what that memory held before, which may be another delivery's.
                raise ValueError("the pieces are not of these lengths")
            yield view
            start, place = start + length, place + length

    def crypt_all(self, first: ChunkIndex, chunks: Iterable[bytes]) -> list[bytes]:
        """Encrypt or decrypt delivery chunks in a row, the first with number `first`."""
        reset, update = self._context.reset_nonce, self._context.update
        done = []
        for index, chunk in enumerate(chunks, first):
            reset(_ZERO + index.to_bytes(8, "big"))
            done.append(update(chunk))
        return done
