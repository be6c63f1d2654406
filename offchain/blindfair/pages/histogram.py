"""A histogram of scores as numbers for a drawing: how many units score so, and how many of these are chosen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats

BARS = 40
_OUTER = 0.5
"""Percent of the scores at either end that share the last bar: a few outliers would press all others together."""

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 12, 34


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, from `low` to `high`; places and heights in the drawing's units, from the top left."""

    low: str
    high: str
    count: int
    chosen: int
    x: float
    width: float
    y: float
    height: float
    chosen_y: float
    chosen_height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A number at an axis."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """A drawing of `WIDTH` by `HEIGHT`, and the same in words."""

    bars: tuple[Bar, ...]
    across: tuple[Mark, ...]
    upwards: tuple[Mark, ...]
    left: int
    right: int
    top: int
    bottom: int
    words: str


def histogram(scores: Floats, chosen: NDArray[np.bool_], unit: str) -> Histogram | None:
    """Count `n` scores; None where there are none, or all are the same: one bar says nothing."""
    if len(scores) < 2 or float(scores.min()) == float(scores.max()):
        return None
    low, high = np.percentile(scores, [_OUTER, 100 - _OUTER])
    if low == high:
        low, high = scores.min(), scores.max()
    edges = np.linspace(low, high, BARS + 1)
    inside = np.clip(scores, low, high)
    counts = np.histogram(inside, edges)[0]
    bought = np.histogram(inside[chosen], edges)[0]
    most = int(counts.max())
    step = (WIDTH - _LEFT - _RIGHT) / BARS
    base, tall = HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP
    bars = []
    for place, (count, of_these) in enumerate(zip(counts.tolist(), bought.tolist(), strict=True)):
        height, lower = tall * count / most, tall * of_these / most
        bars.append(
            Bar(
                low=f"{edges[place]:+.3g}",
                high=f"{edges[place + 1]:+.3g}",
                count=count,
                chosen=of_these,
                x=round(_LEFT + place * step + 0.5, 2),
                width=round(step - 1, 2),
                y=round(base - height, 2),
                height=round(height, 2),
                chosen_y=round(base - lower, 2),
                chosen_height=round(lower, 2),
            )
        )
    return Histogram(
        bars=tuple(bars),
        across=_across(float(low), float(high)),
        upwards=(Mark(base, "0"), Mark(_TOP, f"{most:,}")),
        left=_LEFT,
        right=WIDTH - _RIGHT,
        top=_TOP,
        bottom=base,
        words=_words(scores, chosen, unit),
    )


def _across(low: float, high: float) -> tuple[Mark, ...]:
    """Both ends, and zero where it is well between them."""
    span, wide = high - low, WIDTH - _LEFT - _RIGHT
    marks = [Mark(_LEFT, f"{low:+.3g}"), Mark(WIDTH - _RIGHT, f"{high:+.3g}")]
    if low < 0 < high and 0.12 < -low / span < 0.88:
        marks.insert(1, Mark(round(_LEFT + wide * -low / span, 2), "0"))
    return tuple(marks)


def _words(scores: Floats, chosen: NDArray[np.bool_], unit: str) -> str:
    """What the drawing shows, for those who do not see it."""
    text = f"Of {len(scores):,} {unit}s, {int((scores > 0).sum()):,} have a positive score."
    if not chosen.any():
        return f"{text} None is chosen."
    bought = scores[chosen]
    return (
        f"{text} {len(bought):,} are chosen: their scores go from {bought.min():+.3g} to {bought.max():+.3g}, "
        f"with a median of {np.median(bought):+.3g}; the median of all is {np.median(scores):+.3g}."
    )
