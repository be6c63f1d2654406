"""Columns of small integers come to the same words by the kernel as by SEAL's transform and numpy, wherever they go."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blindfair.blind import kernel
from blindfair.blind.columns import lay_out_columns
from blindfair.blind.layout import aligned, columns_shape, put_columns
from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet
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
    given = {"block": block, "start": 1, "columns": SMALL, "prime_index": 0, "prime": DEFAULT.data_primes[0]}
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
