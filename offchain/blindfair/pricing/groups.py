"""What the score of a group says of its records (PROTOCOL 4.5): which share of their labels is right.

A group's score is the sum of its records'. Of its own records the buyer knows the mean score `R` of right labels and
`W` of wrong ones, so that of a group of mean score `s` a share of about `(s - W) / (R - W)` is right. That assumes that
right labels of the offer score `R` on average and wrong ones `W`: a seller that puts one record far from all others
into each group, with a label that fits, sells any labels beside it as right. Whether the sums misled is seen when
records are opened (`opened`). Nothing is said of any one record; nor can classes that are more frequent in the offer
than with the buyer be told from wrong labels. Not here: trust in single records (`trust`), and the choice
(`selection`).
"""

from fractions import Fraction

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.trust import MIN_CLEAN, RESAMPLES, Trust, with_unseen
from blindfair.pricing.worth import Worth, warnings_of_offer, warnings_of_purchase
from blindfair.protocol.errors import OfferTooSmall, ShapeMismatch
from blindfair.protocol.quantities import Wei


def group_trust(means: Floats, sizes: Integers, right: Floats, wrong: Floats, *, noise: float = 0.0) -> Trust:
    """Trust in groups of `sizes` records and of these mean scores, from the scores of trusted records, right and wrong.

    `clean` is the share of right labels in each group, drawn towards the share of the whole offer by as much as the
    groups' means would differ by their few records and by noise alone (James and Stein 1961). `noise` is the variance
    that it adds to the score of a group, in squared units of a score (`Valuation.sum_noise`). `weights` are `clean^3`,
    nothing where that is under a third, as for records. Where right and wrong labels score alike nothing is trusted.
    Raises OfferTooSmall for no groups or no trusted records, ShapeMismatch.
    """
    if means.shape != sizes.shape or means.ndim != 1:
        raise ShapeMismatch("Scores and sizes of groups differ in number", expected=means.shape, found=sizes.shape)
    if not (means.size and right.size and wrong.size):
        raise OfferTooSmall("There is nothing to judge, or to judge by", expected="at least 1 group and 1 record")
    gap = float(right.mean() - wrong.mean())
    if gap <= 0:
        return Trust(np.zeros_like(means), np.zeros_like(means), 0.0, 1.0)
    found = (means - wrong.mean()) / gap
    share = float(np.average(found, weights=sizes))
    chance = (_variance(right, wrong) + noise / sizes) / gap**2 / sizes
    spread = max(0.0, float(np.average((found - share) ** 2 - chance, weights=sizes)))
    kept = np.divide(spread, spread + chance, out=np.ones_like(found), where=spread + chance > 0)
    clean = np.clip(share + kept * (found - share), 0.0, 1.0)
    clean_share = float(np.clip(share, 0.0, 1.0))
    return Trust(clean, np.where(clean > MIN_CLEAN, clean**3, 0.0), clean_share, 1.0 - clean_share)


def share_interval(
    means: Floats, sizes: Integers, right: Floats, wrong: Floats, rng: np.random.Generator, *, noise: float = 0.0
) -> tuple[float, float]:
    """A 95 % interval of the clean share of the offer: by a bootstrap of the trusted records, and by the chance of the
    offered ones' own scores and of their `noise` (`group_trust`). See `trust.clean_share_interval`."""
    offered = float(np.average(means, weights=sizes))
    records = float(sizes.sum())
    chance = float(np.sqrt(_variance(right, wrong) / records + noise * sizes.size / records**2))
    shares = []
    for _ in range(RESAMPLES):
        trusted = rng.integers(0, right.size, right.size)
        low, high = wrong.reshape(-1, right.size)[:, trusted].mean(), right[trusted].mean()
        if high > low:
            shares.append(np.clip((offered + chance * rng.standard_normal() - low) / (high - low), 0.0, 1.0))
    if not shares:
        return 0.0, 1.0
    least, most = np.percentile(shares, [2.5, 97.5])
    return with_unseen(float(least), float(most), min(int(records), right.size))


def assess_groups(
    trust: Trust,
    means: Floats,
    sizes: Integers,
    right: Scored,
    wrong: Scored,
    chosen: Integers,
    price: Wei,
    rng: np.random.Generator,
    *,
    good_record_value: Wei | None = None,
    noise: float = 0.0,
) -> Worth:
    """Assess a selection of groups, given by their places, before paying `price` for it: as `assess` does of records.

    `noise` is that given to `group_trust`. What it cannot say is what classes there are, and whether labels
    please too well.
    """
    low, high = share_interval(means, sizes, right.scores, wrong.scores, rng, noise=noise)
    bought = sizes[chosen]
    good = float((trust.clean[chosen] * bought).sum())
    records = int(bought.sum())
    good_net = 2.0 * good - records
    value = None if good_record_value is None else Wei(max(0, int(good_record_value * Fraction(good_net))))
    nothing = (
        "Nothing here is worth its price: of every group that the budget could pay whole at least two thirds of the "
        "labels seem wrong"
    )
    return Worth(
        records=records,
        price=price,
        clean_share=trust.clean_share,
        clean_share_low=low,
        clean_share_high=high,
        clean_expected=good / records if records else 0.0,
        good_net=good_net,
        value=value,
        warnings=(
            *warnings_of_purchase(records, value, price, nothing),
            *warnings_of_offer(trust.clean_share, low, high, right, wrong),
        ),
    )


def _variance(right: Floats, wrong: Floats) -> float:
    """Variance of the scores of records with the same kind of label."""
    return float(right.var() + wrong.var()) / 2
