"""What only depends on the order of numbers: ranks, the AUC of scores, and their rank correlation.

scikit-learn and SciPy have both, at two hundred times the cost for a few hundred records, most of it spent on looking
at the kind of the input; `utility` asks thousands of times. A test holds these equal to theirs.
"""

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats
from blindfair.protocol.errors import LabelUnusable


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1 of `n` numbers; equal ones share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places], dtype=np.float64)


def auc(positive: NDArray[np.bool_], scores: Floats) -> float:
    """The chance that a random positive scores above a random negative, ties counting half (Mann and Whitney 1947).

    `positive` and `scores` hold `n` entries each. Raises LabelUnusable where all are positive or none is.
    """
    ones = int(positive.sum())
    zeros = positive.size - ones
    if not ones or not zeros:
        raise LabelUnusable("An AUC needs records of both classes", expected=2, found=1)
    return float((average_ranks(scores)[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def expected_auc(chance: Floats, scores: Floats) -> float:
    """The AUC of `n` scores where each record counts as a positive with its chance and as a negative with the rest.

    With chances of 0 and 1 it is `auc`. Raises LabelUnusable where all are positive or none is.
    """
    ones = float(chance.sum())
    zeros = chance.size - ones
    if not ones or not zeros:
        raise LabelUnusable("An AUC needs records of both classes", expected=2, found=1)
    _, places = np.unique(scores, return_inverse=True)
    negatives = np.bincount(places, weights=1.0 - chance)
    below = np.cumsum(negatives) - 0.5 * negatives
    return float(chance @ below[places] / (ones * zeros))


def rank_correlation(one: Floats, other: Floats) -> float | None:
    """Spearman's correlation of `n` pairs; none where it is not defined because one side is all equal."""
    left, right = average_ranks(one), average_ranks(other)
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])
