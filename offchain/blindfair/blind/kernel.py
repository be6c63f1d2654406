"""The way into `native`, which is compiled when the package is installed, where there is a C compiler.

Without it everything works and is slower: `multiply.py`, `transform.py` and `switch.py` then ask SEAL for the same.
"""

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.blind.layout import TILE, aligned
from blindfair.blind.seal import Words
from blindfair.protocol.errors import ScoringError, ShapeMismatch

_NAME = "_kernel"
_VERSION = 3


@dataclass(frozen=True, slots=True)
class Factor:
    """A number that many are multiplied by modulo a prime, and `floor(2^64 number / prime)`."""

    number: int
    quotient: int

    @classmethod
    def of(cls, number: int, prime: int) -> "Factor":
        """The factor of a number below the prime."""
        return cls(number, (number << 64) // prime)


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernel; None if no kernel of this version loads."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(_NAME + suffix)
        if path.exists():
            try:
                found = ctypes.CDLL(str(path))
                if found.blindfair_kernel_version() == _VERSION:
                    return found
            except (OSError, AttributeError):
                continue
    return None


def has_vectors() -> bool:
    """Whether this processor has the vectors that the kernel can use."""
    found = library()
    return found is not None and bool(found.blindfair_has_vectors())


def sums(
    columns: Sequence[Words], queries: Words, primes: Sequence[int], *, threads: int = 1, vectors: bool | None = None
) -> Words:
    """`blocks x m x 2 x primes x N`: for each block and query the sum of coordinates times columns, in NTT form.

    `columns` are blocks and `queries` coordinates as in `layout.py`; residues are below their primes, which are below
    2^60. `vectors` are used where the processor has them unless it says otherwise. Raises ShapeMismatch for arrays that
    do not fit each other, ScoringError where there is no kernel.
    """
    found = _loaded()
    prime_count, tiles, m, k = queries.shape[:4]
    expected = (prime_count, tiles, k, TILE)
    for array, shape in [(queries, (prime_count, tiles, m, k, 2, TILE)), *((block, expected) for block in columns)]:
        if array.shape != shape or array.dtype != np.uint64 or not array.flags.c_contiguous:
            raise ShapeMismatch("an array is not laid out for the kernel", expected=shape, found=array.shape)
    if threads < 1:
        raise ShapeMismatch("the kernel needs a thread", expected=">= 1", found=threads)
    if len(primes) != prime_count or not all(1 < prime < 2**60 for prime in primes):
        raise ShapeMismatch("the primes do not fit the kernel", expected=f"{prime_count} below 2^60", found=primes)
    results = aligned((len(columns), m, 2, prime_count, tiles * TILE))
    pointers = (ctypes.c_void_p * len(columns))(*(block.ctypes.data for block in columns))
    moduli = np.array(primes, dtype=np.uint64)

    def share(first: int, last: int) -> None:
        found.blindfair_sums(
            pointers,
            ctypes.c_size_t(len(columns)),
            ctypes.c_void_p(queries.ctypes.data),
            ctypes.c_size_t(m),
            ctypes.c_size_t(k),
            ctypes.c_void_p(moduli.ctypes.data),
            ctypes.c_size_t(prime_count),
            ctypes.c_size_t(tiles),
            ctypes.c_size_t(first),
            ctypes.c_size_t(last),
            ctypes.c_int(has_vectors() if vectors is None else vectors),
            ctypes.c_void_p(results.ctypes.data),
        )

    bounds = [tiles * number // threads for number in range(threads + 1)]
    if threads == 1:
        share(0, tiles)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(share, bounds[:-1], bounds[1:]))
    return results


def transform(polynomial: Words, prime: int, roots: Words, quotients: Words, *, vectors: bool | None = None) -> None:
    """Turn `N` residues below a prime below 2^60 into values, in place; see `transform.py` for `roots` and `quotients`.

    Raises ShapeMismatch for arrays that do not fit each other, ScoringError where there is no kernel.
    """
    found = _loaded()
    _check_transform(polynomial, prime, roots, quotients)
    found.blindfair_transform(
        ctypes.c_void_p(polynomial.ctypes.data),
        ctypes.c_size_t(polynomial.size),
        ctypes.c_uint64(prime),
        ctypes.c_void_p(roots.ctypes.data),
        ctypes.c_void_p(quotients.ctypes.data),
        ctypes.c_int(has_vectors() if vectors is None else vectors),
    )


def transform_back(
    values: Words, prime: int, roots: Words, quotients: Words, share: Factor, *, vectors: bool | None = None
) -> None:
    """Undo `transform`, in place: `roots` are the inverses of its, `share` is the inverse of the degree.

    Raises as `transform`.
    """
    found = _loaded()
    _check_transform(values, prime, roots, quotients)
    found.blindfair_back(
        ctypes.c_void_p(values.ctypes.data),
        ctypes.c_size_t(values.size),
        ctypes.c_uint64(prime),
        ctypes.c_void_p(roots.ctypes.data),
        ctypes.c_void_p(quotients.ctypes.data),
        ctypes.c_uint64(share.number),
        ctypes.c_uint64(share.quotient),
        ctypes.c_int(has_vectors() if vectors is None else vectors),
    )


def drop_prime(kept: Words, dropped: Words, prime: int, last: int) -> None:
    """Numbers below `prime * last`, by their residues modulo the one and the other: divided by `last` and rounded,
    modulo `prime`, in place of the first.

    Raises ShapeMismatch for arrays that do not fit each other and primes that are not below 2^60 and different,
    ScoringError where there is no kernel.
    """
    found = _loaded()
    for array in (kept, dropped):
        if array.shape != (kept.size,) or array.dtype != np.uint64 or not array.flags.c_contiguous:
            raise ShapeMismatch("an array is not laid out for the kernel", expected=kept.shape, found=array.shape)
    if not kept.flags.writeable or prime == last or max(prime, last) >= 2**60:
        raise ShapeMismatch("residues are replaced, of two primes below 2^60", found=f"primes {prime} and {last}")
    inverse = Factor.of(pow(last, -1, prime), prime)
    found.blindfair_drop_prime(
        ctypes.c_void_p(kept.ctypes.data),
        ctypes.c_void_p(dropped.ctypes.data),
        ctypes.c_size_t(kept.size),
        ctypes.c_uint64(prime),
        ctypes.c_uint64(last),
        ctypes.c_uint64(inverse.number),
        ctypes.c_uint64(inverse.quotient),
    )


def lay_out(polynomials: Words, tiles: Words) -> None:
    """Write polynomials modulo one prime, `count x N`, in halves to tiles of them, `N/8 x count x 8`.

    Only the last dimension of the one and the last two of the other need be together in memory. Raises ShapeMismatch
    for arrays that do not fit each other, ScoringError where there is no kernel.
    """
    found = _loaded()
    count, degree = polynomials.shape
    fits = tiles.shape == (degree // TILE, count, TILE) and tiles.flags.writeable and degree % TILE == 0
    fits = fits and polynomials.dtype == tiles.dtype == np.uint64
    fits = fits and polynomials.strides[1] == 8 and tiles.strides[1:] == (8 * TILE, 8)
    if not fits or min(polynomials.strides[0], tiles.strides[0]) < 0:
        raise ShapeMismatch(
            "polynomials do not fit their tiles", expected=(degree // TILE, count, TILE), found=tiles.shape
        )
    found.blindfair_lay_out(
        ctypes.c_void_p(polynomials.ctypes.data),
        ctypes.c_size_t(count),
        ctypes.c_size_t(polynomials.strides[0] // 8),
        ctypes.c_size_t(degree),
        ctypes.c_void_p(tiles.ctypes.data),
        ctypes.c_size_t(tiles.strides[0] // 8),
    )


def put_columns(
    block: Words,
    start: int,
    columns: NDArray[np.int32],
    prime_index: int,
    prime: int,
    roots: Words,
    quotients: Words,
    *,
    vectors: bool | None = None,
) -> None:
    """Write small integers, `count x n`, modulo the prime of that index, transformed, from coordinate `start` of a
    block on (`layout.py`). `n` is at most the degree, and the rest zeros; `roots` and `quotients` as for `transform`.

    Raises ShapeMismatch for arrays that do not fit each other, ScoringError where there is no kernel.
    """
    found = _loaded()
    primes, tiles, k, tile = block.shape
    degree = tiles * tile
    count, length = columns.shape
    fits = block.dtype == np.uint64 and block.flags.c_contiguous and block.flags.writeable and tile == TILE
    fits = fits and columns.dtype == np.int32 and columns.flags.c_contiguous and length <= degree
    fits = fits and 0 <= start <= start + count <= k and 0 <= prime_index < primes
    for array in (roots, quotients):
        fits = fits and array.shape == (degree,) and array.dtype == np.uint64 and array.flags.c_contiguous
    if not fits or degree < 16 or degree & (degree - 1) or not 2**31 < prime < 2**60:
        raise ShapeMismatch(
            "columns do not fit the block",
            expected=f"at most {k} x {degree} integers of 32 bits",
            found=f"{count} x {length} from {start} on, {columns.dtype}, prime {prime}",
        )
    work = np.empty((TILE, degree), dtype=np.uint64)
    found.blindfair_columns(
        ctypes.c_void_p(columns.ctypes.data),
        ctypes.c_size_t(count),
        ctypes.c_size_t(length),
        ctypes.c_size_t(degree),
        ctypes.c_uint64(prime),
        ctypes.c_void_p(roots.ctypes.data),
        ctypes.c_void_p(quotients.ctypes.data),
        ctypes.c_int(has_vectors() if vectors is None else vectors),
        ctypes.c_void_p(work.ctypes.data),
        ctypes.c_size_t(start),
        ctypes.c_size_t(k),
        ctypes.c_void_p(block[prime_index].ctypes.data),
    )


def _check_transform(polynomial: Words, prime: int, roots: Words, quotients: Words) -> None:
    for array in (polynomial, roots, quotients):
        if array.shape != polynomial.shape or array.dtype != np.uint64 or not array.flags.c_contiguous:
            raise ShapeMismatch("an array is not laid out for the kernel", expected=polynomial.shape, found=array.shape)
    if not polynomial.flags.writeable:
        raise ShapeMismatch("a transform is in place", expected="an array that may be written")
    if polynomial.size < 16 or polynomial.size & (polynomial.size - 1) or prime >= 2**60:
        raise ShapeMismatch(
            "a transform is of a power of two of residues below 2^60, at least 16", found=polynomial.shape
        )


def _loaded() -> ctypes.CDLL:
    found = library()
    if found is None:
        raise ScoringError("the kernel is not compiled", hint="install blindfair where there is a C compiler")
    return found
