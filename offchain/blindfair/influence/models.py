"""Scoring models: what a buyer sends so that a seller can compute one gradient row per record (PROTOCOL 4.1).

A model is a name in a registry, a config document with all preprocessing, and safetensors weights; never code, never a
pickle. Not here: projecting and rounding of the rows (`projection`, `quantise`), and what is asked of them (`query`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import safetensors.numpy
import torch
from torch.func import grad, vmap

from blindfair.influence.architecture import Mlp, SmallCnn, SoftmaxRegression
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.disagreement import growth, in_units, projected_errors
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.logistic import record_loss
from blindfair.influence.network import NetworkModel
from blindfair.influence.projection import Projection
from blindfair.influence.refusal import check_finite, unusable
from blindfair.influence.scoring_model import RowsEstimate, ScoringModel
from blindfair.influence.tensors import read_weights
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import ShapeMismatch, UnusableModel
from blindfair.protocol.fields import Fields
from blindfair.protocol.quantities import Seconds
from blindfair.protocol.records import Cell

BATCH = 4096
"""Records whose gradients are in memory at once besides the result."""


@dataclass(frozen=True, slots=True, eq=False)
class LogisticRegression:
    """Logistic regression at `weights` (`d` float64, the bias last) on the features of `schema`.

    Raises ShapeMismatch where weights and schema differ in length, UnusableModel for weights that are not finite.
    """

    NAME: ClassVar[str] = "logistic-regression"

    schema: FeatureSchema
    weights: Floats

    def __post_init__(self) -> None:
        if self.weights.shape != (self.schema.width,):
            raise ShapeMismatch("Weights and schema differ", expected=(self.schema.width,), found=self.weights.shape)
        check_finite(self.weights)

    @classmethod
    def untrained(cls, schema: FeatureSchema) -> "LogisticRegression":
        """All weights zero, where every gradient row is exactly `(1/2 - y) x`; it discloses nothing but the schema."""
        return cls(schema, np.zeros(schema.width))

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.NAME

    @property
    def k(self) -> int:
        """Entries of a gradient row: one per feature, the bias included."""
        return self.schema.width

    @property
    def features(self) -> int:
        """Numbers that a record becomes, the bias included."""
        return self.schema.width

    @property
    def batch(self) -> int:
        """Records whose rows are computed together."""
        return BATCH

    @property
    def products(self) -> int:
        """Multiplications for one record's row: the score, and the row itself."""
        return 2 * self.schema.width

    def rows(self, records: Sequence[Sequence[Cell]], projection: Projection | None = None) -> Floats:
        """`n x d` gradients of each record's loss in nats, or `n x k` projected ones.

        Raises ShapeMismatch and UnusableModel as `FeatureSchema.encode` and `Projection.apply`.
        """
        return self.gradients(*self.schema.encode(records), projection)

    def gradients(self, X: Floats, y: Classes, projection: Projection | None = None) -> Floats:
        """The same of features `n x d` and classes `n`."""
        rows = record_gradients(self.weights, X, y)
        return rows if projection is None else projection.apply(rows)

    def disagreement(self, X: Floats, y: Classes, projection: Projection, row_scales: Floats) -> float:
        """How far two honest machines may lie apart in these `n` rows at most, in units of each row's own scale.

        The score `x . theta` lies within `growth(d + 2) |x| . |theta|`, the slope of the loss by it changes by at most
        a quarter of that, and its own evaluation by 8 roundings (`disagreement`).
        """
        sizes = np.abs(X)
        errors = (growth(self.k + 2) * (sizes @ np.abs(self.weights)) / 4 + 8 * growth(1))[:, None] * sizes
        bounds = projected_errors(errors, sizes, projection).max(axis=1, initial=0.0)
        return in_units(float((bounds * row_scales).max(initial=0.0)))

    def estimate(self, records: int) -> RowsEstimate:
        """Estimate the cost from a trial of one batch of zeros."""
        batch = max(1, min(records, BATCH))
        features, classes = np.zeros((batch, self.k)), np.zeros(batch, dtype=np.int64)
        record_gradients(self.weights, features[:1], classes[:1])
        start = time.perf_counter()
        record_gradients(self.weights, features, classes)
        seconds = (time.perf_counter() - start) * records / batch
        rows_bytes = 8 * records * self.k
        return RowsEstimate(records, rows_bytes, 2 * rows_bytes + 3 * 8 * batch * self.k, Seconds(int(seconds) + 1))

    def to_parts(self) -> tuple[Document, bytes]:
        """Config and safetensors weights, as `load_scoring_model` takes them."""
        return {"schema": self.schema.to_document()}, safetensors.numpy.save({"weights": self.weights})

    @classmethod
    def from_parts(cls, config: Document, weights: bytes) -> "LogisticRegression":
        """A counterparty's model, checked in full. Raises UnusableModel."""
        with unusable("The config of the scoring model cannot be used"):
            fields = Fields(config, "config")
            schema = FeatureSchema.from_fields(fields.sub("schema"))
            fields.done()
        return cls(schema, read_weights(weights, schema.width))


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


def load_scoring_model(name: str, config: Document, weights: bytes) -> ScoringModel:
    """The scoring model that a request describes. Raises UnusableModel for an unknown name and for unusable parts."""
    kind = _REGISTRY.get(name)
    if kind is None:
        raise UnusableModel("The scoring model is not known", expected=" or ".join(sorted(_REGISTRY)), found=name[:64])
    return kind(config, weights)


_REGISTRY: Mapping[str, Callable[[Document, bytes], ScoringModel]] = {
    LogisticRegression.NAME: LogisticRegression.from_parts,
    **{kind.NAME: partial(NetworkModel.from_parts, kind) for kind in (SoftmaxRegression, Mlp, SmallCnn)},
}
