"""One cell of the study: data set, model family, regime, size of buyer, seed; every method buys, at every share.

The result is a flat document for one line of a file. Qualities are those of a model fitted to all the buyer's own
records and the bought ones. Not here: which cells there are (`plan`), and what is made of them (`statistics`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.learners import L2
from blindfair.pricing.ranks import auc
from blindfair.protocol.documents import Document
from blindfair.studies import answers, choices
from blindfair.studies.answers import Answer, Asking
from blindfair.studies.datasets import load
from blindfair.studies.disclosed import disclosed_answer, near_distinct
from blindfair.studies.families import Family, LogisticFamily, family
from blindfair.studies.worlds import BuyerSize, Records, Regime, StudyWorld, make_world

SHARES = (0.05, 0.1, 0.3, 0.6)
"""Purchases, as shares of the listed records."""

NETWORK_SHARES = (0.1, 0.3)
"""The same for networks, which are dear to fit."""

RANDOM, CLEAN, DEFAULT, BEFORE = "random", "clean", "trust", "old default"

Order = Callable[[np.random.Generator], Integers]
"""A way of choosing: an order of purchase, drawn anew where chance has a part in it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The subject of one run of the study."""

    data: str
    family: str
    regime: Regime
    size: BuyerSize
    seed: int

    def key(self) -> str:
        """Its name in the file of results."""
        return f"{self.data}/{self.family}/{self.regime.value}/{self.size.value}/{self.seed}"


def run_cell(cell: Cell) -> Document:
    """Study one cell. Deterministic: equal cells give equal documents on one machine."""
    world = make_world(load(cell.data), cell.regime, cell.size, cell.seed)
    kind = family(cell.family, world)
    study = _Study(world, kind, cell.seed)
    default = study.default()
    places = np.arange(len(world.offer))
    trust = choices.trust_of(default, study.distinct(default)) if cell.regime is not Regime.SELLERS else None
    bad = world.truth.bad
    return {
        "cell": cell.key(),
        "judge": kind.judge,
        "shares": list(study.shares),
        "offer": len(world.offer),
        "own": len(world.own),
        "before": kind.quality(study.fitted_with(places[:0]), world.test),
        "bad_share": float(bad.mean()),
        "bad_estimated": None if trust is None else trust.bad_share,
        "told_apart": auc(~bad, default.offer.scores) if bad.any() else None,
        "arms": {name: study.arm(order, draws) for name, (order, draws) in study.orders(default).items()},
    }


class _Study:
    """One world with what several methods share."""

    def __init__(self, world: StudyWorld, kind: Family, seed: int) -> None:
        self.world, self.kind, self.seed = world, kind, seed
        self.own = world.own
        self.fitted = kind.fit(self.own)
        self.asking = Asking(world, kind, seed)
        self.reference = kind.reference(self.own)
        # Networks are dear: fewer repeated draws and no method that only logistic regression has.
        self.cheap = isinstance(kind, LogisticFamily)
        self.shares = SHARES if self.cheap else NETWORK_SHARES

    def fitted_with(self, bought: Integers) -> Floats:
        """The model after a purchase."""
        return self.kind.fit(self.own.and_also(self.world.offer.at(bought)), start=self.fitted)

    def arm(self, order: Order, draws: int) -> Document:
        """Quality, number of records bought and share of bad ones among them at each share, means over draws."""
        rng = np.random.default_rng([self.seed, 4])
        sizes = [max(1, round(share * len(self.world.offer))) for share in self.shares]
        quality, bought, bad = (np.empty((draws, len(sizes))) for _ in range(3))
        for draw in range(draws):
            ordered = order(rng)
            before = -1
            for place, size in enumerate(sizes):
                chosen = ordered[:size]
                if chosen.size == before:
                    quality[draw, place] = quality[draw, place - 1]
                else:
                    quality[draw, place] = self.kind.quality(self.fitted_with(chosen), self.world.test)
                before = chosen.size
                bought[draw, place] = chosen.size
                bad[draw, place] = self.world.truth.bad[chosen].mean() if chosen.size else 0.0
        return {
            "quality": [float(value) for value in quality.mean(axis=0)],
            "bought": [float(value) for value in bought.mean(axis=0)],
            "bad": [float(value) for value in bad.mean(axis=0)],
        }

    def default(self) -> Answer:
        """The product's query."""
        return self.asking.ask(answers.displacement(self.kind, self.reference))

    def distinct(self, answer: Answer) -> Integers:
        """One of each group of records with equal scores."""
        return np.sort(np.unique(answer.offer.scores, return_index=True)[1])

    def orders(self, default: Answer) -> Mapping[str, tuple[Order, int]]:
        """Every method with the number of draws to average."""
        world, kind = self.world, self.kind
        places, distinct = np.arange(len(world.offer)), self.distinct(default)
        fine = np.flatnonzero(world.truth.fine)
        many, few = (6, 2) if self.cheap else (2, 1)
        found: dict[str, tuple[Order, int]] = {
            RANDOM: (lambda rng: rng.permutation(places), many),
            CLEAN: (lambda rng: rng.permutation(fine), many),
            DEFAULT: (self._weighted(default, distinct), few),
            "trust, plain": (
                self._weighted(default, distinct, choices.plain_weights), few
            ),
            "trust, 2 clean - 1": (self._weighted(default, distinct, choices.strict_weights), few),
            "limit: true labels": (self._true_labels(default, fine), few),
            "limit: scores of a model that knows all": (self._weighted(self._all_knowing(), distinct), few),
        }  # fmt: skip
        old = self.asking.ask(answers.displacement(kind, self.reference, l2=L2))
        found[BEFORE] = (self._weighted(old, distinct, choices.binned_weights), few)
        found["displacement, top"] = (lambda _: choices.top(old, distinct), 1)
        found["displacement, random among positive"] = (lambda rng: choices.positive(old, distinct, rng), few)
        found["textbook, top"] = (self._top(answers.textbook(kind), distinct), 1)
        if self.cheap:
            found |= self._dear_orders(default, old, distinct, few)
        if not np.array_equal(world.truth.original, places):
            found["trust, copies kept"] = (self._weighted(default, places), few)
            if self.cheap:
                found["trust, near-copies left out (4 further queries)"] = (
                    self._weighted(default, near_distinct(world, default)), few
                )  # fmt: skip
        return found

    def _dear_orders(self, default: Answer, old: Answer, distinct: Integers, few: int) -> dict[str, tuple[Order, int]]:
        kind, asking = self.kind, self.asking
        textbook = asking.ask(answers.textbook(kind))
        half = kind.fit(self.own, progress=0.5)
        references = answers.several_references(kind, [self.reference, half, kind.fit(self.own)])
        found: dict[str, tuple[Order, int]] = {
            "textbook, trust": (self._weighted(textbook, distinct), few),
            "cosine, top": (self._top(answers.cosine(kind), distinct), 1),
            "cosine, trust": (self._weighted(asking.ask(answers.cosine(kind)), distinct), few),
            "checkpoint sum, top": (self._top(answers.checkpoint_sum(kind), distinct), 1),
            "checkpoint sum, trust": (self._weighted(asking.ask(answers.checkpoint_sum(kind)), distinct), few),
            "displacement from half way, trust": (
                self._weighted(asking.ask(answers.displacement(kind, half)), distinct), few
            ),
            "three references, trust": (self._weighted(asking.ask(references), distinct), few),
            "two subgroups, trust": (
                self._weighted(asking.ask(answers.per_subgroup(kind, self.reference)), distinct), few
            ),
            "trust without the class": (self._weighted(default.without_sides(), distinct), few),
            "displacement, penalty 1, trust": (self._weighted(old, distinct), few),
            "four directions more, trust": (self._weighted(disclosed_answer(self.asking, 4), distinct), few),
            "limit: all features and labels disclosed": (
                self._weighted(disclosed_answer(self.asking, None), distinct), few
            ),
        }  # fmt: skip
        return found

    def _weighted(
        self,
        answer: Answer,
        candidates: Integers,
        weigh: Callable[[Answer, Integers], Floats] = lambda answer, places: choices.trust_of(answer, places).weights,
    ) -> Order:
        weights = choices.by_listing(self.world.listing, candidates, lambda members: weigh(answer, members))
        return lambda rng: choices.drawn(weights, candidates, rng)

    def _top(self, make: Callable[[Records, Records], answers.Score], candidates: Integers) -> Order:
        scores = make(self.world.train, self.world.validation)(self.world.offer)
        return lambda _: candidates[np.argsort(-scores[candidates], kind="stable")]

    def _true_labels(self, default: Answer, fine: Integers) -> Order:
        """The product's weights where every record's trust is the truth."""
        weights = choices.knowing_weights(default, fine)
        return lambda rng: choices.drawn(weights, fine, rng)

    def _all_knowing(self) -> Answer:
        """The default query of a model fitted to the offer with its true labels, too."""
        world = self.world
        offered = Records(world.offer.X, world.truth.label).at(np.flatnonzero(~world.truth.spoiled))

        def make(train: Records, validation: Records) -> answers.Score:
            best = self.kind.fit(train.and_also(validation).and_also(offered))
            return lambda records: -self.kind.slopes(self.reference, best - self.reference, records)

        return self.asking.ask(make)
