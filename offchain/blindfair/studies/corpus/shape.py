"""How unequal values are, and whether their tail is a power law's.

    density above the least value x0      p(x) ~ x^-a      a = 1 + n / sum log(x / x0)      (Hill 1975)

`x0` is where the fit is nearest by Kolmogorov and Smirnov's distance; a fit that resampled data beat nine times in ten
is refused, and so is one to which an exponential tail is preferred (Clauset, Shalizi and Newman 2009; Vuong 1989). Not
here: what a value is (`values`), and how few carry most (`pricing.value_shape`).
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats

CANDIDATES = 40
"""Places of `x0` that are tried."""

MIN_TAIL = 30
"""Values above `x0` at least."""

RESAMPLES = 200
LEAST_CHANCE = 0.1
"""A power law is refused where synthetic ones fit worse than the data in fewer cases."""

SURELY = 1.96
"""Standard errors by which the other tail must be likelier."""


def gini(amounts: Floats) -> float:
    """The Gini coefficient of amounts that are not negative: 0 where all have the same, near 1 where one has all.

    >>> gini(np.array([1.0, 1.0, 1.0])), gini(np.array([0.0, 0.0, 0.0, 1.0]))
    (0.0, 0.75)
    """
    rising = np.sort(amounts)
    count, total = len(rising), rising.sum()
    if not total:
        return 0.0
    return float(2 * (np.arange(1, count + 1) * rising).sum() / (count * total) - (count + 1) / count)


@dataclass(frozen=True, slots=True)
class TailFit:
    """A power law fitted to the largest values: `exponent` of its density with a 95 % interval.

    `tail` is the share of positive values that it is fitted to, `chance` how often synthetic power laws fit worse, and
    `preference` by how many standard errors it is likelier than an exponential tail.
    """

    exponent: float
    low: float
    high: float
    tail: float
    chance: float
    preference: float

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against a power law."""
        return self.chance >= LEAST_CHANCE and self.preference > -SURELY


def fit_tail(values: Floats, rng: np.random.Generator, resamples: int = RESAMPLES) -> TailFit | None:
    """Fit the positive ones of `n` values; none where they are too few."""
    positive = np.sort(values[values > 0])
    if len(positive) < 2 * MIN_TAIL:
        return None
    exponent, start, distance = _fitted(positive)
    drawn = [_fitted(np.sort(rng.choice(positive, len(positive))))[0] for _ in range(resamples)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    above, below = positive[start:], positive[:start]
    worse = 0
    for _ in range(resamples):
        # Below x0 like the data, above it a power law: as many values as the data has, of either kind by chance.
        many = int(rng.binomial(len(positive), len(above) / len(positive))) if start else len(positive)
        powers = above[0] * (1 - rng.random(many)) ** (-1 / (exponent - 1))
        rest = rng.choice(below, len(positive) - many) if many < len(positive) else below[:0]
        worse += _fitted(np.sort(np.concatenate([rest, powers])))[2] > distance
    return TailFit(
        exponent,
        float(low),
        float(high),
        len(above) / len(positive),
        worse / resamples,
        _preference(above, exponent),
    )


def _fitted(rising: Floats) -> tuple[float, int, float]:
    """Exponent, place of `x0` and distance of the nearest fit to positive values in rising order."""
    last = len(rising) - MIN_TAIL
    logs = np.log(rising)
    best = (np.inf, 0, np.inf)
    for start in np.unique(np.linspace(0, last, CANDIDATES).astype(int)):
        above = logs[start:] - logs[start]
        mean = above.mean()
        if mean <= 0:
            continue
        # log(x / x0) is exponential with this mean.
        model = 1 - np.exp(-above / mean)
        count = len(above)
        steps = np.arange(count + 1) / count
        distance = float(max(np.abs(model - steps[:-1]).max(), np.abs(model - steps[1:]).max()))
        if distance < best[2]:
            best = (1 + 1 / float(mean), int(start), distance)
    return best


def _preference(above: Floats, exponent: float) -> float:
    """Standard errors by which the power law is likelier than an exponential above the same `x0` (Vuong 1989)."""
    least = above[0]
    power = np.log((exponent - 1) / least) - exponent * np.log(above / least)
    rate = 1 / max(float((above - least).mean()), np.finfo(np.float64).tiny)
    differences = power - (np.log(rate) - rate * (above - least))
    spread = float(differences.std(ddof=1))
    return float(differences.mean() * np.sqrt(len(above)) / spread) if spread else 0.0
