"""The kernel's sums are SEAL's, bit for bit, and those of Python's integers; without the kernel SEAL does the same."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from blindfair.blind import kernel
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.layout import (
    aligned,
    column_of,
    columns_shape,
    halved,
    joined,
    places_of,
    put_columns,
    queries_shape,
)
from blindfair.blind.multiply import multiply, multiply_by_seal
from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.blind.seal import Words, engine
from blindfair.protocol.errors import ScoringError, ShapeMismatch

N, PRIMES = DEFAULT.ring_degree, DEFAULT.data_primes
SEAL = engine(DEFAULT)
needs_kernel = pytest.mark.skipif(kernel.library() is None, reason="the kernel is not compiled here")

TILES = 2
"""Of the small arrays: the kernel knows no degree."""


def random_residues(shape: tuple[int, ...], seed: int) -> Words:
    """`primes x ...` as halves."""
    rng = np.random.default_rng(seed)
    return halved(np.stack([rng.integers(0, prime, shape[1:], dtype=np.uint64) for prime in PRIMES]))


def largest_residues(shape: tuple[int, ...], _: int) -> Words:
    """Every one p - 1, so that every sum inside is as large as it gets."""
    return halved(np.stack([np.full(shape[1:], prime - 1, dtype=np.uint64) for prime in PRIMES]))


def full_halves(shape: tuple[int, ...], _: int) -> Words:
    """Every one 2^60 - 2^30 - 1 at most: both halves as large as a residue's can be together, or nearly."""
    return halved(np.stack([np.full(shape[1:], (prime - 1) // 2**30 * 2**30 - 1, dtype=np.uint64) for prime in PRIMES]))


def zeros(shape: tuple[int, ...], _: int) -> Words:
    return np.zeros(shape, dtype=np.uint64)


def sparse_residues(shape: tuple[int, ...], seed: int) -> Words:
    """Mostly zeros, some p - 1."""
    mask = np.random.default_rng(seed).random(shape) < 0.1
    return np.where(mask, largest_residues(shape, 0), np.uint64(0))


def in_line(words: Words) -> Words:
    """The same at a line of the cache."""
    result = aligned(words.shape)
    result[:] = words
    return result


def by_integers(columns: list[Words], queries: Words, block: int, query: int) -> NDArray[np.object_]:
    """`2 x primes x places` by Python's integers."""
    entries, asked = joined(columns[block]).astype(object), joined(queries[:, :, query]).astype(object)
    products = (entries[:, :, :, None, :] * asked).sum(axis=2)
    primes = np.array(PRIMES, dtype=object)[:, None, None, None]
    result = (products % primes).transpose(2, 0, 1, 3)
    return np.asarray(result.reshape(2, len(PRIMES), -1), dtype=object)


@needs_kernel
@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize(
    ("columns_of", "queries_of"),
    [
        (random_residues, random_residues),
        (largest_residues, largest_residues),
        (full_halves, full_halves),
        (largest_residues, random_residues),
        (sparse_residues, largest_residues),
        (zeros, random_residues),
        (random_residues, zeros),
    ],
)
@pytest.mark.parametrize("k", [1, 3, 4, 5, 15, 16, 17, 255, 256, 257, 700])
def test_sums_are_those_of_integers(
    columns_of: Callable[..., Words], queries_of: Callable[..., Words], k: int, vectors: bool
) -> None:
    if vectors and not kernel.has_vectors():
        pytest.skip("no vectors here")
    columns = [in_line(columns_of((2, TILES, k, 8), seed)) for seed in range(3)]
    queries = in_line(queries_of((2, TILES, 2, k, 2, 8), 9))
    found = kernel.sums(columns, queries, PRIMES, vectors=vectors)
    for block in range(3):
        for query in range(2):
            assert (found[block, query] == by_integers(columns, queries, block, query)).all()


@needs_kernel
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_blocks_and_threads_change_nothing(blocks: int, threads: int) -> None:
    """An odd number of blocks leaves one over from the pairs; 3 threads share 7 tiles unevenly."""
    columns = [in_line(random_residues((2, 7, 20, 8), seed)) for seed in range(blocks)]
    queries = in_line(random_residues((2, 7, 3, 20, 2, 8), 9))
    found = kernel.sums(columns, queries, PRIMES, threads=threads)
    assert found.shape == (blocks, 3, 2, 2, 56)
    for block, entries in enumerate(columns):
        assert (found[block] == kernel.sums([entries], queries, PRIMES, vectors=False)[0]).all()
    assert (found[0, 2] == by_integers(columns, queries, 0, 2)).all()


@needs_kernel
def test_more_threads_than_tiles() -> None:
    columns, queries = in_line(random_residues((2, 1, 3, 8), 1)), in_line(random_residues((2, 1, 1, 3, 2, 8), 2))
    assert (kernel.sums([columns], queries, PRIMES, threads=4) == kernel.sums([columns], queries, PRIMES)).all()


def laid_out(k: int, m: int, blocks: int, make: Callable[[tuple[int, ...], int], Words]) -> tuple[list[Words], Words]:
    """Whole polynomials of residues as `put_columns` and `places_of` lay them out."""
    columns = [aligned(columns_shape(DEFAULT, k)) for _ in range(blocks)]
    queries = aligned(queries_shape(DEFAULT, m, k))
    for number, block in enumerate(columns):
        for coordinate in range(k):
            put_columns(block, coordinate, joined(make((2, N), 1000 * number + coordinate))[None])
    for query in range(m):
        for coordinate in range(k):
            pair = np.stack([joined(make((2, N), 77 + 1000 * query + 10 * coordinate + each)) for each in range(2)])
            put_columns(places_of(queries, query, coordinate, 1), 0, pair)
    return columns, queries


@needs_kernel
@pytest.mark.parametrize("make", [random_residues, largest_residues, sparse_residues])
def test_sums_are_those_of_seal(make: Callable[[tuple[int, ...], int], Words]) -> None:
    columns, queries = laid_out(5, 2, 3, make)
    columns[1][:, :, 2] = 0
    columns[2][:] = 0
    found = kernel.sums(columns, queries, PRIMES)
    np.testing.assert_array_equal(found, multiply_by_seal(SEAL, columns, queries))
    assert not found[2].any()


def test_layout_keeps_every_place() -> None:
    columns, _ = laid_out(3, 1, 1, random_residues)
    for coordinate in range(3):
        np.testing.assert_array_equal(column_of(columns[0], coordinate), joined(random_residues((2, N), coordinate)))
    edges = np.array([0, 1, 2**30 - 1, 2**30, 2**60 - 1, max(PRIMES) - 1], dtype=np.uint64)
    np.testing.assert_array_equal(joined(halved(edges)), edges)


@needs_kernel
@pytest.mark.parametrize(
    "spoil",
    [
        lambda columns, queries: ([columns[0][:, :1]], queries),
        lambda columns, queries: ([columns[0][:, :, :3]], queries),
        lambda columns, queries: ([columns[0][..., :4]], queries),
        lambda columns, queries: ([columns[0].astype(np.int64)], queries),
        lambda columns, queries: ([columns[0].astype(np.float64)], queries),
        lambda columns, queries: ([columns[0].reshape(2, -1)], queries),
        lambda columns, queries: ([np.asfortranarray(columns[0])], queries),
        lambda columns, queries: ([columns[0], columns[0][::-1]], queries),
        lambda columns, queries: (columns, queries.astype(np.uint32)),
        lambda columns, queries: (columns, np.repeat(queries, 2, axis=3)[:, :, :, ::2]),
        lambda columns, queries: (columns, queries[:, :, :, :3]),
        lambda columns, queries: (columns, queries[..., :4]),
        lambda columns, queries: (columns, queries[:1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(spoil: Callable[[list[Words], Words], tuple[list[Words], Words]]) -> None:
    columns, queries = spoil([random_residues((2, 2, 4, 8), 1)], random_residues((2, 2, 1, 4, 2, 8), 2))
    with pytest.raises(ShapeMismatch):
        kernel.sums(columns, queries, PRIMES)


@needs_kernel
@pytest.mark.parametrize("primes", [PRIMES[:1], (*PRIMES, 97), (PRIMES[0], 2**60 + 33), (2**61 - 1, 97)])
def test_primes_that_do_not_fit_are_refused(primes: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch, match="primes"):
        kernel.sums([random_residues((2, 2, 4, 8), 1)], random_residues((2, 2, 1, 4, 2, 8), 2), primes)


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where there was no C compiler: no file of its name."""
    kernel.library.cache_clear()
    monkeypatch.setattr(kernel, "_NAME", "_kernel_that_was_not_compiled")
    yield
    monkeypatch.undo()
    kernel.library.cache_clear()


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)
def test_without_the_kernel_scores_are_the_same(parameters: ParameterSet) -> None:
    assert kernel.library() is None
    assert not kernel.has_vectors()
    rows = np.random.default_rng(1).integers(-2047, 2048, (300, 3)).astype(np.int16)
    queries = np.array([[100, -200, 3], [0, 0, 1]])
    encrypted, secret = encrypt_queries(parameters, queries)
    reply = evaluate(encode_rows(parameters, rows), encrypted.to_bytes())
    np.testing.assert_array_equal(decrypt_reply(parameters, secret, reply, 300, 2), queries @ rows.T.astype(np.int64))


@pytest.mark.usefixtures("no_kernel")
def test_without_the_kernel_seal_multiplies() -> None:
    columns, queries = laid_out(2, 1, 2, random_residues)
    np.testing.assert_array_equal(multiply(SEAL, columns, queries), multiply_by_seal(SEAL, columns, queries))
    with pytest.raises(ScoringError, match="not compiled"):
        kernel.sums(columns, queries, PRIMES)


def test_a_file_that_is_no_library_counts_as_none() -> None:
    """A half-installed or foreign build: the program goes on with SEAL."""
    code = (
        "import ctypes\n"
        "def fail(path):\n"
        "    raise OSError('wrong ELF class')\n"
        "import blindfair.blind.kernel as kernel\n"
        "ctypes.CDLL = fail\n"
        "assert kernel.library() is None\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
