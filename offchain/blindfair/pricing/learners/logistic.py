"""Logistic regression, the default for two classes; for other labels it hands over to their linear model (`linear`)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import BOUND
from blindfair.influence.label import LabelKind
from blindfair.influence.logistic import fit_logistic
from blindfair.influence.models import LogisticRegression
from blindfair.influence.projection import Projection
from blindfair.influence.query import displacement_query, textbook_query
from blindfair.influence.scoring_model import ScoringModel
from blindfair.pricing.learners.learner import BEST_L2, L2, Examples, Learner, QueryKind, joined
from blindfair.pricing.learners.linear import LinearLearner, check_short_rows
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.records import Cell

_BOUND = BOUND / 2
"""The largest entry of a row `(1/2 - y) x` (`influence.untrained`)."""


@dataclass(frozen=True, slots=True)
class LogisticLearner:
    """Logistic regression for two classes, by its exact minimum. Under the default query the scoring model is zero."""

    kind: QueryKind = QueryKind.DISPLACEMENT

    def for_label(self, schema: FeatureSchema) -> Learner:
        """This one for two classes, else the linear model of the label (`LinearLearner`). Raises InvalidOption."""
        if schema.label_kind is LabelKind.CLASSES and len(schema.classes) == 2:
            check_short_rows(schema)
            return self
        if self.kind is not QueryKind.DISPLACEMENT:
            raise InvalidOption("The textbook query is for two classes", expected="2 classes", found="another label")
        check_short_rows(schema)
        return LinearLearner(schema)

    @property
    def folds(self) -> int:
        """Fits take milliseconds."""
        return 10

    @property
    def draws(self) -> int:
        """With one, chance in the draw is greater than what is being measured."""
        return 20

    @property
    def discloses(self) -> str:
        """See `Learner`."""
        if self.kind is QueryKind.DISPLACEMENT:
            return "nothing of the buyer's records: an untrained scoring model on the listing's own preprocessing"
        return "the scoring model on the listing's own preprocessing, fitted to the buyer's training records"

    @property
    def entry_bound(self) -> float | None:
        """See `Learner`."""
        return _BOUND if self.kind is QueryKind.DISPLACEMENT else None

    def dimension(self, schema: FeatureSchema, records: int) -> int:
        """See `Learner`."""
        return schema.width

    def encode(self, schema: FeatureSchema, records: Sequence[Sequence[Cell]]) -> Examples:
        """See `Learner`."""
        return schema.encode(records)

    def reference(self, schema: FeatureSchema, train: Examples) -> ScoringModel:
        """See `Learner`."""
        if self.kind is QueryKind.DISPLACEMENT:
            return LogisticRegression.untrained(schema)
        return LogisticRegression(schema, self.fit(train))

    def query(self, model: ScoringModel, train: Examples, validation: Examples) -> Floats:
        """See `Learner`."""
        if self.kind is QueryKind.DISPLACEMENT:
            return displacement_query(fit_logistic(*joined(train, validation), BEST_L2), model.weights)
        return textbook_query(*train, *validation, model.weights, L2)

    def side_query(self, model: ScoringModel) -> Floats:
        """See `Learner`: less the bias' entry, `sigma - y`."""
        return np.asarray(-np.eye(model.k)[-1], dtype=np.float64)

    def basis(self, rows: Floats) -> Projection:
        """None: rows are short."""
        return Projection.identity(rows.shape[1])

    def fit(self, examples: Examples) -> Floats:
        """See `Learner`."""
        return fit_logistic(*examples, L2)

    def margins(self, theta: Floats, X: Floats) -> Floats:
        """See `Learner`."""
        return np.asarray(X @ theta, dtype=np.float64)

    def doubts(self, model: ScoringModel, query: Floats, examples: Examples) -> tuple[str, ...]:
        """None: it is the minimum or an error."""
        return ()
