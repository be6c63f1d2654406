"""Draws of the noise of scores, and what a score is with them. Shared by the tests of blind scoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from blindfair.blind import hiding
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.seal import Words
from blindfair.protocol.audit import SCORE_ROUNDING
from blindfair.protocol.noise import noise_of

MIXED = (3, 1, 32, 4, 8)
"""Bits of the queries of one request."""

ASKED = [(1,), (3,), (4,), (8,), (32,), MIXED]
"""Bits of the queries of a request; a request of more queries begins again with the first."""

TIE_SHARE = 0.01
"""Scores that the noise of the encryption may move by one unit: far fewer lie so close to a tie."""


def random_draws(queries: int, records: int, seed: int = 0) -> Words:
    """128 random bits for each score, `m x 2 x n` words."""
    return np.random.default_rng(seed).integers(0, 2**64, (queries, 2, records), dtype=np.uint64)


def integer_of(draws: Words, query: int, record: int) -> int:
    """One draw as the integer that PROTOCOL 4.6 makes of it."""
    low, high = draws[query, :, record]
    return int(high) << 64 | int(low)


def added(parameters: ParameterSet, bits: Sequence[int], draws: Words) -> NDArray[np.int64]:
    """What the noise of these draws adds to the scores, `m x n`."""
    return np.array(
        [
            [
                parameters.score_noise(noise_of(integer_of(draws, query, record), parameters.noise_width(asked)))
                for record in range(draws.shape[2])
            ]
            for query, asked in enumerate(bits)
        ]
    )


def centred_modulo(parameters: ParameterSet, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Residues of least size modulo the plain modulus."""
    half = parameters.plain_modulus // 2
    residues: NDArray[np.int64] = (values + half) % parameters.plain_modulus - half
    return residues


def assert_scores(
    parameters: ParameterSet,
    scores: NDArray[np.int64],
    products: NDArray[np.int64],
    bits: Sequence[int],
    draws: Words | None,
) -> None:
    """Scores are the integer products modulo `t`, with the noise of the draws or, without draws, noise within its
    bound. At 32 bits they are exact. Of many records' noise some is looked at, that at both ends of blocks included."""
    assert scores.shape == products.shape
    count = scores.shape[1]
    borders = [place + each for place in range(0, count, parameters.ring_degree) for each in (-1, 0, 1)]
    some = np.unique(np.r_[np.linspace(0, count - 1, 300).astype(np.int64), borders] % count)
    assert abs(scores).max() <= parameters.plain_modulus // 2
    for query, asked in enumerate(bits):
        deviation = centred_modulo(parameters, scores[query] - products[query])
        if asked == 32:
            assert not deviation.any()
        elif draws is None:
            assert abs(deviation).max() <= parameters.score_error(asked)
        else:
            left = centred_modulo(
                parameters, deviation[some] - added(parameters, [asked], draws[query, :, some].T[None])[0]
            )
            assert abs(left).max() <= SCORE_ROUNDING
            assert (left != 0).sum() <= max(1, TIE_SHARE * left.size)


def residues_of(primes: Sequence[int], numbers: Sequence[int]) -> Words:
    """`primes x count`."""
    return np.array([[number % prime for number in numbers] for prime in primes], dtype=np.uint64)


def uniform_within(primes: Sequence[int], bound: int, draws: Words) -> Words:
    """Residues of noise uniform in `-bound ... bound - 1`, whatever the bound is: what a weakened seller would lay."""
    return residues_of(
        primes, [noise_of(integer_of(draws[None], 0, record), 128) * bound >> 127 for record in range(draws.shape[1])]
    )


def with_bound_of(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the noise of scores be so much of what it should be."""

    def narrower(primes: Sequence[int], width: int, draws: Words) -> Words:
        return uniform_within(primes, int(share * 2 ** (width - 1)), draws)

    monkeypatch.setattr(hiding, "symmetric_residues", narrower)
