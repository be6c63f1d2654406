"""Logistic regression in closed form: its loss, gradient, Hessian, and the exact fit by Newton's method.

    L(theta) = sum_i w_i loss(x_i . theta, y_i) + l2 / 2 |theta|^2,   loss(z, y) = log(1 + e^z) - y z   (nats)

The sum, not the mean: `l2` is measured against one record, and adding a record adds its loss. Every parameter is
penalised, the bias too, so that L is strictly convex and its curvature at least `l2`. Double precision throughout.
Not here: gradients of single records, which are the scoring model's (`models`).
"""

from contextlib import nullcontext

import numpy as np
import torch

from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.threads import one_thread
from blindfair.protocol.errors import InvalidOption, LabelUnusable, ShapeMismatch, UnusableModel

_STEPS = 200
_NEAR = 1e-8
_DONE = 1e-22
_SMALL = 2**20


def record_loss(weights: torch.Tensor, features: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """`loss(x . theta, y)` of one record or of many, in nats; without overflow for any score."""
    z = features @ weights
    # log(1 + e^z); torch's `softplus` replaces it by z above 20 and is then wrong by up to 2e-9.
    return -torch.nn.functional.logsigmoid(-z) - label * z


def total_loss(X: Floats, y: Classes, weights: Floats, l2: float, sample_weight: Floats | None = None) -> float:
    """`L(theta)` in nats; with `l2 = 0` the plain loss, a sum over records."""
    losses = record_loss(torch.from_numpy(weights), torch.from_numpy(X), torch.from_numpy(y))
    return float((_weights_of(X, sample_weight) * losses).sum()) + 0.5 * l2 * float(weights @ weights)


def loss_gradient(X: Floats, y: Classes, weights: Floats, l2: float, sample_weight: Floats | None = None) -> Floats:
    """Gradient of `L`, `d` numbers: `X^T w (sigma(X theta) - y) + l2 theta`."""
    x = torch.from_numpy(X)
    residual = torch.sigmoid(x @ torch.from_numpy(weights)) - torch.from_numpy(y)
    gradient: Floats = (x.T @ (_weights_of(X, sample_weight) * residual)).numpy()
    return gradient + l2 * weights


def hessian(X: Floats, weights: Floats, l2: float, sample_weight: Floats | None = None) -> Floats:
    """Hessian of `L`, `d x d`: `X^T diag(w p (1 - p)) X + l2 I`. It does not depend on the classes."""
    x = torch.from_numpy(X)
    p = torch.sigmoid(x @ torch.from_numpy(weights))
    curvature: Floats = ((x * (_weights_of(X, sample_weight) * p * (1 - p))[:, None]).T @ x).numpy()
    return curvature + l2 * np.eye(X.shape[1])


def fit_logistic(X: Floats, y: Classes, l2: float, sample_weight: Floats | None = None) -> Floats:
    """The minimum of `L`: `d` weights for features `n x d` whose last is the bias.

    Newton's method with halved steps until the loss falls; it ends where the gradient is zero to double precision.
    Raises InvalidOption unless `l2 > 0`, ShapeMismatch, LabelUnusable where `y` holds one class, UnusableModel where
    200 steps do not suffice.
    """
    if not (np.isfinite(l2) and l2 > 0):
        raise InvalidOption("The penalty of a logistic regression must be positive", expected="> 0", found=l2)
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ShapeMismatch("Features and classes differ in number", expected=X.shape[:1], found=y.shape)
    if np.unique(y).size != 2:
        raise LabelUnusable("A model needs records of both classes", expected=2, found=np.unique(y).size)
    # A small fit is slower on several threads, and hundreds of them on a busy machine much slower.
    with one_thread() if X.size < _SMALL else nullcontext():
        return _minimum(X, y, l2, sample_weight)


def _minimum(X: Floats, y: Classes, l2: float, sample_weight: Floats | None) -> Floats:
    weights = np.zeros(X.shape[1])
    loss = total_loss(X, y, weights, l2, sample_weight)
    for _ in range(_STEPS):
        gradient = loss_gradient(X, y, weights, l2, sample_weight)
        step = np.linalg.solve(hessian(X, weights, l2, sample_weight), gradient)
        # Half the squared Newton decrement is how far the loss can still fall, to second order.
        left = 0.5 * float(gradient @ step) / max(1.0, loss)
        size = 1.0
        # Near the minimum the loss no longer shows progress in double precision, and Newton's step needs no halving.
        while left > _NEAR and size > _NEAR and total_loss(X, y, weights - size * step, l2, sample_weight) >= loss:
            size /= 2
        weights = weights - size * step
        if left <= _DONE:
            return weights
        loss = total_loss(X, y, weights, l2, sample_weight)
    if left > _NEAR:
        raise UnusableModel("A logistic regression did not converge", hint="take a larger penalty")
    return weights


def _weights_of(X: Floats, sample_weight: Floats | None) -> torch.Tensor:
    if sample_weight is None:
        return torch.ones(len(X), dtype=torch.float64)
    if sample_weight.shape != X.shape[:1]:
        raise ShapeMismatch("Records and their weights differ in number", expected=len(X), found=sample_weight.shape)
    return torch.from_numpy(sample_weight)
