"""Residues as bits on the wire: each prime's in as many bits as the prime has, most significant first, no gaps.

A polynomial of `N` residues takes exactly `N * bits / 8` bytes for each prime, prime after prime. `N` is a multiple of
8, so there is no padding whose bits could carry anything.
"""

from collections.abc import Sequence

import numpy as np

from blindfair.blind.seal import Words
from blindfair.protocol.errors import MalformedCiphertext


def packed_size(primes: Sequence[int], degree: int) -> int:
    """Bytes of a packed polynomial."""
    return sum(degree * prime.bit_length() // 8 for prime in primes)


def pack(primes: Sequence[int], polynomial: Words) -> bytes:
    """The bytes of a polynomial, `primes x N` residues below their primes."""
    parts = []
    for prime, residues in zip(primes, polynomial, strict=True):
        bits = np.unpackbits(residues.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
        parts.append(np.packbits(bits[:, 64 - prime.bit_length() :]).tobytes())
    return b"".join(parts)


def unpack(primes: Sequence[int], degree: int, data: bytes | memoryview) -> Words:
    """The polynomial, `primes x N`, of `packed_size` bytes. Raises `MalformedCiphertext` for a residue not below its
    prime: it would give one polynomial two encodings, and SEAL expects reduced residues."""
    polynomial = np.empty((len(primes), degree), dtype=np.uint64)
    start = 0
    for row, prime in enumerate(primes):
        width = prime.bit_length()
        part = np.frombuffer(data, dtype=np.uint8, count=degree * width // 8, offset=start)
        start += part.size
        bits = np.zeros((degree, 64), dtype=np.uint8)
        bits[:, 64 - width :] = np.unpackbits(part).reshape(degree, width)
        polynomial[row] = np.packbits(bits).view(">u8")
        if int(polynomial[row].max()) >= prime:
            raise MalformedCiphertext("a ciphertext has a residue out of range", expected=f"< {prime}")
    return polynomial
