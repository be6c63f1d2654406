"""How far a score speaks for its record: the log-odds of a right label against a wrong one, calibrated by the buyer on
records of its own that it scores twice, as they are and with another label.

Scores are only ever compared with scores that were made the same way (`valuation`), so that their unit and the model
behind them do not matter. Not here: how many of an offer's labels are wrong (`trust`).
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.protocol.errors import OfferTooSmall, ShapeMismatch

MIN_TRUSTED = 10
"""Fewer trusted records say nothing."""

_STEPS = 50
_PENALTY = 1.0
"""Penalty on the standardised slope, in records: keeps it finite if scores tell right from wrong without error."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """`scores` of `n` records, and `sides`: +1 for class 1, -1 for class 0, 0 where the class is not known."""

    scores: Floats
    sides: Floats

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or self.scores.shape != self.sides.shape:
            raise ShapeMismatch("Scores and sides differ in number", expected=self.scores.shape, found=self.sides.shape)

    def __len__(self) -> int:
        return self.scores.size

    def each_of(self, records: np.typing.NDArray[np.integer], count: int) -> "Scored":
        """Return the scores of these of `count` records, where the scores are one list of `count` after another."""
        return self.at((count * np.arange(len(self) // count)[:, np.newaxis] + records).ravel())

    def at(self, places: np.typing.NDArray[np.generic]) -> "Scored":
        """The scores at these places, in this order."""
        return Scored(self.scores[places], self.sides[places])


@dataclass(frozen=True, slots=True)
class LabelCalibration:
    """Log-odds `slope * score + lean * side + level` that a label is right, where as many are right as are wrong."""

    slope: float
    lean: float
    level: float

    def log_odds(self, records: Scored) -> Floats:
        """`n` numbers, in nats."""
        return self.slope * records.scores + self.lean * records.sides + self.level


def calibrate(right: Scored, wrong: Scored) -> LabelCalibration:
    """Logistic discrimination of `m` trusted records as they are from the same with other labels (Platt 1999).

    `wrong` has one score or several for each record, one list of `m` after another; together they weigh as much as the
    one right score. Raises OfferTooSmall for fewer than `MIN_TRUSTED`, ShapeMismatch where the numbers do not fit.
    """
    if len(wrong) != len(right) * max(1, len(wrong) // max(1, len(right))):
        raise ShapeMismatch("Right and wrong scores differ in number", expected=len(right), found=len(wrong))
    if len(right) < MIN_TRUSTED:
        raise OfferTooSmall(
            "There are too few trusted records to judge an offer by",
            expected=f"at least {MIN_TRUSTED}",
            found=len(right),
            hint="give the buyer a larger validation set",
        )
    scores, sides = (np.concatenate([getattr(right, name), getattr(wrong, name)]) for name in ("scores", "sides"))
    numbers = [len(right), len(wrong)]
    is_right = np.repeat([1.0, 0.0], numbers)
    # Every record is there right and wrong; half a weight each makes it one.
    weight = np.repeat([0.5, 0.5 * len(right) / len(wrong)], numbers)
    spread = float(np.sqrt(np.average((scores - np.average(scores, weights=weight)) ** 2, weights=weight)))
    # A power of two, so that a change of the unit by one changes nothing.
    unit = 2.0 ** np.round(np.log2(spread)) if spread > 0 else 1.0
    design = np.column_stack([scores / unit, sides, np.ones(scores.size)])
    found = np.zeros(3)
    for _ in range(_STEPS):
        chance = probability(design @ found)
        slope = design.T @ (weight * (chance - is_right)) + _PENALTY * found
        curvature = (design * (weight * chance * (1 - chance))[:, None]).T @ design + _PENALTY * np.eye(3)
        step = np.linalg.solve(curvature, slope)
        found = found - step
        if np.abs(step).max() < 1e-12:
            break
    return LabelCalibration(float(found[0] / unit), float(found[1]), float(found[2]))


def probability(log_odds: Floats) -> Floats:
    """`1 / (1 + e^-z)`, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))
