"""Scoring models: what a buyer sends so that a seller can compute one gradient row per record (PROTOCOL 4.1).

A model is a name in a registry, a config document with all preprocessing, and safetensors weights; never code, never a
pickle. Not here: projecting and rounding of the rows (`projection`, `quantise`), and what is asked of them (`query`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch.func import grad, vmap

from blindfair.influence.architecture import Mlp, SmallCnn, SoftmaxRegression
from blindfair.influence.arrays import Classes, Floats, Labels
from blindfair.influence.disagreement import growth
from blindfair.influence.label import LabelKind
from blindfair.influence.linear_model import BATCH, LinearModel
from blindfair.influence.logistic import record_loss
from blindfair.influence.network import NetworkModel
from blindfair.influence.regression import LinearRegression, PoissonRegression
from blindfair.influence.scoring_model import ScoringModel
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import UnusableModel


@dataclass(frozen=True, slots=True, eq=False)
class LogisticRegression(LinearModel):
    """Logistic regression, for two classes. Untrained, every gradient row is exactly `(1/2 - y) x`."""

    NAME: ClassVar[str] = "logistic-regression"
    TAKES: ClassVar[LabelKind] = LabelKind.CLASSES

    def _rows(self, X: Floats, y: Labels) -> Floats:
        return record_gradients(self.weights, X, y)

    def _residual_bounds(self, scores: Floats, errors: Floats, y: Labels) -> tuple[Floats, Floats]:
        # The slope of the residual is a quarter at most, and its own evaluation 7 roundings.
        return np.ones(len(scores)), errors / 4 + 7 * growth(1)


def record_gradients(weights: Floats, features: Floats, classes: Classes) -> Floats:
    """The gradient of each record's own loss at `weights`: `n x d`, by `torch.func`, `BATCH` records at a time.

    It equals `(sigma(x . theta) - y) x`, exactly where `theta` is zero and to 1e-12 elsewhere.
    """
    point = torch.from_numpy(weights)
    per_record = vmap(grad(record_loss), in_dims=(None, 0, 0))
    result = np.empty(features.shape)
    for start in range(0, len(features), BATCH):
        part = slice(start, start + BATCH)
        labels = torch.from_numpy(classes[part].astype(np.float64))
        result[part] = per_record(point, torch.from_numpy(features[part]), labels).numpy()
    return result


@dataclass(frozen=True, slots=True)
class ScoringKind:
    """A line of the registry: a kind of scoring model that sellers take (docs/reference/scoring-models.md)."""

    name: str
    """What a request calls it."""

    labels: str
    """The labels that it takes."""

    loss: str
    """The loss of one record; `z` are its outputs, `t` its standardised label."""

    config: str
    """What its config says besides the schema."""

    discloses: str
    """What a request shows the seller of the buyer's model and records, as the buyer's program sends it."""

    load: Callable[[Document, bytes], ScoringModel]
    """Read it from config and weights. Raises UnusableModel."""


_LINEAR = "nothing if untrained"
_NETWORK = "fitted weights, basis, scale"

REGISTRY: tuple[ScoringKind, ...] = (
    *(
        ScoringKind(name, labels, loss, "nothing", _LINEAR, load)
        for name, labels, loss, load in (
            (LogisticRegression.NAME, "two classes", "log(1 + e^z) - y z", LogisticRegression.from_parts),
            (LinearRegression.NAME, "a number", "(z - t)^2 / 2", LinearRegression.from_parts),
            (PoissonRegression.NAME, "a count", "e^z - t z", PoissonRegression.from_parts),
        )
    ),
    *(
        ScoringKind(
            kind.NAME,
            "two classes or more",
            "log(sum_c e^z_c) - z_y",
            says,
            told,
            partial(NetworkModel.from_parts, kind),
        )
        for kind, says, told in (
            (SoftmaxRegression, "nothing", _LINEAR),
            (Mlp, "sizes of the hidden layers", _NETWORK),
            (SmallCnn, "image and layer sizes", _NETWORK),
        )
    ),
)
"""Every scoring model that sellers take."""

_LOADS: Mapping[str, Callable[[Document, bytes], ScoringModel]] = {kind.name: kind.load for kind in REGISTRY}


def load_scoring_model(name: str, config: Document, weights: bytes) -> ScoringModel:
    """The scoring model that a request describes. Raises UnusableModel for an unknown name and for unusable parts."""
    load = _LOADS.get(name)
    if load is None:
        raise UnusableModel("The scoring model is not known", expected=" or ".join(sorted(_LOADS)), found=name[:64])
    return load(config, weights)
