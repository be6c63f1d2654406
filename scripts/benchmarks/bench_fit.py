"""Whether the seller's work grows as it should: a line through measured times, and how far each lies off it.

The work is that of the blocks alone, sums and flooding, measured by itself; the loading of a query, which does not grow
with the records, is no part of it. Three things cost: a place of a block with each of its entries, a place by itself
(flooding), and once a job the reading of its coordinates. A part-filled block costs what a full one does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.blind.parameters import ParameterSet
from blindfair.blind.stream import blocks_per_job


@dataclass(frozen=True, slots=True)
class Point:
    """The work of all blocks of a table for one query."""

    mode: str
    n: int
    k: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of each thing that costs."""

    entry: float
    """Of a place, for each of its `k` entries."""

    place: float
    """Of a place, whatever `k` is."""

    coordinate: float
    """Of a job, for each coordinate."""

    def seconds(self, parameters: ParameterSet, n: int, k: int) -> float:
        """What `n` records of `k` entries should take."""
        return float(np.dot(_sizes(parameters, n, k), (self.entry, self.place, self.coordinate)))


def fit(parameters: ParameterSet, points: Sequence[Point]) -> Line:
    """The line whose relative deviations from the points have the least sum of squares."""
    spent = np.array([point.seconds for point in points])
    sizes = np.array([_sizes(parameters, point.n, point.k) for point in points])
    found, *_ = np.linalg.lstsq(sizes / spent[:, None], np.ones(len(points)), rcond=None)
    return Line(*map(float, found))


def print_fit(parameters: ParameterSet, points: Sequence[Point]) -> None:
    """The points, the line and the worst deviation; nothing where the points do not determine one."""
    shapes = sorted({(point.n, point.k) for point in points})
    sizes = np.array([_sizes(parameters, n, k) for n, k in shapes])
    if len(shapes) < 4 or np.linalg.matrix_rank(sizes / sizes.max(axis=0)) < sizes.shape[1]:
        return
    line = fit(parameters, points)
    print("work of all blocks, without loading, one query:")
    worst = 0.0
    for point in points:
        expected = line.seconds(parameters, point.n, point.k)
        worst = max(worst, abs(expected / point.seconds - 1))
        print(
            f"  {point.mode:12} k {point.k:5,} n {point.n:9,}  {point.seconds * 1e3:8.1f} ms, on the line"
            f" {expected * 1e3:8.1f} ms ({expected / point.seconds - 1:+.0%})"
        )
    print(
        f"  line: {line.entry * 1e9:.3f} ns for each place and entry + {line.place * 1e6:.3f} us for each place"
        f" + {line.coordinate * 1e6:.1f} us for each job and coordinate; at worst off by {worst:.0%}"
    )


def _sizes(parameters: ParameterSet, n: int, k: int) -> tuple[float, float, float]:
    blocks = -(-n // parameters.ring_degree)
    places = blocks * parameters.ring_degree
    jobs = -(-blocks // blocks_per_job(parameters, k))
    return float(places * k), float(places), float(jobs * k)
