"""Learning by a small network: it learns non-linear boundaries, at the price of longer rows, which are projected, and
of a scoring model with fitted weights. Not here: which network (`mlp`, `cnn`)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from blindfair.influence.architecture import Architecture
from blindfair.influence.arrays import Floats
from blindfair.influence.bases import principal_directions
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.fitting import convergence, fit_network
from blindfair.influence.gradients import class_logits
from blindfair.influence.network import NetworkModel
from blindfair.influence.projection import Projection
from blindfair.influence.query import displacement_query
from blindfair.influence.scoring_model import ScoringModel
from blindfair.pricing.learners.learner import Examples, joined, not_two_classes
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.records import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLearner(ABC):
    """The scoring model is an early checkpoint, fitted to the training records alone.

    `early` steps lead to the checkpoint, from where the best fit goes on for `steps` more; `entries` is the length of a
    projected row at most.
    """

    steps: int = 100
    early: int = 20
    entries: int = 128
    l2: float = 10.0
    seed: int = 0
    classes: int = 2

    @property
    @abstractmethod
    def name(self) -> str:
        """What a person calls it."""

    @abstractmethod
    def network(self, features: int) -> Architecture:
        """The network for records of so many numbers."""

    def for_label(self, schema: FeatureSchema) -> Self:
        """With as many classes as the label has. Raises InvalidOption for a label that is a number."""
        if schema.target is not None:
            raise InvalidOption(
                f"`model='{self.name}'` learns classes, and the label is a number",
                expected="`model='logistic'`, which takes labels of any kind",
                found=f"a label that is a {schema.label_kind.value}",
                hint="begin another directory with it; nothing was asked",
            )
        return replace(self, classes=len(schema.classes))

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
        return min(self.entries, records, self.network(schema.width - 1).parameters)

    def encode(self, schema: FeatureSchema, records: Sequence[Sequence[Cell]]) -> Examples:
        """Without the schema's bias: every layer has its own."""
        features, classes = schema.encode(records)
        return np.ascontiguousarray(features[:, :-1]), classes

    def reference(self, schema: FeatureSchema, train: Examples) -> ScoringModel:
        """See `Learner`."""
        network = self.network(train[0].shape[1])
        theta = fit_network(network, network.initial(self.seed), *train, l2=self.l2, steps=self.early, seed=self.seed)
        return NetworkModel(schema, network, theta)

    def query(self, model: ScoringModel, train: Examples, validation: Examples) -> Floats:
        """See `Learner`."""
        own = joined(train, validation)
        network = self.network(own[0].shape[1])
        best = fit_network(network, model.weights, *own, l2=self.l2, steps=self.steps, seed=self.seed)
        return displacement_query(best, model.weights)

    def side_query(self, model: ScoringModel) -> Floats:
        """See `Learner`: the last bias for class 0 less that for class 1, `p_0 - p_1` and 1 to the side."""
        if self.classes != 2:
            raise not_two_classes("A query for the class")
        query = np.zeros(model.k)
        width = self.network(model.features).layers[-1].shape[1]
        query[[-width - 1, -1]] = 1.0, -1.0
        return query

    def basis(self, rows: Floats) -> Projection:
        """See `Learner`."""
        return principal_directions(rows, min(self.entries, rows.shape[1]))

    def fit(self, examples: Examples) -> Floats:
        """See `Learner`."""
        network = self.network(examples[0].shape[1])
        return fit_network(
            network, network.initial(self.seed), *examples, l2=self.l2, steps=self.early + self.steps, seed=self.seed
        )

    def margins(self, theta: Floats, X: Floats) -> Floats:
        """See `Learner`."""
        logits = class_logits(self.network(X.shape[1]), theta, X)
        return np.asarray(logits[:, 1] - logits[:, 0] if self.classes == 2 else logits, dtype=np.float64)

    def doubts(self, model: ScoringModel, query: Floats, examples: Examples) -> tuple[str, ...]:
        """Whether the fit that the query leads to has come to an end."""
        network = self.network(examples[0].shape[1])
        found = convergence(network, model.weights - query, *examples, l2=self.l2)
        if found.reached:
            return ()
        return (
            f"The buyer's best model has not converged: the gradient of its loss is {found.gradient:.2g} a record, and "
            f"chance alone would make {found.chance:.2g} at a minimum",
        )
