"""The mixed-radix thief: it makes every column of a record a digit of one score and reads the digits off.

A score is one number modulo `t`. Noise that leaves `b` bits of it leaves `2^b` places on the circle that can be told
apart without error, so a thief that knows the places reads `2^b` different records' contents exactly, and nothing can
read more. Rows are `(1/2 - y) x` under an untrained logistic model: the label is the sign, and a query of one bit gives
it; the columns are weights. Not here: thieves that read statistically (`askers`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Integers
from blindfair.influence.noise import EXACT_BITS
from blindfair.studies.theft.channel import LABEL, MODULUS, Stolen, Target, told

OWN_SHARE = 0.3
"""Share of the table that the thief has as records of its own."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Columns that one query of `bits` bits reads together, the first in the last place."""

    columns: tuple[str, ...]
    bits: int


def places_of(bits: int) -> int:
    """How many places on the circle of scores noise leaves apart."""
    return MODULUS if bits == EXACT_BITS else 2**bits


def read_places(places: Integers, bits: int, rng: np.random.Generator) -> Integers:
    """The places of `n` records, as read off noisy scores that lie in the middle of them."""
    among = places_of(bits)
    scores = (places if among == MODULUS else places * MODULUS // among)[np.newaxis, :]
    return np.asarray(np.rint(told(scores, [bits], rng)[0] * among).astype(np.int64) % among, dtype=np.int64)


def pack_greedily(target: Target, queries: Sequence[int], *, known: Sequence[str] = ()) -> tuple[Packing, ...]:
    """Choose the columns, for queries of so many bits each, whose cells gain most over guessing for their space.

    A column goes whole or not at all; where a query has space left and no column fits, the space is lost. `known` are
    columns that the thief has already.
    """
    left = sorted(
        (column for column in target.columns if column not in known and target.values(column) > 1),
        key=lambda column: (1 - target.guessed(column)) / np.log2(target.values(column)),
        reverse=True,
    )
    packings = []
    for bits in queries:
        space, taken = places_of(bits), []
        for column in list(left):
            if target.values(column) <= space:
                space //= target.values(column)
                taken.append(column)
                left.remove(column)
        packings.append(Packing(tuple(taken), bits))
    return tuple(packings)


def read_packing(target: Target, packing: Packing, rng: np.random.Generator) -> dict[str, Integers]:
    """What an evaluation of such a query gives away: the codes of its columns, decoded from noisy scores."""
    places, weight = np.zeros(len(target.table.rows), dtype=np.int64), 1
    for column in packing.columns:
        places += weight * target.codes(column)
        weight *= target.values(column)
    decoded = read_places(places, packing.bits, rng)
    found = {}
    for column in packing.columns:
        decoded, found[column] = np.divmod(decoded, target.values(column))
    return found


def steal_digits(target: Target, packings: Sequence[Packing], *, labels: bool, rng: np.random.Generator) -> Stolen:
    """Read all packings, and the label by a query of one bit for each evaluation that has one; guess the rest."""
    read: dict[str, Integers] = {LABEL: target.codes(LABEL)} if labels else {}
    for packing in packings:
        read |= read_packing(target, packing, rng)
    right = [
        float((read[column] == target.codes(column)).mean()) if column in read else target.guessed(column)
        for column in target.columns
    ]
    exact = [column for column in read if (read[column] == target.codes(column)).all()]
    spent = sum(packing.bits for packing in packings) + (1.0 if labels else 0.0)
    return Stolen(spent, sum(target.entropy(column) for column in exact), float(np.mean(right)))


def steal_unadapted(target: Target, bits: int, rng: np.random.Generator) -> Stolen:
    """The thief of before, unchanged: all columns are digits of one score, as if it had space for them. Noise leaves
    the first places of the number alone, and every column is guessed from those, as records of the thief's own teach
    it."""
    order = pack_greedily(target, [EXACT_BITS], known=[LABEL])[0].columns
    number = np.zeros(len(target.table.rows))
    for column in order:
        number = (number + target.codes(column)) / target.values(column)
    seen = read_places(np.floor(number * 2**bits).astype(np.int64), bits, rng)
    own = rng.random(seen.size) < OWN_SHARE
    right = []
    for column in target.columns:
        codes = target.codes(column)
        guess = np.full(seen.size, np.bincount(codes[own]).argmax())
        for each in np.unique(seen[own]):
            guess[seen == each] = np.bincount(codes[own & (seen == each)]).argmax()
        right.append(1.0 if column == LABEL else float((guess == codes)[~own].mean()))
    return Stolen(bits + 1.0, float("nan"), float(np.mean(right)))


def steal_one_column(target: Target, column: str, bits: int, rng: np.random.Generator) -> Stolen:
    """Spend all bits on one column: its values are cut into `2^bits` ranges of equal frequency, and within a range the
    most frequent value is guessed."""
    codes = target.codes(column)
    order = np.argsort(np.argsort(codes, kind="stable"), kind="stable")
    ranges = order * 2**bits // codes.size
    seen = read_places(ranges, bits, rng)
    guess = np.empty_like(codes)
    for each in np.unique(seen):
        inside = seen == each
        guess[inside] = np.bincount(codes[inside]).argmax()
    right = [float((guess == codes).mean()) if name == column else target.guessed(name) for name in target.columns]
    return Stolen(bits, min(float(bits), target.entropy(column)), float(np.mean(right)))
