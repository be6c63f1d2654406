"""Is buying worth it? What can be said before paying, from scores alone, and how sure it is.

It estimates which share of the offer and of the selection is as good as the buyer's own records. It does not estimate
the AUC that the purchase will bring: that depends on what the records hold besides being right, which scores do not
show. Not here: the choice itself (`selection`).
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from blindfair.influence.arrays import Integers
from blindfair.pricing.label_calibration import Scored, calibrate
from blindfair.pricing.ranks import auc
from blindfair.pricing.trust import Trust, clean_share_interval
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Wei

NEARLY_CLEAN = 0.95
"""Clean share from which a purchase at random is as good: the estimate is no finer on a few hundred records."""

WORTHWHILE = 0.65
"""Under this clean share even the chosen part brought the model nothing, on average over the study's data sets."""

TELLING = 0.7
"""Where scores tell right labels from wrong ones no better than this AUC, choosing by them brought hardly anything."""

ONE_CLASS = 0.02
"""An offer that has less of a class is of the other alone."""


PLEASING = 0.8
"""Labels of which the buyer's model denies less than this share of what it denies of its own please too well."""

_SURELY = 3.0
"""Standard errors of the difference: the study's honest offers lie within two."""


@dataclass(frozen=True, slots=True)
class Denied:
    """Shares of labels that are more likely wrong than right by the buyer's model: those offered, and those of its own
    trusted records, each judged by a model that was made without it. `errors` standard errors lie between.
    """

    offered: float
    trusted: float
    errors: float

    @property
    def pleasing(self) -> bool:
        """Whether the offered labels agree with the model more than life does.

        That finds labels made by the buyer's own query, which nobody should have, and some of those that a seller makes
        by a good model of its own.
        """
        return self.offered < PLEASING * self.trusted and self.errors < -_SURELY


def denied(offer: Scored, right: Scored, wrong: Scored) -> Denied:
    """Compare the labels of an offer with trusted ones. Raises as `calibrate`."""
    calibration = calibrate(right, wrong)
    offered, trusted = (float((calibration.log_odds(part) < 0).mean()) for part in (offer, right))
    spread = np.sqrt(trusted * (1.0 - trusted) * (1 / len(offer) + 1 / len(right)))
    return Denied(offered, trusted, (offered - trusted) / spread if spread > 0 else 0.0)


@dataclass(frozen=True, slots=True)
class Worth:
    """An assessment of one selection before it is paid for.

    `clean_share` is that of the offer, with a 95 % interval for chance, and so of records taken from it at random;
    `clean_expected` that of the selection. `good_net` is the expected number of good records in the selection less that
    of bad ones, `value` what the buyer says those are worth to it, if it said so. `warnings` are sentences.
    """

    records: int
    price: Wei
    clean_share: float
    clean_share_low: float
    clean_share_high: float
    clean_expected: float
    good_net: float
    value: Wei | None
    warnings: tuple[str, ...]

    @property
    def advises_buying(self) -> bool:
        """Whether anything is selected and no stated value is under the price."""
        return self.records > 0 and (self.value is None or self.value >= self.price)

    def numbers(self) -> dict[str, float]:
        """The numbers behind the sentences, for reports, counts as integers. Amounts are not among them: a float would
        not hold them."""
        return {
            "records": self.records,
            "clean_share": self.clean_share,
            "clean_share_low": self.clean_share_low,
            "clean_share_high": self.clean_share_high,
            "clean_expected": self.clean_expected,
            "good_net": self.good_net,
        }


def assess(
    trust: Trust,
    offer: Scored,
    right: Scored,
    wrong: Scored,
    chosen: Integers,
    price: Wei,
    rng: np.random.Generator,
    *,
    good_record_value: Wei | None = None,
) -> Worth:
    """Assess a selection of the offer that `trust` was computed from, before paying `price` for it.

    `offer`, `right` and `wrong` are those given to `calibrated_trust`; `chosen` are the places of the selected records
    in `offer`. `good_record_value` is what one more good record is worth to the buyer, its
    own figure: a bad record is taken to undo a good one, so the selection is worth that times `good_net`, and nothing
    below zero. Raises InvalidOption for a negative value.
    """
    if good_record_value is not None and good_record_value < 0:
        raise InvalidOption("The value of a good record is negative", expected=">= 0", found=good_record_value)
    low, high = clean_share_interval(offer, right, wrong, rng)
    clean = trust.clean[chosen]
    good_net = float((2.0 * clean - 1.0).sum())
    value = None if good_record_value is None else Wei(max(0, int(good_record_value * Fraction(good_net))))
    expected = float(clean.mean()) if clean.size else 0.0
    nothing = (
        "Nothing here is worth its price: every record that the budget could pay seems at least twice as likely wrong "
        "as right"
    )
    warnings = warnings_of_purchase(clean.size, value, price, nothing)
    rarer = min(float((offer.sides == side).mean()) for side in (-1.0, 1.0))
    if offer.sides.any() and rarer < ONE_CLASS:
        warnings.append(
            f"The offer is of one class alone ({rarer:.1%} are of the other): wrong labels look like a shift of the "
            "classes there, so that no more is wanted of the one class than of the other"
        )
    denial = denied(offer, right, wrong)
    if denial.pleasing:
        warnings.append(
            f"The labels of the offer please the buyer's model too well: it takes {denial.offered:.1%} of them for "
            f"wrong, and {denial.trusted:.1%} of the buyer's own, which are right; they may have been made by a model"
        )
    warnings += warnings_of_offer(trust.clean_share, low, high, right, wrong)
    return Worth(clean.size, price, trust.clean_share, low, high, expected, good_net, value, tuple(warnings))


def warnings_of_purchase(records: int, value: Wei | None, price: Wei, nothing: str) -> list[str]:
    """Warnings about a selection of so many records; `nothing` is the warning for an empty one."""
    if not records:
        return [nothing]
    if value is not None and value < price:
        return [f"The selection is not worth its price: worth {value} to the buyer, costs {price} (smallest units)"]
    return []


def warnings_of_offer(clean_share: float, low: float, high: float, right: Scored, wrong: Scored) -> list[str]:
    """Warnings about an offer with this clean share and its interval, judged by these trusted records."""
    warnings = []
    is_undecided = low < WORTHWHILE and high >= NEARLY_CLEAN
    if is_undecided:
        warnings.append(
            f"The scores do not tell whether the offer is good: the trust is between {low:.0%} and {high:.0%}"
        )
    elif clean_share < WORTHWHILE:
        warnings.append(
            f"Much of the offer seems bad (trust {clean_share:.0%}, {interval_text(low, high)}): "
            "from such offers even what is chosen rarely makes a model better than it was"
        )
    telling = _telling(right, wrong)
    if telling < TELLING:
        warnings.append(
            "The buyer's model hardly tells right labels from wrong ones: on its own records with an AUC of "
            f"{telling:.2f}, where 0.5 is guessing; a choice by its scores is little better than random"
        )
    if high >= NEARLY_CLEAN and not is_undecided:
        warnings.append(
            f"Random is as good: the offer may be clean (trust {clean_share:.0%}, {interval_text(low, high)}); "
            "records bought unseen would serve as well, but for duplicates"
        )
    return warnings


def interval_text(low: float, high: float) -> str:
    """An interval of a share in words: `at least` its lower end, rounded down, where the upper end is all of it.

    >>> interval_text(0.9925, 1.0), interval_text(0.4, 0.62)
    ('at least 99%', 'between 40% and 62%')
    """
    if round(100 * high) >= 100:
        # A little more first: 0.29 * 100 is less than 29.
        return f"at least {math.floor(100 * low + 1e-9)}%"
    return f"between {low:.0%} and {high:.0%}"


def _telling(right: Scored, wrong: Scored) -> float:
    """The AUC with which scores tell the buyer's records as they are from the same with other labels."""
    are_right = np.repeat([True, False], [len(right), len(wrong)])
    return auc(are_right, np.concatenate([right.scores, wrong.scores]))
