"""The seller's rows in the form that is multiplied: one polynomial per column and block, made once, used many times.

Coefficient `i` of column `j` in block `b` is entry `j` of record `b N + i`. Not here: the multiplication
(`evaluate.py`), where rows come from (package `influence`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindfair.blind.parameters import ParameterSet
from blindfair.blind.seal import Engine, engine
from blindfair.protocol.errors import ShapeMismatch
from blindfair.protocol.rows import ROW_LIMIT


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows ready to be evaluated with any number of queries under one parameter set. Never leaves the seller."""

    parameters: ParameterSet
    """The set that they were encoded for."""

    records: int
    """`n`, at least 1."""

    k: int
    """Entries of a row."""

    blocks: tuple[tuple[Any, ...], ...] = field(repr=False)
    """The `k` columns of each block of `N` records, as SEAL plaintexts in NTT form; None for a column of zeros."""

    def scores_in(self, block: int) -> int:
        """Records in a block: `N`, or fewer in the last."""
        degree = self.parameters.ring_degree
        return min(degree, self.records - block * degree)


def encode_rows(parameters: ParameterSet, rows: NDArray[np.int16]) -> EncodedRows:
    """Encode `n x k` int16 rows within -2047 ... 2047; a memory-mapped array is read block by block.

    Takes `8 N primes` bytes for each column and block. Raises `ShapeMismatch` for another type or shape, for more
    columns than the set allows, and for an entry out of bounds.
    """
    check_rows(parameters, rows)
    n, k = rows.shape
    seal = engine(parameters)
    degree = parameters.ring_degree
    return EncodedRows(
        parameters, n, k, tuple(_encode_block(seal, rows[start : start + degree]) for start in range(0, n, degree))
    )


def check_rows(parameters: ParameterSet, rows: NDArray[np.int16]) -> None:
    """Raises `ShapeMismatch` for another type or shape than `n x k` int16, and for more columns than the set allows."""
    if rows.dtype != np.int16 or rows.ndim != 2:
        found = f"{' x '.join(map(str, rows.shape))} {rows.dtype}"
        raise ShapeMismatch("rows are no table of small integers", expected="n x k int16", found=found)
    n, k = rows.shape
    if n < 1 or not 1 <= k <= parameters.largest_k:
        expected = f"1 or more x 1 ... {parameters.largest_k}"
        raise ShapeMismatch("there are too few or too many rows", expected=expected, found=f"{n} x {k}")


def check_block(rows: NDArray[np.int16]) -> None:
    """Raises `ShapeMismatch` for an entry out of bounds."""
    if rows.min() < -ROW_LIMIT or rows.max() > ROW_LIMIT:
        raise ShapeMismatch("a row has an entry out of bounds", expected=f"-{ROW_LIMIT} ... {ROW_LIMIT}")


def encode_column(seal: Engine, column: NDArray[np.int16] | NDArray[np.int32]) -> Any:
    """`N` small integers as a SEAL plaintext in NTT form at the level of sums."""
    coefficients = column.astype(np.int64)
    coefficients[coefficients < 0] += seal.parameters.plain_modulus
    plaintext = seal.plaintext(coefficients.astype(np.uint64))
    seal.evaluator.transform_to_ntt_inplace(plaintext, seal.sum_level)
    return plaintext


def _encode_block(seal: Engine, rows: NDArray[np.int16]) -> tuple[Any, ...]:
    check_block(rows)
    columns = np.zeros((rows.shape[1], seal.parameters.ring_degree), dtype=np.int16)
    columns[:, : len(rows)] = rows.T
    return tuple(encode_column(seal, column) if column.any() else None for column in columns)
