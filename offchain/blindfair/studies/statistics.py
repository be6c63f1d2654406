"""Paired differences between ways of choosing: the same division, the same trouble, the same number of records.

A cell's difference is averaged over the data sets of its seed first, so that the interval is over seeds: how sure the
mean over these data sets is, not what another data set would bring.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.pricing.utility import mean_and_margin
from blindfair.protocol.errors import InvalidOption
from blindfair.studies.cells import CLEAN, RANDOM


@dataclass(frozen=True, slots=True)
class Result:
    """A cell as the ledger has it. `arms` maps a method to what it found at each of `shares`."""

    data: str
    family: str
    regime: str
    size: str
    seed: int
    judge: str
    shares: tuple[float, ...]
    before: float
    bad_share: float
    bad_estimated: float | None
    told_apart: float | None
    quality: dict[str, tuple[float, ...]]
    bad: dict[str, tuple[float, ...]]

    def at(self, method: str, share: float) -> float:
        """Quality after this method's purchase."""
        return self.quality[method][self.shares.index(share)]


@dataclass(frozen=True, slots=True)
class Gain:
    """A mean difference with half of its 95 % interval; the margin is None for one seed alone."""

    mean: float
    margin: float | None

    def __str__(self) -> str:
        return f"{self.mean:+.4f}" + ("" if self.margin is None else f" ± {self.margin:.4f}")


def gain(results: Sequence[Result], method: str, other: str, share: float) -> Gain:
    """The gain of `method` over `other`, paired by cell. Raises InvalidOption where no cell has both."""
    seeds: dict[int, list[float]] = {}
    for result in results:
        if method in result.quality and other in result.quality and share in result.shares:
            seeds.setdefault(result.seed, []).append(result.at(method, share) - result.at(other, share))
    if not seeds:
        raise InvalidOption("No cell has both methods", expected=f"{method} and {other}", found="none")
    means: Floats = np.array([np.mean(values) for values in seeds.values()])
    if len(means) < 2:
        return Gain(float(means[0]), None)
    mean, margin = mean_and_margin(means)
    return Gain(float(mean), float(margin))


@dataclass(frozen=True, slots=True)
class SharePart:
    """Which part of another method's gain a method has, with half of its 95 % interval; no margin of one seed."""

    mean: float
    margin: float | None

    def __str__(self) -> str:
        return f"{self.mean:.0%}" + ("" if self.margin is None else f" ± {self.margin:.0%}")


def part_of_gain(results: Sequence[Result], method: str, whole: str, base: str, share: float) -> SharePart | None:
    """The mean gain of `method` over `base`, as a part of that of `whole`; none where the whole is no gain.

    Every data set under every regime weighs the same. The interval is that of a ratio of means over seeds (Cochran
    1977). Raises InvalidOption where no cell has all three.
    """
    pairs: dict[int, list[tuple[float, float]]] = {}
    for result in results:
        if {method, whole, base} <= result.quality.keys() and share in result.shares:
            least = result.at(base, share)
            pairs.setdefault(result.seed, []).append(
                (result.at(method, share) - least, result.at(whole, share) - least)
            )
    if not pairs:
        raise InvalidOption("No cell has all methods", expected=f"{method}, {whole} and {base}", found="none")
    had, all_of_it = np.array([np.mean(values, axis=0) for values in pairs.values()]).T
    if all_of_it.mean() <= 0:
        return None
    ratio = float(had.mean() / all_of_it.mean())
    if len(pairs) < 2:
        return SharePart(ratio, None)
    _, margin = mean_and_margin(had - ratio * all_of_it)
    return SharePart(ratio, float(margin / all_of_it.mean()))


MIN_GAP = 0.003
"""A gap between random and clean that is smaller is no trouble, and a share of it says nothing."""


def gap_share(results: Sequence[Result], method: str, share: float) -> float | None:
    """Which part of the way from random to clean the method goes, on average; none where there is hardly a way."""
    gap = gain(results, CLEAN, RANDOM, share).mean
    return gain(results, method, RANDOM, share).mean / gap if gap >= MIN_GAP else None


def worst(results: Sequence[Result], method: str, share: float) -> tuple[str, Gain]:
    """The data set on which the method has the least over random, and what it has there."""
    found = {
        data: gain([result for result in results if result.data == data], method, RANDOM, share)
        for data in sorted({result.data for result in results})
    }
    least = min(found, key=lambda data: found[data].mean)
    return least, found[least]


def methods_of(results: Iterable[Result]) -> list[str]:
    """The names of all methods, each once, in the order in which they appear."""
    return list(dict.fromkeys(name for result in results for name in result.quality))
