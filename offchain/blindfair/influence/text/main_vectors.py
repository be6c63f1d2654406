"""The main singular vectors of a large matrix, without the others: subspace iteration (Halko and others 2011).

A matrix of low rank is held up to rounding; of others the vectors are near the main ones, which is what a basis needs.
The same matrix gives the same vectors. Of a covariance that was never formed a sketch does (Tropp and others 2017). Not
here: what they are taken for (`bases`, `covariances`).
"""

import numpy as np

from blindfair.influence.arrays import Floats

EXACT = 256
"""A matrix with a side of at most this is taken apart whole."""

_SPARE = 8
_ROUNDS = 6
_SEED = 0

_SMALLEST = 1e-7
"""Eigenvalues of a sketch under this share of the largest are rounding errors of single precision."""


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


def main_of_sketch(sketch: Floats, test: Floats) -> Floats:
    """The main eigenvectors `d x s`, the largest first, of a covariance `C` of which `C T` is known, both `d x s`.

    By Nystroem's approximation `C T (T^T C T)^-1 T^T C`, with `T`, `test`, orthonormal; fewer vectors where `C` has a
    lower rank.
    """
    inner = test.T @ sketch
    values, vectors = np.linalg.eigh((inner + inner.T) / 2)
    kept = values > _SMALLEST * max(float(values.max(initial=0.0)), np.finfo(np.float64).tiny)
    if not kept.any():
        return sketch[:, :0]
    left, _, _ = np.linalg.svd(sketch @ (vectors[:, kept] / np.sqrt(values[kept])), full_matrices=False)
    return np.asarray(left, dtype=np.float64)
