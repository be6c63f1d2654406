"""What a purchase loses where scores have few bits: one cell, every number of bits, and other ways to choose the range.

The default query alone, seen through the noise of so many bits; a middle purchase. Noise and purchase are drawn anew
several times. Two classes are told by one bit more; of more than two nothing tells the class. Rows are not rounded
here, but for the arm that is about it. Not here: which cells there are (`plan`), and the tables (`few_bits_tables`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from blindfair.blind.parameters import DEFAULT
from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.noise import EXACT_BITS, seen_scores, usable_range, wrapped_share
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.learners import BEST_L2, L2
from blindfair.pricing.valuation import MARGIN
from blindfair.protocol.documents import Document
from blindfair.studies import answers, choices
from blindfair.studies.answers import Answer, Asking
from blindfair.studies.cells import CLEAN, RANDOM, Cell
from blindfair.studies.datasets import load
from blindfair.studies.families import Family, LogisticFamily, family, relabelled
from blindfair.studies.worlds import Records, Regime, StudyWorld, make_world

EXACT = "exact"
SCORE_BITS = tuple(range(9))
"""Bits of the score, besides one bit for the class; at 0 only the class is asked for."""

RANGE_BITS = (2, 3, 4)
"""Bits at which ways to choose the range are compared."""

SHARE = 0.3
PLAIN_MODULUS = DEFAULT.plain_modulus
_MANY, _DRAWS = 8, 4
_ENTRY_LIMIT = 2**5 - 1
"""Largest entry of a row of six bits an entry, sign included."""

_LARGEST_ENTRY = 99.99
_NORM = 95.0
"""Percentiles of the buyer's own entries and norms: where an entry is clipped, and a row scaled down."""

NORM, BOUND = "rows clipped to a norm", "no row can wrap"
SIX_BITS, NO_CLASS = "six bits an entry", "class not asked"
REACHES: Mapping[str, tuple[float, float]] = {
    "own reach": (100.0, 1.0),
    "own reach x 1.1": (100.0, 1.1),
    "own reach x 1.5": (100.0, 1.5),
    "98 % of own x 1.2": (98.0, 1.2),
    "95 % of own x 1.2": (95.0, 1.2),
    "90 % of own x 1.2": (90.0, 1.2),
}
"""Ranges beside the default: the percentile of the buyer's own absolute scores, and the margin on top of it."""


def arm_name(bits: int, way: str = "") -> str:
    """The name of the arm of so many bits for the score, under another way if one is given."""
    return f"{bits} bits" + (f", {way}" if way else "")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """An exact answer, and half the range that it is seen in, in the unit of its scores."""

    answer: Answer
    range: float

    def seen(self, bits: int, rng: np.random.Generator) -> Answer:
        """The answer through noise; without a score at 0 bits."""
        return Answer(*(self._seen(part, bits, rng) for part in self._parts()))

    def _seen(self, part: Scored, bits: int, rng: np.random.Generator) -> Scored:
        if bits == 0:
            return Scored(np.zeros(len(part)), part.sides)
        if bits == EXACT_BITS:
            return part
        integers = self._integers(part, bits)[np.newaxis, :]
        return Scored(seen_scores(integers, [bits], PLAIN_MODULUS, rng)[0] * self._unit(bits), part.sides)

    def wrapped(self, bits: int) -> tuple[float, float]:
        """The share of scores beyond the usable range: of the offer, and of the buyer's own held-out records."""
        offer, right, wrong = (self._integers(part, bits) for part in self._parts())
        own = np.concatenate([right, wrong])
        return wrapped_share(offer, bits, PLAIN_MODULUS), wrapped_share(own, bits, PLAIN_MODULUS)

    def _parts(self) -> tuple[Scored, Scored, Scored]:
        return self.answer.offer, self.answer.right, self.answer.wrong

    def _unit(self, bits: int) -> float:
        return self.range / usable_range(PLAIN_MODULUS, bits)

    def _integers(self, part: Scored, bits: int) -> Integers:
        return np.rint(part.scores / self._unit(bits)).astype(np.int64)


def run_few_bits(cell: Cell) -> Document:
    """Study one cell. Deterministic: equal cells give equal documents on one machine."""
    world = make_world(load(cell.data), cell.regime, cell.size, cell.seed)
    study = Study(world, family(cell.family, world), cell)
    asked = study.asked()
    arms: Document = {
        RANDOM: study.at_random(np.arange(len(world.offer))),
        CLEAN: study.at_random(np.flatnonzero(world.truth.fine)),
        EXACT: study.arm(asked, EXACT_BITS, _MANY),
    }
    arms |= {arm_name(bits): study.arm(asked, bits) for bits in SCORE_BITS}
    if world.class_count == 2:
        without = Asked(asked.answer.without_sides(), asked.range)
        arms |= {arm_name(bits, NO_CLASS): study.arm(without, bits) for bits in RANGE_BITS}
    if isinstance(study.kind, LogisticFamily):
        for way, other in study.ways(asked, study.kind).items():
            arms |= {arm_name(bits, way): study.arm(other, bits) for bits in RANGE_BITS}
    offered, own = zip(*(asked.wrapped(bits) for bits in RANGE_BITS), strict=True)
    return {
        "cell": cell.key(),
        "judge": study.kind.judge,
        "bad_share": float(world.truth.bad.mean()),
        "before": study.kind.quality(study.fitted, world.test),
        "wrapped": float(np.mean(offered)),
        "wrapped_expected": float(np.mean(own)),
        "arms": arms,
    }


class Study:
    """One world with what all arms share."""

    def __init__(self, world: StudyWorld, kind: Family, cell: Cell) -> None:
        self.world, self.kind, self.cell = world, kind, cell
        self.own = world.own
        self.fitted = kind.fit(self.own)
        self.asking = Asking(world, kind, cell.seed)
        self.reference = kind.reference(self.own)
        self.size = max(1, round(SHARE * len(world.offer)))

    def asked(self) -> Asked:
        """The default query, and the range by the buyer's own records."""
        make = answers.displacement(self.kind, self.reference)
        return Asked(self.asking.ask(make), MARGIN * float(self._own_scores(make).max()))

    def _own_scores(self, make: Callable[[Records, Records], answers.Score]) -> Floats:
        """Absolute scores of all the buyer's records, and of the trusted ones with another label."""
        world = self.world
        score = make(world.train, world.validation)
        other = relabelled(world.validation, (world.validation.y + 1) % world.class_count)
        scores: Floats = np.concatenate([score(self.own), score(other)])
        return np.abs(scores)

    def ways(self, asked: Asked, kind: LogisticFamily) -> dict[str, Asked]:
        """The same query with other ranges, and with rows that are clipped or rounded."""
        scores = self._own_scores(answers.displacement(kind, self.reference))
        found = {
            way: Asked(asked.answer, margin * float(np.percentile(scores, percentile)))
            for way, (percentile, margin) in REACHES.items()
        }
        rows = kind.gradients(self.reference, self.own)
        query = kind.fit(self.own, l2=BEST_L2) - self.reference
        largest = float(np.percentile(np.abs(rows), _LARGEST_ENTRY))
        found[BOUND] = Asked(asked.answer, largest * float(np.abs(query).sum()))
        norm = float(np.percentile(np.linalg.norm(rows, axis=1), _NORM))
        clipped = self.asking.ask(self._of_rows(kind, lambda rows: _clipped_to(rows, norm)))
        found[NORM] = Asked(clipped, norm * float(np.linalg.norm(query)))
        scale = _ENTRY_LIMIT / largest
        rounded = self._of_rows(kind, lambda rows: np.clip(np.rint(rows * scale), -_ENTRY_LIMIT, _ENTRY_LIMIT) / scale)
        found[SIX_BITS] = Asked(self.asking.ask(rounded), MARGIN * float(self._own_scores(rounded).max()))
        return found

    def _of_rows(
        self, kind: LogisticFamily, change: Callable[[Floats], Floats]
    ) -> Callable[[Records, Records], answers.Score]:
        """The default query, of rows that are changed before they are scored."""

        def make(train: Records, validation: Records) -> answers.Score:
            query: Floats = self.reference - kind.fit(train.and_also(validation), l2=BEST_L2)

            def score(records: Records) -> Floats:
                scores: Floats = change(kind.gradients(self.reference, records)) @ query
                return scores

            return score

        return make

    def at_random(self, places: Integers) -> Document:
        """Purchases of these places at random."""
        rng = np.random.default_rng([self.cell.seed, 11])
        return self._bought([rng.permutation(places)[: self.size] for _ in range(_MANY)])

    def arm(self, asked: Asked, bits: int, draws: int = _DRAWS) -> Document:
        """Purchases by trust through noise. Copies are told by equal scores where these are exact alone."""
        rng = np.random.default_rng([self.cell.seed, 12])
        places: Integers = np.arange(len(self.world.offer))
        if bits == EXACT_BITS:
            places = np.sort(np.unique(asked.answer.offer.scores, return_index=True)[1])
        bought, shares = [], []
        for _ in range(draws):
            seen = asked.seen(bits, rng)
            if self.cell.regime is not Regime.SELLERS:
                shares.append(choices.trust_of(seen, places).bad_share)
            bought.append(choices.drawn(self._weights(seen, places), places, rng)[: self.size])
        true = float(self.world.truth.bad.mean())
        estimates: Document = {
            "bad_estimated": float(np.mean(shares)) if shares else None,
            "off": float(np.abs(np.array(shares) - true).mean()) if shares else None,
        }
        return self._bought(bought) | estimates

    def _weights(self, seen: Answer, places: Integers) -> Floats:
        return choices.by_listing(self.world.listing, places, lambda part: choices.trust_of(seen, part).weights)

    def _bought(self, purchases: list[Integers]) -> Document:
        kind, world = self.kind, self.world
        quality = [
            kind.quality(kind.fit(self.own.and_also(world.offer.at(places)), l2=L2, start=self.fitted), world.test)
            for places in purchases
        ]
        bad = [float(world.truth.bad[places].mean()) if places.size else 0.0 for places in purchases]
        return {"quality": float(np.mean(quality)), "bad": float(np.mean(bad))}


def _clipped_to(rows: Floats, norm: float) -> Floats:
    return np.asarray(rows * np.minimum(1.0, norm / np.linalg.norm(rows, axis=1))[:, np.newaxis], dtype=np.float64)
