"""Rounding: within its bounds for every input, and faithful where they are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from blindfair.influence.arrays import Floats
from blindfair.influence.quantise import (
    ScoreScale,
    choose_exponents,
    choose_row_scale,
    clear_scores,
    exponent_bounds,
    quantise_query,
    quantise_rows,
)
from blindfair.protocol import errors
from blindfair.protocol.rows import ROW_LIMIT

MODULUS = 2**32 - 2**18


def test_rows_round_half_to_even_and_clip_with_their_share_counted() -> None:
    rows = np.array([[0.5, 1.5, -2.5, 2047.4], [2047.5, -1e300, 0.0, -0.4]])
    found = quantise_rows(rows, 1.0)
    integers, share = found.entries, found.clipped
    assert not found.exponents.any()
    assert integers.dtype == np.int16
    assert integers.tolist() == [[0, 2, -2, 2047], [2047, -2047, 0, 0]]
    assert share == 2 / 8
    assert quantise_rows(np.array([[3.0]]), 0.5).entries.tolist() == [[2]]
    assert quantise_rows(np.empty((0, 4)), 1.0).clipped == 0.0


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6), st.floats(0, 3))
def test_rows_stay_within_twelve_bits_and_few_are_clipped(seed: int, size: float, tail: float) -> None:
    rng = np.random.default_rng(seed)
    rows = size * rng.normal(size=(200, 20)) * rng.lognormal(0, tail, size=(200, 1))
    scale = choose_row_scale(rows)
    found = quantise_rows(rows, scale)
    integers, share = found.entries, found.clipped
    assert np.abs(integers).max() <= ROW_LIMIT and share <= 2e-4 + 1 / rows.size
    kept = np.abs(integers) < ROW_LIMIT
    assert (np.abs(rows * scale - integers)[kept] <= 0.5).all()


def test_a_scale_is_found_for_rows_that_are_nearly_all_zero() -> None:
    rows = np.zeros((1000, 100))
    rows[3, 4] = -2.0
    assert choose_row_scale(rows) == pytest.approx(ROW_LIMIT / 2)


@pytest.mark.parametrize(
    "rows",
    [np.zeros((3, 3)), np.empty((0, 3)), np.full((2, 2), np.nan), np.full((2, 2), np.inf), np.full((2, 2), 5e-324)],
    ids=["zero", "none", "NaN", "infinite", "too small"],
)
def test_rows_without_a_scale_are_refused(rows: Floats) -> None:
    with pytest.raises(errors.UnusableModel):
        choose_row_scale(rows)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_counterpartys_scale_must_be_a_positive_number(scale: float) -> None:
    with pytest.raises(errors.UnusableModel):
        quantise_rows(np.ones((2, 2)), scale)


@pytest.mark.parametrize("entry", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_refused(entry: float) -> None:
    with pytest.raises(errors.UnusableModel):
        quantise_rows(np.array([[1.0, entry]]), 1.0)


@given(
    # Of a smaller query a unit would be a subnormal number, which has fewer digits than half a unit needs.
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=64).filter(lambda q: 1e-290 < sum(map(abs, q)) < 1e300),
    st.sampled_from([MODULUS, 2**20 + 7, 4294967291]),
)
def test_no_query_can_wrap_around_and_hardly_any_of_the_space_is_left(query: list[float], modulus: int) -> None:
    integers, scale = quantise_query(np.array(query), modulus)
    norm = sum(abs(int(q)) for q in integers)
    assert 2 * ROW_LIMIT * norm < modulus
    assert norm >= modulus / (2 * ROW_LIMIT) - len(query) - 1
    assert (np.abs(integers * (scale / 2) - np.array(query) / 2) <= 0.26 * scale).all()


@pytest.mark.parametrize(
    "query",
    [[], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [[1.0, 2.0]], [1e308, 1e308]],
    ids=["empty", "zero", "NaN", "infinite", "a matrix", "a norm that overflows"],
)
def test_queries_that_cannot_be_scaled_are_refused(query: list[float]) -> None:
    with pytest.raises(errors.QueryOutOfBounds), np.errstate(over="ignore"):
        quantise_query(np.array(query), MODULUS)


def test_a_modulus_too_small_for_the_rounding_is_refused() -> None:
    quantise_query(np.ones(30), ROW_LIMIT * 64 + 1)
    with pytest.raises(errors.QueryOutOfBounds):
        quantise_query(np.ones(64), ROW_LIMIT * 64 + 1)


def test_integer_scores_times_their_unit_are_the_real_scores() -> None:
    rng = np.random.default_rng(5)
    rows, query = rng.normal(size=(500, 30)), rng.normal(size=30)
    row_scale = choose_row_scale(rows)
    integers = quantise_rows(rows, row_scale).entries
    integer_query, query_scale = quantise_query(query, MODULUS)
    scores = clear_scores(integers, integer_query)
    assert scores.dtype == np.int64 and np.abs(scores).max() * 2 < MODULUS
    error = np.abs(ScoreScale(row_scale, query_scale).real(scores) - rows @ query)
    unclipped = (np.abs(integers) < ROW_LIMIT).all(axis=1)
    # Half a unit an entry of a row, and a little for the rounding of the query.
    assert unclipped.sum() >= 498 and error[unclipped].max() < 0.505 * np.abs(query).sum() / row_scale


def test_ranks_survive_rounding_of_rows_with_log_normal_norms() -> None:
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(20_000, 512)) * rng.lognormal(0, 1, size=(20_000, 1))
    query = rng.normal(size=512)
    scores = quantise_rows(rows, choose_row_scale(rows)).scores(quantise_query(query, MODULUS)[0][np.newaxis, :])[0]
    # SCORING requirement 6.
    assert spearmanr(scores, rows @ query).statistic > 0.9995


@pytest.mark.parametrize("tail", [1.5, 2.5])
def test_exponents_keep_the_ranks_of_rows_with_heavier_tails(tail: float) -> None:
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(20_000, 512)) * rng.lognormal(0, tail, size=(20_000, 1))
    query = rng.normal(size=512)
    integers = quantise_query(query, MODULUS)[0][np.newaxis, :]

    def kept(bits: int) -> float:
        found = quantise_rows(rows, choose_row_scale(rows, bits), bits)
        return float(spearmanr(found.scores(integers)[0], rows @ query).statistic)

    # SCORING requirement 6.
    assert kept(4) > 0.9999 > kept(0)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.floats(0, 8), st.integers(1, 4))
def test_an_exponent_is_the_least_that_clips_nothing(seed: int, scale: float, tail: float, bits: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(50, 7)) * rng.lognormal(0, tail, size=(50, 1)) * 1000
    found = quantise_rows(rows, scale, bits)
    assert found.exponents.max() < 2**bits
    for row, entries, exponent in zip(rows, found.entries, found.exponents, strict=True):
        unclipped = np.rint(row * scale / 2.0**exponent)
        assert (np.clip(unclipped, -ROW_LIMIT, ROW_LIMIT) == entries).all()
        assert exponent == 2**bits - 1 or np.abs(unclipped).max() <= ROW_LIMIT
        assert exponent == 0 or np.abs(np.rint(row * scale / 2.0 ** (exponent - 1))).max() > ROW_LIMIT
    query = rng.integers(-1000, 1000, size=(1, 7))
    assert found.scores(query)[0].tolist() == [
        int(entries.astype(np.int64) @ query[0]) * 2 ** int(exponent)
        for entries, exponent in zip(found.entries, found.exponents, strict=True)
    ]


def test_the_largest_entry_at_the_bound_of_two_exponents_may_have_either() -> None:
    rows = np.array([[2047.4], [2047.5], [2049.0], [2046.0], [1000.0], [4000.0]])
    assert choose_exponents(rows, 1.0, 4).tolist() == [0, 1, 1, 0, 0, 1]
    low, high = exponent_bounds(rows, 1.0, 4, 1)
    assert low.tolist() == [0, 0, 1, 0, 0, 1]
    assert high.tolist() == [1, 1, 1, 0, 0, 1]


def test_rows_beyond_the_largest_exponent_are_clipped_and_counted() -> None:
    found = quantise_rows(np.array([[1e300, 1.0], [3.0, 4.0]]), 1.0, 2)
    assert found.exponents.tolist() == [3, 0] and found.entries.tolist() == [[2047, 0], [3, 4]]
    assert found.clipped == 1 / 4


def test_scores_at_the_bounds_do_not_overflow() -> None:
    rows = np.full((2, 4096), ROW_LIMIT, dtype=np.int16)
    query = np.full(4096, 2**20, dtype=np.int64)
    assert clear_scores(rows, query).tolist() == [ROW_LIMIT * 4096 * 2**20] * 2
    with pytest.raises(errors.ShapeMismatch):
        clear_scores(rows, query[:-1])
