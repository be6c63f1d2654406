"""Ways of choosing, as an order of purchase: the first so many records of it are what a budget of that size buys.

One order serves all sizes of purchase. Not here: scores (`answers`).
"""

from collections.abc import Callable

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.label_calibration import calibrate
from blindfair.pricing.selection import drawing_order
from blindfair.pricing.trust import MIN_CLEAN, Trust, calibrated_trust, weights
from blindfair.studies.answers import Answer
from blindfair.studies.bins import binned_trust


def top(answer: Answer, candidates: Integers) -> Integers:
    """The highest scores first."""
    return candidates[np.argsort(-answer.offer.scores[candidates], kind="stable")]


def positive(answer: Answer, candidates: Integers, rng: np.random.Generator) -> Integers:
    """Evenly among scores above zero."""
    return rng.permutation(candidates[answer.offer.scores[candidates] > 0])


def drawn(wanted: Floats, candidates: Integers, rng: np.random.Generator) -> Integers:
    """Draw candidates in proportion to their weights; those of weight zero are never bought."""
    return candidates[drawing_order(wanted, rng)]


def by_listing(listing: Integers, candidates: Integers, weigh: Callable[[Integers], Floats]) -> Floats:
    """The weights of candidates, each listing judged by itself: who sells what is known."""
    found = np.empty(candidates.size)
    for number in np.unique(listing[candidates]):
        members = listing[candidates] == number
        found[members] = weigh(candidates[members])
    return found


def trust_of(answer: Answer, places: Integers) -> Trust:
    """The product's trust in the records at these places."""
    return calibrated_trust(answer.offer.at(places), answer.right, answer.wrong)


def plain_weights(answer: Answer, places: Integers) -> Floats:
    """The trust alone: without the factor of doubt and without evening out classes."""
    clean = trust_of(answer, places).clean
    return np.where(clean > MIN_CLEAN, clean**3, 0.0)


def strict_weights(answer: Answer, places: Integers) -> Floats:
    """The product's weights where `max(0, 2 clean - 1)` replaces `clean^3`."""
    trust = trust_of(answer, places)
    ratio = np.maximum(0.0, 2.0 * trust.clean - 1.0) / np.maximum(trust.clean, 1e-9) ** 3
    return np.asarray(trust.weights * ratio, dtype=np.float64)


def knowing_weights(answer: Answer, places: Integers) -> Floats:
    """The product's weights where the label of every record at these places is known to be right."""
    log_odds = calibrate(answer.right, answer.wrong).log_odds(answer.offer.at(places))
    return weights(np.ones(places.size), log_odds, answer.offer.sides[places])


def binned_weights(answer: Answer, places: Integers) -> Floats:
    """Trust by the excess in eight bins."""
    return binned_trust(answer.offer.scores[places], answer.right.scores).weights
