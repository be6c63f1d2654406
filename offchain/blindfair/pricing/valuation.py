"""What the buyer works out alone before it asks: the scoring model, the integer query, and the scores of its own
trusted records, to which the offer's scores will be compared.

Not here: encryption and messages; what is done with the scores (`trust`, `selection`, `worth`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from blindfair.influence.arrays import Classes, Floats, Integers
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.logistic import fit_logistic
from blindfair.influence.models import LogisticRegression, record_gradients
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import ScoreScale, choose_row_scale, clear_scores, quantise_query, quantise_rows
from blindfair.influence.query import displacement_query, textbook_query
from blindfair.protocol.errors import NoRecords
from blindfair.protocol.records import Row

L2 = 1.0
"""Penalty of every logistic regression here, against a loss that is summed over records: one record's worth."""

BEST_L2 = 10.0
"""Penalty of the best model, whose direction is the query: a few hundred records give a better direction with more."""

FOLDS = 10
"""Parts of the validation set for cross-fitting."""


class QueryKind(Enum):
    """Which query is asked."""

    DISPLACEMENT = "displacement"
    """The default: gradients at the untrained model, direction to the best model the buyer can fit."""

    TEXTBOOK = "textbook"
    """The influence function at the model fitted to the training records, which the request then discloses."""


@dataclass(frozen=True, slots=True, eq=False)
class Valuation:
    """Everything of a question that is not encryption, and what is needed to read the answer.

    `query` is `k` int64, `real_query` the same before rounding. `trusted_scores` are the real scores of the validation
    records, each from a query that was made without it, in the unit of `scale`.
    """

    model: LogisticRegression
    projection: Projection
    query: Integers
    real_query: Floats
    scale: ScoreScale
    trusted_scores: Floats

    def integer_scores(self, records: Sequence[Row]) -> Integers:
        """The scores that a blind evaluation of these records decrypts to, computed in the clear: `n` int64."""
        rows, _ = quantise_rows(self.projection.apply(self.model.rows(records)), self.scale.row_scale)
        return clear_scores(rows, self.query)


def prepare_valuation(
    train: Sequence[Row],
    validation: Sequence[Row],
    columns: Sequence[str],
    label: str,
    *,
    plain_modulus: int,
    rng: np.random.Generator,
    categorical: Collection[str] = (),
    kind: QueryKind = QueryKind.DISPLACEMENT,
) -> Valuation:
    """Schema, scoring model, query and trusted scores from the buyer's own records. Deterministic in `rng`.

    The validation records must be ones the buyer trusts: they are the measure of what good records look like.
    Raises NoRecords for fewer than `FOLDS` validation records, and what `FeatureSchema.infer`, `fit_logistic` and
    `quantise_query` raise.
    """
    if len(validation) < FOLDS:
        raise NoRecords("The validation set is too small", expected=f"at least {FOLDS} records", found=len(validation))
    schema = FeatureSchema.infer([*train, *validation], columns, label, categorical=categorical)
    own, val = schema.encode(train), schema.encode(validation)
    weights, query = _question(kind, own, val)
    model = LogisticRegression(schema, weights)
    own_rows = record_gradients(weights, *_joined(own, val))
    row_scale = choose_row_scale(own_rows)
    integer_query, query_scale = quantise_query(query, plain_modulus)
    rows, _ = quantise_rows(own_rows[len(train) :], row_scale)
    trusted = np.empty(len(validation))
    for fold in np.array_split(rng.permutation(len(validation)), FOLDS):
        rest = np.setdiff1d(np.arange(len(validation)), fold)
        _, held_out = _question(kind, own, (val[0][rest], val[1][rest]))
        fold_query, fold_scale = quantise_query(held_out, plain_modulus)
        trusted[fold] = ScoreScale(row_scale, fold_scale).real(clear_scores(rows[fold], fold_query))
    return Valuation(
        model, Projection.identity(schema.width), integer_query, query, ScoreScale(row_scale, query_scale), trusted
    )


def _question(kind: QueryKind, own: tuple[Floats, Classes], val: tuple[Floats, Classes]) -> tuple[Floats, Floats]:
    """The weights of the scoring model and the query to ask of it."""
    if kind is QueryKind.DISPLACEMENT:
        reference = np.zeros(own[0].shape[1])
        return reference, displacement_query(fit_logistic(*_joined(own, val), L2), reference)
    weights = fit_logistic(*own, L2)
    return weights, textbook_query(*own, *val, weights, L2)


def _joined(one: tuple[Floats, Classes], other: tuple[Floats, Classes]) -> tuple[Floats, Classes]:
    return np.vstack([one[0], other[0]]), np.concatenate([one[1], other[1]])
