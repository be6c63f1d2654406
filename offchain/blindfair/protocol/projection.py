"""The signs of a seeded projection, the same on every machine: a cipher's stream, never a library's generator.

Not here: the projection itself, which is linear algebra (package `influence`).
"""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from blindfair.protocol.errors import ShapeMismatch

SEED_SIZE = 32
SIGN_LIMIT = 2**32 * 512
"""Bits of one ChaCha20 stream: 2^32 blocks of 512 (RFC 8439 section 2.3)."""


def sign_bits(seed: bytes, count: int) -> bytes:
    """At least `count` sign bits in `ceil(count / 8)` bytes, least significant bit first (PROTOCOL 4.1).

    Bit `i` is `(result[i // 8] >> (i % 8)) & 1` of the ChaCha20 stream of `seed` at counter 0 and nonce 0; a set bit
    is the sign +1. Bits of the last byte beyond `count` are stream too and mean nothing. Raises `ShapeMismatch` for a
    seed of another length and for more bits than one stream has.
    """
    if len(seed) != SEED_SIZE:
        raise ShapeMismatch("A projection seed has the wrong length", expected=f"{SEED_SIZE} bytes", found=len(seed))
    if not 0 <= count <= SIGN_LIMIT:
        raise ShapeMismatch("A projection needs more signs than a seed gives", expected=SIGN_LIMIT, found=count)
    return Cipher(ChaCha20(seed, bytes(16)), mode=None).encryptor().update(bytes((count + 7) // 8))
