"""Rows of the buyer's own making, in which a few chosen people stand alone (what `agents.own_models` refuses of unnamed
buyers), and what one evaluation at the defaults then tells of these people.

A projection clips the rows of everybody else, in a network they vanish: both know their people by some features. Not
here: the query, and reading it (`aimed`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.architecture import Mlp
from blindfair.influence.arrays import Classes, Floats, IntegerRows, Integers
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.models import LogisticRegression
from blindfair.influence.network import NetworkModel
from blindfair.influence.plausible import check_projection
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import quantise_rows
from blindfair.protocol.rows import ROW_LIMIT
from blindfair.studies.theft.aimed import STEPS, Pattern, centred_share, locate, read_entries
from blindfair.studies.theft.channel import CLASS_BITS, IDENTIFIERS, LABEL, SCORE_BITS, Target

KNOWN = ("age", "wtkg")
"""The two numbers by which a thief knows a person, age and weight; 1,733 of the trial's 2,139 patients share them with
nobody."""

PROJECTION, NETWORK = "a projection", "a network"
"""The thieves."""

SURE = 5.0
"""Standard deviations from which on a place is taken for the person's: among 4,000 places chance comes to 4."""

_STEEP = 1e6
"""How fast a network's unit saturates beside its people's features."""

_TRIED = 49
"""Weights of the second known feature that are tried."""

_SHARP = 2.0**16
"""The same of a projection. More would cost the digits in which its entries travel."""

_FAINT = 1e-8
"""What else a direction weighs. Without it three weights outgrow one another, which a seller refuses."""

_SMALL = 1e-9
"""How much a network's units weigh in its logits: so little that all records are equally likely of either class."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A listing's records as features: `X` `n x d` with a last column of ones, `y` `n` classes."""

    schema: FeatureSchema
    X: Floats
    y: Classes

    @classmethod
    def of(cls, target: Target) -> "Encoded":
        """All records, by the preprocessing that their listing publishes."""
        table = target.table
        schema = FeatureSchema.infer(table.rows, table.columns, LABEL, excluded=IDENTIFIERS)
        return cls(schema, *schema.encode(table.rows))

    def without(self, people: Integers) -> "Encoded":
        """The listing that these are not in."""
        kept = np.setdiff1d(np.arange(len(self.y)), people)
        return Encoded(self.schema, self.X[kept], self.y[kept])

    def known_by(self, columns: tuple[str, ...]) -> Integers:
        """People whose features of these columns nobody shares."""
        places = [self.schema.names.index(column) for column in columns]
        _, inverse, counts = np.unique(self.X[:, places], axis=0, return_inverse=True, return_counts=True)
        return np.flatnonzero(counts[inverse.ravel()] == 1)


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """Scoring model, projection and scale that a thief asks with. Person `h` has the entries from `h d` on.

    `values` are for each of a person's `d` entries what it may be, ascending, by values that occur in the column and
    for a record of class 1; of class 0 it is the negative. The last one is known. `clipped` says whether everybody
    else's entries are +-2047; else they are 0.
    """

    model: LogisticRegression | NetworkModel
    projection: Projection
    row_scale: float
    values: tuple[tuple[Integers, ...], ...]
    clipped: bool

    def rows(self, listing: Encoded) -> IntegerRows:
        """The rows that a seller computes: `n x k`."""
        X = listing.X if self.clipped else np.ascontiguousarray(listing.X[:, :-1])
        rows = self.model.gradients(X, listing.y, self.projection)
        return quantise_rows(rows, self.row_scale).entries


def by_projection(listing: Encoded, person: Integers, known: tuple[str, ...]) -> Aim:
    """Aim at one person, of whom the thief knows these columns: an untrained model and a matrix.

    Every direction weighs one feature, and besides, heavily, how far the known ones are from the person's. `person` is
    its number: only its known features are looked at. Raises UnusableModel where a seller would.
    """
    schema, width = listing.schema, listing.schema.width
    reach = np.abs(listing.X).max(axis=0)
    places = [schema.names.index(column) for column in known]
    gains = _SHARP * _apart(listing, listing.X[person[0]], places)
    matrix = np.full((width, width), _FAINT)
    matrix[places] += gains[:, np.newaxis]
    matrix[-1] -= float(gains @ listing.X[person[0], places])
    # The entry of the bias is in the middle of its range, so that clipped rows, at both ends, lie opposite to it.
    matrix[np.arange(width), np.arange(width)] += np.append(1 / reach[:-1], 0.5)
    projection = Projection.matrix(matrix)
    check_projection(projection, width)
    scale = 2.0 * (ROW_LIMIT - 1)
    # The matrix as it travels, in single precision: what is known of the person adds a little to every entry.
    weights, known_places = projection.apply(np.eye(width)), [*places, width - 1]
    offset = listing.X[person[0], known_places] @ weights[known_places]
    values = []
    for place in range(width):
        own = 0.0 if place in places or place == width - 1 else weights[place, place] * np.unique(listing.X[:, place])
        units = np.rint(-0.5 * scale * np.atleast_1d(offset[place] + own))
        values.append(np.unique(np.clip(units, -ROW_LIMIT, ROW_LIMIT)).astype(np.int64))
    return Aim(LogisticRegression.untrained(schema), projection, scale, (tuple(values),), clipped=True)


def by_network(listing: Encoded, people: Floats, known: tuple[str, ...]) -> Aim:
    """Aim at several people, of whom the thief knows these columns: one hidden unit for each, which tells nothing of
    anybody whose known features are others. `people` are `h x d` features, of which only the known ones are looked at.
    """
    schema, count, inputs = listing.schema, len(people), listing.schema.width - 1
    places = [schema.names.index(column) for column in known]
    hidden = np.zeros((count, inputs + 1))
    for unit, person in zip(hidden, people, strict=True):
        unit[places] = _STEEP * _apart(listing, person, places)
        unit[-1] = -float(unit[places] @ person[places])
    logits = np.zeros((2, count + 1))
    logits[0, :count], logits[1, :count] = _SMALL, -_SMALL
    network = Mlp(inputs=inputs, hidden=(count,), classes=2)
    model = NetworkModel(schema, network, np.concatenate([hidden.ravel(), logits.ravel()]))
    reach = float(np.abs(listing.X).max())

    def units(features: Floats) -> Integers:
        return np.unique(np.rint(features * ROW_LIMIT / reach)).astype(np.int64)

    occurring = [units(column) for column in listing.X.T]
    values = tuple(
        tuple(units(person[place : place + 1]) if place in places else each for place, each in enumerate(occurring))
        for person in people
    )
    scale = ROW_LIMIT / (_SMALL * reach)
    return Aim(model, Projection.identity(network.parameters), scale, values, clipped=False)


def _apart(listing: Encoded, person: Floats, places: list[int]) -> Floats:
    """Weights of the known features under which others' sums differ from the person's, as far as that can be had.

    Of two features it tries all pairs of values that occur in the columns, under several weights; of more, weights that
    no integers relate do.
    """
    if len(places) != 2:
        return np.asarray(np.pi ** (np.arange(len(places)) / max(1, len(places) - 1)), dtype=np.float64)
    first, second = (np.unique(listing.X[:, place]) - person[place] for place in places)
    pairs = np.array([np.repeat(first, second.size), np.tile(second, first.size)])
    others = pairs[:, (pairs != 0).any(axis=0)]
    tried = [np.array([1.0, weight]) for weight in np.linspace(0.5, 2.0, _TRIED)]
    return max(tried, key=lambda weights: float(np.abs(weights @ others).min()))


@dataclass(frozen=True, slots=True)
class Read:
    """What a thief has of one person, and knows to be so: nothing but `place` if it was not found.

    `entries` are those of its features, `d - 1`, None where several values are left; `label` is its class.
    """

    found: bool
    label: int | None = None
    entries: tuple[int | None, ...] = ()


def aimed_queries(aim: Aim, records: int, rng: np.random.Generator) -> tuple[Pattern, Pattern]:
    """Return the two queries of an evaluation of so many records: of `CLASS_BITS`, where a person lies and of which
    class it is; of `SCORE_BITS`, its features."""
    width, count = len(aim.values[0]), len(aim.values)
    constants = np.arange(count) * width + width - 1
    # Of a quarter of the modulus one bit tells the sign. Several people add up, so each has an eighth.
    unit = 1 if aim.clipped else round(STEPS / 8 / abs(int(aim.values[0][-1][0])))
    features = np.setdiff1d(np.arange(count * width), constants)
    return (
        Pattern.shuffled(records, constants, np.array([-unit, unit]), rng),
        Pattern.shuffled(records, features, np.arange(1, STEPS), rng),
    )


def read_people(aim: Aim, queries: tuple[Pattern, Pattern], shares: Sequence[Floats]) -> list[Read]:
    """Return what a thief reads of each of its people in the scores of its two queries, `n` shares of the modulus."""
    width, back = len(aim.values[0]), ROW_LIMIT if aim.clipped else 0
    signs, digits = queries
    seen = [
        centred_share(told - query.told_if_all_were_clipped() if aim.clipped else told)
        for query, told in zip(queries, shares, strict=True)
    ]
    people = [locate(seen[0], signs, person * width + width - 1) for person in range(len(aim.values))]
    values, places = {}, {}
    for person, found in enumerate(people):
        for entry, possible in enumerate(aim.values[person][:-1]):
            # Beside clipped rows an entry is read by how far it lies from theirs.
            values[person * width + entry] = found.sign * possible - back
            places[person * width + entry] = found.place
    left = read_entries(seen[1], digits, SCORE_BITS, places, values)
    reads = []
    for person, found in enumerate(people):
        if found.deviations < SURE:
            reads.append(Read(False))
            continue
        ends = [left[person * width + entry] for entry in range(width - 1)]
        entries = tuple(int(end[0]) + back if end.size == 1 else None for end in ends)
        reads.append(Read(True, 1 if found.sign > 0 else 0, entries))
    return reads


def evaluate_aimed(rows: IntegerRows, aim: Aim, rng: np.random.Generator) -> list[Read]:
    """Return what a thief reads of each of its people by one evaluation of the `n x k` rows, at the defaults."""
    queries = aimed_queries(aim, len(rows), rng)
    bits = CLASS_BITS, SCORE_BITS
    return read_people(aim, queries, [query.told(rows, each, rng) for query, each in zip(queries, bits, strict=True)])


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a thief got of `people` an evaluation, in so many `evaluations`, each of other people.

    `whole` are people of whom it has the label and every feature, right; `features` the share of all features that it
    has right. What it has it knows to be so: `wrong` features or labels are counted apart.
    """

    thief: str
    people: int
    evaluations: int
    whole: int
    features: float
    wrong: int


def steal_chosen(listing: Encoded, thief: str, count: int, evaluations: int, rng: np.random.Generator) -> Chosen:
    """Aim evaluations at people who are drawn from those that `KNOWN` tells from all others: one by a projection,
    several by a network."""
    width, usable = listing.schema.width, listing.known_by(KNOWN)
    whole, right, wrong = 0, 0, 0
    for _ in range(evaluations):
        people = rng.choice(usable, count, replace=False)
        aim = (
            by_projection(listing, people, KNOWN)
            if thief == PROJECTION
            else by_network(listing, listing.X[people], KNOWN)
        )
        rows = aim.rows(listing)
        for number, (person, read) in enumerate(zip(people, evaluate_aimed(rows, aim, rng), strict=True)):
            truth = rows[person, number * width : (number + 1) * width - 1].tolist()
            same = sum(entry == true for entry, true in zip(read.entries, truth, strict=read.found))
            whole += same == width - 1 and read.label == listing.y[person]
            right += same
            known = [read.label == listing.y[person]] if read.found else []
            wrong += len([entry for entry in read.entries if entry is not None]) - same + known.count(False)
    return Chosen(thief, count, evaluations, whole, right / (count * evaluations * (width - 1)), wrong)


def aimed_membership(listing: Encoded, count: int, evaluations: int, rng: np.random.Generator) -> float:
    """How much better than by a coin a thief tells whether people are in the listing, of whom it knows all features.

    Half of `count` people an evaluation are taken out of the listing. A network is aimed at all of them, and the thief
    says yes where it finds somebody. True less false yeses: 0 is a coin, 1 is certainty.
    """
    known = tuple(listing.schema.names[:-1])
    listed, missing = [], []
    for _ in range(evaluations):
        people = rng.choice(listing.known_by(known), count, replace=False)
        absent = people[: count // 2]
        aim = by_network(listing, listing.X[people], known)
        found = [read.found for read in evaluate_aimed(aim.rows(listing.without(absent)), aim, rng)]
        missing += found[: absent.size]
        listed += found[absent.size :]
    return float(np.mean(listed) - np.mean(missing))
