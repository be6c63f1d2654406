"""The model families of the study behind one face: fit, gradients of single records, how good a model is.

Parameters are one flat vector in each. Logistic regression is fitted exactly; the networks by so many steps of Adam.
Not here: what is asked of a gradient (`queries`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from blindfair.influence.architecture import Architecture, Mlp, SmallCnn, SoftmaxRegression
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.fitting import fit_network
from blindfair.influence.gradients import class_logits, record_gradients, record_losses
from blindfair.influence.logistic import fit_logistic
from blindfair.pricing.learners import L2
from blindfair.pricing.ranks import auc
from blindfair.protocol.errors import InvalidOption
from blindfair.studies.worlds import Records, StudyWorld

EARLY = 0.15
"""Share of a fit's steps after which a network is the early reference of a displacement."""


_NEWTON_STEPS = 20
_NEWTON_DONE = 1e-7
"""Twice the distance to the minimum in nats before the last step, which squares what is left of it."""


class Family(Protocol):
    """One kind of model for one world."""

    @property
    def judge(self) -> str:
        """How `quality` is measured: "AUC" of two classes, "accuracy" of more."""
        ...

    @property
    def folds(self) -> int:
        """Parts for cross-fitting: fewer where a fit is dear."""
        ...

    def fit(self, records: Records, *, l2: float = L2, progress: float = 1.0, start: Floats | None = None) -> Floats:
        """Parameters fitted to these records; `progress` below 1 stops early.

        `start` is a model near by; where a fit has one result only, it saves time.
        """
        ...

    def reference(self, records: Records) -> Floats:
        """The under-trained model at which the default query takes gradients."""
        ...

    def gradients(self, theta: Floats, records: Records) -> Floats:
        """`n x d`, the gradient of each record's own loss."""
        ...

    def slopes(self, theta: Floats, direction: Floats, records: Records) -> Floats:
        """`n` numbers `g_i . direction`, without forming the rows."""
        ...

    def losses(self, theta: Floats, records: Records) -> Floats:
        """Each record's loss, `n` nats."""
        ...

    def quality(self, theta: Floats, records: Records) -> float:
        """AUC or accuracy."""
        ...


@dataclass(frozen=True, slots=True)
class LogisticFamily:
    """Two classes, the exact minimum, reference zero."""

    width: int
    judge: str = "AUC"
    folds: int = 10

    def fit(self, records: Records, *, l2: float = L2, progress: float = 1.0, start: Floats | None = None) -> Floats:
        """See `Family`. Stopping early is going a part of the way from zero: Newton's method has no early models."""
        fitted = newton(records, l2, np.zeros(self.width) if start is None else start)
        return progress * (fit_logistic(records.X, records.y, l2) if fitted is None else fitted)

    def reference(self, records: Records) -> Floats:
        """Zero."""
        return np.zeros(self.width)

    def gradients(self, theta: Floats, records: Records) -> Floats:
        """See `Family`: `(sigma(x . theta) - y) x`."""
        return self._residuals(theta, records)[:, None] * records.X

    def slopes(self, theta: Floats, direction: Floats, records: Records) -> Floats:
        """See `Family`."""
        return self._residuals(theta, records) * (records.X @ direction)

    def losses(self, theta: Floats, records: Records) -> Floats:
        """See `Family`."""
        margins: Floats = (2 * records.y - 1) * (records.X @ theta)
        return np.logaddexp(0.0, -margins)

    def quality(self, theta: Floats, records: Records) -> float:
        """See `Family`: the AUC."""
        return auc(records.y == 1, records.X @ theta)

    def _residuals(self, theta: Floats, records: Records) -> Floats:
        residuals: Floats = 0.5 * (1.0 + np.tanh(0.5 * (records.X @ theta))) - records.y
        return residuals


@dataclass(frozen=True, slots=True)
class NetworkFamily:
    """A network, the same number of steps for every fit, the early checkpoint as reference."""

    network: Architecture
    steps: int
    batch: int
    folds: int = 5

    @property
    def judge(self) -> str:
        """See `Family`."""
        return "AUC" if self.network.classes == 2 else "accuracy"

    def fit(self, records: Records, *, l2: float = L2, progress: float = 1.0, start: Floats | None = None) -> Floats:
        """See `Family`. The start is not used: a network has many results."""
        return fit_network(
            self.network,
            self.network.initial(0),
            records.X[:, :-1],
            records.y,
            l2=l2,
            steps=max(1, round(progress * self.steps)),
            seed=0,
            batch=self.batch,
        )

    def reference(self, records: Records) -> Floats:
        """See `Family`: after `EARLY` of the steps. At the first model only the last layer would have gradients."""
        return self.fit(records, progress=EARLY)

    def gradients(self, theta: Floats, records: Records) -> Floats:
        """See `Family`."""
        return record_gradients(self.network, theta, records.X[:, :-1], records.y)

    def slopes(self, theta: Floats, direction: Floats, records: Records) -> Floats:
        """See `Family`: one pass forward with a tangent."""
        X, y = torch.from_numpy(np.ascontiguousarray(records.X[:, :-1])), torch.from_numpy(records.y)
        point, tangent = (torch.from_numpy(theta),), (torch.from_numpy(direction),)
        slopes: torch.Tensor = torch.func.jvp(lambda at: self.network.losses(at, X, y), point, tangent)[1]
        return np.asarray(slopes.numpy(), dtype=np.float64)

    def losses(self, theta: Floats, records: Records) -> Floats:
        """See `Family`."""
        return record_losses(self.network, theta, records.X[:, :-1], records.y)

    def quality(self, theta: Floats, records: Records) -> float:
        """See `Family`."""
        logits = class_logits(self.network, theta, records.X[:, :-1])
        if self.network.classes == 2:
            return auc(records.y == 1, logits[:, 1] - logits[:, 0])
        return float((logits.argmax(axis=1) == records.y).mean())


def family(name: str, world: StudyWorld) -> Family:
    """The family of this name for the records of a world. Raises InvalidOption for an unknown name or a misfit."""
    if name not in _FAMILIES:
        raise InvalidOption("The model family is not known", expected=" or ".join(_FAMILIES), found=name)
    return _FAMILIES[name](world)


def _logistic(world: StudyWorld) -> Family:
    if world.class_count != 2:
        raise InvalidOption("Logistic regression takes two classes", expected=2, found=world.class_count)
    return LogisticFamily(world.train.X.shape[1])


def _inputs(world: StudyWorld) -> int:
    return int(world.train.X.shape[1]) - 1


def _cnn(world: StudyWorld) -> Family:
    if world.image is None:
        raise InvalidOption("A convolution takes images", expected="a data set of images", found="others")
    height, width = world.image
    network = SmallCnn(height=height, width=width, channels=(6, 12), classes=world.class_count)
    return NetworkFamily(network, steps=60, batch=64)


_FAMILIES: Mapping[str, Callable[[StudyWorld], Family]] = {
    "logistic": _logistic,
    "softmax": lambda world: NetworkFamily(
        SoftmaxRegression(inputs=_inputs(world), classes=world.class_count), steps=80, batch=128
    ),
    "mlp": lambda world: NetworkFamily(
        Mlp(inputs=_inputs(world), hidden=(32,), classes=world.class_count), steps=100, batch=128
    ),
    "cnn": _cnn,
}


def newton(records: Records, l2: float, start: Floats) -> Floats | None:
    """The minimum that `fit_logistic` finds, by plain Newton steps in a third of its time; none where they go astray.

    The study fits hundreds of thousands of models. A test holds the two equal.
    """
    X, y = records.X, records.y
    theta, before = start, np.inf
    for _ in range(_NEWTON_STEPS):
        chance = 0.5 * (1.0 + np.tanh(0.5 * (X @ theta)))
        slope = X.T @ (chance - y) + l2 * theta
        curvature = (X * (chance * (1.0 - chance))[:, None]).T @ X
        curvature.flat[:: len(theta) + 1] += l2
        step = np.linalg.solve(curvature, slope)
        left = float(slope @ step)
        if left > before:
            return None
        theta, before = theta - step, left
        if left <= _NEWTON_DONE:
            return theta
    return None


def relabelled(records: Records, y: Classes) -> Records:
    """The same features with other classes."""
    return Records(records.X, y)
