"""The minimum of a smooth convex loss with a penalty, by Newton's method; steps are found by conjugate gradients.

No matrix of `d x d` is formed, so that thousands of parameters take seconds. Not here: the losses (`linear_fits`).
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Protocol

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.threads import one_thread
from blindfair.protocol.errors import UnusableModel

_STEPS = 200
_NEAR = 1e-8
_DONE = 1e-20
_SMALL = 2**20
_FORCING = 0.01
_INNER = 10
"""Steps of conjugate gradients for each parameter at most: rounding makes it take more than one."""


class Objective(Protocol):
    """A strictly convex function of `d` numbers."""

    def value(self, theta: Floats) -> float:
        """The loss; infinite where it overflows."""
        ...

    def gradient(self, theta: Floats) -> Floats:
        """`d` numbers."""
        ...

    def curvature(self, theta: Floats) -> Callable[[Floats], Floats]:
        """The product of the Hessian at `theta` with `d` numbers."""
        ...


def minimise(objective: Objective, start: Floats, numbers: int) -> Floats:
    """The minimum, from `start` on; `numbers` is the size of the data, which decides whether threads pay.

    Steps are halved until the loss falls. It ends where the gradient is zero to double precision. Raises UnusableModel
    where 200 steps do not suffice.
    """
    with one_thread() if numbers < _SMALL else nullcontext(), np.errstate(over="ignore", invalid="ignore"):
        return _minimum(objective, start)


def _minimum(objective: Objective, theta: Floats) -> Floats:
    loss, forcing = objective.value(theta), _FORCING
    for _ in range(_STEPS):
        gradient = objective.gradient(theta)
        step = _solve(objective.curvature(theta), gradient, forcing)
        # Half the squared Newton decrement is how far the loss can still fall, to second order.
        left = 0.5 * float(gradient @ step) / max(1.0, abs(loss))
        size = 1.0
        while left > _NEAR and size > _NEAR and not objective.value(theta - size * step) < loss:
            size /= 2
        theta = theta - size * step
        if left <= _DONE:
            return theta
        loss = objective.value(theta)
        forcing = _FORCING if left > _NEAR else 1e-10
    if not left <= _NEAR:
        raise UnusableModel("A linear model did not converge", hint="take a larger penalty")
    return theta


def _solve(product: Callable[[Floats], Floats], right: Floats, forcing: float) -> Floats:
    """Solve `H x = right` to a share `forcing` of its norm (Hestenes and Stiefel 1952)."""
    found, rest = np.zeros_like(right), right.copy()
    direction, length = rest.copy(), float(rest @ rest)
    enough = forcing**2 * length
    for _ in range(_INNER * right.size):
        if length <= enough:
            break
        turned = product(direction)
        step = length / float(direction @ turned)
        found += step * direction
        rest -= step * turned
        before, length = length, float(rest @ rest)
        direction = rest + length / before * direction
    return found
