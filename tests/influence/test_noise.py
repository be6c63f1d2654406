"""What noise leaves of a score: its bounds for every score and number of bits, and nothing changed at 32 bits."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.influence.noise import (
    centred,
    noise_bound,
    noise_variance,
    seen_scores,
    sign_survival,
    usable_range,
    wrapped_share,
)
from blindfair.influence.quantise import QuantisedRows, quantise_query_to_range, quantise_rows
from blindfair.protocol import errors
from blindfair.protocol.rows import ROW_LIMIT

MODULUS = 2**32 - 2**18 - 1
moduli = st.sampled_from([MODULUS, 2**32 - 2**18, 101, 100, 4099])
bit_counts = st.integers(1, 32)


def all_residues(score: int, bound: int, modulus: int) -> list[int]:
    """What every value of the noise makes of a score, by the definition."""
    upper = (modulus - 1) // 2
    found = []
    for noise in range(-bound, bound) if bound else [0]:
        residue = (score + noise) % modulus
        found.append(residue if residue <= modulus - 1 - upper else residue - modulus)
    return found


@given(st.integers(0, 2**32 - 1), bit_counts, moduli)
def test_a_score_within_the_usable_range_moves_by_no_more_than_the_noise(seed: int, bits: int, modulus: int) -> None:
    rng = np.random.default_rng(seed)
    usable, bound = usable_range(modulus, bits), noise_bound(modulus, bits)
    exact = rng.integers(-usable, usable + 1, size=(1, 300))
    exact[0, :2] = usable, -usable
    moved = seen_scores(exact, [bits], modulus, rng) - exact
    assert moved.min() >= -bound and moved.max() <= max(0, bound - 1)
    assert wrapped_share(exact[0], bits, modulus) == 0


@given(st.integers(0, 2**32 - 1), bit_counts, moduli)
def test_what_is_seen_is_the_score_and_some_noise_modulo_t(seed: int, bits: int, modulus: int) -> None:
    rng = np.random.default_rng(seed)
    exact = rng.integers(-4 * modulus, 4 * modulus, size=(1, 300))
    seen = seen_scores(exact, [bits], modulus, rng)
    assert 2 * np.abs(seen).max() <= modulus
    noise = centred(seen - exact, modulus)
    assert noise.min() >= -noise_bound(modulus, bits) and noise.max() <= max(0, noise_bound(modulus, bits) - 1)


@given(st.lists(st.integers(-(2**31) + 2**17 + 1, 2**31 - 2**17 - 1), min_size=1, max_size=50))
def test_at_32_bits_every_score_is_seen_as_it_is_and_no_chance_is_used(scores: list[int]) -> None:
    rng = np.random.default_rng(0)
    exact = np.array([scores, scores[::-1]])
    assert seen_scores(exact, [32, 32], MODULUS, rng).tolist() == exact.tolist()
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_noise_is_uniform_and_of_its_own_for_every_record_and_query() -> None:
    rng = np.random.default_rng(3)
    exact = np.full((2, 100_000), 12_345)
    seen = seen_scores(exact, [3, 3], MODULUS, rng) - exact
    bound = noise_bound(MODULUS, 3)
    for row in seen:
        counts, _ = np.histogram(row, bins=16, range=(-bound, bound))
        # Sixteen equal shares, five standard errors.
        assert np.abs(counts - 100_000 / 16).max() < 5 * np.sqrt(100_000 / 16)
        assert row.var() == pytest.approx(noise_variance(MODULUS, 3), rel=0.02)
        assert abs(np.corrcoef(row[:-1], row[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(seen)[0, 1]) < 0.02


@given(bit_counts, moduli)
def test_the_noise_takes_one_part_in_two_to_the_bits(bits: int, modulus: int) -> None:
    bound = noise_bound(modulus, bits)
    assert 2 * bound <= modulus / 2**bits < 2 * bound + 2
    assert noise_variance(modulus, bits) == pytest.approx(np.arange(-bound, bound).var() if 0 < bound < 1e4 else
                                                          max(0, ((2 * bound) ** 2 - 1) / 12))  # fmt: skip


@given(st.integers(-300, 300), st.integers(1, 6), st.sampled_from([101, 100, 127]))
def test_the_chance_of_a_sign_is_that_of_all_noise(score: int, bits: int, modulus: int) -> None:
    counts = Counter(value >= 0 for value in all_residues(score, noise_bound(modulus, bits), modulus))
    expected = counts[score >= 0] / counts.total()
    assert sign_survival(np.array([score]), bits, modulus)[0] == pytest.approx(expected)


def test_one_bit_tells_the_sign_of_a_score_that_fills_the_range() -> None:
    usable = usable_range(MODULUS, 1)
    assert usable == pytest.approx(MODULUS / 4, abs=2)
    assert sign_survival(np.array([usable, -usable]), 1, MODULUS).tolist() == [1, pytest.approx(1, abs=1e-9)]
    assert sign_survival(np.array([usable // 2, 0]), 1, MODULUS) == pytest.approx([0.75, 0.5])
    seen = seen_scores(np.repeat([[usable], [-usable]], 10_000, axis=1), [1, 1], MODULUS, np.random.default_rng(1))
    assert (seen[0] >= 0).all() and (seen[1] <= 0).all()


def test_scores_beyond_the_range_are_counted() -> None:
    usable = usable_range(MODULUS, 3)
    assert wrapped_share(np.array([0, usable, usable + 1, -usable - 1]), 3, MODULUS) == 0.5
    assert wrapped_share(np.empty(0, dtype=np.int64), 3, MODULUS) == 0


@pytest.mark.parametrize("bits", [0, -1, 33])
def test_other_numbers_of_bits_are_refused(bits: int) -> None:
    with pytest.raises(errors.InvalidOption):
        noise_bound(MODULUS, bits)
    with pytest.raises(errors.InvalidOption):
        seen_scores(np.zeros((1, 3), dtype=np.int64), [bits], MODULUS, np.random.default_rng(0))


def test_bits_are_one_number_for_each_query() -> None:
    with pytest.raises(errors.ShapeMismatch):
        seen_scores(np.zeros((2, 3), dtype=np.int64), [3], MODULUS, np.random.default_rng(0))
    with pytest.raises(errors.ShapeMismatch):
        seen_scores(np.zeros(3, dtype=np.int64), [3], MODULUS, np.random.default_rng(0))


@given(st.integers(0, 2**32 - 1), st.integers(1, 31), st.floats(1e-3, 1e3))
def test_a_score_of_the_reach_just_fills_the_range(seed: int, bits: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    rows = quantise_rows(rng.normal(size=(50, 20)), 500.0)
    query = size * rng.normal(size=20)
    reach = float(np.abs(rows.entries @ query).max())
    integers, unit = quantise_query_to_range(query, reach, MODULUS, bits)
    usable = usable_range(MODULUS, bits)
    # Half a unit of rounding for each entry of a row.
    slack = np.abs(rows.entries.astype(np.int64)).sum(axis=1).max() / 2
    largest = np.abs(rows.scores(integers[np.newaxis, :])[0]).max()
    assert usable - slack <= largest <= usable + slack
    assert (np.abs(integers * unit - query) <= 0.5001 * unit).all()


def test_entries_stay_within_half_the_modulus_where_scores_are_tiny() -> None:
    integers, unit = quantise_query_to_range(np.array([1.0, -1.0]), 1e-9, MODULUS, 3)
    assert np.abs(integers).max() == MODULUS // 2 and unit == pytest.approx(2 / MODULUS)
    # At the most entries that a row may have, the bound on scores in the docstring holds.
    assert ROW_LIMIT * 2**21 * int(np.abs(integers).max()) < 2**63


@pytest.mark.parametrize("reach", [0.0, -1.0, float("nan"), float("inf")])
def test_a_reach_that_is_no_size_is_refused(reach: float) -> None:
    with pytest.raises(errors.QueryOutOfBounds):
        quantise_query_to_range(np.ones(3), reach, MODULUS, 3)
    for query in (np.zeros(3), np.array([np.nan]), np.ones((2, 2)), np.empty(0)):
        with pytest.raises(errors.QueryOutOfBounds):
            quantise_query_to_range(query, 1.0, MODULUS, 3)


def test_rows_with_exponents_wrap_before_they_are_shifted() -> None:
    rows = QuantisedRows(np.array([[10], [10]], dtype=np.int16), np.array([0, 3], dtype=np.uint8), 0.0)
    query = np.array([[MODULUS // 20]])
    over = rows.seen_scores(query * 3, [32], MODULUS, np.random.default_rng(0))[0]
    wrapped = int(query[0, 0]) * 30 - MODULUS * round(query[0, 0] * 30 / MODULUS)
    assert over.tolist() == [wrapped, 8 * wrapped]
    assert rows.at(np.array([1])).scores(query).tolist() == [[80 * int(query[0, 0])]]
