"""Residues as bits on the wire: each prime's in as many bits as the prime has, most significant first, no gaps.

A polynomial of `N` residues takes exactly `N * bits / 8` bytes for each prime, prime after prime. `N` is a multiple of
64, so there is no padding whose bits could carry anything, and residues fill whole words in groups.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blindfair.blind.seal import Words
from blindfair.protocol.errors import MalformedCiphertext

_WORD_BITS = 64


def packed_size(primes: Sequence[int], degree: int) -> int:
    """Bytes of a packed polynomial."""
    return sum(degree * prime.bit_length() // 8 for prime in primes)


def pack(primes: Sequence[int], polynomial: Words) -> bytes:
    """The bytes of a polynomial, `primes x N` residues below their primes."""
    return b"".join(_packed(residues, prime.bit_length()) for prime, residues in zip(primes, polynomial, strict=True))


def unpack(primes: Sequence[int], degree: int, data: bytes | memoryview) -> Words:
    """The polynomial, `primes x N`, of `packed_size` bytes. Raises `MalformedCiphertext` for a residue not below its
    prime: it would give one polynomial two encodings, and SEAL expects reduced residues."""
    polynomial = np.empty((len(primes), degree), dtype=np.uint64)
    start = 0
    for row, prime in enumerate(primes):
        width = prime.bit_length()
        part = np.frombuffer(data, dtype=np.uint8, count=degree * width // 8, offset=start)
        start += part.size
        polynomial[row] = _unpacked(part, width)
        if int(polynomial[row].max()) >= prime:
            raise MalformedCiphertext("a ciphertext has a residue out of range", expected=f"< {prime}")
    return polynomial


def _packed(residues: Words, width: int) -> bytes:
    groups = residues.reshape(-1, _in_group(width)).T.copy()
    words = np.zeros((len(groups) * width // _WORD_BITS, groups.shape[1]), dtype=np.uint64)
    for place, group in enumerate(groups):
        word, skipped = divmod(place * width, _WORD_BITS)
        beyond = skipped + width - _WORD_BITS
        if beyond <= 0:
            words[word] |= group << np.uint64(-beyond)
        else:
            words[word] |= group >> np.uint64(beyond)
            words[word + 1] |= group << np.uint64(_WORD_BITS - beyond)
    return words.T.astype(">u8").tobytes()


def _unpacked(data: NDArray[np.uint8], width: int) -> Words:
    size = _in_group(width)
    words = data.view(">u8").reshape(-1, size * width // _WORD_BITS).T.astype(np.uint64, order="C")
    groups = np.empty((size, words.shape[1]), dtype=np.uint64)
    for place in range(size):
        word, skipped = divmod(place * width, _WORD_BITS)
        beyond = skipped + width - _WORD_BITS
        np.right_shift(words[word] << np.uint64(skipped), np.uint64(_WORD_BITS - width), out=groups[place])
        if beyond > 0:
            groups[place] |= words[word + 1] >> np.uint64(_WORD_BITS - beyond)
    return groups.T.reshape(-1)


def _in_group(width: int) -> int:
    """The fewest residues that take whole words of 64 bits together."""
    return _WORD_BITS // math.gcd(width, _WORD_BITS)
