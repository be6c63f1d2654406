"""What the buyer works out alone before it asks: the scoring model, the integer queries, and the scores of its own
trusted records, right and with other labels, to which the offer's scores will be compared.

Every query has its bits. Below 32 the offer's scores come with noise, so the trusted ones get the same (`noise`).
Not here: encryption and messages; what is done with the scores (`trust`, `selection`, `worth`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Integers, Labels
from blindfair.influence.disagreement import growth
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.grouping import group_rows
from blindfair.influence.noise import EXACT_BITS, noise_variance, wrapped_share
from blindfair.influence.own_kinds import check_own_records
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows, ScoreScale, quantise_query
from blindfair.influence.scoring_model import ScoringModel
from blindfair.pricing.class_query import TOLD, ClassQuery, class_query, scale_query
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.learners import Learner, LogisticLearner, joined
from blindfair.pricing.loss import ScoreLoss
from blindfair.pricing.rounding import Rounding, faithful_rounding, known_rounding, sums_of_own_rows
from blindfair.pricing.wrong_labels import wrong_labels
from blindfair.protocol.audit import ROUNDING_SHARE
from blindfair.protocol.errors import InvalidOption, LabelUnusable, NoRecords, ShapeMismatch, UnusableModel
from blindfair.protocol.records import Row

VALIDATION_NEEDED = 10
"""Validation records at least: fewer cannot be cut into parts for cross-fitting."""

EXACT = (EXACT_BITS, EXACT_BITS)
"""Bits of the score and of the class with which nothing is lost."""

DEFAULT_BITS = (3, 1)
"""Bits of the score and of the class that keep nearly all of the gain (docs/explanation/valuation.md)."""

MARGIN = 1.2
"""The usable range of a score over the largest one of the buyer's own records (docs/explanation/valuation.md)."""

_HALVES = 2
_DRAWS = 20
"""Draws of noise whose correlations are averaged; one draw alone is off by 0.1 for some dozens of records."""

_SAMPLE = 512
"""Own records on which the rows' disagreement is bounded: for a large network it costs more than the rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Valuation:
    """Everything of a question that is not encryption, and what is needed to read the answer.

    `queries` is `m x k` int64 for projected rows, each asked with its number of `bits`, modulo `plain_modulus`. The
    first is the question itself, `real_query` the same before rounding and `scale` its unit; the second, which is asked
    of two classes alone, has a positive score for a record of class 1 and a negative one for a record of class 0.
    `right` are the scores of the validation records, each from a query that was made without it, `wrong` those of the
    same records with other labels, one list after another (`wrong_labels`); all are seen through noise as the offer's
    are. `wrapped` is the share of these of which the exact score lies beyond the usable range; about as many of the
    offer's will. `loss` is what projection and rounding lose of single records, `warnings` are sentences on the buyer's
    own records and models. Of groups of `group_size` records,
    if that is not 1, `rounding` and `wrapped` are those of their sums, the one query is the question, `right` and
    `wrong` are exact, and `sum_noise` is the variance that noise adds to the score of a sum, in squared real units.
    `other_labels` are the lists of labels that `wrong` was made with, as the model codes them.
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
    bits: tuple[int, ...]
    plain_modulus: int
    wrapped: float
    sum_noise: float = 0.0
    group_size: int = 1
    other_labels: tuple[Labels, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every score is seen as it is, so that equal records have equal scores."""
        return all(each == EXACT_BITS for each in self.bits)

    def integer_scores(self, records: Sequence[Row]) -> Integers:
        """The exact scores of these records, without noise and not wrapped around: `m x n` int64."""
        return self._rows(records).scores(self.queries)

    def seen_scores(self, records: Sequence[Row], rng: np.random.Generator) -> Integers:
        """The scores that a blind evaluation of these records decrypts to, with noise drawn by `rng`: `m x n` int64."""
        return self._rows(records).seen_scores(self.queries, self.bits, self.plain_modulus, rng)

    def _rows(self, records: Sequence[Row]) -> QuantisedRows:
        rows = self.model.rows(records, self.projection)
        if self.group_size > 1:
            rows = np.vstack(list(group_rows([rows], self.group_size)))
        return self.rounding.apply(rows)

    def record_scores(self, records: Sequence[Row]) -> Floats:
        """Real scores of `n` records that the buyer sees, each alone also where groups are scored, in the unit of
        `right`; not rounded, as a row of one record would be."""
        return self.model.rows(records, self.projection) @ self.real_query

    def read(self, scores: Integers) -> Scored:
        """`m x n` integer scores as real scores and sides. Raises ShapeMismatch for another number of queries."""
        if scores.ndim != 2 or len(scores) != len(self.queries):
            raise ShapeMismatch("Scores and queries differ in number", expected=len(self.queries), found=scores.shape)
        sides = np.zeros(scores.shape[1])
        if len(scores) > 1:
            # Noise of one bit puts class 1 at zero or above, so that 0 is no doubt there.
            sides = np.sign(scores[1]) if self.bits[1] == EXACT_BITS else np.where(scores[1] >= 0, 1.0, -1.0)
        return Scored(self.scale.real(scores[0]), np.asarray(sides, dtype=np.float64))


def prepare_valuation(
    train: Sequence[Row],
    validation: Sequence[Row],
    schema: FeatureSchema,
    *,
    plain_modulus: int,
    rng: np.random.Generator,
    learner: Learner | None = None,
    group_size: int = 1,
    bits: Sequence[int] = DEFAULT_BITS,
    max_bits: int = 0,
    accept_kinds: bool = False,
) -> Valuation:
    """Scoring model, queries and trusted scores from the buyer's own records. Deterministic in `rng`.

    `schema` is the listing's: it says how records are prepared, and holds nothing of the buyer's. Validation records
    must be ones the buyer trusts: they are the measure of what good records look like. `learner` is the linear model of
    the label unless given, and `group_size` how many records have a score together. `bits` are those of the score and
    of the class; with one number, or of a label that has not two classes, the class is not asked for. Where its bits do
    not tell it, it is asked with more, up to `max_bits` of a record in all with the exponent's, or left out; a warning
    says so. Columns of the buyer's that do
    not fit the listing's are named in warnings too; with `accept_kinds` also those that fit hardly anywhere.

    Raises InvalidOption for other numbers of bits than one or two of 1 ... 32, NoRecords for fewer than
    `VALIDATION_NEEDED` validation records, LabelUnusable where they or all records together have one label, and what
    `check_own_records`, the learner's fits, `quantise_query` and `quantise_query_to_range` raise; UnusableModel where
    rows could not be audited.
    """
    learner = (LogisticLearner() if learner is None else learner).for_label(schema)
    _check_bits(bits)
    _check_validation(validation, schema)
    misfits = check_own_records(schema, [*train, *validation], accepted=accept_kinds)
    own, val = learner.encode(schema, train), learner.encode(schema, validation)
    model = learner.reference(schema, own)
    full_query = learner.query(model, own, val)
    everything = joined(own, val)
    full_rows = model.gradients(*everything)
    projection = learner.basis(full_rows)
    own_rows = projection.apply(full_rows)
    real_query = projection.project_query(full_query)
    rounding = _rounding(learner, own_rows, real_query)
    sample = everything[0][:_SAMPLE], everything[1][:_SAMPLE]
    others = wrong_labels(schema, val[1], everything[1], rng)
    turned_rows = projection.apply(np.vstack([model.gradients(val[0], labels) for labels in others]))
    rows, turned = rounding.apply(own_rows), rounding.apply(turned_rows)
    if group_size == 1:
        asked, reaching = rounding, [rows, turned]
        _check_audit(model.disagreement(*sample, projection, rounding.scales(own_rows[:_SAMPLE])))
    else:
        sums = sums_of_own_rows(own_rows, turned_rows, group_size, rng)
        asked = _rounding(learner, sums, real_query, group_size)
        reaching = [asked.apply(sums)]
        most = float(asked.scales(sums).max())
        apart = model.disagreement(*sample, projection, np.full(len(sample[0]), most))
        # Of so many rows, and of as many roundings of their sum, which is at most so many times the largest.
        _check_audit(group_size * (apart + 2 * growth(group_size) * float(np.abs(own_rows).max()) * most))
    query, query_scale = scale_query(real_query, reaching, plain_modulus, bits[0], MARGIN)
    scale = ScoreScale(asked.row_scale, query_scale)
    has_sides = schema.target is None and len(schema.classes) == 2
    sides = np.asarray(2.0 * everything[1] - 1.0, dtype=np.float64) if has_sides else np.zeros(len(everything[1]))
    side = None
    if has_sides and len(bits) > 1:
        class_bits, left = bits[1], max_bits - bits[0] - rounding.exponent_bits
        real_side = projection.project_query(learner.side_query(model))
        side = class_query(real_side, rows, turned, sides, plain_modulus, class_bits, most=left)
    # Groups are judged by exact scores of single records: these the buyer makes by itself.
    single = bits[0] if group_size == 1 else EXACT_BITS
    right, wrong = np.empty(len(validation)), np.empty(len(others) * len(validation))
    blocks = len(validation) * np.arange(len(others))[:, np.newaxis]
    held_out: list[Integers] = []
    for fold in np.array_split(rng.permutation(len(validation)), learner.folds):
        rest = np.setdiff1d(np.arange(len(validation)), fold)
        real_fold = projection.project_query(learner.query(model, own, (val[0][rest], val[1][rest])))
        # Below 32 bits in the unit of the offer's scores: range and noise are as large beside these.
        fold_query, fold_scale = (
            quantise_query(real_fold, plain_modulus)
            if single == EXACT_BITS
            else (np.rint(real_fold / query_scale).astype(np.int64), query_scale)
        )
        unit, asking = ScoreScale(rounding.row_scale, fold_scale), fold_query[np.newaxis, :]
        # A record and its wrong labels are scored by the same query, made without it.
        turns = (blocks + fold).ravel()
        for found, part, places in ((right, rows.at(len(train) + fold), fold), (wrong, turned.at(turns), turns)):
            found[places] = unit.real(part.seen_scores(asking, [single], plain_modulus, rng)[0])
            held_out.append(part.entry_scores(asking)[0])
    sum_noise = 0.0
    if group_size > 1:
        sums = sums_of_own_rows(own_rows, turned_rows, group_size, rng)
        held_out = [asked.apply(sums).entry_scores(query[np.newaxis, :])[0]]
        units = scale.real(np.left_shift(1, reaching[0].exponents.astype(np.int64)))
        sum_noise = noise_variance(plain_modulus, bits[0]) * float((units**2).mean())
    known = sides[len(train) :] if side is not None and side.query is not None else np.zeros(len(validation))
    loss = _loss(learner, projection, full_rows, full_query, plain_modulus)
    if single != EXACT_BITS:
        # A stream of its own: what else is drawn stays the same.
        noise = np.random.default_rng(0)
        asked_once = query[np.newaxis, :], bits[:1], plain_modulus, noise
        loss = loss.seen(full_rows @ full_query, [rows.seen_scores(*asked_once)[0] for _ in range(_DRAWS)], single)
    doubts = (*misfits, *_overlap(train, validation), *learner.doubts(model, full_query, everything), *loss.doubts())
    asks = side is not None and side.query is not None and group_size == 1
    return Valuation(
        model=model,
        projection=projection,
        queries=np.array([query, side.query] if side is not None and asks else [query]),
        real_query=real_query,
        rounding=asked,
        scale=scale,
        right=Scored(right, known),
        wrong=Scored(wrong, np.tile(-known, len(others))),
        loss=loss,
        warnings=(*doubts, *_said_of_class(side, bits, group_size)),
        bits=(bits[0], side.bits) if side is not None and side.bits is not None and asks else (bits[0],),
        plain_modulus=plain_modulus,
        wrapped=wrapped_share(np.concatenate(held_out), bits[0], plain_modulus),
        sum_noise=sum_noise,
        group_size=group_size,
        other_labels=tuple(others),
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
        rounding = _rounding(learner, entries[others], asked)
        integer_query, unit = quantise_query(asked, plain_modulus)
        integers = rounding.apply(entries[held_out]).scores(integer_query[np.newaxis, :])[0]
        rounded[held_out] = ScoreScale(rounding.row_scale, unit).real(integers)
    return ScoreLoss.measure(scores, projected, rounded)


def _rounding(learner: Learner, rows: Floats, query: Floats, group_size: int = 1) -> Rounding:
    """Choose the scale by the preprocessing's bound on any record's row; without one, by the buyer's own rows."""
    if learner.entry_bound is None:
        return faithful_rounding(rows, query)
    return known_rounding(rows, query, learner.entry_bound, group_size)


def _check_bits(bits: Sequence[int]) -> None:
    if not 1 <= len(bits) <= len(EXACT) or not all(1 <= each <= EXACT_BITS for each in bits):
        raise InvalidOption(
            "The bits of score and class are out of range", expected=f"one or two of 1 ... {EXACT_BITS}", found=bits
        )


def _said_of_class(side: ClassQuery | None, bits: Sequence[int], group_size: int) -> tuple[str, ...]:
    """A sentence where the class takes more bits than it was given; none of groups, which have no class."""
    if side is None or side.bits is None or side.bits == bits[1] or group_size > 1:
        return ()
    told = (
        f"{bits[1]} {'bit does' if bits[1] == 1 else 'bits do'} not tell the class for {TOLD:.1%} of the buyer's own "
    )
    what = "it is asked for with them" if side.query is not None else "it is not asked for"
    return (
        f"Under this model {told}records, and {side.bits} bits do, {bits[0] + side.bits} a record with those of the "
        f"score: {what}",
    )


def _check_audit(disagreement: float) -> None:
    """Refuse to ask what two honest machines might answer differently: the audit would accuse an honest seller."""
    if not disagreement <= ROUNDING_SHARE:
        raise UnusableModel(
            "Two honest machines might disagree about the rows of this model",
            expected=f"within {ROUNDING_SHARE} units of a rounded row",
            found=f"{disagreement:.3g}",
            hint="take a larger penalty: its weights are too large",
        )


def _check_validation(validation: Sequence[Row], schema: FeatureSchema) -> None:
    if len(validation) < VALIDATION_NEEDED:
        raise NoRecords(
            "The validation set is too small to be cut into parts",
            expected=f"at least {VALIDATION_NEEDED} records",
            found=len(validation),
        )
    place = schema.columns.index(schema.label)
    if len({row[place] for row in validation}) < 2:
        raise LabelUnusable(
            "All validation records have the same label",
            expected="at least 2 different labels",
            found=1,
            hint="what the buyer trusts has to show what good records of different labels look like",
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
