"""The linear model of each kind of label: its loss of single records, and the exact fit to many.

    L(theta) = sum_i loss(theta, x_i, y_i) + l2 / 2 |theta|^2

    two classes    log(1 + e^z) - y z                     z = x . theta           (`logistic`)
    more classes   log(sum_c e^z_c) - z_y                 z_c = x . theta_c
    a number       (z - t)^2 / 2                          t standardised (`label`)
    a count        e^z - t z                              t = count / scale

The sum, not the mean: `l2` is measured against one record. Features are `n x d` with a last 1; of more classes `theta`
holds `d` numbers for each class, one after another. Not here: rows of single records (`models`, `network`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.logistic import fit_logistic
from blindfair.influence.newton import minimise
from blindfair.protocol.errors import InvalidOption, LabelUnusable, ShapeMismatch


class LinearFit(Protocol):
    """The linear model of one kind of label."""

    def fit(self, X: Floats, y: Labels, l2: float) -> Floats:
        """The minimum of `L`, for features `n x d` and labels `n`.

        Raises InvalidOption unless `l2 > 0`, ShapeMismatch, LabelUnusable where all labels agree, UnusableModel.
        """
        ...

    def losses(self, theta: Floats, X: Floats, y: Labels) -> Floats:
        """Each record's loss, `n` numbers."""
        ...

    def constant_losses(self, y: Labels) -> Floats:
        """Each record's loss under the best prediction that is the same for all."""
        ...


def linear_fit(schema: FeatureSchema) -> LinearFit:
    """The linear model of the schema's label."""
    if schema.label_kind is LabelKind.NUMBER:
        return LeastSquares()
    if schema.label_kind is LabelKind.COUNT:
        return Poisson()
    return Logistic() if len(schema.classes) == 2 else Softmax(len(schema.classes))


@dataclass(frozen=True, slots=True)
class Logistic:
    """Two classes."""

    def fit(self, X: Floats, y: Labels, l2: float) -> Floats:
        """See `LinearFit`."""
        return fit_logistic(X, y, l2)

    def losses(self, theta: Floats, X: Floats, y: Labels) -> Floats:
        """See `LinearFit`."""
        margins = X @ theta
        return np.asarray(np.logaddexp(0.0, np.where(y == 1, -margins, margins)), dtype=np.float64)

    def constant_losses(self, y: Labels) -> Floats:
        """See `LinearFit`."""
        return _of_frequencies(y)


@dataclass(frozen=True, slots=True)
class Softmax:
    """More than two classes."""

    classes: int

    def fit(self, X: Floats, y: Labels, l2: float) -> Floats:
        """See `LinearFit`. A class without records is fitted all the same: it is unlikely."""
        _check(X, y, l2)
        return minimise(_SoftmaxLoss(X, y, self.classes, l2), np.zeros(self.classes * X.shape[1]), X.size)

    def losses(self, theta: Floats, X: Floats, y: Labels) -> Floats:
        """See `LinearFit`."""
        logits = self.logits(theta, X)
        return np.asarray(_log_sums(logits) - logits[np.arange(len(y)), y], dtype=np.float64)

    def logits(self, theta: Floats, X: Floats) -> Floats:
        """`n x classes`: the largest is the predicted class."""
        return np.asarray(_product(X, theta.reshape(self.classes, -1).T), dtype=np.float64)

    def constant_losses(self, y: Labels) -> Floats:
        """See `LinearFit`."""
        return _of_frequencies(y)


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """A number."""

    def fit(self, X: Floats, y: Labels, l2: float) -> Floats:
        """See `LinearFit`: in closed form."""
        _check(X, y, l2)
        return np.asarray(np.linalg.solve(X.T @ X + l2 * np.eye(X.shape[1]), X.T @ y), dtype=np.float64)

    def losses(self, theta: Floats, X: Floats, y: Labels) -> Floats:
        """See `LinearFit`."""
        return np.asarray((X @ theta - y) ** 2 / 2, dtype=np.float64)

    def constant_losses(self, y: Labels) -> Floats:
        """See `LinearFit`."""
        return np.asarray((y - y.mean()) ** 2 / 2, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Poisson:
    """A count."""

    def fit(self, X: Floats, y: Labels, l2: float) -> Floats:
        """See `LinearFit`."""
        _check(X, y, l2)
        return minimise(_PoissonLoss(X, y, l2), np.zeros(X.shape[1]), X.size)

    def losses(self, theta: Floats, X: Floats, y: Labels) -> Floats:
        """See `LinearFit`."""
        z = _product(X, theta)
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(z) - y * z, dtype=np.float64)

    def constant_losses(self, y: Labels) -> Floats:
        """See `LinearFit`."""
        mean = float(y.mean())
        return np.asarray(mean - y * np.log(mean) if mean else np.zeros(y.size), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _SoftmaxLoss:
    X: Floats
    y: Labels
    classes: int
    l2: float

    def value(self, theta: Floats) -> float:
        return float(Softmax(self.classes).losses(theta, self.X, self.y).sum() + self.l2 / 2 * (theta @ theta))

    def gradient(self, theta: Floats) -> Floats:
        residuals = self._chances(theta)
        residuals[np.arange(len(self.y)), self.y] -= 1.0
        return np.asarray(_product(residuals.T, self.X).ravel() + self.l2 * theta, dtype=np.float64)

    def curvature(self, theta: Floats) -> Callable[[Floats], Floats]:
        chances = self._chances(theta)

        def product(direction: Floats) -> Floats:
            moved = _product(self.X, direction.reshape(self.classes, -1).T)
            moved = chances * (moved - (chances * moved).sum(axis=1, keepdims=True))
            return np.asarray(_product(moved.T, self.X).ravel() + self.l2 * direction, dtype=np.float64)

        return product

    def _chances(self, theta: Floats) -> Floats:
        logits = Softmax(self.classes).logits(theta, self.X)
        return np.asarray(np.exp(logits - _log_sums(logits)[:, np.newaxis]), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _PoissonLoss:
    X: Floats
    y: Labels
    l2: float

    def value(self, theta: Floats) -> float:
        return float(Poisson().losses(theta, self.X, self.y).sum() + self.l2 / 2 * (theta @ theta))

    def gradient(self, theta: Floats) -> Floats:
        return np.asarray(
            _product(self.X.T, np.exp(_product(self.X, theta)) - self.y) + self.l2 * theta, dtype=np.float64
        )

    def curvature(self, theta: Floats) -> Callable[[Floats], Floats]:
        rates = np.exp(_product(self.X, theta))
        return lambda direction: np.asarray(
            _product(self.X.T, rates * _product(self.X, direction)) + self.l2 * direction, dtype=np.float64
        )


def _check(X: Floats, y: Labels, l2: float) -> None:
    if not (np.isfinite(l2) and l2 > 0):
        raise InvalidOption("The penalty of a linear model must be positive", expected="> 0", found=l2)
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ShapeMismatch("Features and labels differ in number", expected=X.shape[:1], found=y.shape)
    if np.unique(y).size < 2:
        raise LabelUnusable("A model needs records of different labels", expected="at least 2", found=np.unique(y).size)


def _product(one: Floats, other: Floats) -> Floats:
    """Multiply by torch, which keeps to one thread where it is told to (`threads`)."""
    found: Floats = (torch.from_numpy(one) @ torch.from_numpy(np.ascontiguousarray(other))).numpy()
    return found


def _log_sums(logits: Floats) -> Floats:
    most = logits.max(axis=1)
    return np.asarray(most + np.log(np.exp(logits - most[:, np.newaxis]).sum(axis=1)), dtype=np.float64)


def _of_frequencies(y: Labels) -> Floats:
    """The loss of classes under their frequencies."""
    _, places, counts = np.unique(y, return_inverse=True, return_counts=True)
    return np.asarray(-np.log(counts / len(y))[places], dtype=np.float64)
