"""Calibrated trust: how far to believe the label of each offered record, and how much to want the record.

    log-odds of a right label (`label_calibration`) --share of wrong labels, shift of the classes--> clean --> weight

The share of wrong labels is the one that makes the offer's log-odds most likely. A clean offer has none: trust is then
about 1 everywhere. Evidence for all of it: docs/explanation/valuation.md. Not here: prices and the draw (`selection`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats
from blindfair.pricing.label_calibration import LabelCalibration, Scored, calibrate, probability
from blindfair.protocol.errors import OfferTooSmall

RESAMPLES = 200
"""Resamples of the bootstrap of the clean share."""

MIN_CLEAN = 1 / 3
"""A record whose label is less likely right is worth nothing."""

_UNSEEN = 0.05
"""A share of bad records is excluded where finding none would have had less than this chance: the rule of three."""

_ROUNDS = 100
_FIRST_GUESS = 0.1
_MOST_WRONG = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """The estimates that scores give of an offer of `n` records.

    `clean` is, for each record, the probability that its label is right. `weights`, from 0 to 1, are what a record is
    drawn and paid by (`weights`). `clean_share` and `bad_share` are shares of the offer and add up to 1.
    """

    clean: Floats
    weights: Floats
    clean_share: float
    bad_share: float


def calibrated_trust(offer: Scored, right: Scored, wrong: Scored) -> Trust:
    """Trust in `n` offered records, from their scores and those of `m` trusted ones, right and with other labels.

    With `z` the log-odds of a record (`calibrate`), `p = sigma(z + shift * side)` and `bad` the share of wrong labels,
    `clean = (1 - bad) p / ((1 - bad) p + bad (1 - p))`; `bad` and `shift` are those of greatest likelihood, by
    expectation and maximisation. `shift` allows for classes that are more frequent in the offer than with the buyer,
    and is 0 where sides are not known. Of duplicates give one, or they would count several times. Raises OfferTooSmall
    for no offered records or too few trusted ones, ShapeMismatch.
    """
    if len(offer) == 0:
        raise OfferTooSmall("There are no offered records to judge", expected="at least 1", found=0)
    log_odds = calibrate(right, wrong).log_odds(offer)
    clean, bad_share = label_noise(log_odds, offer.sides)
    return Trust(clean, weights(clean, log_odds, offer.sides), 1.0 - bad_share, bad_share)


def weights(clean: Floats, log_odds: Floats, sides: Floats) -> Floats:
    """How much each of `n` records is wanted, 0 to 1: `clean^3`, times doubt, evened out between the sides.

    The power is milder than a threshold at 1/2, which where one class is rare and its labels mostly wrong would leave
    of that class only what the buyer's model knows already. What is twice as likely wrong as right is not wanted at
    all. Doubt is `4 sigma(z) sigma(-z)`: near 0 log-odds `z` the buyer's model is unsure, and a right record teaches
    more. Where sides are known, the weights of both get the same sum: of a class alone nothing is wanted. There wrong
    labels look like a shift of the classes, and a seller who lists each class by itself would earn four times as much.
    """
    doubt = probability(log_odds)
    wanted = np.where(clean > MIN_CLEAN, clean**3, 0.0) * 4.0 * doubt * (1.0 - doubt)
    return _even(wanted, sides)


def clean_share_interval(
    offer: Scored, right: Scored, wrong: Scored, rng: np.random.Generator, *, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """A 95 % bootstrap interval of the clean share: how far the few trusted records and the draw may mislead it.

    It covers chance, not the method's own error: good records unlike the trusted ones count as bad. It is never
    narrower than `with_unseen` allows. Raises as `calibrated_trust`.
    """
    shares = []
    for _ in range(resamples):
        trusted = rng.integers(0, len(right), len(right))
        drawn = offer.at(rng.integers(0, len(offer), len(offer)))
        calibration: LabelCalibration = calibrate(right.at(trusted), wrong.each_of(trusted, len(right)))
        shares.append(1.0 - label_noise(calibration.log_odds(drawn), drawn.sides)[1])
    low, high = np.percentile(shares, [2.5, 97.5])
    return with_unseen(float(low), float(high), min(len(offer), len(right)))


def with_unseen(low: float, high: float, count: int) -> tuple[float, float]:
    """Widen a bootstrap interval of a share to what `count` scores can exclude: the rule of three, exactly.

    A bootstrap draws only what was seen, so that at 0 or 1 its interval has no width. Of `count` scores without one
    bad record, up to `1 - 0.05^(1 / count)`, about `3 / count`, of all may still be bad. Raises ValueError for no
    scores.

    >>> [round(end, 3) for end in with_unseen(1.0, 1.0, 100)], with_unseen(0.4, 0.6, 100)
    ([0.97, 1.0], (0.4, 0.6))
    """
    if count < 1:
        raise ValueError("an interval rests on at least one score")
    surely = float(_UNSEEN ** (1 / count))
    return min(float(low), surely), max(float(high), 1.0 - surely)


def label_noise(log_odds: Floats, sides: Floats, *, rounds: int = _ROUNDS) -> tuple[Floats, float]:
    """How likely each of `n` labels is right, and the share of wrong ones (see `calibrated_trust`)."""
    bad, shift = _FIRST_GUESS, 0.0
    known = bool(np.any(sides))
    clean = np.ones_like(log_odds)
    for _ in range(rounds):
        chance = probability(log_odds + shift * sides)
        clean = (1.0 - bad) * chance / ((1.0 - bad) * chance + bad * (1.0 - chance))
        found = min(_MOST_WRONG, float(1.0 - clean.mean()))
        if known:
            # One step of Newton's method on the offset of a logistic regression; one record's worth keeps it finite.
            shift -= float(sides @ (chance - clean)) / (float((chance * (1.0 - chance)).sum()) + 1.0)
        if abs(found - bad) < 1e-9:
            break
        bad = found
    return clean, bad


def _even(weights: Floats, sides: Floats) -> Floats:
    """Weights of which each side has the same sum, none above what it was; as they are where no side is known."""
    if not np.any(sides):
        return weights
    sums: list[tuple[NDArray[np.bool_], float]] = [
        (sides == side, float(weights[sides == side].sum())) for side in (-1.0, 1.0)
    ]
    least = min(total for _, total in sums)
    even = weights.copy()
    for members, total in sums:
        even[members] *= least / total if total else 0.0
    return even
