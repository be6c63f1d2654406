"""What one evaluation tells a buyer, for every kind of query that is compared: a score of each offered record, and of
the buyer's own validation records, right and with another label, each from a query that was made without it.

**Positive = helpful** in all. Not here: what is bought (`choices`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.query import textbook_query
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.learners import BEST_L2, L2
from blindfair.studies.families import Family, LogisticFamily, relabelled
from blindfair.studies.worlds import Records, StudyWorld

CHECKPOINTS = (0.1, 0.4, 1.0)
"""Shares of a fit at which the sum over checkpoints takes gradients."""

Score = Callable[[Records], Floats]
"""Scores of any records by one query."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Scores of the `n` offered records and of the `m` trusted ones, right and wrong."""

    offer: Scored
    right: Scored
    wrong: Scored

    def without_sides(self) -> "Answer":
        """The same where no query asked for the class."""
        return Answer(*(Scored(part.scores, np.zeros(len(part))) for part in (self.offer, self.right, self.wrong)))


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """One world, one family, and the folds of the cross-fitting, the same for all queries."""

    world: StudyWorld
    family: Family
    seed: int

    def ask(self, make: Callable[[Records, Records], Score]) -> Answer:
        """The answer to `make(training records, validation records)`, cross-fitted over the validation set."""
        world, rng = self.world, np.random.default_rng([self.seed, 2])
        trusted = world.validation
        other = relabelled(trusted, (trusted.y + rng.integers(1, world.class_count, len(trusted))) % world.class_count)
        offered = make(world.train, trusted)(world.offer)
        right, wrong = np.empty(len(trusted)), np.empty(len(trusted))
        for fold in np.array_split(rng.permutation(len(trusted)), self.family.folds):
            score = make(world.train, trusted.at(np.setdiff1d(np.arange(len(trusted)), fold)))
            right[fold], wrong[fold] = score(trusted.at(fold)), score(other.at(fold))
        return Answer(
            Scored(offered, self._sides(world.offer)),
            Scored(right, self._sides(trusted)),
            Scored(wrong, self._sides(other)),
        )

    def _sides(self, records: Records) -> Floats:
        # The last bias' entry of a row is a probability less 1 or 0 for the record's class: of two classes, its sign
        # gives the class away, to one query more.
        sides = 2.0 * records.y - 1.0 if self.world.class_count == 2 else np.zeros(len(records))
        return np.asarray(sides, dtype=np.float64)


def displacement(family: Family, reference: Floats, *, l2: float = BEST_L2) -> Callable[[Records, Records], Score]:
    """Score by the way from one reference to the best model that the buyer can fit."""

    def make(train: Records, validation: Records) -> Score:
        best = family.fit(train.and_also(validation), l2=l2 if isinstance(family, LogisticFamily) else L2)
        return lambda records: -family.slopes(reference, best - reference, records)

    return make


def several_references(family: Family, references: Sequence[Floats]) -> Callable[[Records, Records], Score]:
    """The mean of the displacements from several references: a query for each."""

    def make(train: Records, validation: Records) -> Score:
        best = family.fit(train.and_also(validation))
        return lambda records: -np.mean([family.slopes(point, best - point, records) for point in references], axis=0)

    return make


def per_subgroup(family: Family, reference: Floats) -> Callable[[Records, Records], Score]:
    """The lesser of two displacements, to best models of either half of the validation set: two queries.

    The halves are those along the first principal direction of the features.
    """

    def make(train: Records, validation: Records) -> Score:
        centred = validation.X - validation.X.mean(axis=0)
        along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
        halves = [train.and_also(validation.at(np.flatnonzero(half))) for half in (along <= 0, along > 0)]
        best = [family.fit(half if np.unique(half.y).size > 1 else train.and_also(validation)) for half in halves]
        return lambda records: np.min([-family.slopes(reference, model - reference, records) for model in best], axis=0)

    return make


def textbook(family: Family) -> Callable[[Records, Records], Score]:
    """`H^-1 grad L_val` at the fitted model: exact Hessian, or the empirical Fisher matrix."""

    def make(train: Records, validation: Records) -> Score:
        theta = family.fit(train)
        if isinstance(family, LogisticFamily):
            query = textbook_query(train.X, train.y, validation.X, validation.y, theta, L2)
        else:
            query = _fisher_solve(family.gradients(theta, train), family.gradients(theta, validation).mean(axis=0))
        return lambda records: family.slopes(theta, query, records)

    return make


def cosine(family: Family) -> Callable[[Records, Records], Score]:
    """The cosine between a record's gradient and the validation gradient. Needs the norm of each row, too."""

    def make(train: Records, validation: Records) -> Score:
        theta = family.fit(train)
        query = family.gradients(theta, validation).mean(axis=0)
        query = query / np.linalg.norm(query)

        def score(records: Records) -> Floats:
            norms = np.linalg.norm(family.gradients(theta, records), axis=1)
            return np.asarray(family.slopes(theta, query, records) / np.maximum(norms, 1e-12), dtype=np.float64)

        return score

    return make


def checkpoint_sum(family: Family) -> Callable[[Records, Records], Score]:
    """TracIn (Pruthi et al. 2020): the product with the validation gradient, summed over checkpoints, a query each."""

    def make(train: Records, validation: Records) -> Score:
        points = [family.fit(train, progress=progress) for progress in CHECKPOINTS]
        queries = [family.gradients(point, validation).mean(axis=0) for point in points]
        return lambda records: np.sum(
            [family.slopes(point, query, records) for point, query in zip(points, queries, strict=True)], axis=0
        )

    return make


def _fisher_solve(rows: Floats, gradient: Floats) -> Floats:
    """`(rows^T rows / n + damping I)^-1 gradient`, by Woodbury's identity; damping: a tenth of the mean eigenvalue."""
    count = len(rows)
    kernel = rows @ rows.T / count
    damping = 0.1 * float(np.trace(kernel)) / count
    inner = np.linalg.solve(kernel + damping * np.eye(count), rows @ gradient / count)
    return np.asarray((gradient - rows.T @ inner) / damping, dtype=np.float64)
