"""Columns of small integers, the seller's rows or masks, and coordinates of queries, to where `layout.py` has them: by
the kernel, or SEAL.

Both give the same words, bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from blindfair.blind import kernel
from blindfair.blind.layout import places_of, put_columns
from blindfair.blind.seal import Engine, Words
from blindfair.blind.transform import roots_of, transform, values_of


def lay_out_columns(seal: Engine, block: Words, start: int, columns: NDArray[np.signedinteger]) -> None:
    """Write columns of integers of 32 bits, `count x n` with n at most `N`, from coordinate `start` of a block on."""
    if kernel.library() is None:
        put_columns(block, start, values_of(seal, columns))
        return
    entries = np.ascontiguousarray(columns, dtype=np.int32)
    for index, prime in enumerate(seal.parameters.data_primes):
        roots = roots_of(prime, seal.parameters.ring_degree)
        kernel.put_columns(block, start, entries, index, prime, roots.powers, roots.quotients)


def lay_out_coordinates(seal: Engine, queries: Words, query: int, start: int, polynomials: Words) -> None:
    """Write the ciphertexts of coordinates `start` ... of a query, `2 count x primes x N`, transformed, in their
    places; the polynomials are used up.
    """
    places = places_of(queries, query, start, len(polynomials) // 2)
    values = transform(seal, polynomials)
    if kernel.library() is None:
        put_columns(places, 0, values)
        return
    for index in range(len(places)):
        kernel.lay_out(values[:, index], places[index])
