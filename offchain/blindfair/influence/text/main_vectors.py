"""The main singular vectors of a large matrix, without the others: subspace iteration (Halko and others 2011).

A matrix of low rank is held up to rounding; of others the vectors are near the main ones, which is what a basis needs.
The same matrix gives the same vectors. Not here: what they are taken for (`bases`, `covariances`).
"""

import numpy as np

from blindfair.influence.arrays import Floats

EXACT = 256
"""A matrix with a side of at most this is taken apart whole."""

_SPARE = 8
_ROUNDS = 6
_SEED = 0


def main_singular(matrix: Floats, k: int) -> tuple[Floats, Floats, Floats]:
    """`U`, `n x r`, the singular values and `V`, `m x r`, of a matrix `n x m`, for `r = min(n, m, k + 8)` at most.

    Values fall. Columns beyond the first `k` are there to be judged, not to be used.
    """
    n, m = matrix.shape
    if min(n, m) <= max(EXACT, k + _SPARE):
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        return left, values, right.T
    start = np.random.default_rng(_SEED).normal(size=(m, k + _SPARE))
    basis = np.linalg.qr(matrix @ start)[0]
    for _ in range(_ROUNDS):
        # Made orthonormal each time, so that small directions are not lost beside large ones.
        basis = np.linalg.qr(matrix @ np.linalg.qr(matrix.T @ basis)[0])[0]
    left, values, right = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    return np.asarray(basis @ left), values, right.T
