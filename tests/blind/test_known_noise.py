"""What a record that the buyer sees tells of the records that it does not see (PROTOCOL 4.6).

The score of a hostile query holds other records' rows. Seeing a record reveals its draw, so the first bits of the
noise of its score and no more. docs/explanation/privacy.md has the figures.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from drawn import noise_of, random_draws
from hostile_buyer import HostileBuyer
from numpy.typing import NDArray
from on_disk import random_rows
from test_hostile_queries import SMALL_Q, N, Q, bits_left_open, stated_bits
from test_shared_noise import DIGIT, ROW_BITS, K, entries_of

import blindfair.blind.evaluate as evaluation
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.flooding import Draws, NoiseKey, score_draws
from blindfair.blind.parameters import DEFAULT
from blindfair.protocol.noise import COMMITTED_BITS, noise_middle

BITS = [1, 3, 4, 32]

SEEN = np.arange(0, N, 2)
"""Every second record is bought; the score of each holds the row of the record after it."""


@dataclass(frozen=True)
class Readings:
    """The phases of the seen records' scores, and what a buyer may know of the noise in them."""

    phases: list[int]
    bits: int
    draws: Draws
    key: NoiseKey

    def nothing_known(self) -> list[int]:
        """As they come."""
        return self._without([0] * len(SEEN))

    def draws_known(self) -> list[int]:
        """Less the middles of the parts: all that the salt of a seen record gives."""
        width, committed = DEFAULT.noise_width(self.bits), DEFAULT.committed_bits(self.bits)
        return self._without([noise_middle(int(self.draws[0, record]), width, committed) for record in SEEN])

    def all_known(self) -> list[int]:
        """Less all noise: the weakened design, in which the seller reveals the evaluation's noise key."""
        words = score_draws(DEFAULT, self.bits, self.key.stream(0, 0), N, self.draws[0])
        return self._without([noise_of(words, int(record), DEFAULT.noise_width(self.bits)) for record in SEEN])

    def _without(self, noise: list[int]) -> list[int]:
        return [phase - each * SMALL_Q // Q for phase, each in zip(self.phases, noise, strict=True)]


def read(rows: NDArray[np.int16], weights: list[int], bits: int, monkeypatch: pytest.MonkeyPatch) -> Readings:
    """Ask for `x^-1 sum_j weight_j g_j`, so that the score of record i holds the row of record i + 1 alone."""
    buyer, key, draws = HostileBuyer(), NoiseKey(), random_draws(1, N)
    query = buyer.query([{N - 1: -weight} for weight in weights], bits=bits)
    monkeypatch.setattr(evaluation, "NoiseKey", lambda: key)
    phase = buyer.phase(evaluate(encode_rows(DEFAULT, rows), query.to_bytes(), bits=[bits], draws=draws), N)[0]
    return Readings([int(phase[record]) for record in SEEN], bits, draws, key)


@pytest.mark.parametrize("bits", BITS)
def test_a_seen_record_gives_whole_rows_of_others_away_only_if_all_of_its_noise_is_known(
    bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,096 records are seen. With all of their noise, 48 bits of each of the others come out; with their draws, the
    bits stated and the committed ones."""
    rows = random_rows(N, K)
    found = read(rows, [Q // DIGIT**K * DIGIT**j for j in range(K)], bits, monkeypatch)
    neighbours = rows[SEEN + 1]

    def whole_rows(phases: list[int]) -> int:
        return sum(entries_of(phase) == row for phase, row in zip(phases, neighbours.tolist(), strict=True))

    def bits_told(phases: list[int]) -> float:
        asked = [sum(int(entry) * DIGIT**j for j, entry in enumerate(row)) * Q // DIGIT**K for row in neighbours]
        errors = [phase - each * SMALL_Q // Q for phase, each in zip(phases, asked, strict=True)]
        return bits_left_open(errors, int(K * math.log2(DIGIT)))

    assert whole_rows(found.all_known()) == len(SEEN)
    assert whole_rows(found.draws_known()) == 0
    assert whole_rows(found.nothing_known()) == 0
    # The range of 4,096 errors falls short of its bound by less than this.
    assert bits_told(found.nothing_known()) == pytest.approx(stated_bits(bits), abs=0.01)
    assert bits_told(found.draws_known()) == pytest.approx(DEFAULT.bits_per_seen_score(bits), abs=0.01)
    assert bits_told(found.all_known()) > ROW_BITS > DEFAULT.bits_per_seen_score(bits)


@pytest.mark.parametrize("spare", [0, 1, 4])
@pytest.mark.parametrize("bits", BITS[:-1])
def test_digits_that_lie_as_far_apart_as_the_unknown_noise_is_wide_come_out_and_no_closer_ones(
    bits: int, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is met: of numbers of b + 4 bits a seen record tells each. Of numbers of more bits the best guess is
    right once in 2^spare, so that no more comes out; without the draw, once in 2^(spare + 4)."""
    size = bits + COMMITTED_BITS + spare
    values = np.random.default_rng(bits).integers(0, 2**size, N)
    # Small numbers, so that a row holds them.
    rows = (values - 2 ** (size - 1)).astype(np.int16)[:, None]
    found = read(rows, [Q >> size], bits, monkeypatch)

    def right(phases: list[int]) -> float:
        guesses = [(phase + (SMALL_Q >> size + 1)) * 2**size // SMALL_Q % 2**size for phase in phases]
        return float((np.array(guesses) == rows[SEEN + 1, 0] % 2**size).mean())

    assert right(found.all_known()) == 1
    known, unknown = right(found.draws_known()), right(found.nothing_known())
    assert known == pytest.approx(2.0**-spare, abs=0.05)
    assert unknown == pytest.approx(2.0 ** -(spare + COMMITTED_BITS), abs=0.025)
    # What a guess that is right with chance p tells of equally likely numbers is log2(p 2^size) bits.
    assert size + math.log2(known) <= DEFAULT.bits_per_seen_score(bits) + 0.4
    assert size + math.log2(max(unknown, 1 / N)) <= stated_bits(bits) + 1.5


def test_an_exact_score_commits_to_no_noise_so_a_seen_record_tells_no_more() -> None:
    assert DEFAULT.committed_bits(32) == 0
    assert DEFAULT.bits_per_seen_score(32) == stated_bits(32) <= 32
    for bits in range(1, 32):
        assert DEFAULT.bits_per_seen_score(bits) <= min(bits + COMMITTED_BITS, 32)
