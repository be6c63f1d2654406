"""Columns of small integers and coordinates come to the same words by the kernel as by SEAL's transform and numpy,
wherever they go."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blindfair.blind import kernel
from blindfair.blind.columns import lay_out_columns, lay_out_coordinates
from blindfair.blind.expand import lay_out_ciphertexts, lay_out_query, load_query
from blindfair.blind.layout import aligned, columns_shape, halved, put_columns, queries_shape
from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.blind.seal import Words, engine
from blindfair.blind.transform import roots_of, values_of
from blindfair.protocol.errors import ScoringError, ShapeMismatch

N = DEFAULT.ring_degree
needs_kernel = pytest.mark.skipif(kernel.library() is None, reason="the kernel is not compiled here")


def marked(parameters: ParameterSet, k: int) -> Words:
    """A block full of a number that no residue is."""
    block = aligned(columns_shape(parameters, k))
    block[:] = 2**64 - 1
    return block


@pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)
@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize(("count", "length", "start"), [(1, N, 0), (8, N, 5), (9, N - 1, 0), (17, 3, 1), (2, 0, 1)])
def test_words_are_those_of_seal(
    parameters: ParameterSet, vectors: bool, count: int, length: int, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More columns than are written together and fewer, short ones and full ones; others' places stay as they are."""
    if vectors and not kernel.has_vectors():
        pytest.skip("no vectors here")
    monkeypatch.setattr(kernel, "has_vectors", lambda: vectors)
    columns = np.random.default_rng(1).integers(-(2**24), 2**24, (count, length)).astype(np.int32)
    columns.flat[: min(2, columns.size)] = (-(2**31), 2**31 - 1)[: columns.size]
    found, expected = marked(parameters, 20), marked(parameters, 20)
    lay_out_columns(engine(parameters), found, start, columns)
    put_columns(expected, start, values_of(engine(parameters), columns))
    np.testing.assert_array_equal(found, expected)


@needs_kernel
def test_rows_are_taken_as_they_lie() -> None:
    """Columns of a table of 16 bits are neither together in memory nor of the kernel's type."""
    rows = np.random.default_rng(2).integers(-2047, 2048, (900, 12)).astype(np.int16)
    found, expected = marked(DEFAULT, 12), marked(DEFAULT, 12)
    lay_out_columns(engine(DEFAULT), found, 3, rows[:, 3:12].T)
    put_columns(expected, 3, values_of(engine(DEFAULT), rows[:, 3:12].T))
    np.testing.assert_array_equal(found, expected)


SMALL = np.zeros((3, 20), dtype=np.int32)
ROOTS = roots_of(DEFAULT.data_primes[0], 32)


@needs_kernel
@pytest.mark.parametrize(
    "spoil",
    [
        lambda given: given | {"columns": SMALL.astype(np.int64)},
        lambda given: given | {"columns": SMALL.astype(np.int16)},
        lambda given: given | {"columns": np.asfortranarray(SMALL)},
        lambda given: given | {"columns": np.zeros((3, 33), dtype=np.int32)},
        lambda given: given | {"columns": np.zeros((5, 20), dtype=np.int32)},
        lambda given: given | {"start": 2},
        lambda given: given | {"start": -1},
        lambda given: given | {"prime_index": 2},
        lambda given: given | {"prime_index": -1},
        lambda given: given | {"prime": 2**60 + 33},
        lambda given: given | {"prime": 2**31 - 1},
        lambda given: given | {"block": given["block"][:, :, ::2]},
        lambda given: given | {"block": given["block"].astype(np.int64)},
        lambda given: given | {"block": given["block"][:, :3].copy()},
        lambda given: given | {"block": given["block"][..., :4].copy()},
        lambda given: given | {"block": np.frombuffer(given["block"].tobytes(), dtype=np.uint64).reshape(2, 4, 4, 8)},
        lambda given: given | {"roots": ROOTS.powers[:16]},
        lambda given: given | {"quotients": ROOTS.quotients.astype(np.int64)},
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(spoil: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    block: NDArray[np.uint64] = np.full((2, 4, 4, 8), 7, dtype=np.uint64)
    given: dict[str, Any] = {
        "block": block,
        "start": 1,
        "columns": SMALL,
        "prime_index": 0,
        "prime": DEFAULT.data_primes[0],
    }
    given |= {"roots": ROOTS.powers, "quotients": ROOTS.quotients}
    with pytest.raises(ShapeMismatch):
        kernel.put_columns(**spoil(given))
    assert (block == 7).all()
    kernel.put_columns(**given)
    assert (block[0, :, 1:] != 7).any()
    assert (block[0, :, 0] == 7).all() and (block[1] == 7).all()


def test_without_the_kernel_seal_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.random.default_rng(3).integers(-2047, 2048, (3, 50)).astype(np.int16)
    expected = marked(DEFAULT, 3)
    lay_out_columns(engine(DEFAULT), expected, 0, columns)
    monkeypatch.setattr(kernel, "library", lambda: None)
    found = marked(DEFAULT, 3)
    lay_out_columns(engine(DEFAULT), found, 0, columns)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ScoringError, match="not compiled"):
        kernel.put_columns(found, 0, SMALL, 0, DEFAULT.data_primes[0], ROOTS.powers, ROOTS.quotients)


def without_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "library", lambda: None)


@pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)
@pytest.mark.parametrize("k", [1, 4, 6])
def test_the_second_of_two_queries_is_laid_out_as_by_seal(
    parameters: ParameterSet, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer coordinates than are laid out together, as many, and more; the place of the first query stays as it is, and
    so does the request."""
    request, _ = encrypt_queries(parameters, np.arange(2 * k).reshape(2, k))
    before, seal = request.to_bytes(), engine(parameters)
    found, by_seal = (aligned(queries_shape(parameters, 2, k)) for _ in range(2))
    for words in (found, by_seal):
        words[:] = 2**64 - 1
    lay_out_query(seal, request, 1, found, 1)
    without_the_kernel(monkeypatch)
    lay_out_ciphertexts(seal, load_query(seal, request, 1), by_seal, 1)
    np.testing.assert_array_equal(found, by_seal)
    assert (found[:, :, 0] == 2**64 - 1).all() and (found[:, :, 1] < 2**62).all()
    assert request.to_bytes() == before


def test_coordinates_are_laid_out_in_halves() -> None:
    seal, queries = engine(DEFAULT), aligned(queries_shape(DEFAULT, 1, 3))
    polynomials = np.zeros((4, 2, N), dtype=np.uint64)
    polynomials[1, 0, 0], polynomials[2, 1, 0] = 2**40 + 3, DEFAULT.data_primes[1] - 1
    lay_out_coordinates(seal, queries, 0, 1, polynomials)
    # The transform of a constant is that constant everywhere.
    assert (queries[0, :, 0, 1, 1] == halved(np.array(2**40 + 3, dtype=np.uint64))).all()
    assert (queries[1, :, 0, 2, 0] == halved(np.array(DEFAULT.data_primes[1] - 1, dtype=np.uint64))).all()


@needs_kernel
@pytest.mark.parametrize(
    "spoil",
    [
        lambda polynomials, tiles: (polynomials[:1], tiles),
        lambda polynomials, tiles: (polynomials[:, ::2], tiles[:4]),
        lambda polynomials, tiles: (polynomials[:, :60], tiles),
        lambda polynomials, tiles: (polynomials.astype(np.int64), tiles),
        lambda polynomials, tiles: (polynomials[::-1], tiles),
        lambda polynomials, tiles: (polynomials, tiles[:4]),
        lambda polynomials, tiles: (polynomials, tiles.astype(np.float64)),
        lambda polynomials, tiles: (polynomials, tiles[::-1]),
        lambda polynomials, tiles: (polynomials, tiles[:, ::-1]),
        lambda polynomials, tiles: (polynomials, np.frombuffer(tiles.tobytes(), dtype=np.uint64).reshape(8, 2, 8)),
    ],
)
def test_tiles_that_do_not_fit_are_refused(spoil: Callable[..., tuple[Words, Words]]) -> None:
    tiles = np.full((8, 2, 8), 7, dtype=np.uint64)
    with pytest.raises(ShapeMismatch):
        kernel.lay_out(*spoil(np.zeros((2, 64), dtype=np.uint64), tiles))
    assert (tiles == 7).all()
