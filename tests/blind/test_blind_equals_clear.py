"""Decrypted scores are the integer product of rows and query: random shapes, the bounds, real data."""

import csv
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.matrix import encode_matrix
from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet, parameter_set
from blindfair.blind.query import encrypt_queries
from blindfair.blind.shelf import Directory
from blindfair.blind.stream import finish, start_evaluation
from blindfair.influence.quantise import choose_row_scale, quantise_query, quantise_rows
from blindfair.protocol.errors import QueryOutOfBounds, ShapeMismatch

N = DEFAULT.ring_degree


def blind_scores(
    rows: NDArray[np.int16],
    queries: NDArray[np.int64],
    parameters: ParameterSet = DEFAULT,
    precision_bits: int | None = None,
) -> NDArray[np.int64]:
    encrypted, secret = encrypt_queries(parameters, queries, precision_bits)
    reply = evaluate(encode_rows(parameters, rows), encrypted.to_bytes(), precision_bits)
    return decrypt_reply(parameters, secret, reply, rows.shape[0], queries.shape[0])


def clear_scores(rows: NDArray[np.int16], queries: NDArray[np.int64]) -> NDArray[np.int64]:
    return queries @ rows.T.astype(np.int64)


def random_rows(rng: np.random.Generator, n: int, k: int) -> NDArray[np.int16]:
    return rng.integers(-2047, 2048, (n, k)).astype(np.int16)


def scores_on_disk(
    rows: NDArray[np.int16], queries: NDArray[np.int64], parameters: ParameterSet = DEFAULT
) -> NDArray[np.int64]:
    encrypted, secret = encrypt_queries(parameters, queries)
    with tempfile.TemporaryDirectory() as folder:
        matrix = encode_matrix(parameters, rows, Directory(Path(folder) / "matrix"))
        reply = finish(start_evaluation(matrix, encrypted.to_bytes(), Directory(Path(folder) / "evaluation")))
    return decrypt_reply(parameters, secret, reply, rows.shape[0], queries.shape[0])


MODES = {"memory": blind_scores, "disk": scores_on_disk}

MAGNITUDES = [0, 1, 2**6, 2**13, 2**16, None]
"""Of a query's entries; None: as large as its norm may be."""


@st.composite
def shapes(draw: st.DrawFn, most_k: int, most_m: int, most_n: int) -> tuple[int, int, int]:
    """n, k, m: with one record, the borders of blocks and one query more often than by chance."""
    n = draw(st.one_of(st.just(1), st.integers(1, 300), st.sampled_from([N - 1, N, N + 1, most_n])))
    return min(n, most_n), draw(st.integers(1, most_k)), draw(st.integers(1, most_m))


def assert_exact(
    mode: str, name: str, shape: tuple[int, int, int], seed: int, magnitude: int | None, empty: float
) -> None:
    """Rows with zeros in places, rows and columns at the bounds in others; queries of both signs up to their bound."""
    n, k, m = shape
    parameters = parameter_set(name)
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, n, k)
    rows[rng.random(n) < 0.1] = 2047
    rows[rng.random(n) < 0.1] = -2047
    rows[rng.random(n) < empty] = 0
    rows[:, rng.random(k) < empty] = 0
    largest = parameters.largest_query_norm()
    limit = largest // k if magnitude is None else min(magnitude, largest // k)
    queries = rng.integers(-limit, limit + 1, (m, k))
    if magnitude is None:
        # All that the norm leaves goes to one entry.
        for query in queries:
            place = rng.integers(k)
            query[place] = (largest - abs(query).sum() + abs(query[place])) * rng.choice([-1, 1])
    scores = MODES[mode](rows, queries, parameters)
    np.testing.assert_array_equal(scores, clear_scores(rows, queries))


CASES = {
    "mode": st.sampled_from(sorted(MODES)),
    "name": st.sampled_from(sorted(PARAMETER_SETS)),
    "seed": st.integers(0, 2**32),
    "magnitude": st.sampled_from(MAGNITUDES),
    "empty": st.sampled_from([0.0, 0.5, 1.0]),
}


@settings(max_examples=15, deadline=None)
@given(shape=shapes(8, 3, N + 1), **CASES)
def test_random_shapes(
    mode: str, name: str, shape: tuple[int, int, int], seed: int, magnitude: int | None, empty: float
) -> None:
    assert_exact(mode, name, shape, seed, magnitude, empty)


@pytest.mark.deep
@settings(max_examples=60, deadline=None)
@given(shape=shapes(40, 4, 5 * N + 1), **CASES)
def test_larger_random_shapes(
    mode: str, name: str, shape: tuple[int, int, int], seed: int, magnitude: int | None, empty: float
) -> None:
    assert_exact(mode, name, shape, seed, magnitude, empty)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(PARAMETER_SETS))
def test_the_largest_score_is_exact_and_one_more_is_refused(mode: str, name: str) -> None:
    """The bound that keeps sums from wrapping around, at its edge: 2047 times the largest norm is less than t/2 and
    comes out with either sign; a norm larger by one could reach further."""
    parameters = parameter_set(name)
    largest, half = parameters.largest_query_norm(), parameters.plain_modulus // 2
    assert 2047 * largest <= half < 2047 * (largest + 1)
    noise = parameters.drowning_bound() + parameters.worst_noise + parameters.rounding
    assert 2 * parameters.plain_modulus * noise < parameters.ciphertext_modulus, "no noise can turn a score"
    rows = np.array([[2047, -2047], [-2047, 2047]], dtype=np.int16)
    queries = np.array([[largest - 1, -1]])
    assert MODES[mode](rows, queries, parameters).tolist() == [[2047 * largest, -2047 * largest]]
    with pytest.raises(QueryOutOfBounds):
        encrypt_queries(parameters, queries - np.array([[0, 1]]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(PARAMETER_SETS))
def test_blocks_of_zeros(mode: str, name: str) -> None:
    """Nothing to multiply at all: everywhere, and in all blocks but the last."""
    queries = np.array([[5, -7]])
    rows = np.zeros((N + 1, 2), dtype=np.int16)
    for last in ((0, 0), (-2047, 3)):
        rows[-1] = last
        scores = MODES[mode](rows, queries, parameter_set(name))
        np.testing.assert_array_equal(scores, clear_scores(rows, queries))


@pytest.mark.parametrize("n", [1, N - 1, N, N + 1])
@pytest.mark.parametrize("name", sorted(PARAMETER_SETS))
def test_extremes_of_rows_and_query_at_block_borders(n: int, name: str) -> None:
    """All entries at +-2047 and a query at the very bound: scores reach the largest magnitudes of both signs."""
    parameters = parameter_set(name)
    largest = parameters.largest_query_norm()
    rows = np.full((n, 2), 2047, dtype=np.int16)
    rows[1::2] = -2047
    queries = np.array([[largest - 5, 5], [5 - largest, -5], [0, largest], [0, 0]])
    scores = blind_scores(rows, queries, parameters)
    np.testing.assert_array_equal(scores, clear_scores(rows, queries))
    assert abs(scores).max() == 2047 * largest > 0.99 * parameters.plain_modulus / 2


def test_one_record_one_coordinate() -> None:
    assert blind_scores(np.array([[-2047]], dtype=np.int16), np.array([[1]])).tolist() == [[-2047]]


def test_all_zero_rows_and_columns() -> None:
    rows = np.zeros((3, 4), dtype=np.int16)
    queries = np.array([[1, -2, 3, -4]])
    assert not blind_scores(rows, queries).any()
    rows[1, 2] = 7
    assert blind_scores(rows, queries).tolist() == [[0, 21, 0]]


def test_many_blocks_with_a_column_that_is_zero_in_some() -> None:
    rows = random_rows(np.random.default_rng(2), 4 * N + 3, 2)
    rows[: 4 * N, 1] = 0
    rows[N + 5, 1] = -9
    queries = np.array([[3, 7], [-5, 2**15]])
    np.testing.assert_array_equal(blind_scores(rows, queries), clear_scores(rows, queries))


def test_encoded_rows_serve_many_queries() -> None:
    rng = np.random.default_rng(3)
    rows = random_rows(rng, 40, 5)
    encoded = encode_rows(DEFAULT, rows)
    for _ in range(3):
        queries = rng.integers(-(2**13), 2**13, (2, 5))
        encrypted, secret = encrypt_queries(DEFAULT, queries)
        reply = evaluate(encoded, encrypted.to_bytes())
        np.testing.assert_array_equal(decrypt_reply(DEFAULT, secret, reply, 40, 2), clear_scores(rows, queries))


@pytest.mark.parametrize("precision_bits", [31, 20, 12, 6])
def test_fewer_bits_round_the_scores_within_the_stated_error(precision_bits: int) -> None:
    rng = np.random.default_rng(4)
    rows = random_rows(rng, 500, 3)
    norm = DEFAULT.largest_query_norm(precision_bits)
    queries = np.array([[norm - 7, 3, -4]])
    rows[0], rows[1] = (2047, 2047, -2047), (-2047, -2047, 2047)
    scores = blind_scores(rows, queries, precision_bits=precision_bits)
    error = abs(scores - clear_scores(rows, queries)).max()
    stated = DEFAULT.score_error(precision_bits)
    assert 0 < error <= stated
    assert stated == pytest.approx(DEFAULT.plain_modulus / 2 ** (precision_bits + 1), abs=1)


def test_progress_is_told_for_every_block() -> None:
    encrypted, _ = encrypt_queries(DEFAULT, np.ones((2, 1), dtype=np.int64))
    seen: list[tuple[int, int]] = []
    rows = np.ones((N + 1, 1), dtype=np.int16)
    evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes(), progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def trial() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """ACTG175 without the columns that know the outcome."""
    text = resources.files("blindfair.cli.demo").joinpath("data/ACTG175.csv").read_text(encoding="utf-8")
    table = list(csv.DictReader(text.splitlines()))
    left_out = {"", "pidnum", "days", "cd496", "offtrt", "r", "cens"}
    features = [[float(value) for name, value in row.items() if name not in left_out] for row in table]
    return np.array(features), np.array([int(row["cens"]) for row in table])


def diabetes() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    features, progression = load_diabetes(return_X_y=True)
    return features, (progression > np.median(progression)).astype(np.int64)


def logistic_rows(features: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Gradient rows of a logistic regression's loss at its fit."""
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    model = LogisticRegression(max_iter=2000).fit(features, labels)
    rows: NDArray[np.float64] = features * (model.predict_proba(features)[:, 1] - labels)[:, None]
    return rows


@pytest.mark.parametrize("data", [trial, diabetes])
def test_faithful_on_real_data(data: Callable[[], tuple[NDArray[np.float64], NDArray[np.int64]]]) -> None:
    """Spearman against float64 scores, through rounding and encryption (SCORING requirement 6).

    Scaled to the largest entry: among two thousand records a single clipped one can cost more than all rounding.
    """
    rows = logistic_rows(*data())
    direction: NDArray[np.float64] = np.random.default_rng(5).standard_normal(rows.shape[1:])
    integers = quantise_rows(rows, 2047 / abs(rows).max()).entries
    query, _ = quantise_query(direction, DEFAULT.plain_modulus)
    scores = blind_scores(integers, query[None])[0]
    assert spearmanr(scores, rows @ direction).statistic >= 0.9999


def test_faithful_on_log_normal_norms() -> None:
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((6000, 512)) * np.exp(rng.standard_normal((6000, 1)))
    direction = rng.standard_normal(512)
    integers = quantise_rows(rows, choose_row_scale(rows)).entries
    query, _ = quantise_query(direction, DEFAULT.plain_modulus)
    assert spearmanr(clear_scores(integers, query[None])[0], rows @ direction).statistic >= 0.9995


@pytest.mark.parametrize(
    "queries",
    [
        np.array([[DEFAULT.largest_query_norm() + 1]]),
        np.array([[-DEFAULT.largest_query_norm() - 1]]),
        np.array([[0, 1], [DEFAULT.largest_query_norm(), 1]]),
        np.array([[np.iinfo(np.int64).min]]),
        np.array([[np.iinfo(np.int64).max, np.iinfo(np.int64).max, 2]]),
    ],
    ids=["one over", "negative", "second query", "int64 minimum", "sum wraps"],
)
def test_a_query_that_could_wrap_around_is_refused(queries: NDArray[np.int64]) -> None:
    with pytest.raises(QueryOutOfBounds) as caught:
        encrypt_queries(DEFAULT, queries)
    assert "found more" in str(caught.value), "the query is secret, its size too"


def test_rounded_scores_need_room_at_the_bound() -> None:
    queries = np.array([[DEFAULT.largest_query_norm()]])
    encrypt_queries(DEFAULT, queries)
    with pytest.raises(QueryOutOfBounds):
        encrypt_queries(DEFAULT, queries, precision_bits=8)


@pytest.mark.parametrize(
    "queries",
    [
        np.ones(3, dtype=np.int64),
        np.ones((2, 2)),
        np.ones((1, 2), dtype=np.int32),
        np.ones((0, 2), dtype=np.int64),
        np.ones((1, 0), dtype=np.int64),
        np.ones((17, 1), dtype=np.int64),
        np.ones((1, DEFAULT.largest_k + 1), dtype=np.int64),
    ],
    ids=lambda queries: f"{queries.shape} {queries.dtype}",
)
def test_queries_of_a_wrong_shape_are_refused(queries: NDArray[np.int64]) -> None:
    with pytest.raises(ShapeMismatch):
        encrypt_queries(DEFAULT, queries)


@pytest.mark.parametrize(
    "rows",
    [
        np.array([[2048]], dtype=np.int16),
        np.array([[0, 0], [0, -2048]], dtype=np.int16),
        np.array([[-32768]], dtype=np.int16),
        np.vstack([np.zeros((N, 1)), [[2048]]]).astype(np.int16),
        np.ones((2, 2), dtype=np.int32),
        np.ones((2, 2)),
        np.ones(2, dtype=np.int16),
        np.ones((0, 2), dtype=np.int16),
        np.ones((2, 0), dtype=np.int16),
        np.ones((1, DEFAULT.largest_k + 1), dtype=np.int16),
    ],
    ids=lambda rows: f"{rows.shape} {rows.dtype}",
)
def test_rows_of_a_wrong_shape_or_size_are_refused(rows: NDArray[np.int16]) -> None:
    with pytest.raises(ShapeMismatch):
        encode_rows(DEFAULT, rows)
