"""A network as scoring model: its preprocessing, what it is and its weights (PROTOCOL 4.1).

It takes records of tables as logistic regression does, the schema's bias left out, since every layer has its own. Its
loss is the cross entropy of the record's class, in nats. Not here: the network itself (`architecture`).
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import safetensors.numpy

from blindfair.influence.architecture import Architecture
from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.disagreement import network_disagreement
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.gradients import batch_records, projected_gradients, record_gradients
from blindfair.influence.projection import Projection
from blindfair.influence.refusal import check_finite, unusable
from blindfair.influence.scoring_model import BATCH_NUMBERS, RowsEstimate
from blindfair.influence.tensors import read_weights
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import ShapeMismatch, UnusableModel
from blindfair.protocol.fields import Fields
from blindfair.protocol.quantities import Seconds
from blindfair.protocol.records import Cell

_TRIAL = 256
"""Records of an estimate's trial."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkModel:
    """`network` at `weights` (`d` float64) on the features of `schema`.

    Raises ShapeMismatch where they differ in features, classes or parameters, UnusableModel for weights that are not
    finite.
    """

    schema: FeatureSchema
    network: Architecture
    weights: Floats

    def __post_init__(self) -> None:
        if self.schema.target is not None:
            raise UnusableModel(
                "A network does not take the label of its schema",
                expected="classes",
                found=self.schema.label_kind.value,
            )
        for what, expected, found in (
            ("features", self.schema.width - 1, self.network.features),
            ("classes", len(self.schema.classes), self.network.classes),
            ("parameters", (self.network.parameters,), self.weights.shape),
        ):
            if expected != found:
                raise ShapeMismatch(f"The network does not fit in its {what}", expected=expected, found=found)
        check_finite(self.weights)

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.network.NAME

    @property
    def k(self) -> int:
        """Entries `d` of a gradient row, before projection: one for each parameter."""
        return self.network.parameters

    @property
    def features(self) -> int:
        """Numbers that a record becomes."""
        return self.network.features

    @property
    def batch(self) -> int:
        """Records whose rows are computed together."""
        return batch_records(self.network)

    @property
    def products(self) -> int:
        """Multiplications for one record's row: forward, back, and the row itself."""
        return 3 * sum(layer.places * math.prod(layer.shape) for layer in self.network.layers)

    def rows(self, records: Sequence[Sequence[Cell]], projection: Projection | None = None) -> Floats:
        """`n x d` gradients of each record's loss in nats, or `n x k` projected ones, never all of `n x d` then.

        Raises ShapeMismatch, UnusableModel.
        """
        features, classes = self.schema.encode(records)
        return self.gradients(np.ascontiguousarray(features[:, :-1]), classes, projection)

    def gradients(self, X: Floats, y: Labels, projection: Projection | None = None) -> Floats:
        """The same of features `n x features` and classes `n`."""
        if projection is None:
            return record_gradients(self.network, self.weights, X, y)
        return projected_gradients(self.network, self.weights, X, y, projection)

    def disagreement(self, X: Floats, y: Labels, projection: Projection, row_scales: Floats) -> float:
        """How far two honest machines may lie apart in these `n` rows at most, in units of each row's own scale."""
        return network_disagreement(self.network, self.weights, X, y, projection, row_scales)

    def estimate(self, records: int, sample: Sequence[Sequence[Cell]] = ()) -> RowsEstimate:
        """Estimate the cost from a trial of a few records of zeros."""
        trial = max(1, min(records, _TRIAL))
        X, y = np.zeros((trial, self.features)), np.zeros(trial, dtype=np.int64)
        record_gradients(self.network, self.weights, X[:1], y[:1])
        start = time.perf_counter()
        record_gradients(self.network, self.weights, X, y)
        seconds = (time.perf_counter() - start) * records / trial
        rows_bytes = 8 * records * self.k
        peak = rows_bytes + 8 * (records * self.features + 2 * BATCH_NUMBERS)
        return RowsEstimate(records, rows_bytes, peak, Seconds(int(seconds) + 1))

    def to_parts(self) -> tuple[Document, bytes]:
        """Config and safetensors weights, as `load_scoring_model` takes them."""
        config: Document = {"network": self.network.to_document(), "schema": self.schema.to_document()}
        return config, safetensors.numpy.save({"weights": self.weights})

    @classmethod
    def from_parts(cls, kind: type[Architecture], config: Document, weights: bytes) -> "NetworkModel":
        """A counterparty's model, checked in full. Raises UnusableModel."""
        with unusable("The config of the scoring model cannot be used"):
            fields = Fields(config, "config")
            schema = FeatureSchema.from_fields(fields.sub("schema"))
            network = kind.from_fields(fields.sub("network"), schema.width - 1, len(schema.classes))
            fields.done()
        return cls(schema, network, read_weights(weights, network.parameters))
