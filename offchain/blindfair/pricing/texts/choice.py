"""How far to believe offered texts, and which to want: like the buyer's own, not damaged, and no near-duplicates.

    score     --domain_trust--> probability that a text is like the buyer's own
    contrast  --calibrated_trust--> probability that its words are in order
    both multiplied --> `good`, the most likely first

With labels the score tells wrong ones, and that probability alone counts: it rises with the score. Likeness does not,
and where few texts are trusted its bins left out the best and took the worst.

Not here: prices and the draw (`selection`).
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.pricing.domain_trust import domain_trust
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.texts.valuation import TextValuation
from blindfair.pricing.trust import calibrated_trust, with_unseen

MIN_GOOD = 1 / 3
"""A text that is less likely good is not wanted, unless it is at least half as likely as the best one."""

HOPELESS = 1 / 5
"""Where no text is more likely good than this, none is wanted: nothing of the offer is like the buyer's own."""

RESAMPLES = 200


@dataclass(frozen=True, slots=True, eq=False)
class TextTrust:
    """`good` is the probability, for each of `n` texts, that it is like the buyer's own and whole; `weights` are the
    same where the text is wanted, else 0. `share` is the mean of `good`. Near-duplicates of earlier texts have 0."""

    good: Floats
    weights: Floats
    share: float


def text_trust(offer: Floats, valuation: TextValuation) -> TextTrust:
    """Trust in `n` offered texts from their real scores `m x n`. Raises OfferTooSmall."""
    distinct, count = valuation.scoring.preprocessing.distinct(offer.shape[1]), offer.shape[1]
    found = trust_by(offer[:, distinct], valuation.trusted, valuation.damaged, labelled=_is_labelled(valuation))
    good, weights = np.zeros(count), np.zeros(count)
    good[distinct], weights[distinct] = found.good, found.weights
    return TextTrust(good, weights, float(good.mean()))


def trust_by(offer: Floats, trusted: Floats, damaged: Floats, *, labelled: bool = False) -> TextTrust:
    """The same of different texts, from the trusted scores `m x v` and those of damaged texts `m x v`.

    Raises OfferTooSmall.
    """
    none, many = np.zeros(trusted.shape[1]), np.zeros(offer.shape[1])
    # Damaged texts with labels are those with other labels, and the score itself tells them.
    whole = calibrated_trust(Scored(offer[-1], many), Scored(trusted[-1], none), Scored(damaged[-1], none)).clean
    if labelled:
        good = whole
    else:
        alike = domain_trust(offer[0], trusted[0]).alike
        good = alike * whole if len(offer) > 1 else np.minimum(alike, whole)
    best = float(good.max(initial=0.0))
    # The share of like texts is judged low by chance where these are few: all probabilities are too low together then.
    least = min(MIN_GOOD, best / 2) if best > HOPELESS else np.inf
    return TextTrust(good, np.where(good > least, good, 0.0), float(good.mean()))


def share_interval(
    offer: Floats, valuation: TextValuation, rng: np.random.Generator, *, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """A 95 % bootstrap interval of the share of good texts, for chance in the offer and in the trusted texts."""
    distinct = valuation.scoring.preprocessing.distinct(offer.shape[1])
    different, part = offer[:, distinct], len(distinct) / offer.shape[1]
    shares = []
    for _ in range(resamples):
        trusted = rng.integers(0, valuation.trusted.shape[1], valuation.trusted.shape[1])
        drawn = rng.integers(0, different.shape[1], different.shape[1])
        scores = different[:, drawn], valuation.trusted[:, trusted], valuation.damaged[:, trusted]
        shares.append(trust_by(*scores, labelled=_is_labelled(valuation)).share * part)
    low, high = np.quantile(shares, (0.025, 0.975))
    # Copies count as bad without a doubt: only the share of different texts is uncertain.
    least, most = with_unseen(low / part, high / part, min(different.shape[1], valuation.trusted.shape[1]))
    return least * part, most * part


def _is_labelled(valuation: TextValuation) -> bool:
    return valuation.scoring.model.classes > 0
