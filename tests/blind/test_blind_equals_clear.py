"""Decrypted scores are the integer product of rows and query and the noise that was drawn for them: random shapes, the
bounds, every number of bits, real data."""

import csv
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib import resources
from itertools import cycle, islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from drawn import ASKED, MIXED, assert_scores, centred_modulo, random_draws, residues_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression

import blindfair.blind.evaluate as evaluation
from blindfair.blind import flooding, kernel, stream
from blindfair.blind.blob_store import Directory
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.flooding import Draws
from blindfair.blind.matrix import encode_matrix
from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet, parameter_set
from blindfair.blind.query import encrypt_queries
from blindfair.blind.stream import finish, start_evaluation
from blindfair.influence.quantise import choose_row_scale, quantise_query, quantise_rows
from blindfair.protocol.audit import SCORE_ROUNDING
from blindfair.protocol.errors import QueryOutOfBounds, ShapeMismatch, UnknownParameters
from deep import deep

N = DEFAULT.ring_degree


def blind_scores(
    rows: NDArray[np.int16],
    queries: NDArray[np.int64],
    parameters: ParameterSet = DEFAULT,
    bits: Sequence[int] | None = None,
    draws: Draws | None = None,
) -> NDArray[np.int64]:
    encrypted, secret = encrypt_queries(parameters, queries, bits)
    reply = evaluate(encode_rows(parameters, rows), encrypted.to_bytes(), bits=bits, draws=draws)
    return decrypt_reply(parameters, secret, reply, rows.shape[0], queries.shape[0])


def clear_scores(rows: NDArray[np.int16], queries: NDArray[np.int64]) -> NDArray[np.int64]:
    return queries @ rows.T.astype(np.int64)


def random_rows(rng: np.random.Generator, n: int, k: int) -> NDArray[np.int16]:
    return rng.integers(-2047, 2048, (n, k)).astype(np.int16)


def scores_on_disk(
    rows: NDArray[np.int16],
    queries: NDArray[np.int64],
    parameters: ParameterSet = DEFAULT,
    bits: Sequence[int] | None = None,
    draws: Draws | None = None,
    *,
    by_seal: bool = False,
) -> NDArray[np.int64]:
    encrypted, secret = encrypt_queries(parameters, queries, bits)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        if by_seal:
            patched.setattr(kernel, "library", lambda: None)
        matrix = encode_matrix(parameters, rows, Directory(Path(folder) / "matrix"))
        store = Directory(Path(folder) / "evaluation")
        reply = finish(start_evaluation(matrix, encrypted.to_bytes(), store, bits=bits, draws=draws))
    return decrypt_reply(parameters, secret, reply, rows.shape[0], queries.shape[0])


MODES: dict[str, Callable[..., NDArray[np.int64]]] = {
    "memory": blind_scores,
    "disk": scores_on_disk,
    "disk, by SEAL": partial(scores_on_disk, by_seal=True),
}

MAGNITUDES = [0, 1, 2**6, 2**13, 2**16, None]
"""Of a query's entries; None: as large as its norm may be."""


@st.composite
def shapes(draw: st.DrawFn, max_k: int, max_m: int, max_n: int) -> tuple[int, int, int]:
    """n, k, m: with one record, the borders of blocks and one query more often than by chance."""
    n = draw(st.one_of(st.just(1), st.integers(1, 300), st.sampled_from([N - 1, N, N + 1, max_n])))
    return min(n, max_n), draw(st.integers(1, max_k)), draw(st.integers(1, max_m))


def assert_scored(
    mode: str,
    name: str,
    shape: tuple[int, int, int],
    seed: int,
    magnitude: int | None,
    empty: float,
    asked: tuple[int, ...],
    drawn: bool,
) -> None:
    """Rows with zeros in places, rows and columns at the bounds in others; exact queries of both signs up to their
    bound, and others so large that their scores wrap around."""
    n, k, m = shape
    parameters, bits = parameter_set(name), tuple(islice(cycle(asked), m))
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, n, k)
    rows[rng.random(n) < 0.1] = 2047
    rows[rng.random(n) < 0.1] = -2047
    rows[rng.random(n) < empty] = 0
    rows[:, rng.random(k) < empty] = 0
    queries = np.empty((m, k), dtype=np.int64)
    for query, each in zip(queries, bits, strict=True):
        largest = parameters.largest_query_norm() if each == 32 else parameters.plain_modulus // 2
        limit = largest // k if magnitude is None else min(magnitude, largest // k)
        query[:] = rng.integers(-limit, limit + 1, k)
        if magnitude is None:
            # All that the norm leaves goes to one entry.
            place = rng.integers(k)
            query[place] = (largest - abs(query).sum() + abs(query[place])) * rng.choice([-1, 1])
    draws = random_draws(m, n, seed) if drawn else None
    scores = MODES[mode](rows, queries, parameters, bits, draws)
    assert_scores(parameters, scores, clear_scores(rows, queries), bits, draws)


CASES = {
    "mode": st.sampled_from(sorted(MODES)),
    "name": st.sampled_from(sorted(PARAMETER_SETS)),
    "seed": st.integers(0, 2**32),
    "magnitude": st.sampled_from(MAGNITUDES),
    "empty": st.sampled_from([0.0, 0.5, 1.0]),
    "asked": st.sampled_from(ASKED),
    "drawn": st.booleans(),
}


@settings(max_examples=15, deadline=None)
@given(shape=shapes(8, 3, N + 1), **CASES)
def test_random_shapes(
    mode: str,
    name: str,
    shape: tuple[int, int, int],
    seed: int,
    magnitude: int | None,
    empty: float,
    asked: tuple[int, ...],
    drawn: bool,
) -> None:
    assert_scored(mode, name, shape, seed, magnitude, empty, asked, drawn)


@pytest.mark.deep
@settings(max_examples=60, deadline=None)
@given(shape=shapes(40, 4, 5 * N + 1), **CASES)
def test_larger_random_shapes(
    mode: str,
    name: str,
    shape: tuple[int, int, int],
    seed: int,
    magnitude: int | None,
    empty: float,
    asked: tuple[int, ...],
    drawn: bool,
) -> None:
    assert_scored(mode, name, shape, seed, magnitude, empty, asked, drawn)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(PARAMETER_SETS))
@pytest.mark.parametrize("asked", [*ASKED[:1], *deep(*ASKED[1:])], ids=str)
def test_scores_are_products_with_the_noise_of_their_draws(mode: str, name: str, asked: tuple[int, ...]) -> None:
    """Entries as large as t/2 allows where scores are not exact, so that most of them wrap around."""
    assert_scored(mode, name, (300, 2, len(asked)), 7, None, 0.0, asked, drawn=True)


@pytest.mark.parametrize("n", [1, N, N + 1])
def test_the_same_draws_give_the_same_parts_in_memory_and_on_disk(n: int) -> None:
    """The rest of the noise is fresh each time: two scores lie within one part, and are equal at 32 bits alone."""
    rows = random_rows(np.random.default_rng(8), n, 2)
    queries = np.random.default_rng(9).integers(-(2**19), 2**19, (len(MIXED), 2))
    draws = random_draws(len(MIXED), n)
    found = [MODES[mode](rows, queries, DEFAULT, MIXED, draws) for mode in ("memory", "disk")]
    for bits, apart in zip(MIXED, centred_modulo(DEFAULT, found[0] - found[1]), strict=True):
        assert abs(apart).max() <= 2 * (DEFAULT.score_slack(bits) + SCORE_ROUNDING) * (bits != 32)
        assert bits == 32 or (apart != 0).mean() > 0.99


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


@pytest.mark.parametrize("mode", ["memory", "disk"])
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


@pytest.mark.parametrize("bits", [31, 20, 12, 6, 3, 1])
def test_fewer_bits_round_the_scores_within_the_stated_error(bits: int) -> None:
    rng = np.random.default_rng(4)
    rows = random_rows(rng, 500, 3)
    norm = DEFAULT.largest_query_norm(bits)
    queries = np.array([[norm - 7, 3, -4]])
    rows[0], rows[1] = (2047, 2047, -2047), (-2047, -2047, 2047)
    scores = blind_scores(rows, queries, bits=(bits,))
    error = abs(scores - clear_scores(rows, queries)).max()
    stated = DEFAULT.score_error(bits)
    assert 0.9 * stated < error <= stated
    assert stated == pytest.approx(DEFAULT.plain_modulus / 2 ** (bits + 1), abs=2**16)


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_a_score_beyond_the_range_wraps_around_and_the_next_to_it_does_not(
    bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without noise, 2047 q is what t/2 has space for, and 2047 (q + 1) is not: it comes out at the other end."""
    monkeypatch.setattr(
        flooding, "symmetric_residues", lambda primes, _, draws: residues_of(primes, [0] * draws.shape[1])
    )
    rows = np.array([[2047], [-2047]], dtype=np.int16)
    largest = DEFAULT.plain_modulus // 2 // 2047
    for query, wraps in ((largest, False), (largest + 1, True)):
        scores = blind_scores(rows, np.array([[query]]), bits=(bits,))[0]
        shift = DEFAULT.plain_modulus if wraps else 0
        assert scores.tolist() == [2047 * query - shift, shift - 2047 * query]


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


@pytest.mark.parametrize("place", [0, 1])
def test_an_exact_query_is_held_to_its_norm_and_others_to_half_the_plain_modulus(place: int) -> None:
    """An inexact query may wrap around; an entry beyond t/2 would be another number than the one asked for."""
    half, norm = DEFAULT.plain_modulus // 2, DEFAULT.largest_query_norm(32)
    for bits, largest in ((32, norm), (31, half), (8, half), (3, half), (1, half)):
        for sign in (1, -1):
            queries, asked = np.ones((2, 1), dtype=np.int64), [32, 32]
            queries[place], asked[place] = sign * largest, bits
            encrypt_queries(DEFAULT, queries, asked)
            queries[place] += sign
            with pytest.raises(QueryOutOfBounds) as caught:
                encrypt_queries(DEFAULT, queries, asked)
            assert "found more" in str(caught.value), "the query is secret, its size too"


def test_a_norm_beyond_half_the_plain_modulus_is_an_inexact_querys_right() -> None:
    half = DEFAULT.plain_modulus // 2
    encrypt_queries(DEFAULT, np.full((1, 5), half), [3])
    with pytest.raises(QueryOutOfBounds):
        encrypt_queries(DEFAULT, np.full((2, 5), half), [3, 32])


# --- bits and draws that do not fit --------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [(0,), (33,), (-1,), (3, 0), (255, 3)])
def test_impossible_bits_are_refused(bits: tuple[int, ...]) -> None:
    with pytest.raises(UnknownParameters, match="bits of a query"):
        encrypt_queries(DEFAULT, np.ones((len(bits), 1), dtype=np.int64), bits)


@pytest.mark.parametrize("bits", [(), (3,), (3, 1, 1)])
def test_bits_are_one_a_query(bits: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch, match="bits"):
        encrypt_queries(DEFAULT, np.ones((2, 1), dtype=np.int64), bits)


class _Computed(Exception):
    """Something was computed."""


def computed(*_: object, **__: object) -> None:
    raise _Computed


Refusing: TypeAlias = Callable[..., object]


@pytest.fixture(params=["memory", "disk"])
def evaluated(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """Evaluate a request of bits 3 and 1 over five records; nothing is computed or written before a refusal."""
    rows = np.ones((5, 1), dtype=np.int16)
    sent = encrypt_queries(DEFAULT, np.ones((2, 1), dtype=np.int64), (3, 1))[0].to_bytes()
    if request.param == "memory":
        encoded = encode_rows(DEFAULT, rows)
        monkeypatch.setattr(evaluation, "engine", computed)
        return lambda **given: evaluate(encoded, sent, **given)
    matrix = encode_matrix(DEFAULT, rows, Directory(tmp_path / "matrix"))
    monkeypatch.setattr(stream, "_kept", computed)
    return lambda **given: start_evaluation(matrix, sent, Directory(tmp_path / "evaluation"), **given)


@pytest.mark.parametrize("bits", [(3,), (1, 3), (3, 1, 1), (4, 1), (3, 32), (32, 32), ()])
def test_other_bits_than_were_charged_are_refused(evaluated: Refusing, bits: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch, match="other bits than were charged"):
        evaluated(bits=bits)
    with pytest.raises(_Computed):
        evaluated(bits=[3, 1])


@pytest.mark.parametrize("shape", [(1, 5), (2, 4), (2, 6), (5, 2), (2, 2, 5), (2, 5, 1), (10,), ()])
def test_draws_of_another_shape_are_refused(evaluated: Refusing, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch, match="not one for each score"):
        evaluated(draws=np.zeros(shape, dtype=np.uint8))
    with pytest.raises(_Computed):
        evaluated(draws=np.zeros((2, 5), dtype=np.uint8))


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
