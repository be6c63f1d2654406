"""Scoring models: what a buyer sends so that a seller can compute one gradient row per record (PROTOCOL 4.1).

A model is a name in a registry, a config document with all preprocessing, and safetensors weights; never code, never a
pickle. Not here: projecting and rounding of the rows (`projection`, `quantise`), and what is asked of them (`query`).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import safetensors
import safetensors.numpy
import torch
from torch.func import grad, vmap

from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.logistic import record_loss
from blindfair.influence.refusal import unusable
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import ShapeMismatch, UnusableModel
from blindfair.protocol.fields import Fields
from blindfair.protocol.quantities import Seconds
from blindfair.protocol.records import Cell

BATCH = 4096
"""Records whose gradients are in memory at once besides the result."""

_WEIGHTS_OVERHEAD = 4096
"""Bytes that safetensors may need besides the numbers."""


@dataclass(frozen=True, slots=True)
class RowsEstimate:
    """What computing gradient rows will cost on this machine."""

    records: int
    """Number of records."""

    rows_bytes: int
    """Bytes of the result, `records x k` float64."""

    peak_bytes: int
    """Bytes at the worst moment: the result, the features and one batch."""

    seconds: Seconds
    """Rounded up, from a trial of one batch; encoding of the cells not counted."""


class ScoringModel(Protocol):
    """What every scoring model can do."""

    @property
    def name(self) -> str:
        """Its name in the registry."""
        ...

    @property
    def k(self) -> int:
        """Entries of a gradient row, before projection."""
        ...

    def rows(self, records: Sequence[Sequence[Cell]]) -> Floats:
        """`n x k` gradients of each record's loss, sign +: the sign of a score is in the query (PROTOCOL 4.1)."""
        ...

    def estimate(self, records: int) -> RowsEstimate:
        """What `rows` of so many records will cost."""
        ...

    def to_parts(self) -> tuple[Document, bytes]:
        """Config and safetensors weights, as `load_scoring_model` takes them."""
        ...


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
        if not np.isfinite(self.weights).all():
            raise UnusableModel("The scoring model has weights that are not finite", expected="finite numbers")

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

    def rows(self, records: Sequence[Sequence[Cell]]) -> Floats:
        """`n x d` gradients of each record's loss in nats.

        Raises ShapeMismatch and UnusableModel as `FeatureSchema.encode`.
        """
        features, classes = self.schema.encode(records)
        return record_gradients(self.weights, features, classes)

    def estimate(self, records: int) -> RowsEstimate:
        """From a trial of one batch of zeros."""
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
        return cls(schema, _read_weights(weights, schema.width))


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
    return kind.from_parts(config, weights)


def _read_weights(data: bytes, width: int) -> Floats:
    # Checked before it is parsed, and parsed by a format that cannot hold code.
    limit = 8 * width + _WEIGHTS_OVERHEAD
    if len(data) > limit:
        raise UnusableModel("The weights are too long", expected=f"at most {limit} bytes", found=len(data))
    try:
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UnusableModel("The weights are not safetensors", found=type(error).__name__) from error
    found = tensors.get("weights")
    if found is None or len(tensors) != 1:
        raise UnusableModel("The weights have other tensors than expected", expected="weights", found=len(tensors))
    if found.dtype != np.float64 or found.shape != (width,):
        raise UnusableModel(
            "The weights have another form than the schema",
            expected=f"float64 {(width,)}",
            found=f"{found.dtype} {found.shape}",
        )
    return found.copy()


_REGISTRY: Mapping[str, type[LogisticRegression]] = {LogisticRegression.NAME: LogisticRegression}
