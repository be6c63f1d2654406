"""A forecast of what a purchase does to the buyer's linear model, for labels that are not of two classes.

    each offered record --score, trust--> a validation record, with its label or another one, that scores alike
    each round: folds of the validation records: stand-ins from all but one, a fit, that one judges --> gain
    rounds: validation records and stand-ins drawn anew --> an interval

No stand-in judges its own fold, so that a forecast does not believe itself. Which class an offered record has is not
asked for such labels; alike scores tell class and record together. The interval of the rounds is too narrow, and is
widened by what held on other tables (docs/studies/labels.md).

Not here: two classes, where the label of a record is drawn from a model (`forecast`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blindfair.influence.arrays import Floats, Integers, Labels
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.linear_fits import LinearFit, linear_fit
from blindfair.pricing.forecast import NEIGHBOURHOOD
from blindfair.pricing.gain_forecast import LOSS_UNITS, GainForecast, GainInterval
from blindfair.pricing.learners.learner import L2, Examples, joined
from blindfair.pricing.valuation import Valuation
from blindfair.protocol.errors import InvalidOption, LabelUnusable, ShapeMismatch
from blindfair.protocol.records import Row

ROUNDS, FOLDS = 12, 5

WIDENING = 2.0
"""Times which the rounds' interval is widened: so it held the gain of 95 % of sellers (docs/studies/labels.md)."""

MOST_BOUGHT, MOST_JUDGES = 1000, 1000
"""Records of either kind in a round, drawn of more."""

MOST_PARAMETERS = 3000
"""With more, sixty fits take minutes."""

_NORMAL = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class ResampledBasis:
    """The buyer's records as its own model reads them, and what scores said of the trusted ones.

    `schema` names the label. `delivered` are the features of the `m` validation records as the seller would deliver
    them. `right` are the scores of these with their labels; `wrong`, `lists x m`, those with the labels `others`.
    """

    schema: FeatureSchema
    train: Examples
    validation: Examples
    delivered: Floats
    right: Floats
    wrong: Floats
    others: tuple[Labels, ...]

    @classmethod
    def of(
        cls,
        made: Valuation,
        own: FeatureSchema,
        train: Sequence[Row],
        validation: Sequence[Row],
        delivered: Sequence[Row],
    ) -> "ResampledBasis":
        """Make it of the buyer's records, as its `own` schema reads them; `delivered` are the validation records
        without the cells that the listing lacks.

        The label is coded as the listing's, by which `made` scored these records. Raises LabelUnusable.
        """
        listed = made.model.schema
        own = replace(own, classes=listed.classes, target=listed.target)
        wrong = made.wrong.scores.reshape(len(made.other_labels), -1)
        encoded = own.encode(train), own.encode(validation), own.encode(delivered)[0]
        return cls(own, *encoded, made.right.scores, wrong, made.other_labels)

    def check(self) -> None:
        """Raises ShapeMismatch, InvalidOption for too many parameters, LabelUnusable for equal labels."""
        m = len(self.validation[1])
        if not len(self.right) == len(self.delivered) == m or self.wrong.shape != (len(self.others), m):
            raise ShapeMismatch("Scores and records differ in number", expected=m, found=self.wrong.shape)
        parameters = self.delivered.shape[1] * max(1, len(self.schema.classes))
        if parameters > MOST_PARAMETERS:
            raise InvalidOption(
                "A forecast of so many parameters takes too long",
                expected=f"at most {MOST_PARAMETERS:,}",
                found=f"{parameters:,}",
                hint="leave out columns of many categories",
            )
        if np.unique(self.train[1]).size < 2 or m < 2 * FOLDS:
            raise LabelUnusable(
                "A forecast needs training records of different labels and some validation records",
                expected=f"2 labels, {2 * FOLDS} validation records",
                found=f"{np.unique(self.train[1]).size} and {m}",
                hint="add records of your own",
            )


def resampled_forecast(
    own: ResampledBasis, scores: Floats, clean: Floats, rng: np.random.Generator, *, widening: float = WIDENING
) -> GainForecast:
    """Forecast the gain of `n` offered records by their scores, and how likely each label is right.

    Raises what `ResampledBasis.check` raises, and UnusableModel where a fit fails.
    """
    if len(scores) != len(clean):
        raise ShapeMismatch("Scores and records differ in number", expected=len(scores), found=len(clean))
    own.check()
    gains = _gains(own, scores, clean, rng)
    mean, half = float(gains.mean()), widening * _NORMAL * float(gains.std(ddof=1))
    loss = GainInterval(mean, mean - half, mean + half)
    return GainForecast(len(scores), len(own.validation[1]), loss, None, LOSS_UNITS[own.schema.label_kind])


def _gains(own: ResampledBasis, scores: Floats, clean: Floats, rng: np.random.Generator) -> Floats:
    """The mean gain of each round."""
    model, standing = linear_fit(own.schema), _StandIns.of(own, scores)
    judges = own.validation
    before = model.losses(model.fit(*own.train, L2), *judges)
    count = min(len(scores), MOST_BOUGHT)
    found = np.empty(ROUNDS)
    for number in range(ROUNDS):
        bought = rng.permutation(len(scores))[:count]
        times = rng.poisson(1.0, len(judges[1])).astype(np.float64)
        parts = np.array_split(rng.permutation(len(judges[1]))[:MOST_JUDGES], FOLDS)
        gained, weight = 0.0, 0.0
        for fold in parts:
            allowed = times.copy()
            allowed[fold] = 0.0
            extra = standing.drawn(bought, rng.random(count) < clean[bought], allowed, rng)
            if extra is None or not times[fold].any():
                continue
            theta = _fitted(model, own.train, extra, len(scores) / count, rng)
            after = model.losses(theta, judges[0][fold], judges[1][fold])
            gained += float(times[fold] @ (before[fold] - after))
            weight += float(times[fold].sum())
        found[number] = gained / max(1.0, weight)
    return found


def _fitted(model: LinearFit, train: Examples, extra: Examples, times: float, rng: np.random.Generator) -> Floats:
    """The fit to training records and stand-ins; where each of these stands for several, they are repeated."""
    if times > 1:
        copies = rng.permutation(np.arange(round(times * len(extra[1]))) % len(extra[1]))
        extra = extra[0][copies], extra[1][copies]
    return model.fit(*joined(train, extra), L2)


@dataclass(frozen=True, slots=True, eq=False)
class _StandIns:
    """Validation records with labels, right ones first; and how alike each offered score is to theirs."""

    X: Floats
    y: Labels
    places: Integers
    """The validation record of each candidate."""

    right: int
    """The number of candidates with the right label: the first ones."""

    scores: Floats
    offered: Floats
    width: float

    @classmethod
    def of(cls, own: ResampledBasis, offered: Floats) -> "_StandIns":
        m, copies = len(own.right), 1 + len(own.others)
        scores = np.concatenate([own.right, own.wrong.ravel()])
        return cls(
            np.tile(own.delivered, (copies, 1)),
            np.concatenate([own.validation[1], *own.others]),
            np.tile(np.arange(m), copies),
            m,
            scores,
            offered,
            NEIGHBOURHOOD * float(np.std(scores)) + 1e-12,
        )

    def drawn(
        self, bought: Integers, is_right: np.typing.NDArray[np.bool_], allowed: Floats, rng: np.random.Generator
    ) -> Examples | None:
        """A stand-in for each bought record, of the validation records with weight; None where none has any."""
        if not allowed.any():
            return None
        chosen = np.empty(len(bought), dtype=np.int64)
        for truth, candidates in (
            (True, np.arange(self.right)),
            (False, np.arange(self.right, len(self.scores))),
        ):
            mine = np.flatnonzero(is_right == truth)
            apart = (self.offered[bought[mine], np.newaxis] - self.scores[candidates]) / self.width
            weights = np.where(allowed[self.places[candidates]] > 0, -0.5 * apart**2, -np.inf)
            weights = np.exp(weights - weights.max(axis=1, keepdims=True)) * allowed[self.places[candidates]]
            sums = np.cumsum(weights, axis=1)
            thrown = rng.random(len(mine)) * sums[:, -1]
            chosen[mine] = candidates[np.minimum((sums < thrown[:, np.newaxis]).sum(axis=1), len(candidates) - 1)]
        return self.X[chosen], self.y[chosen]
