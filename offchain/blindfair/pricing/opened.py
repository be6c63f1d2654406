"""Whether the opened records of groups bear out what the groups' scores said of them (PROTOCOL 4.5, 5.4).

A sum says how many labels are right only while no record of a group outweighs the others: one far record whose label
fits makes up for many wrong ones. Opened records the buyer can score one by one, by itself, and there a record counts
once, however far it lies. Not here: rows and scores that are not the records' (`protocol.audit`), which are a lie;
these are true scores that mislead.
"""

import math

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.pricing.label_calibration import Scored, calibrate
from blindfair.protocol.errors import GroupsMislead, OfferTooSmall, ShapeMismatch

TOLERANCE = 0.1
"""How far the share of right labels may lie below the claim, besides chance: honest records unlike the buyer's own
lie closer to the border, or farther from it, than these."""

FALSE_ALARM = 1e-3
"""How often records of which the claim is right within the tolerance are refused, at most."""

_ERRORS = 3.29
"""Standard errors that a normal number lies under its mean by with a chance of half `FALSE_ALARM`."""


def check_opened_labels(
    scores: Floats, claimed: float, right: Scored, wrong: Scored, *, claim_noise: float = 0.0
) -> None:
    """Hold the share of right labels among `n` opened records, by their own scores, against the `claimed` one.

    A record speaks for its label where its score is likelier among the trusted records as they are than with the other
    label (`calibrate`). That holds for a part `a` of right and `b` of wrong labels, as trusted records show, so that of
    the opened ones `p = c a + (1 - c) b` should, with `c` the claim less `TOLERANCE`. They are refused where so few of
    `n` do that two bounds are passed: of the binomial distribution alone, whose tail up to `k` of `n` is at most
    `exp(-n KL(k / n, p))` (Chernoff 1952), under `FALSE_ALARM`; and 3.29 standard errors, with those of `p`, which is
    estimated from `m` trusted records, and of the claim, made of `n` scores. The first holds for few records, where
    errors are not normal. `claim_noise` is the variance that noise adds to a group's score, over its records, in
    squared units of a score: it makes the claim less sure, not the opened records' own scores, which have none.

    `scores` are in the unit of the trusted ones. Where right and wrong labels score alike, nothing is found. Raises
    GroupsMislead, OfferTooSmall for no records or too few trusted ones, ShapeMismatch.
    """
    if scores.ndim != 1:
        raise ShapeMismatch("Scores of records are one list", expected="n", found=scores.shape)
    if not scores.size:
        raise OfferTooSmall("There is no opened record to score", expected="at least 1", found=0)
    # The class is part of no group's score, so it is left out of what these are compared with.
    alone = Scored(right.scores, np.zeros(len(right))), Scored(wrong.scores, np.zeros(len(wrong)))
    calibration = calibrate(*alone)
    speaks = [calibration.log_odds(each) > 0 for each in (*alone, Scored(scores, np.zeros(scores.size)))]
    (a, b), found = [(each.sum() + 0.5) / (each.size + 1) for each in speaks[:2]], float(speaks[2].mean())
    told = a - b
    if told <= 0:
        return
    share = float(np.clip((found - b) / told, 0.0, 1.0))
    least = max(0.0, claimed - TOLERANCE)
    gap = float(right.scores.mean() - wrong.scores.mean())
    of_parts = (least**2 * a * (1 - a) + (1 - least) ** 2 * b * (1 - b)) / len(right)
    of_claim = (told / gap) ** 2 * float(right.scores.var() + wrong.scores.var()) / 2
    expected = least * a + (1 - least) * b
    of_noise = (told / gap) ** 2 * claim_noise / scores.size
    variance = expected * (1 - expected) / scores.size + of_parts + of_noise
    variance += of_claim * (1 / scores.size + 1 / len(right))
    if found < expected - _ERRORS * math.sqrt(variance) and scores.size * _divergence(found, expected) > -math.log(
        FALSE_ALARM
    ):
        raise GroupsMislead(
            "The groups' scores said that more labels are right than the opened records show one by one",
            expected=f"a share of {claimed:.2f}",
            found=f"{share:.2f} of {scores.size} records",
            hint="one record far from all others can outweigh the wrong labels of its group",
        )


def _divergence(found: float, expected: float) -> float:
    """Kullback and Leibler's, of a coin that falls so often from one that should, in nats."""
    sides = ((found, expected), (1 - found, 1 - expected))
    return sum(seen * math.log(seen / hoped) for seen, hoped in sides if seen > 0)
