"""What a family of models must be able to do for a buyer that learns by it.

Not here: the families (`logistic`, `linear`, `mlp`, `cnn`), trusted scores and rounding (`pricing.valuation`).
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

import numpy as np

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.projection import Projection
from blindfair.influence.scoring_model import ScoringModel
from blindfair.protocol.errors import LabelUnusable
from blindfair.protocol.records import Cell

L2 = 1.0
"""Penalty of a linear model, against a loss that is summed over records: one record's worth."""

BEST_L2 = 10.0
"""Penalty of the best model, whose direction is the query: with a few hundred records a stiffer one points better."""

Examples = tuple[Floats, Labels]
"""Features `n x features` and labels `n`."""


class QueryKind(Enum):
    """Which query is asked."""

    DISPLACEMENT = "displacement"
    """The default: gradients at an under-trained model, direction to the best model the buyer can fit."""

    TEXTBOOK = "textbook"
    """The influence function at the model fitted to the training records, which the request then discloses."""


class Learner(Protocol):
    """The interface of a family of models, for `valuation` and `utility`."""

    def for_label(self, schema: FeatureSchema) -> "Learner":
        """The learner of this family for the label of a listing. Raises InvalidOption where there is none."""
        ...

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
        """`d` numbers whose score is positive for a record of class 1 and negative for one of class 0, where there are
        two classes. Raises LabelUnusable elsewhere."""
        ...

    def basis(self, rows: Floats) -> Projection:
        """The basis that rows are projected on, found in the buyer's own rows, `n x d`."""
        ...

    def fit(self, examples: Examples) -> Floats:
        """The best parameters for these records."""
        ...

    def margins(self, theta: Floats, X: Floats) -> Floats:
        """What the model says of `n` records before any link: of two classes `n` numbers, greater where class 1 is more
        likely; of more `n x classes` logits; of a number the prediction, of a count its logarithm, as the schema codes
        them."""
        ...

    def doubts(self, model: ScoringModel, query: Floats, examples: Examples) -> tuple[str, ...]:
        """Sentences, with numbers, on what is wrong with a query that was made of these records."""
        ...


def joined(one: Examples, other: Examples) -> Examples:
    """The records of both."""
    return np.vstack([one[0], other[0]]), np.concatenate([one[1], other[1]])


def not_two_classes(what: str) -> LabelUnusable:
    """The error of what only two classes have."""
    return LabelUnusable(f"{what} needs a label of two classes", expected="2 classes", found="another label")
