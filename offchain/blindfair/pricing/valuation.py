"""What the buyer works out alone before it asks: the scoring model, the integer queries, and the scores of its own
trusted records, right and with the other label, to which the offer's scores will be compared.

Not here: encryption and messages; what is done with the scores (`trust`, `selection`, `worth`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.disagreement import growth
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.grouping import group_rows
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import ScoreScale, quantise_query
from blindfair.influence.scoring_model import ScoringModel
from blindfair.pricing.evidence import Scored
from blindfair.pricing.learners import Learner, LogisticLearner, joined
from blindfair.pricing.loss import ScoreLoss
from blindfair.pricing.rounding import Rounding, faithful_rounding, sums_of_own_rows
from blindfair.protocol.audit import ROUNDING_SHARE
from blindfair.protocol.errors import NoRecords, NotTwoClasses, ShapeMismatch, UnusableModel
from blindfair.protocol.records import Row

VALIDATION_NEEDED = 10
"""Validation records at least: fewer cannot be cut into parts for cross-fitting."""

_HALVES = 2
_SIDE = 0.995
"""A query for the class is asked only where it is right for this share of the buyer's own records."""

_SAMPLE = 512
"""Own records on which the rows' disagreement is bounded: for a large network it costs more than the rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Valuation:
    """Everything of a question that is not encryption, and what is needed to read the answer.

    `queries` is `m x k` int64 for projected rows. The first is the question itself, `real_query` the same before
    rounding and `scale` its unit; the second, where there is one, has a positive score for a record of class 1 and a
    negative one for a record of class 0. `right` are the scores of the validation records, each from a query that was
    made without it, `wrong` those of the same records with the other label. `loss` is what projection and rounding
    lose of single records, `warnings` are sentences on the buyer's own records and models. Of groups of `group_size`
    records, if that is not 1, `rounding` is that of their sums, and the one query is the question.
    """

    model: ScoringModel
    projection: Projection
    queries: Integers
    real_query: Floats
    rounding: Rounding
    scale: ScoreScale
    right: Scored
    wrong: Scored
    loss: ScoreLoss
    warnings: tuple[str, ...]
    group_size: int = 1

    def integer_scores(self, records: Sequence[Row]) -> Integers:
        """The scores that a blind evaluation of these records decrypts to, computed in the clear: `m x n` int64."""
        rows = self.model.rows(records, self.projection)
        if self.group_size > 1:
            rows = np.vstack(list(group_rows([rows], self.group_size)))
        return self.rounding.apply(rows).scores(self.queries)

    def record_scores(self, records: Sequence[Row]) -> Floats:
        """Real scores of `n` records that the buyer sees, each alone also where groups are scored, in the unit of
        `right`; not rounded, as a row of one record would be."""
        return self.model.rows(records, self.projection) @ self.real_query

    def read(self, scores: Integers) -> Scored:
        """`m x n` integer scores as real scores and sides. Raises ShapeMismatch for another number of queries."""
        if scores.ndim != 2 or len(scores) != len(self.queries):
            raise ShapeMismatch("Scores and queries differ in number", expected=len(self.queries), found=scores.shape)
        sides = np.sign(scores[1]) if len(scores) > 1 else np.zeros(scores.shape[1])
        return Scored(self.scale.real(scores[0]), np.asarray(sides, dtype=np.float64))


def prepare_valuation(
    train: Sequence[Row],
    validation: Sequence[Row],
    columns: Sequence[str],
    label: str,
    *,
    plain_modulus: int,
    rng: np.random.Generator,
    categorical: Collection[str] = (),
    excluded: Collection[str] = (),
    learner: Learner | None = None,
    group_size: int = 1,
) -> Valuation:
    """Schema, scoring model, queries and trusted scores from the buyer's own records. Deterministic in `rng`.

    The validation records must be ones the buyer trusts: they are the measure of what good records look like.
    `learner` is logistic regression unless given, and `group_size` how many records have a score together. Raises
    NoRecords for fewer than `VALIDATION_NEEDED` validation records, NotTwoClasses where they or all records together
    are of one class, and what `FeatureSchema.infer`, the learner's fits and `quantise_query` raise; UnusableModel where
    rows could not be audited.
    """
    learner = LogisticLearner() if learner is None else learner
    _check_validation(validation, columns, label)
    schema = FeatureSchema.infer([*train, *validation], columns, label, categorical=categorical, excluded=excluded)
    own, val = learner.encode(schema, train), learner.encode(schema, validation)
    model = learner.reference(schema, own)
    full_query = learner.query(model, own, val)
    everything = joined(own, val)
    full_rows = model.gradients(*everything)
    projection = learner.basis(full_rows)
    own_rows = projection.apply(full_rows)
    real_query = projection.project_query(full_query)
    rounding = faithful_rounding(own_rows, real_query)
    sample = everything[0][:_SAMPLE], everything[1][:_SAMPLE]
    turned_rows = projection.apply(model.gradients(val[0], 1 - val[1]))
    if group_size == 1:
        asked = rounding
        _check_audit(model.disagreement(*sample, projection, rounding.scales(own_rows[:_SAMPLE])))
    else:
        sums = sums_of_own_rows(own_rows, turned_rows, group_size, rng)
        asked = faithful_rounding(sums, real_query)
        most = float(asked.scales(sums).max())
        apart = model.disagreement(*sample, projection, np.full(len(sample[0]), most))
        # Of so many rows, and of as many roundings of their sum, which is at most so many times the largest.
        _check_audit(group_size * (apart + 2 * growth(group_size) * float(np.abs(own_rows).max()) * most))
    query, query_scale = quantise_query(real_query, plain_modulus)
    rows = rounding.apply(own_rows)
    side, _ = quantise_query(projection.project_query(learner.side_query(model)), plain_modulus)
    sides = np.asarray(2.0 * everything[1] - 1.0, dtype=np.float64)
    asks_side = float((np.sign(rows.scores(side[np.newaxis, :])[0]) == sides).mean()) >= _SIDE
    known = sides[len(train) :] if asks_side else np.zeros(len(validation))
    turned = rounding.apply(turned_rows)
    right, wrong = np.empty(len(validation)), np.empty(len(validation))
    for fold in np.array_split(rng.permutation(len(validation)), learner.folds):
        rest = np.setdiff1d(np.arange(len(validation)), fold)
        held_out = projection.project_query(learner.query(model, own, (val[0][rest], val[1][rest])))
        fold_query, fold_scale = quantise_query(held_out, plain_modulus)
        unit = ScoreScale(rounding.row_scale, fold_scale)
        right[fold] = unit.real(rows.scores(fold_query[np.newaxis, :])[0, len(train) + fold])
        wrong[fold] = unit.real(turned.scores(fold_query[np.newaxis, :])[0, fold])
    loss = _loss(learner, projection, full_rows, full_query, plain_modulus)
    doubts = (*_overlap(train, validation), *learner.doubts(model, full_query, everything), *loss.doubts())
    return Valuation(
        model=model,
        projection=projection,
        queries=np.array([query, side] if asks_side and group_size == 1 else [query]),
        real_query=real_query,
        rounding=asked,
        scale=ScoreScale(asked.row_scale, query_scale),
        right=Scored(right, known),
        wrong=Scored(wrong, -known),
        loss=loss,
        warnings=doubts,
        group_size=group_size,
    )


def _loss(learner: Learner, projection: Projection, rows: Floats, query: Floats, plain_modulus: int) -> ScoreLoss:
    """Measured on records that the basis was not found in: each half of the rows by the basis of the other half.

    So it is found in fewer rows than the one that is sent, and the loss rather overstated.
    """
    scores, projected, rounded = rows @ query, np.empty(len(rows)), np.empty(len(rows))
    for half in range(_HALVES):
        held_out = np.arange(half, len(rows), _HALVES)
        others = np.setdiff1d(np.arange(len(rows)), held_out)
        basis = projection if projection.is_identity else learner.basis(rows[others])
        entries, asked = basis.apply(rows), basis.project_query(query)
        projected[held_out] = entries[held_out] @ asked
        rounding = faithful_rounding(entries[others], asked)
        integer_query, unit = quantise_query(asked, plain_modulus)
        integers = rounding.apply(entries[held_out]).scores(integer_query[np.newaxis, :])[0]
        rounded[held_out] = ScoreScale(rounding.row_scale, unit).real(integers)
    return ScoreLoss.measure(scores, projected, rounded)


def _check_audit(disagreement: float) -> None:
    """Refuse to ask what two honest machines might answer differently: the audit would accuse an honest seller."""
    if not disagreement <= ROUNDING_SHARE:
        raise UnusableModel(
            "Two honest machines might disagree about the rows of this model",
            expected=f"within {ROUNDING_SHARE} units of a rounded row",
            found=f"{disagreement:.3g}",
            hint="take a larger penalty: its weights are too large",
        )


def _check_validation(validation: Sequence[Row], columns: Sequence[str], label: str) -> None:
    if len(validation) < VALIDATION_NEEDED:
        raise NoRecords(
            "The validation set is too small to be cut into parts",
            expected=f"at least {VALIDATION_NEEDED} records",
            found=len(validation),
        )
    if label in columns and len({row[list(columns).index(label)] for row in validation}) < 2:
        raise NotTwoClasses(
            "The validation set is of one class",
            expected=2,
            found=1,
            hint="what the buyer trusts has to show what good records of both classes look like",
        )


def _overlap(train: Sequence[Row], validation: Sequence[Row]) -> tuple[str, ...]:
    """Whether trusted records have been seen by the models that score them: in training, or as another one's copy."""
    known, counts = set(train), Counter(validation)
    learnt = sum(row in known for row in validation)
    copied = sum(count for count in counts.values() if count > 1)
    return tuple(
        f"{found} of {len(validation)} validation records are {what}: their scores are too good, and the offer looks "
        "worse beside them"
        for found, what in ((learnt, "training records as well"), (copied, "there more than once"))
        if found
    )
