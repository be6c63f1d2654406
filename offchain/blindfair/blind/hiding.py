"""The seller's noise: what makes a reply say no more than its scores, to any buyer (SCORING requirements 3 and 4).

Three kinds, all drawn from the operating system's generator by exact rejection, never reduced with a bias:
`drowning_noise` for the coefficients of the first polynomial, and `mask_columns`, which make the second one uniform.
Not here: how large the noise must be (`parameters.py`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blindfair.blind.parameters import MASK_BITS, ParameterSet
from blindfair.blind.seal import Words

_WORD_BITS = 64
_NIBBLE_BITS = 4


def mask_columns(parameters: ParameterSet) -> NDArray[np.int16]:
    """`mask_columns x N` uniform int16: factors of the query's encryptions of zero.

    They are as wide as a whole query of random rows: the second polynomial of a reply then is statistically uniform.
    A ternary polynomial times one encryption of zero would not do, because a hostile first polynomial of that
    encryption reads the ternary one out of the reply's first polynomial (docs/privacy.md).
    """
    shape = (parameters.mask_columns, parameters.ring_degree)
    size = MASK_BITS // 8 * shape[0] * shape[1]
    return np.frombuffer(os.urandom(size), dtype=np.int16).reshape(shape)


def drowning_noise(parameters: ParameterSet, bound: int, scores: int) -> Words:
    """Residues, `data primes x N`, of noise for the first polynomial of a reply with `scores` scores.

    The first `scores` coefficients are uniform in [-bound, bound]. All others are uniform modulo Q: a query whose
    polynomials are not constants moves products there, and nothing honest is lost with them.
    """
    primes = parameters.data_primes
    noise = np.empty((len(primes), parameters.ring_degree), dtype=np.uint64)
    noise[:, :scores] = symmetric_residues(primes, bound, scores)
    for row, prime in enumerate(primes):
        noise[row, scores:] = _uniform_words(prime, parameters.ring_degree - scores)[:, 0]
    return noise


def symmetric_residues(primes: Sequence[int], bound: int, count: int) -> Words:
    """`count` integers uniform in [-bound, bound], each by its residues: `primes x count`."""
    drawn = _uniform_words(2 * bound + 1, count)
    residues = np.empty((len(primes), count), dtype=np.uint64)
    for row, prime in enumerate(primes):
        # Subtracting the bound modulo the prime turns [0, 2 bound] into [-bound, bound].
        residues[row] = (_reduce(drawn, (2 * bound).bit_length(), prime) + np.uint64(-bound % prime)) % np.uint64(prime)
    return residues


def _uniform_words(limit: int, count: int) -> Words:
    """`count` integers uniform in 0 ... limit - 1, as `count x words` of 64 bits, least significant first."""
    bits = (limit - 1).bit_length()
    words = -(-bits // _WORD_BITS)
    top_mask = np.uint64((1 << (bits - _WORD_BITS * (words - 1))) - 1)
    accepted = np.empty((count, words), dtype=np.uint64)
    filled = 0
    while filled < count:
        # Of the candidates, at least half pass: they have as many bits as the limit.
        drawn = os.urandom(8 * words * 2 * (count - filled))
        candidates = np.frombuffer(drawn, dtype=np.uint64).reshape(-1, words).copy()
        candidates[:, -1] &= top_mask
        passing = candidates[_below(candidates, limit)][: count - filled]
        accepted[filled : filled + len(passing)] = passing
        filled += len(passing)
    return accepted


def _below(numbers: Words, limit: int) -> NDArray[np.bool_]:
    """Which of `count x words` numbers are below the limit: the most significant word that differs decides."""
    below = np.zeros(len(numbers), dtype=np.bool_)
    for position in range(numbers.shape[1]):
        word = np.uint64(limit >> (_WORD_BITS * position) & (2**_WORD_BITS - 1))
        below = (numbers[:, position] < word) | ((numbers[:, position] == word) & below)
    return below


def _reduce(numbers: Words, bits: int, prime: int) -> Words:
    """`count x words` numbers of at most `bits` bits modulo a prime of at most 60.

    Beyond the first word it goes four bits at a time, times their weight modulo the prime: nothing exceeds 64 bits.
    """
    modulus = np.uint64(prime)
    remainder: Words = numbers[:, 0] % modulus
    for shift in range(_WORD_BITS, bits, _NIBBLE_BITS):
        nibble = (numbers[:, shift // _WORD_BITS] >> np.uint64(shift % _WORD_BITS)) & np.uint64(2**_NIBBLE_BITS - 1)
        remainder = (remainder + nibble * np.uint64(pow(2, shift, prime)) % modulus) % modulus
    return remainder
