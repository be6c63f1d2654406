"""How residues lie in memory for the kernel, and the way there from polynomials as SEAL has them.

    columns of a block   primes x tiles x k x 8          a tile is 8 places of a polynomial, one line of the cache
    queries              primes x tiles x m x k x 2 x 8

A residue is kept as its halves, `(x mod 2^30) + 2^32 floor(x / 2^30)`. `native/residues.h` says why.
Not here: the sums.
"""

from collections.abc import Sequence

import numpy as np

from blindfair.blind.parameters import ParameterSet
from blindfair.blind.seal import Words

TILE = 8
"""Places of a tile."""

_HALF_BITS = 30
_LINE = 64
"""Bytes of a line of the cache; arrays begin at a multiple of it."""


def columns_shape(parameters: ParameterSet, k: int) -> tuple[int, int, int, int]:
    """Shape of a block's columns."""
    return len(parameters.data_primes), parameters.ring_degree // TILE, k, TILE


def queries_shape(parameters: ParameterSet, m: int, k: int) -> tuple[int, int, int, int, int, int]:
    """Shape of the coordinates of `m` queries."""
    return len(parameters.data_primes), parameters.ring_degree // TILE, m, k, 2, TILE


def aligned(shape: Sequence[int]) -> Words:
    """An array that begins at a line of the cache; its contents are arbitrary."""
    words = int(np.prod(shape))
    raw = np.empty(words + _LINE // 8, dtype=np.uint64)
    start = -raw.ctypes.data % _LINE // 8
    return raw[start : start + words].reshape(shape)


def put_columns(block: Words, start: int, polynomials: Words) -> None:
    """Write columns, `count x primes x N`, at `start` of a block's."""
    count, primes, degree = polynomials.shape
    tiles = halved(polynomials).reshape(count, primes, degree // TILE, TILE)
    block[:, :, start : start + count] = tiles.transpose(1, 2, 0, 3)


def places_of(queries: Words, query: int, start: int, count: int) -> Words:
    """Where the ciphertexts of coordinates `start` ... lie among a query's, as a block of `2 count` columns."""
    primes, tiles = queries.shape[:2]
    return queries[:, :, query, start : start + count].reshape(primes, tiles, 2 * count, TILE)


def column_of(block: Words, coordinate: int) -> Words:
    """A column as SEAL has it, `primes x N`."""
    primes, tiles, _, _ = block.shape
    return joined(np.ascontiguousarray(block[:, :, coordinate])).reshape(primes, tiles * TILE)


def halved(residues: Words) -> Words:
    """Residues below 2^60 as their halves."""
    low = residues & np.uint64(2**_HALF_BITS - 1)
    return low | (residues >> np.uint64(_HALF_BITS)) << np.uint64(32)


def joined(halves: Words) -> Words:
    """Undo `halved`."""
    return (halves & np.uint64(2**32 - 1)) | (halves >> np.uint64(32)) << np.uint64(_HALF_BITS)
