"""The seller's noise: what makes a reply say no more than its scores, to any buyer (SCORING requirements 3 and 4).

All of it is exactly uniform: `drowning_noise` for the coefficients of the first polynomial, and `mask_columns`, which
make the second one uniform. Not here: how large the noise must be (`parameters.py`).

The first bits of a score's noise may come from `Draws`, which a listing commits to (PROTOCOL 4.6). For everything else
an evaluation draws one key from the operating system's generator. ChaCha20 (RFC 8439) makes of it a stream for every
block and query. So a block that is computed anew, after a crash or by another machine, gets the same noise. Another
evaluation of the same request does not: the stored reply keeps a buyer from averaging the noise away.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

from blindfair.blind.parameters import ParameterSet
from blindfair.blind.seal import Words
from blindfair.protocol.noise import COMMITTED_BITS

KEY_SIZE = 32
"""Bytes of a noise key."""

Draws = NDArray[np.uint8]
"""The committed part of the noise of scores: `m x n` numbers of `COMMITTED_BITS` bits (PROTOCOL 4.6)."""

_WORD_BITS = 64


@dataclass(frozen=True, slots=True)
class NoiseKey:
    """The seller's secret of one evaluation: whoever has it can take the noise off. Kept until the reply is stored."""

    key: bytes = field(repr=False, default_factory=lambda: os.urandom(KEY_SIZE))

    def stream(self, block: int, query: int) -> "NoiseStream":
        """The random bytes for one ciphertext of a reply; the same for the same key, block and query."""
        nonce = bytes(4) + query.to_bytes(4, "little") + block.to_bytes(8, "little")
        return NoiseStream(Cipher(ChaCha20(self.key, nonce), mode=None).encryptor())


class NoiseStream:
    """Uniform bytes, each given out once."""

    def __init__(self, context: CipherContext) -> None:
        self._context = context

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        return self._context.update(bytes(size))

    def draws(self, count: int) -> Words:
        """The next `count` draws of 128 bits, `2 x count` words, the less significant ones first."""
        return np.frombuffer(self.take(16 * count), dtype="<u8").reshape(count, 2).T


def score_draws(parameters: ParameterSet, bits: int, stream: NoiseStream, count: int, draws: Draws | None) -> Words:
    """128 random bits for each of `count` scores of so many `bits`, `2 x count` words, from the stream.

    Where `draws` are given, `count` of them, they replace the first bits of what the noise's width takes.
    """
    drawn = stream.draws(count)
    committed = parameters.committed_bits(bits)
    if draws is None or not committed:
        return drawn
    place = parameters.noise_width(bits) - committed - _WORD_BITS
    first = (draws >> (COMMITTED_BITS - committed)).astype(np.uint64) << np.uint64(place)
    kept = drawn.copy()
    kept[1] = (kept[1] & np.uint64((1 << place) - 1)) | first
    return kept


def mask_columns(parameters: ParameterSet, stream: NoiseStream) -> NDArray[np.int32]:
    """`mask_columns x N` uniform numbers of `mask_bits`: factors of the query's encryptions of zero.

    They are as wide as a whole query of random rows: the second polynomial of a reply then is statistically uniform.
    A ternary polynomial times one encryption of zero would not do, because a hostile first polynomial of that
    encryption reads the ternary one out of the reply's first polynomial (docs/explanation/privacy.md).
    """
    shape = (parameters.mask_columns, parameters.ring_degree)
    drawn = np.frombuffer(stream.take(4 * shape[0] * shape[1]), dtype="<i4").reshape(shape)
    # Of a uniform word the upper bits are uniform, and its sign goes along.
    return drawn >> (32 - parameters.mask_bits)


def drowning_noise(parameters: ParameterSet, width: int, draws: Words, stream: NoiseStream) -> Words:
    """Residues, `data primes x N`, of noise for the first polynomial of a reply with as many scores as `draws`.

    The coefficients of the scores are uniform in `-2^(width - 1) ... 2^(width - 1) - 1`. All others are uniform modulo
    Q: a query whose polynomials are not constants moves products there, and nothing honest is lost with them.
    """
    primes, scores = parameters.data_primes, draws.shape[1]
    noise = np.empty((len(primes), parameters.ring_degree), dtype=np.uint64)
    noise[:, :scores] = symmetric_residues(primes, width, draws)
    for row, prime in enumerate(primes):
        noise[row, scores:] = _uniform_words(prime, parameters.ring_degree - scores, stream)[0]
    return noise


def symmetric_residues(primes: Sequence[int], width: int, draws: Words) -> Words:
    """The residues, `primes x count`, of `draws mod 2^width - 2^(width - 1)`.

    `draws` are `2 x count` words of 64 bits, the less significant ones first; `width` is 65 ... 128.
    """
    kept = draws.copy()
    kept[1] &= np.uint64((1 << (width - _WORD_BITS)) - 1)
    residues = np.empty((len(primes), draws.shape[1]), dtype=np.uint64)
    for row, prime in enumerate(primes):
        # Subtracting half the range modulo the prime turns [0, 2^width) into a range around 0.
        residues[row] = _reduce(kept, width, prime, -(1 << (width - 1)) % prime)
    return residues


def _uniform_words(limit: int, count: int, stream: NoiseStream) -> Words:
    """`count` integers uniform in 0 ... limit - 1, as `words x count` of 64 bits, least significant first."""
    bits = (limit - 1).bit_length()
    words = -(-bits // _WORD_BITS)
    top_mask = np.uint64((1 << (bits - _WORD_BITS * (words - 1))) - 1)
    accepted = np.empty((words, count), dtype=np.uint64)
    filled = 0
    while filled < count:
        # Of the candidates, at least half pass: they have as many bits as the limit.
        drawn = stream.take(8 * words * 2 * (count - filled))
        candidates = np.frombuffer(drawn, dtype="<u8").reshape(-1, words).T.copy()
        candidates[-1] &= top_mask
        passing = np.flatnonzero(_below(candidates, limit))[: count - filled]
        accepted[:, filled : filled + len(passing)] = candidates[:, passing]
        filled += len(passing)
    return accepted


def _below(numbers: Words, limit: int) -> NDArray[np.bool_]:
    """Which of `words x count` numbers are below the limit: the most significant word that differs decides."""
    below = np.zeros(numbers.shape[1], dtype=np.bool_)
    for position, words in enumerate(numbers):
        word = np.uint64(limit >> (_WORD_BITS * position) & (2**_WORD_BITS - 1))
        below = (words < word) | ((words == word) & below)
    return below


def _reduce(numbers: Words, bits: int, prime: int, offset: int) -> Words:
    """`words x count` numbers of at most `bits` bits, plus an offset below the prime, modulo a prime of at most 60.

    Beyond the first bits, as many as the prime has, it goes so many at a time, times their weight modulo the prime,
    that no product exceeds 63 bits. The sum is reduced where it might exceed 64: seldom where the prime is close below
    a power of two.
    """
    modulus = np.uint64(prime)
    shift = prime.bit_length()
    total: Words = _bits_of(numbers, 0, shift) + np.uint64(offset)
    largest = 2**shift - 1 + offset
    while shift < bits:
        weight = pow(2, shift, prime)
        width = min(63 - weight.bit_length(), _WORD_BITS - shift % _WORD_BITS)
        product = (2**width - 1) * weight
        if largest + product >= 2**_WORD_BITS:
            total %= modulus
            largest = prime - 1
        total += _bits_of(numbers, shift, width) * np.uint64(weight)
        largest += product
        shift += width
    return total % modulus


def _bits_of(numbers: Words, start: int, width: int) -> Words:
    """`width` bits from `start` on of each of `words x count` numbers; they may not cross into another word."""
    word, offset = divmod(start, _WORD_BITS)
    found: Words = (numbers[word] >> np.uint64(offset)) & np.uint64(2**width - 1)
    return found
