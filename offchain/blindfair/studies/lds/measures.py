"""How well sums of scores predict retraining (Park et al. 2023, section 2.2), and how sure that is.

For each query: the rank correlation, over random halves, of the sum of its scores over a half with the fall of its loss
by retraining on that half. *Each* is the mean over queries; *total* is the same for the sum over all queries. Intervals
are of the halves: a bootstrap draws them anew, the same ones for every method. Not here: scores (`scores`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from blindfair.influence.arrays import Floats, Integers

RESAMPLES = 300

EACH, TOTAL = "each", "total"


def measured(
    sums: Mapping[str, tuple[Floats, float]], losses: Floats, rng: np.random.Generator, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Measure each method: two scores with 95 % intervals, its seconds, and its bootstrap's scores to compare by.

    `sums` are, for each method, those of its scores over halves, `halves x queries` or `halves x 1`, and its seconds;
    `losses` are those after retraining, `halves x queries`. A method whose numbers are not finite has seconds alone.
    """
    drawn = [rng.integers(0, len(losses), len(losses)) for _ in range(resamples)]
    found: dict[str, Any] = {}
    for name, (each, seconds) in sums.items():
        entry: dict[str, Any] = {"seconds": seconds}
        if np.isfinite(each).all():
            if each.shape == losses.shape:
                entry[EACH] = _with_interval(each, losses, drawn)
            entry[TOTAL] = _with_interval(each.sum(axis=1, keepdims=True), losses.sum(axis=1, keepdims=True), drawn)
        found[name] = entry
    return found


def noise_limit(losses: Floats, again: Floats) -> dict[str, float]:
    """How well losses after retraining on a half tell those after retraining with another seed, by ranks."""
    return {
        EACH: datamodelling(-losses, again),
        TOTAL: datamodelling(-losses.sum(axis=1, keepdims=True), again.sum(axis=1, keepdims=True)),
    }


def datamodelling(sums: Floats, losses: Floats) -> float:
    """The mean over columns of the rank correlation of sums with falls of the loss, both `halves x columns`."""
    one, other = _standard(rankdata(sums, axis=0)), _standard(rankdata(-losses, axis=0))
    each = (one * other).sum(axis=0)
    return float(each.mean())


def ahead(found: Mapping[str, Any], one: str, other: str, measure: str) -> tuple[float, float, float]:
    """The lead of a method over another: the difference, and its 95 % interval over the same resamples."""
    mine, theirs = found[one][measure], found[other][measure]
    low, high = np.quantile(np.array(mine["drawn"]) - np.array(theirs["drawn"]), (0.025, 0.975))
    return mine["mean"] - theirs["mean"], float(low), float(high)


def without_draws(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `measured` gave without its bootstrap's scores: all that a page shows of one method."""

    def told(value: Any) -> Any:
        return {key: part for key, part in value.items() if key != "drawn"} if isinstance(value, dict) else value

    return {name: {key: told(value) for key, value in entry.items()} for name, entry in found.items()}


def _with_interval(sums: Floats, losses: Floats, drawn: Sequence[Integers]) -> dict[str, Any]:
    again = [datamodelling(sums[places], losses[places]) for places in drawn]
    low, high = np.quantile(again, (0.025, 0.975))
    return {
        "mean": datamodelling(sums, losses),
        "low": float(low),
        "high": float(high),
        "drawn": [round(value, 5) for value in again],
    }


def _standard(ranks: Floats) -> Floats:
    centred = ranks - ranks.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    return np.asarray(centred / np.where(lengths == 0, 1.0, lengths), dtype=np.float64)
