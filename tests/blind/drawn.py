"""Draws of the noise of scores, and what a score is with them. Shared by the tests of blind scoring."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from blindfair.blind import flooding
from blindfair.blind.flooding import Draws
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.seal import Words
from blindfair.protocol.audit import SCORE_ROUNDING
from blindfair.protocol.noise import COMMITTED_BITS

MIXED = (3, 1, 32, 4, 8)
"""Bits of the queries of one request."""

ASKED = [(1,), (3,), (4,), (8,), (32,), MIXED]
"""Bits of the queries of a request; a request of more queries begins again with the first."""


def random_draws(queries: int, records: int, seed: int = 0) -> Draws:
    """The committed draw of each score, `m x n` numbers of 4 bits."""
    return np.random.default_rng(seed).integers(0, 1 << COMMITTED_BITS, (queries, records), dtype=np.uint8)


def random_words(count: int, seed: int = 0) -> Words:
    """128 random bits for each of `count` scores, `2 x count` words, the less significant ones first."""
    return np.random.default_rng(seed).integers(0, 2**64, (2, count), dtype=np.uint64)


def noise_of(words: Words, record: int, width: int) -> int:
    """The noise that the engine makes of one record's 128 bits: the lower `width` of them, centred."""
    low, high = (int(word) for word in words[:, record])
    return (high << 64 | low) % (1 << width) - (1 << (width - 1))


def added(parameters: ParameterSet, bits: Sequence[int], draws: Draws) -> NDArray[np.int64]:
    """What the middles of the committed noise add to the scores, `m x n`."""
    return np.array(
        [
            [parameters.committed_noise(int(draw), asked) for draw in query]
            for query, asked in zip(draws, bits, strict=True)
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
    draws: Draws | None,
) -> None:
    """Check that scores are the integer products modulo `t` plus noise, which lies in the part of its draw.

    Without draws it lies anywhere within its bound. At 32 bits scores are exact. Of many records only some are
    checked, those at both ends of every block among them.
    """
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
            middles = added(parameters, [asked], draws[query : query + 1, some])[0]
            left = centred_modulo(parameters, deviation[some] - middles)
            assert abs(left).max() <= parameters.score_slack(asked) + SCORE_ROUNDING


def residues_of(primes: Sequence[int], numbers: Sequence[int]) -> Words:
    """`primes x count`."""
    return np.array([[number % prime for number in numbers] for prime in primes], dtype=np.uint64)


def uniform_within(primes: Sequence[int], bound: int, draws: Words) -> Words:
    """Residues of noise uniform in `-bound ... bound - 1`, whatever the bound is: what a weakened seller would lay."""
    return residues_of(primes, [noise_of(draws, record, 128) * bound >> 127 for record in range(draws.shape[1])])


def with_bound_of(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the noise of scores be so much of what it should be."""

    def narrower(primes: Sequence[int], width: int, draws: Words) -> Words:
        return uniform_within(primes, int(share * 2 ** (width - 1)), draws)

    monkeypatch.setattr(flooding, "symmetric_residues", narrower)
