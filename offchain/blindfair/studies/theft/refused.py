"""The sections of docs/studies/theft.md on what is refused or mended since: evaluations aimed at chosen people, lengths
of records, and preprocessing that tells nothing.

Not here: the thieves (`chosen`, `besides`).
"""

from dataclasses import asdict, dataclass

import numpy as np

from blindfair.protocol.documents import Document, JsonValue
from blindfair.studies.theft.besides import SHARE, Misled, divided, length_bits, measure_misled
from blindfair.studies.theft.channel import CLASS_BITS, SCORE_BITS, Target
from blindfair.studies.theft.chosen import KNOWN, NETWORK, PROJECTION, Chosen, Encoded, aimed_membership, steal_chosen

THIEVES = ((PROJECTION, 1, 10), (NETWORK, 11, 3), (NETWORK, 16, 2), (NETWORK, 24, 1))
"""Thief, people an evaluation, evaluations."""

MEMBERS = (11, 4)
"""People an evaluation whose membership is asked for, and evaluations."""

DIVISIONS = 5
"""Divisions of the table between buyer and seller, for the choices by misleading preprocessing."""


@dataclass(frozen=True, slots=True)
class Aimed:
    """The disclosure of evaluations that are aimed at chosen people."""

    records: int
    alone: int
    features: int
    thefts: tuple[Chosen, ...]
    membership: float

    def page(self) -> str:
        """The section."""
        rows = "\n".join(
            f"| {each.thief} | {each.people} | {each.evaluations} | {each.whole} of {each.people * each.evaluations} | "
            f"{100 * each.features:.1f} % | {each.wrong} |"
            for each in self.thefts
        )
        bits = SCORE_BITS + CLASS_BITS
        return f"""## Chosen people

`seller list --own-models` takes models and projections of any buyer, and a named buyer's are always taken.
Such a buyer makes the gradient rows of everybody but a few people equal, and each query a polynomial.
Then all {bits * self.records:,} bits of one evaluation, {bits} a record, are about these few.
The thief knows of each person the cells of {" and ".join(f"`{column}`" for column in KNOWN)}.
Of {self.records:,} patients {self.alone:,} share theirs with nobody, and are chosen from.
It knows neither where in the listing a person is nor any other cell.
Whole are people of whom it reads the label and all {self.features} features, each to the 12 bits of a row's entry.

| by | people an evaluation | evaluations | read whole | features read | read wrongly |
| --- | --- | --- | --- | --- | --- |
{rows}

A thief that knows all features of {MEMBERS[0]} people asks in one evaluation which of them are in the listing.
The advantage is {self.membership:.2f}, over {MEMBERS[1]} evaluations; half of the people are in it.

By default a listing refuses such models and projections of unnamed buyers, before it counts or computes anything.
"""

    def to_document(self) -> Document:
        """The figures."""
        thefts: list[JsonValue] = [dict(asdict(each)) for each in self.thefts]
        return {"alone": self.alone, "membership": self.membership, "thefts": thefts}


@dataclass(frozen=True, slots=True)
class Besides:
    """The disclosure and sales beside the counted bits."""

    own_length: float
    listed_length: float
    misled: tuple[Misled, ...]
    own: tuple[int, int]

    def page(self) -> str:
        """The section."""
        rows = "\n".join(
            f"| {each.name} | {100 * each.wrong:.0f} % | {each.told} of {DIVISIONS} |" for each in self.misled
        )
        return f"""## Lengths of records

A delivery is seen before it is paid for, and the length of each record with it.
Records of their own lengths would tell {self.own_length:.1f} bits each, and no budget would count them.
Listed records have one length: {self.listed_length:.1f} bits.

## Preprocessing that tells nothing

A seller publishes how records are prepared.
Where that hides what they tell, the buyer chooses blindly.
Of the offered labels {100 * self.misled[0].offered:.0f} % are wrong.
The buyer takes {100 * SHARE:.0f} % of the records, although it is told.

| preprocessing | wrong labels bought | the buyer is told before it asks |
| --- | --- | --- |
{rows}

Means over {DIVISIONS} divisions of the table.
The buyer has {self.own[0]} training and {self.own[1]} validation records; with so few it is not always told.
"""

    def to_document(self) -> Document:
        """The figures."""
        misled: list[JsonValue] = [dict(asdict(each)) for each in self.misled]
        return {"listed_length_bits": self.listed_length, "misled": misled, "own_length_bits": self.own_length}


def measure_aimed(target: Target) -> Aimed:
    """Every thief with an aim, the same at each call."""
    listing = Encoded.of(target)
    thefts = tuple(
        steal_chosen(listing, thief, people, evaluations, np.random.default_rng(people))
        for thief, people, evaluations in THIEVES
    )
    membership = aimed_membership(listing, *MEMBERS, np.random.default_rng(0))
    alone = int(listing.known_by(KNOWN).size)
    return Aimed(len(listing.y), alone, listing.schema.width - 1, thefts, membership)


def measure_besides(target: Target) -> Besides:
    """Lengths, and choices by misleading preprocessing, the same at each call."""
    scenario = divided(target, 0)
    own = len(scenario.train), len(scenario.validation)
    return Besides(*length_bits(target), tuple(measure_misled(target, DIVISIONS)), own)
