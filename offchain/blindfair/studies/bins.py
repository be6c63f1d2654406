"""Trust from the excess of low scores in eight bins: what the product did before this study, kept to compare with.

The offer's scores are compared with the buyer's own trusted records' in bins that are quantiles of the trusted scores.
Where the offer has more low scores than trusted records do, the excess is taken to be bad. Not here: what the product
does (`pricing.trust`).
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.protocol.errors import OfferTooSmall

BINS = 8
_TRUSTED_PER_BIN = 5
"""Fewer trusted records than this in a bin say nothing about it."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedTrust:
    """The estimates that the comparison gives of an offer of `n` records.

    `clean` is, for each record, the probability that it is as good as a trusted one, given its score alone. `weights`
    are `max(0, 2 clean - 1)`: a good record less the harm of a bad one, and the weight with which it is drawn.
    `clean_share` and `bad_share` are shares of the offer and add up to 1.
    """

    clean: Floats
    weights: Floats
    clean_share: float
    bad_share: float
    bins: int


def binned_trust(offer_scores: Floats, trusted_scores: Floats, bins: int = BINS) -> BinnedTrust:
    """Trust in `n` offered records from their scores and `m` trusted ones, both in the same unit.

    Bins are quantiles of the trusted scores, `bins` at most and at least five trusted records to each. With shares
    `p_v` and `p_o` of trusted and offered records in a bin, the clean share is `pi = min(1, median of p_o / p_v over
    the upper half of the bins)`, and a record's trust is `min(1, pi p_v / p_o)` of its bin
    (docs/explanation/valuation.md). Of duplicates give one, or their copies would look like an excess. Raises
    OfferTooSmall for no offered records or fewer than ten trusted ones.
    """
    edges = _edges(trusted_scores, bins)
    if offer_scores.size == 0:
        raise OfferTooSmall("There are no offered records to judge", expected="at least 1", found=0)
    places = np.searchsorted(edges, offer_scores, side="right")
    offered, trusted = _shares(places, edges), _shares(np.searchsorted(edges, trusted_scores, side="right"), edges)
    clean_share = _clean_share(offered, trusted)
    # A bin without offered records has no record to trust: its ratio is never read.
    by_bin = np.minimum(1.0, clean_share * trusted / np.maximum(offered, np.finfo(np.float64).tiny))
    clean = by_bin[places]
    return BinnedTrust(clean, np.maximum(0.0, 2.0 * clean - 1.0), clean_share, 1.0 - clean_share, len(edges) + 1)


def _edges(trusted_scores: Floats, bins: int) -> Floats:
    usable = min(bins, trusted_scores.size // _TRUSTED_PER_BIN)
    if usable < 2:
        raise OfferTooSmall(
            "There are too few trusted records to judge an offer by",
            expected=f"at least {2 * _TRUSTED_PER_BIN}",
            found=trusted_scores.size,
            hint="give the buyer a larger validation set",
        )
    # Edges are trusted scores themselves and the least is none of them, so that no bin is without trusted records; on
    # equal scores several quantiles fall together, and such bins are one.
    edges = np.unique(np.quantile(trusted_scores, np.arange(1, usable) / usable, method="lower"))
    return np.asarray(edges[edges > trusted_scores.min()], dtype=np.float64)


def _shares(places: Integers, edges: Floats) -> Floats:
    return np.bincount(places, minlength=edges.size + 1) / places.size


def _clean_share(offered: Floats, trusted: Floats) -> float:
    upper = slice(len(trusted) // 2, None)
    return float(min(1.0, np.median(offered[upper] / trusted[upper])))
