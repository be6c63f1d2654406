"""Centre and scale of a column of numbers, for a public description: few records move them, and few digits are told.

    numbers --robust_statistics--> median, interquartile range / 1.349; both rounded to the scale's second digit

Not here: how a cell becomes a feature (`features`).
"""

import math
import sys
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

RARE = 5
"""Records at least that anything public must rest on: a value that fewer have is not named (PROTOCOL 2)."""

NORMAL_RANGE = Decimal("1.349")
"""The interquartile range of a normal distribution, in standard deviations."""

DIGITS = 2
"""Significant digits of a scale that are told."""

_EXACT = Context(prec=800, rounding=ROUND_HALF_EVEN, Emax=10_000, Emin=-10_000)
"""Digits for any sum of two doubles, whose exponents reach from -324 to 308."""


def robust_statistics(numbers: Sequence[float]) -> tuple[float, float] | None:
    """Return the rounded centre and scale of finite numbers, or nothing where they do not vary.

    The centre is the median. The scale is the interquartile range / 1.349; where that is 0, the standard deviation
    without the `RARE - 1` numbers that are farthest from the median. Of those left, `RARE` must differ from the
    median, so that none decides the scale alone; else, and for fewer than `RARE` numbers, nothing is given.

    >>> robust_statistics([30.0, 40.0, 40.0, 40.0, 50.0, 61.0, 1e300])
    (40.0, 16.0)
    """
    if len(numbers) < RARE:
        return None
    ordered = sorted(numbers)
    median = _quantile(ordered, 2)
    spread = _EXACT.subtract(Decimal(_quantile(ordered, 3)), Decimal(_quantile(ordered, 1)))
    return rounded_statistics(
        median, _EXACT.divide(spread, NORMAL_RANGE) if spread else _trimmed_deviation(ordered, median)
    )


def rounded_statistics(median: float, scale: Decimal) -> tuple[float, float] | None:
    """Return a centre and a scale with as many digits as are told, or nothing for a scale of zero."""
    if not scale:
        return None
    scale = min(scale, Decimal(sys.float_info.max))
    # The unit of the scale's last digit: the centre is told no finer.
    unit = Decimal(1).scaleb(scale.adjusted() - DIGITS + 1, _EXACT)
    rounded = float(_rounded(scale, unit))
    if not 0 < rounded < math.inf:
        # At the ends of what a double holds, rounding up or down leaves it.
        rounded = float(scale)
    centre = float(_rounded(Decimal(median), unit))
    # Adding 0 makes a zero of either sign the same zero.
    return (centre if math.isfinite(centre) else median) + 0.0, rounded


def _quantile(ordered: Sequence[float], quarter: int) -> float:
    """One of the numbers: the least that a quarter of them, or two or three, do not exceed."""
    return ordered[-(-quarter * len(ordered) // 4) - 1]


def _trimmed_deviation(ordered: Sequence[float], median: float) -> Decimal:
    kept = sorted(ordered, key=lambda number: (abs(Decimal(number) - Decimal(median)), number))[: 1 - RARE]
    if sum(number != median for number in kept) < RARE:
        return Decimal(0)
    # Divided by the largest first, so that squares of huge or tiny numbers stay in range; exactly rounded sums do not
    # depend on the order or the processor.
    largest = max(abs(number) for number in kept)
    parts = [number / largest for number in kept]
    mean = math.fsum(parts) / len(parts)
    variance = math.fsum((part - mean) * (part - mean) for part in parts) / len(parts)
    return _EXACT.multiply(Decimal(math.sqrt(variance)), Decimal(largest))


def _rounded(number: Decimal, unit: Decimal) -> Decimal:
    return number.quantize(unit, context=_EXACT)
