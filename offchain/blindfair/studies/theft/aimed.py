"""A query that is no constant, and reading what it tells of a few records whose rows differ from all others'.

A query's coordinate is a ciphertext, and a buyer with a program of its own may encrypt any polynomial in it. The score
of one record then also weighs the rows of its neighbours in the block (docs/explanation/privacy.md; tests/blind has
such queries under real encryption):

    score of record r = sum over records p and entries j of  weights[j, r - p] * row[p, j]   modulo t, then noise

Where all rows but a few are known, every score of the block tells its bits about these few. Not here: how rows are
made so (`chosen`).
"""

import math
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, IntegerRows, Integers
from blindfair.protocol.rows import ROW_LIMIT
from blindfair.studies.theft.channel import MODULUS, told

STEPS = 2 * ROW_LIMIT
"""Entries from -2047 to 2047 are told apart modulo this, and the two clipped ends are one."""

_ROUNDING = 1e-3
"""How far a score may lie off besides the noise: weights are rounded to integers, and add up over a block."""

_COMBINATIONS = 20_000
"""Values of several entries that are tried together at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """The polynomials of one query over a listing of `n` records.

    `entries` and `multipliers` have `2 n - 1` places: a score weighs entry `entries[n - 1 + s]` of the record `s`
    places before it by `multipliers[n - 1 + s] / STEPS` of the modulus. A multiplier of 0 weighs nothing.
    """

    entries: Integers
    multipliers: Integers

    @property
    def records(self) -> int:
        """`n`."""
        return (self.entries.size + 1) // 2

    @classmethod
    def shuffled(cls, records: int, entries: Integers, multipliers: Integers, rng: np.random.Generator) -> "Pattern":
        """Each of `entries` equally often in any stretch of places, with multipliers drawn from `multipliers`."""
        places = 2 * records - 1
        rounds = [rng.permutation(entries) for _ in range(-(-places // entries.size))]
        return cls(np.concatenate(rounds)[:places], rng.choice(multipliers, places))

    def seen_from(self, place: int) -> tuple[Integers, Integers]:
        """Entry and multiplier by which each of the `n` scores weighs the record at `place`."""
        window = slice(self.records - 1 - place, 2 * self.records - 1 - place)
        return self.entries[window], self.multipliers[window]

    def weights(self) -> Integers:
        """The multipliers as integers modulo `t`, `2 n - 1`."""
        return np.asarray(np.rint(self.multipliers * (MODULUS / STEPS)), dtype=np.int64)

    def told(self, rows: IntegerRows, bits: int, rng: np.random.Generator) -> Floats:
        """The scores of `n x k` rows as a buyer sees them through noise: `n` shares of the modulus."""
        weights, last = self.weights(), self.records - 1
        scores = np.zeros(self.records, dtype=np.int64)
        for place in np.flatnonzero(rows.any(axis=1)):
            window = slice(last - place, 2 * last + 1 - place)
            scores += weights[window] * rows[place, self.entries[window]]
        return np.asarray(told(scores[np.newaxis, :], [bits], rng)[0], dtype=np.float64)

    def told_if_all_were_clipped(self) -> Floats:
        """What the scores were, without noise, if every entry of every record were clipped: `n` shares.

        At 2047 or at -2047 is the same: a multiplier weighs either by a half of the modulus or by nothing.
        """
        sums = np.concatenate([[0], np.cumsum(self.multipliers)])
        places = np.arange(self.records)
        return np.asarray((sums[self.records + places] - sums[places]) % 2 / 2, dtype=np.float64)


def centred_share(shares: Floats) -> Floats:
    """Shares of the modulus as numbers from -1/2 to 1/2."""
    return np.asarray((shares + 0.5) % 1.0 - 0.5, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a record lies, as far as scores tell: `place`, whether its sign is +1 or -1, and how surely.

    `deviations` is by how many standard deviations of chance the scores agree with it.
    """

    place: int
    sign: int
    deviations: float


def locate(seen: Floats, pattern: Pattern, entry: int) -> Found:
    """Find the record whose `entry` the scores weigh by multipliers of either sign: the place that agrees best.

    `seen` are `n` centred shares that are 0 on average where no record has this entry.
    """
    signs = np.where(pattern.entries == entry, np.sign(pattern.multipliers), 0).astype(np.float64)
    # At place p: sum over r of seen[r] * signs[n - 1 + r - p].
    agreements = np.correlate(signs, seen, mode="valid")[::-1]
    counts = np.correlate(signs**2, np.ones_like(seen), mode="valid")[::-1]
    deviations = agreements / np.sqrt(np.maximum(counts, 1.0) * float((seen**2).mean()))
    place = int(np.abs(deviations).argmax())
    return Found(place, 1 if deviations[place] > 0 else -1, float(abs(deviations[place])))


def read_entries(
    seen: Floats, pattern: Pattern, bits: int, places: dict[int, int], possible: dict[int, Integers]
) -> dict[int, Integers]:
    """Return for every entry the values that no score rules out, of those that are `possible`.

    `places` says at which record an entry is not 0. A score that weighs one entry rules out all its values but one in
    `2^bits`. One that weighs several rules out what fits no values of the others, and is looked at again when one of
    these has fewer values left.
    """
    left, half = dict(possible), 0.5 ** (bits + 1) + _ROUNDING
    terms: list[list[tuple[int, float]]] = [[] for _ in seen]
    scores_of: dict[int, list[int]] = {entry: [] for entry in left}
    for entry, place in places.items():
        entries, multipliers = pattern.seen_from(place)
        for score in np.flatnonzero(entries == entry).tolist():
            terms[score].append((entry, float(multipliers[score]) / STEPS))
            scores_of[entry].append(score)
    waiting = dict.fromkeys(score for score, weighed in enumerate(terms) if weighed)
    while waiting:
        score = next(iter(waiting))
        del waiting[score]
        open_terms = [entry for entry, _ in terms[score] if left[entry].size > 1]
        if not open_terms or math.prod(left[entry].size for entry in open_terms) > _COMBINATIONS:
            continue
        sums = np.array(-seen[score])
        for entry, share in terms[score]:
            sums = np.add.outer(sums, left[entry] * share)
        fits = np.abs(centred_share(sums)) <= half
        for axis, (entry, _) in enumerate(terms[score]):
            kept = fits.any(axis=tuple(other for other in range(fits.ndim) if other != axis))
            if not kept.all():
                left[entry] = left[entry][kept]
                waiting |= dict.fromkeys(scores_of[entry])
    return left
