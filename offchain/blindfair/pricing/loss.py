"""What a projection and the rounding lose of the scores, measured by the buyer on its own records before it asks."""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.pricing.ranks import rank_correlation
from blindfair.protocol.documents import Document

LITTLE = 0.9
"""Under this rank correlation the projected score is another score, and the buyer is warned."""


@dataclass(frozen=True, slots=True)
class ScoreLoss:
    """Correlations with the unprojected, unrounded scores of `records` of the buyer's own; 1 where nothing is lost.

    None where a correlation is not defined, because all scores are equal.
    """

    records: int
    projected_spearman: float | None
    projected_pearson: float | None
    rounded_spearman: float | None
    rounded_pearson: float | None

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

    def to_document(self) -> Document:
        """The fields that reports show."""
        return {
            "projected_pearson": self.projected_pearson,
            "projected_spearman": self.projected_spearman,
            "records": self.records,
            "rounded_pearson": self.rounded_pearson,
            "rounded_spearman": self.rounded_spearman,
        }

    def describe(self) -> str:
        """One line for a person."""
        return (
            f"against unprojected scores of {self.records} records of its own: projected Spearman "
            f"{_shown(self.projected_spearman)}, Pearson {_shown(self.projected_pearson)}; rounded as well "
            f"{_shown(self.rounded_spearman)}, {_shown(self.rounded_pearson)}"
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
