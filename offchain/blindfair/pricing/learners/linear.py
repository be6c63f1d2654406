"""The linear model of any label: softmax regression of more than two classes, least squares, Poisson regression.

The scoring model is untrained, as `influence.untrained` has it, and the query leads from there to the exact fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.encoding import WIDTH_LIMIT, FeatureSchema
from blindfair.influence.linear_fits import Softmax, linear_fit
from blindfair.influence.projection import Projection
from blindfair.influence.query import displacement_query
from blindfair.influence.scoring_model import ScoringModel
from blindfair.influence.untrained import untrained_bound, untrained_model
from blindfair.pricing.learners.learner import BEST_L2, L2, Examples, Learner, joined, not_two_classes
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.records import Cell

_FEW_ENTRIES = 500
"""Parameters up to which a fit takes hundredths of a second."""


def check_short_rows(schema: FeatureSchema) -> None:
    """Raises InvalidOption for images so large that the rows of their linear model are not scored."""
    if schema.row_width > WIDTH_LIMIT:
        raise InvalidOption(
            "`model='logistic'` has rows that are too long for images of this size",
            expected=f"at most {WIDTH_LIMIT:,} numbers",
            found=f"{schema.row_width:,}, for all {len(schema.classes)} classes",
            hint="begin another directory with `model='cnn'`; nothing was asked",
        )


@dataclass(frozen=True, slots=True)
class LinearLearner:
    """The linear model of the label of `schema`, by its exact minimum; nothing of it but the direction is asked."""

    schema: FeatureSchema

    def for_label(self, schema: FeatureSchema) -> Learner:
        """See `Learner`."""
        check_short_rows(schema)
        return LinearLearner(schema)

    @property
    def folds(self) -> int:
        """Fewer where fits take tenths of a second."""
        return 10 if self.schema.row_width <= _FEW_ENTRIES else 5

    @property
    def draws(self) -> int:
        """Twenty where fits are quick, as for logistic regression."""
        return 20 if self.schema.row_width <= _FEW_ENTRIES else 2

    @property
    def discloses(self) -> str:
        """See `Learner`."""
        return "nothing of the buyer's records: an untrained scoring model on the listing's own preprocessing"

    @property
    def entry_bound(self) -> float | None:
        """See `Learner`."""
        return untrained_bound(self.schema)

    def dimension(self, schema: FeatureSchema, records: int) -> int:
        """See `Learner`."""
        return schema.row_width

    def encode(self, schema: FeatureSchema, records: Sequence[Sequence[Cell]]) -> Examples:
        """Encode records; of more than two classes without the schema's bias: a network has its own."""
        features, labels = schema.encode(records)
        return np.ascontiguousarray(features[:, :-1]) if self._is_network else features, labels

    def reference(self, schema: FeatureSchema, train: Examples) -> ScoringModel:
        """See `Learner`."""
        return untrained_model(schema)

    def query(self, model: ScoringModel, train: Examples, validation: Examples) -> Floats:
        """See `Learner`."""
        return displacement_query(self._fitted(joined(train, validation), BEST_L2), model.weights)

    def side_query(self, model: ScoringModel) -> Floats:
        """See `Learner`."""
        raise not_two_classes("A query for the class")

    def basis(self, rows: Floats) -> Projection:
        """None: rows are short."""
        return Projection.identity(rows.shape[1])

    def fit(self, examples: Examples) -> Floats:
        """See `Learner`."""
        return self._fitted(examples, L2)

    def margins(self, theta: Floats, X: Floats) -> Floats:
        """See `Learner`."""
        if self._is_network:
            return Softmax(len(self.schema.classes)).logits(theta, _with_bias(X))
        return np.asarray(X @ theta, dtype=np.float64)

    def doubts(self, model: ScoringModel, query: Floats, examples: Examples) -> tuple[str, ...]:
        """None: it is the minimum or an error."""
        return ()

    @property
    def _is_network(self) -> bool:
        return self.schema.row_width > self.schema.width

    def _fitted(self, examples: Examples, l2: float) -> Floats:
        features, labels = examples
        return linear_fit(self.schema).fit(_with_bias(features) if self._is_network else features, labels, l2)


def _with_bias(X: Floats) -> Floats:
    return np.column_stack([X, np.ones(len(X))])
