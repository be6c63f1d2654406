"""Scoring models for labels that are numbers: least squares, and Poisson regression for counts (PROTOCOL 4.1).

    number   loss (z - t)^2 / 2    row (z - t) x        untrained -t x
    count    loss e^z - t z        row (e^z - t) x      untrained (1 - t) x

with `z = x . theta` and `t` the label as its schema codes it (`label`). Not here: classes (`models`, `network`).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.disagreement import growth
from blindfair.influence.label import LabelKind
from blindfair.influence.linear_model import LinearModel


@dataclass(frozen=True, slots=True, eq=False)
class LinearRegression(LinearModel):
    """Squared loss on a standardised number."""

    NAME: ClassVar[str] = "linear-regression"
    TAKES: ClassVar[LabelKind] = LabelKind.NUMBER

    def _rows(self, X: Floats, y: Labels) -> Floats:
        return np.asarray((X @ self.weights - y)[:, np.newaxis] * X, dtype=np.float64)

    def _residual_bounds(self, scores: Floats, errors: Floats, y: Labels) -> tuple[Floats, Floats]:
        sizes = np.abs(scores) + np.abs(y)
        return sizes, errors + growth(2) * (sizes + errors)


@dataclass(frozen=True, slots=True, eq=False)
class PoissonRegression(LinearModel):
    """Poisson loss, log link, on a count divided by its scale. A score beyond about 700 overflows."""

    NAME: ClassVar[str] = "poisson-regression"
    TAKES: ClassVar[LabelKind] = LabelKind.COUNT

    def _rows(self, X: Floats, y: Labels) -> Floats:
        # A row that overflows counts as zeros (PROTOCOL 4.2).
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray((np.exp(X @ self.weights) - y)[:, np.newaxis] * X, dtype=np.float64)

    def _residual_bounds(self, scores: Floats, errors: Floats, y: Labels) -> tuple[Floats, Floats]:
        rates = np.exp(scores)
        off = rates * (np.expm1(errors) + growth(8))
        sizes = rates + np.abs(y)
        return sizes, off + growth(2) * (sizes + off)
