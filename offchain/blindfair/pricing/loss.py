"""What projection, rounding and noise lose of the scores, measured by the buyer on its own records before it asks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.ranks import rank_correlation
from blindfair.protocol.documents import Document
from blindfair.protocol.words import counted

LITTLE = 0.9
"""Under this rank correlation the projected score is another score, and the buyer is warned."""


@dataclass(frozen=True, slots=True)
class ScoreLoss:
    """Correlations with the unprojected, unrounded scores of `records` of the buyer's own; 1 where nothing is lost.

    None where a correlation is not defined, because all scores are equal. `seen_spearman` is what the noise of a query
    of so many `bits` leaves besides; None where scores are asked exactly, or for groups.
    """

    records: int
    projected_spearman: float | None
    projected_pearson: float | None
    rounded_spearman: float | None
    rounded_pearson: float | None
    seen_spearman: float | None = None
    bits: int | None = None

    @classmethod
    def measure(cls, scores: Floats, projected: Floats, rounded: Floats) -> "ScoreLoss":
        """From `n` scores each: unprojected, projected, and projected and rounded."""
        return cls(
            scores.size,
            rank_correlation(scores, projected),
            _pearson(scores, projected),
            rank_correlation(scores, rounded),
            _pearson(scores, rounded),
        )

    def seen(self, scores: Floats, draws: Sequence[Integers], bits: int) -> "ScoreLoss":
        """Return the same loss with that by noise: the mean over `draws` of the `n` scores as a query of `bits` sees
        them, each against the unprojected `scores`."""
        found = [rank_correlation(scores, draw.astype(np.float64)) for draw in draws]
        defined = [correlation for correlation in found if correlation is not None]
        return replace(self, seen_spearman=float(np.mean(defined)) if defined else None, bits=bits)

    def to_document(self) -> Document:
        """The fields that reports show."""
        return {
            "projected_pearson": self.projected_pearson,
            "projected_spearman": self.projected_spearman,
            "records": self.records,
            "rounded_pearson": self.rounded_pearson,
            "rounded_spearman": self.rounded_spearman,
            "seen_spearman": self.seen_spearman,
        }

    def describe(self) -> str:
        """One line for a person."""
        noise = ""
        if self.bits is not None:
            noise = f"; seen through the noise of {counted(self.bits, 'bit')}: Spearman {_shown(self.seen_spearman)}"
        return (
            f"against unprojected scores of {self.records} records of its own: projected Spearman "
            f"{_shown(self.projected_spearman)}, Pearson {_shown(self.projected_pearson)}; rounded as well "
            f"{_shown(self.rounded_spearman)}, {_shown(self.rounded_pearson)}{noise}"
        )

    def doubts(self) -> tuple[str, ...]:
        """A sentence where much is lost."""
        if self.rounded_spearman is not None and self.rounded_spearman >= LITTLE:
            return ()
        return (
            "The projection loses much of the score: on the buyer's own records the rank correlation with the "
            f"unprojected one is {_shown(self.rounded_spearman)}; take more entries a row or another basis",
        )


def _pearson(one: Floats, other: Floats) -> float | None:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _shown(correlation: float | None) -> str:
    return "not defined" if correlation is None else f"{correlation:.4f}"
