"""Fitting a network to records: Adam on mini-batches, the same result for the same seed, quick enough for hundreds.

    L(theta) = sum_i loss_i(theta) + l2 / 2 |theta|^2          as for logistic regression (`logistic`): a sum

An early checkpoint is a fit of few steps. The step falls to zero in a straight line, so a fit settles instead of
rattling. Not here: exact minima, which networks do not have; `Convergence` says how far a fit has come.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from blindfair.influence.architecture import Architecture
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.gradients import check_examples, record_gradients
from blindfair.influence.threads import one_thread
from blindfair.protocol.errors import InvalidOption, NoRecords, UnusableModel

BATCH = 256
RATE = 0.01
_DECAYS = 0.9, 0.999
_EPSILON = 1e-8


def fit_network(
    network: Architecture,
    theta: Floats,
    X: Floats,
    y: Classes,
    *,
    l2: float,
    steps: int,
    seed: int,
    rate: float = RATE,
    batch: int = BATCH,
    dtype: torch.dtype = torch.float32,
) -> Floats:
    """`steps` steps of Adam (Kingma and Ba 2015) from `theta`, on `batch` records each at most; returns `d` float64.

    `X` is `n x features`, `y` class codes from 0. Records come in a new order each time round, drawn from `seed`. In
    single precision it takes half the time; gradient rows are computed in double precision all the same. One thread,
    so that a machine gives the same result whatever else it does. Raises InvalidOption for values out of range,
    NoRecords, ShapeMismatch, and UnusableModel where the weights do not stay finite.
    """
    for name, value, valid in (
        ("penalty", l2, math.isfinite(l2) and l2 >= 0),
        ("number of steps", steps, steps >= 0),
        ("rate", rate, math.isfinite(rate) and rate > 0),
        ("batch", batch, batch >= 1),
    ):
        if not valid:
            raise InvalidOption(f"The {name} of a fit is out of range", expected="not negative, finite", found=value)
    if not len(X):
        raise NoRecords("A network needs records to be fitted to", expected="at least 1", found=0)
    check_examples(network, X, y)
    with one_thread():
        fitted = _adam(network, torch.from_numpy(theta).to(dtype), X, y, l2, steps, seed, rate, batch)
    if not np.isfinite(fitted).all():
        raise UnusableModel("The fit of a network does not stay finite", hint="take a smaller rate, or scale the data")
    return fitted


def _adam(
    network: Architecture,
    theta: torch.Tensor,
    X: Floats,
    y: Classes,
    l2: float,
    steps: int,
    seed: int,
    rate: float,
    batch: int,
) -> Floats:
    rng = np.random.default_rng(seed)
    features, codes = torch.from_numpy(X).to(theta.dtype), torch.from_numpy(y.astype(np.int64))
    theta = theta.clone()
    mean, square = torch.zeros_like(theta), torch.zeros_like(theta)
    # Of equal size: a small rest would be as loud as a whole batch.
    parts = -(-len(X) // batch)
    batches: list[torch.Tensor] = []
    for step in range(1, steps + 1):
        if not batches:
            batches = [torch.from_numpy(part) for part in np.array_split(rng.permutation(len(X)), parts)]
        drawn = batches.pop()
        point = theta.detach().requires_grad_()
        loss = network.losses(point, features[drawn], codes[drawn]).mean()
        (slope,) = torch.autograd.grad(loss, point)
        slope.add_(theta, alpha=l2 / len(X))
        mean.lerp_(slope, 1 - _DECAYS[0])
        square.mul_(_DECAYS[1]).addcmul_(slope, slope, value=1 - _DECAYS[1])
        length = rate * (1 - (step - 1) / steps) / (1 - _DECAYS[0] ** step)
        spread = square.div(1 - _DECAYS[1] ** step).sqrt_().add_(_EPSILON)
        theta.addcdiv_(mean, spread, value=-length)
    return theta.numpy().astype(np.float64)


@dataclass(frozen=True, slots=True)
class Convergence:
    """How near a fit is to a minimum of its own objective.

    `gradient` is the norm of the gradient of `L / n`; `chance` how large it would be by chance at a minimum for another
    sample of `n` records: the root mean square norm of the records' own gradients over `sqrt(n)`.
    """

    gradient: float
    chance: float

    @property
    def reached(self) -> bool:
        """Whether more steps would change less than other records would."""
        return self.gradient <= self.chance


def convergence(network: Architecture, theta: Floats, X: Floats, y: Classes, *, l2: float) -> Convergence:
    """Measure `theta` on the records that it was fitted to. Raises ShapeMismatch, NoRecords."""
    if not len(X):
        raise NoRecords("There are no records to measure a fit on", expected="at least 1", found=0)
    rows = record_gradients(network, theta, X, y)
    slope = rows.mean(axis=0) + l2 / len(X) * theta
    chance = math.sqrt(float((rows**2).sum(axis=1).mean()) / len(X))
    return Convergence(float(np.linalg.norm(slope)), chance)
