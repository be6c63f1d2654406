"""Columns of small integers, the seller's rows or masks, to a block as `layout.py` has it: by the kernel, or SEAL.

Both give the same words, bit for bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindfair.blind import kernel
from blindfair.blind.layout import put_columns
from blindfair.blind.seal import Engine, Words
from blindfair.blind.transform import roots_of, values_of


def lay_out_columns(seal: Engine, block: Words, start: int, columns: NDArray[np.signedinteger]) -> None:
    """Write columns of integers of 32 bits, `count x n` with n at most `N`, from coordinate `start` of a block on."""
    if kernel.library() is None:
        put_columns(block, start, values_of(seal, columns))
        return
    entries = np.ascontiguousarray(columns, dtype=np.int32)
    for index, prime in enumerate(seal.parameters.data_primes):
        roots = roots_of(prime, seal.parameters.ring_degree)
        kernel.put_columns(block, start, entries, index, prime, roots.powers, roots.quotients)
