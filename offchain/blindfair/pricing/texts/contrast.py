"""The direction in projected rows that tells good rows of the buyer's own from damaged ones: Fisher's discriminant.

    w = (S + ridge I)^-1 (mean of good - mean of damaged)

`S` is the covariance within both. Not here: what is damaged (`damage`), and how far to believe the scores
(`label_calibration`).
"""

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.protocol.errors import ShapeMismatch

_RIDGE = 0.1
"""Times the mean variance of an entry: rows are about as many as their entries."""


def contrast(good: Floats, damaged: Floats) -> Floats:
    """Return `k` numbers by which rows `n x k` score higher than damaged ones `m x k`. Raises ShapeMismatch.

    >>> rng = np.random.default_rng(0)
    >>> good, damaged = rng.normal([1, 0], 1, (200, 2)), rng.normal([-1, 0], 1, (200, 2))
    >>> w = contrast(good, damaged)
    >>> bool(w[0] > 5 * abs(w[1]))
    True
    """
    if good.ndim != 2 or damaged.ndim != 2 or good.shape[1] != damaged.shape[1] or not (len(good) and len(damaged)):
        raise ShapeMismatch("Good and damaged rows differ in length", expected=good.shape, found=damaged.shape)
    centred = np.vstack([good - good.mean(axis=0), damaged - damaged.mean(axis=0)])
    within = centred.T @ centred / len(centred)
    ridge = _RIDGE * max(float(np.trace(within)) / len(within), np.finfo(np.float64).tiny)
    return np.asarray(
        np.linalg.solve(within + ridge * np.eye(len(within)), good.mean(axis=0) - damaged.mean(axis=0)),
        dtype=np.float64,
    )
