"""How the buyer learns: which models it fits, which one it sends as scoring model, and which query it asks there.

Logistic regression is the default; a small MLP sees what no line parts, at the price of longer rows, which are
projected, and of a scoring model with fitted weights. Not here: trusted scores and rounding (`valuation`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from blindfair.influence.architecture import Mlp
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.bases import principal_directions
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.fitting import convergence, fit_network
from blindfair.influence.gradients import class_logits
from blindfair.influence.logistic import fit_logistic
from blindfair.influence.models import LogisticRegression
from blindfair.influence.network import NetworkModel
from blindfair.influence.projection import Projection
from blindfair.influence.query import displacement_query, textbook_query
from blindfair.influence.scoring_model import ScoringModel
from blindfair.pricing.rounding import UNTRAINED_BOUND
from blindfair.protocol.records import Cell

L2 = 1.0
"""Penalty of logistic regression, against a loss that is summed over records: one record's worth."""

BEST_L2 = 10.0
"""Penalty of the best model, whose direction is the query: with a few hundred records a stiffer one points better."""

Examples = tuple[Floats, Classes]
"""Features `n x features` and class codes `n`."""


class QueryKind(Enum):
    """Which query is asked."""

    DISPLACEMENT = "displacement"
    """The default: gradients at an under-trained model, direction to the best model the buyer can fit."""

    TEXTBOOK = "textbook"
    """The influence function at the model fitted to the training records, which the request then discloses."""


class Learner(Protocol):
    """The interface of a family of models, for `valuation` and `utility`."""

    @property
    def folds(self) -> int:
        """Parts of the validation set for cross-fitting: each costs a fit."""
        ...

    @property
    def draws(self) -> int:
        """Purchases of each kind that a measurement averages over: each costs a fit."""
        ...

    @property
    def discloses(self) -> str:
        """A sentence on what the request shows the seller of the buyer's records."""
        ...

    @property
    def entry_bound(self) -> float | None:
        """The largest entry of a row that any record can have; None where it depends on fitted weights."""
        ...

    def dimension(self, schema: FeatureSchema, records: int) -> int:
        """Entries of a projected row, the basis found in rows of so many records."""
        ...

    def encode(self, schema: FeatureSchema, records: Sequence[Sequence[Cell]]) -> Examples:
        """Records as this family takes them. Raises ShapeMismatch, UnusableModel."""
        ...

    def reference(self, schema: FeatureSchema, train: Examples) -> ScoringModel:
        """The scoring model to send. It sees no validation record, so that those can be scored by it."""
        ...

    def query(self, model: ScoringModel, train: Examples, validation: Examples) -> Floats:
        """The query at the scoring model: `d` numbers."""
        ...

    def side_query(self, model: ScoringModel) -> Floats:
        """`d` numbers whose score is positive for a record of class 1 and negative for one of class 0."""
        ...

    def basis(self, rows: Floats) -> Projection:
        """The basis that rows are projected on, found in the buyer's own rows, `n x d`."""
        ...

    def fit(self, examples: Examples) -> Floats:
        """The best parameters for these records."""
        ...

    def margins(self, theta: Floats, X: Floats) -> Floats:
        """`n` numbers, greater where class 1 is more likely."""
        ...

    def doubts(self, model: ScoringModel, query: Floats, examples: Examples) -> tuple[str, ...]:
        """Sentences, with numbers, on what is wrong with a query that was made of these records."""
        ...


@dataclass(frozen=True, slots=True)
class LogisticLearner:
    """Logistic regression by its exact minimum; under the default query the scoring model is all zeros."""

    kind: QueryKind = QueryKind.DISPLACEMENT

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
        return UNTRAINED_BOUND if self.kind is QueryKind.DISPLACEMENT else None

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


@dataclass(frozen=True, slots=True)
class MlpLearner:
    """An MLP with one hidden layer; the scoring model is an early checkpoint, fitted to the training records alone.

    `early` steps lead to the checkpoint, from where the best fit goes on for `steps` more; `entries` is the length of a
    projected row at most. With the penalty `l2` of 1 an MLP learns a few hundred records by heart, and its score tells
    wrong labels worse (docs/explanation/valuation.md).
    """

    hidden: int = 16
    steps: int = 100
    early: int = 20
    entries: int = 128
    l2: float = 10.0
    seed: int = 0

    @property
    def folds(self) -> int:
        """Fits take tenths of a second."""
        return 5

    @property
    def draws(self) -> int:
        """See `folds`."""
        return 2

    @property
    def discloses(self) -> str:
        """See `Learner`."""
        return (
            "the scoring model on the listing's own preprocessing, fitted for a few steps to the buyer's training "
            "records, and the main directions and the scale of the buyer's gradient rows"
        )

    @property
    def entry_bound(self) -> float | None:
        """See `Learner`."""
        return None

    def dimension(self, schema: FeatureSchema, records: int) -> int:
        """See `Learner`."""
        network = Mlp(inputs=schema.width - 1, hidden=(self.hidden,), classes=2)
        return min(self.entries, records, network.parameters)

    def encode(self, schema: FeatureSchema, records: Sequence[Sequence[Cell]]) -> Examples:
        """Without the schema's bias: every layer has its own."""
        features, classes = schema.encode(records)
        return np.ascontiguousarray(features[:, :-1]), classes

    def reference(self, schema: FeatureSchema, train: Examples) -> ScoringModel:
        """See `Learner`."""
        network = self._network(train[0])
        theta = fit_network(network, network.initial(self.seed), *train, l2=self.l2, steps=self.early, seed=self.seed)
        return NetworkModel(schema, network, theta)

    def query(self, model: ScoringModel, train: Examples, validation: Examples) -> Floats:
        """See `Learner`."""
        own = joined(train, validation)
        best = fit_network(self._network(own[0]), model.weights, *own, l2=self.l2, steps=self.steps, seed=self.seed)
        return displacement_query(best, model.weights)

    def side_query(self, model: ScoringModel) -> Floats:
        """See `Learner`: the last bias for class 0 less that for class 1, `p_0 - p_1` and 1 to the side."""
        query = np.zeros(model.k)
        width = self.hidden + 1
        query[[-width - 1, -1]] = 1.0, -1.0
        return query

    def basis(self, rows: Floats) -> Projection:
        """See `Learner`."""
        return principal_directions(rows, min(self.entries, rows.shape[1]))

    def fit(self, examples: Examples) -> Floats:
        """See `Learner`."""
        network = self._network(examples[0])
        return fit_network(
            network, network.initial(self.seed), *examples, l2=self.l2, steps=self.early + self.steps, seed=self.seed
        )

    def margins(self, theta: Floats, X: Floats) -> Floats:
        """See `Learner`."""
        logits = class_logits(self._network(X), theta, X)
        return np.asarray(logits[:, 1] - logits[:, 0], dtype=np.float64)

    def doubts(self, model: ScoringModel, query: Floats, examples: Examples) -> tuple[str, ...]:
        """Whether the fit that the query leads to has come to an end."""
        found = convergence(self._network(examples[0]), model.weights - query, *examples, l2=self.l2)
        if found.reached:
            return ()
        return (
            f"The buyer's best model has not converged: the gradient of its loss is {found.gradient:.2g} a record, and "
            f"chance alone would make {found.chance:.2g} at a minimum",
        )

    def _network(self, X: Floats) -> Mlp:
        return Mlp(inputs=X.shape[1], hidden=(self.hidden,), classes=2)


LEARNERS: Mapping[str, Callable[[], Learner]] = {"logistic": LogisticLearner, "mlp": MlpLearner}
"""Learners by their names on the command line; the first is the default."""


def joined(one: Examples, other: Examples) -> Examples:
    """The records of both."""
    return np.vstack([one[0], other[0]]), np.concatenate([one[1], other[1]])
