"""What the scoring models of one layer with one output have in common: the loss is a function of `z = x . theta`.

    row = residual(z, y) x         residual = the slope of the loss by z

Not here: each model's loss (`models`, `regression`), and softmax regression, which has an output for each class
(`network`).
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import safetensors.numpy

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.disagreement import growth, in_units, projected_errors
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.projection import Projection
from blindfair.influence.refusal import check_finite, unusable
from blindfair.influence.scoring_model import RowsEstimate
from blindfair.influence.tensors import read_weights
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import ShapeMismatch, UnusableModel
from blindfair.protocol.fields import Fields
from blindfair.protocol.quantities import Seconds
from blindfair.protocol.records import Cell

BATCH = 4096
"""Records whose gradients are in memory at once besides the result."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel(ABC):
    """A linear model at `weights` (`d` float64, the bias last) on the features of `schema`.

    Raises ShapeMismatch where weights and schema differ in length, UnusableModel for weights that are not finite and
    for a label of a kind that it does not take.
    """

    NAME: ClassVar[str]
    TAKES: ClassVar[LabelKind]

    schema: FeatureSchema
    weights: Floats

    def __post_init__(self) -> None:
        found = self.schema.label_kind
        if found is not self.TAKES or (found is LabelKind.CLASSES and len(self.schema.classes) != 2):
            raise UnusableModel(
                "The scoring model does not take the label of its schema",
                expected="two classes" if self.TAKES is LabelKind.CLASSES else f"a {self.TAKES.value}",
                found=f"{len(self.schema.classes)} classes" if found is LabelKind.CLASSES else f"a {found.value}",
            )
        if self.weights.shape != (self.schema.width,):
            raise ShapeMismatch("Weights and schema differ", expected=(self.schema.width,), found=self.weights.shape)
        check_finite(self.weights)

    @classmethod
    def untrained(cls, schema: FeatureSchema) -> Self:
        """All weights zero; it discloses nothing but the schema."""
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
        """`n x d` gradients of each record's loss, or `n x k` projected ones.

        Raises ShapeMismatch and UnusableModel as `FeatureSchema.encode` and `Projection.apply`.
        """
        return self.gradients(*self.schema.encode(records), projection)

    def gradients(self, X: Floats, y: Labels, projection: Projection | None = None) -> Floats:
        """The same of features `n x d` and labels `n`."""
        rows = self._rows(X, y)
        return rows if projection is None else projection.apply(rows)

    def disagreement(self, X: Floats, y: Labels, projection: Projection, row_scales: Floats) -> float:
        """How far two honest machines may lie apart in these `n` rows at most, in units of each row's own scale.

        The score `z = x . theta` lies within `growth(d + 2) |x| . |theta|`; the residual, and so the row, moves with
        it, and is rounded once more by its product with `x` (`disagreement`).
        """
        sizes = np.abs(X)
        with np.errstate(over="ignore", invalid="ignore"):
            residuals, errors = self._residual_bounds(
                X @ self.weights, growth(self.k + 2) * (sizes @ np.abs(self.weights)), y
            )
            errors = (errors + growth(1) * (residuals + errors))[:, np.newaxis] * sizes
            terms = residuals[:, np.newaxis] * sizes
            bounds = projected_errors(errors, terms, projection).max(axis=1, initial=0.0)
            return in_units(float((bounds * row_scales).max(initial=0.0)))

    def estimate(self, records: int, sample: Sequence[Sequence[Cell]] = ()) -> RowsEstimate:
        """From a trial of one batch of zeros."""
        batch = max(1, min(records, BATCH))
        features, labels = np.zeros((batch, self.k)), np.zeros(batch, dtype=np.int64)
        self._rows(features[:1], labels[:1])
        start = time.perf_counter()
        self._rows(features, labels)
        seconds = (time.perf_counter() - start) * records / batch
        rows_bytes = 8 * records * self.k
        return RowsEstimate(records, rows_bytes, 2 * rows_bytes + 3 * 8 * batch * self.k, Seconds(int(seconds) + 1))

    def to_parts(self) -> tuple[Document, bytes]:
        """Config and safetensors weights, as `load_scoring_model` takes them."""
        return {"schema": self.schema.to_document()}, safetensors.numpy.save({"weights": self.weights})

    @classmethod
    def from_parts(cls, config: Document, weights: bytes) -> Self:
        """A counterparty's model, checked in full. Raises UnusableModel."""
        with unusable("The config of the scoring model cannot be used"):
            fields = Fields(config, "config")
            schema = FeatureSchema.from_fields(fields.sub("schema"))
            fields.done()
        return cls(schema, read_weights(weights, schema.width))

    @abstractmethod
    def _rows(self, X: Floats, y: Labels) -> Floats:
        """`n x d` gradients."""

    @abstractmethod
    def _residual_bounds(self, scores: Floats, errors: Floats, y: Labels) -> tuple[Floats, Floats]:
        """Sizes of the residuals of `n` records, and how far each lies off where its score does by `errors`."""
