"""How often an interval holds the truth, and intervals widened until they do: split conformal prediction with the
groups held out (Vovk et al. 2005, chapter 4), so that no data set calibrates its own.

    error = how many halves of its interval the truth lies off        factor = its 95 % quantile over the other groups

Not here: the forecast itself (`bundles`).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats

LEVEL = 0.95
_LEAST = 1e-6
"""Half an interval at least, in units of the forecast: one of no width could not be widened."""


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """`n` forecasts with an interval each."""

    mean: Floats
    low: Floats
    high: Floats

    def holds(self, truth: Floats) -> NDArray[np.bool_]:
        """Which of `n` truths lie inside."""
        return np.asarray((self.low <= truth) & (truth <= self.high), dtype=np.bool_)

    def errors(self, truth: Floats) -> Floats:
        """How many halves of its interval each truth lies from its forecast."""
        below, above = np.maximum(self.mean - self.low, _LEAST), np.maximum(self.high - self.mean, _LEAST)
        return np.maximum((self.mean - truth) / below, (truth - self.mean) / above)

    def widened(self, factors: Floats) -> "Intervals":
        """Both halves times a factor each."""
        below, above = np.maximum(self.mean - self.low, _LEAST), np.maximum(self.high - self.mean, _LEAST)
        return Intervals(self.mean, self.mean - factors * below, self.mean + factors * above)


def held_out_factors(intervals: Intervals, truth: Floats, groups: NDArray[np.str_]) -> Floats | None:
    """The factor that the *other* groups need, for each forecast; None if there is only one group.

    The `ceil((m + 1) LEVEL)`-th smallest of the others' `m` errors, or the largest if there are fewer.
    """
    names = np.unique(groups)
    if names.size < 2:
        return None
    errors, factors = intervals.errors(truth), np.empty(truth.size)
    for name in names:
        others = np.sort(errors[groups != name])
        rank = min(others.size, math.ceil((others.size + 1) * LEVEL))
        factors[groups == name] = others[rank - 1]
    return factors
