"""How far to believe that an offered text is like the buyer's own, from scores alone.

An offer is a mixture: a share `pi` of texts that are like the own ones, and others of which nothing is known. Trusted
scores show how the first are spread; the offer's show the mixture. In a bin with the share `v` of the trusted scores
and the share `o` of the offered ones, a text is like the buyer's own with probability `pi v / o`. The largest `pi` that
no bin contradicts is taken, with the bins' chance errors allowed for (Elkan and Noto 2008; Scott 2015).

Bins are made of trusted scores, so that scores beyond all of them are no reason to believe more: what scores far better
than the buyer's own texts is crowded into the last bin with all others like it. Not here: labels (`trust`).
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.protocol.errors import OfferTooSmall

BINS = 8
"""Bins of equal shares of the trusted scores."""

MIN_TRUSTED = 40
"""Trusted texts at least: five a bin."""

_CONFIDENCE = 1.0
"""Standard errors by which a bin may miss its share before it contradicts: the least of eight bins is low by chance."""


@dataclass(frozen=True, slots=True, eq=False)
class DomainTrust:
    """`alike` is, for each of `n` offered texts, the probability that it is like the buyer's own; `share` is `pi`."""

    alike: Floats
    share: float


def domain_trust(offered: Floats, trusted: Floats) -> DomainTrust:
    """Trust in `n` offered texts from their scores and those of `m` trusted ones, which no query was made of.

    Raises OfferTooSmall for no offered texts, or fewer than `MIN_TRUSTED` trusted ones.

    >>> rng = np.random.default_rng(0)
    >>> like, unlike = rng.normal(1, 1, 300), rng.normal(-2, 1, 700)
    >>> found = domain_trust(np.concatenate([like, unlike]), rng.normal(1, 1, 400))
    >>> bool(0.2 < found.share < 0.4), bool(found.alike[:300].mean() > 3 * found.alike[300:].mean())
    (True, True)
    """
    if not offered.size:
        raise OfferTooSmall("There are no offered texts to judge", expected="at least 1", found=0)
    if trusted.size < MIN_TRUSTED:
        raise OfferTooSmall(
            "There are too few trusted texts to judge an offer by",
            expected=f"at least {MIN_TRUSTED}",
            found=trusted.size,
            hint="give the buyer more validation texts",
        )
    edges = np.unique(np.quantile(trusted, np.arange(1, BINS) / BINS))
    of_trusted, of_offered = (_shares(scores, edges) for scores in (trusted, offered))
    # Half a score more in each bin: one that holds none says little of few scores.
    offers, trust = (
        np.maximum(part, 0.5 / count) for part, count in ((of_offered, offered.size), (of_trusted, trusted.size))
    )
    error = np.sqrt((1 - offers) / (offered.size * offers) + (1 - trust) / (trusted.size * trust))
    share = float(min(1.0, (offers / trust * np.exp(_CONFIDENCE * error)).min()))
    alike = np.minimum(1.0, share * of_trusted / offers)
    return DomainTrust(np.asarray(alike[np.searchsorted(edges, offered, side="right")], dtype=np.float64), share)


def _shares(scores: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)
    return np.asarray(counts / scores.size, dtype=np.float64)
