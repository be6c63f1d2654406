"""An evaluation that its buyer can read (PROTOCOL 4)."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.evaluation.rows import NO_BASE_MODELS, BaseModels
from blindfair.influence.arrays import Exponents
from blindfair.protocol.messages import Listing, Reply, Request
from blindfair.protocol.quantities import Digest, Wei
from blindfair.protocol.units import Units
from blindfair.protocol.words import counted


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The messages, the queries in the clear (`m x k` int64) and the scores (`m x n` int64) of `n` units.

    Scores are at exponent 0, whatever the exponents of the rows (`n` uint8), so that they compare.
    `evaluation` is what the offer will quote: `D("evaluation", H(request) || H(reply))`.
    """

    listing: Listing
    request: Request
    reply: Reply
    evaluation: Digest
    queries: NDArray[np.int64]
    exponents: Exponents
    scores: NDArray[np.int64]

    fee: Wei
    """What was paid for it, to be credited against a purchase (PROTOCOL 4.7)."""

    base_models: BaseModels = field(default_factory=lambda: NO_BASE_MODELS)
    """What the scoring model may be built on, to compute rows again."""

    def __repr__(self) -> str:
        count, units = self.scores.shape
        queries = "1 query" if count == 1 else f"{count} queries"
        return f"Evaluated({counted(units, self.units.name)} by {queries}, fee {self.fee:,} of the smallest unit)"

    @property
    def units(self) -> Units:
        """What has one score each: the records, or the groups that the request asked for."""
        return Units.named(self.request.disclosure, self.listing.manifest.record_count)

    def decrypted(self, unit: int) -> NDArray[np.int64]:
        """The `m` scores of a unit as they were decrypted: those of its row at its exponent."""
        return np.right_shift(self.scores[:, unit], int(self.exponents[unit]))
