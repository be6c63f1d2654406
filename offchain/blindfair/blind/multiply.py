"""Sums of coordinates times columns for several blocks and queries at once: by the kernel or, without it, by SEAL.

Both give the same residues, bit for bit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi

from blindfair.blind import kernel
from blindfair.blind.layout import column_of, joined
from blindfair.blind.seal import Engine, Words


def multiply(seal: Engine, columns: Sequence[Words], queries: Words, threads: int = 1) -> Words:
    """`blocks x m x 2 x primes x N` residues in NTT form, of blocks and queries as in `layout.py`."""
    if kernel.library() is None:
        return multiply_by_seal(seal, columns, queries)
    return kernel.sums(columns, queries, seal.parameters.data_primes, threads=threads)


def multiply_by_seal(seal: Engine, columns: Sequence[Words], queries: Words) -> Words:
    """The same by SEAL's own multiplication and addition."""
    primes, tiles, m, k, _, tile = queries.shape
    totals: list[list[Any]] = [[None] * m for _ in columns]
    stand_in = np.ones((primes, tiles * tile), dtype=np.uint64)
    for coordinate in range(k):
        factors = [_coordinate(seal, queries, query, coordinate) for query in range(m)]
        for block, entries in enumerate(columns):
            column = column_of(entries, coordinate)
            # SEAL refuses a product that is zero. A column of zeros costs the same work nevertheless, so that the time
            # does not tell how many there are.
            is_zero = not column.any()
            plaintext = seal.transformed_plaintext(stand_in if is_zero else column)
            for query, factor in enumerate(factors):
                product = sealapi.Ciphertext()
                seal.evaluator.multiply_plain(factor, plaintext, product)
                if is_zero:
                    seal.evaluator.add(product, product, sealapi.Ciphertext())
                elif totals[block][query] is None:
                    totals[block][query] = product
                else:
                    seal.evaluator.add_inplace(totals[block][query], product)
    found = np.zeros((len(columns), m, 2, primes, tiles * tile), dtype=np.uint64)
    for block, of_block in enumerate(totals):
        for query, total in enumerate(of_block):
            if total is not None:
                found[block, query] = seal.ciphertext_words(total)
    return found


def _coordinate(seal: Engine, queries: Words, query: int, coordinate: int) -> Any:
    primes, tiles, _, _, _, tile = queries.shape
    halves = np.ascontiguousarray(queries[:, :, query, coordinate].transpose(2, 0, 1, 3))
    return seal.ciphertext(joined(halves).reshape(2, primes, tiles * tile), seal.sum_level, transformed=True)
