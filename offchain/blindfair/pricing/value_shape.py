"""How few of the offered records carry most of the value, and how many hurt."""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats


@dataclass(frozen=True, slots=True)
class ValueShape:
    """Shares of all records: those that carry 80 % of the positive value, and those of negative value; and the part of
    the positive value that the best tenth of all records has."""

    carries: float
    hurts: float
    top_tenth: float


def value_shape(values: Floats, part: float = 0.8) -> ValueShape:
    """The shape of `n` values.

    >>> value_shape(np.array([8.0, 1.0, 1.0, -1.0]))
    ValueShape(carries=0.25, hurts=0.25, top_tenth=0.8)
    """
    falling = np.sort(np.maximum(values, 0.0))[::-1]
    reached = np.cumsum(falling) / falling.sum() if falling.sum() > 0 else np.ones(len(falling))
    tenth = max(1, round(len(values) / 10))
    # A rounding error under the wanted part must not ask for one more.
    carries = int(np.searchsorted(reached, part - 1e-12)) + 1
    return ValueShape(carries / len(values), float((values < 0).mean()), float(reached[tenth - 1]))
