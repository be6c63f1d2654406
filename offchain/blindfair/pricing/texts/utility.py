"""What a purchase of texts by score is good for: the same job done in the clear over several seeds, sources at hand.

    own texts, divided by the seed --prepare_text_valuation--> scores of the offer, seen through the noise of their bits
    own + bought by score | own + as many at random | own + all wanted | own alone --fine_tune--> loss of test texts

Each arm takes as many steps of fine-tuning as the others, from the same base model. The judge is the mean loss of test
texts, in nats a token, which belong to neither party; lower is better. Which texts are wanted is known from their
source, which neither party uses: a bound. Not here: the blind evaluation itself, which a test shows to give equal
scores.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.text import BaseModel, TextModel, fine_tune
from blindfair.influence.text.scoring import unit_rows
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.selection import Method, select
from blindfair.pricing.texts.choice import text_trust
from blindfair.pricing.texts.valuation import ROW_SCALE, TextValuation, prepare_text_valuation
from blindfair.pricing.utility import PLAIN_MODULUS, mean_and_margin
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Wei

STEPS = 30
"""Steps of fine-tuning of each arm, of 16 texts each: nearly two times all texts of a small buyer and its purchase."""

ARMS = ("base", "own", "random", "by_score", "wanted")
"""Without fine-tuning; on own texts; and on these with a purchase at random, by score, and by an oracle."""


@dataclass(frozen=True, slots=True)
class TextSeedOutcome:
    """One seed: the test loss of each arm, in nats a token.

    `bought` are the texts bought by score, and `alike_estimated` is the share of the offer that the scores alone say
    is like the buyer's own.
    """

    base: float
    own: float
    random: float
    by_score: float
    wanted: float
    bought: tuple[int, ...]
    wanted_share_bought: float
    alike_estimated: float


@dataclass(frozen=True, slots=True)
class TextUtility:
    """The outcomes of all seeds for the same number of texts; `wanted_texts` of the offer are wanted, in truth."""

    budget: int
    wanted_texts: int
    offered: int
    outcomes: tuple[TextSeedOutcome, ...]

    def losses(self, arm: str) -> Floats:
        """The test loss of an arm for each seed."""
        return np.array([getattr(outcome, arm) for outcome in self.outcomes], dtype=np.float64)

    def gain_ci95(self, arm: str, over: str) -> tuple[float, float]:
        """How much lower the loss of an arm is than another's: the 95 % interval, over seeds, of the paired
        difference."""
        mean, margin = mean_and_margin(self.losses(over) - self.losses(arm))
        return float(mean - margin), float(mean + margin)

    def mean(self, name: str) -> float:
        """The mean of a field over seeds."""
        return float(self.losses(name).mean())

    def to_document(self) -> Document:
        """The block `utility` of the result file."""
        return {
            "seeds": len(self.outcomes),
            "texts_bought": self.budget,
            "wanted_texts": self.wanted_texts,
            **{f"test_loss_{arm}": self.mean(arm) for arm in ARMS},
            "gain_over_random_ci95": list(self.gain_ci95("by_score", "random")),
            "gain_over_own_ci95": list(self.gain_ci95("by_score", "own")),
            "gain_of_wanted_over_random_ci95": list(self.gain_ci95("wanted", "random")),
            "wanted_share_bought": self.mean("wanted_share_bought"),
            "wanted_share_offered": self.wanted_texts / self.offered,
            "alike_share_estimated": self.mean("alike_estimated"),
        }


@dataclass(frozen=True, slots=True, eq=False)
class TextTask:
    """What is measured on: the offer and which of it is wanted (`n` bool), test texts, and own texts divided by a seed
    into training and validation texts."""

    base: BaseModel
    preprocessing: TextPreprocessing
    offer: Sequence[str]
    wanted: NDArray[np.bool_]
    test: Sequence[str]
    divided: Callable[[int], tuple[list[str], list[str]]]


def measure_text_utility(
    task: TextTask,
    *,
    seeds: Sequence[int],
    budget: int,
    steps: int = STEPS,
    known: Mapping[int, TextValuation] | None = None,
    on_seed: Callable[[], None] = lambda: None,
) -> TextUtility:
    """Measure for 2 seeds or more, and a budget of so many texts. Deterministic. `on_seed` is called after each.

    `known` are valuations that were made for some of the seeds already.

    Raises InvalidOption for fewer seeds, or a budget of nothing or of more than the offer, and what
    `prepare_text_valuation` and `fine_tune` raise.
    """
    if len(seeds) < 2:
        raise InvalidOption("An interval needs several seeds", expected="at least 2", found=len(seeds))
    if not 1 <= budget <= len(task.offer):
        raise InvalidOption("That many texts cannot be bought", expected=f"1 ... {len(task.offer)}", found=budget)
    outcomes = []
    for seed in seeds:
        outcomes.append(_outcome(task, seed, budget, steps, (known or {}).get(seed)))
        on_seed()
    return TextUtility(budget, int(task.wanted.sum()), len(task.offer), tuple(outcomes))


def tuned_loss(
    model: TextModel, own: Sequence[str], bought: Sequence[str], test: Sequence[str], *, steps: int, seed: int
) -> float:
    """Mean loss of test texts of a model fine-tuned on the buyer's own and the bought texts."""
    tuned = fine_tune(model, [*own, *bought], None, steps=steps, seed=seed)
    return float(replace(model, difference=tuned.difference).losses(test, None).mean())


def _outcome(task: TextTask, seed: int, budget: int, steps: int, known: TextValuation | None) -> TextSeedOutcome:
    rng = np.random.default_rng([seed, 1])
    train, validation = task.divided(seed)
    valuation = known or prepare_text_valuation(
        task.base,
        task.preprocessing,
        [task.preprocessing.column],
        (train, None),
        (validation, None),
        plain_modulus=PLAIN_MODULUS,
        rng=rng,
        seed=seed,
    )
    model, own = valuation.scoring.model, [*train, *validation]
    bought, alike = _purchase(task, valuation, budget, rng)
    at_random = rng.choice(len(task.offer), bought.size, replace=False)

    def after(places: Integers) -> float:
        return tuned_loss(model, own, [task.offer[place] for place in places], task.test, steps=steps, seed=seed)

    return TextSeedOutcome(
        base=float(model.losses(task.test, None).mean()),
        own=after(bought[:0]),
        random=after(at_random),
        by_score=after(bought),
        wanted=after(np.flatnonzero(task.wanted)),
        bought=tuple(int(place) for place in bought),
        wanted_share_bought=float(task.wanted[bought].mean()) if bought.size else 0.0,
        alike_estimated=alike,
    )


def _purchase(
    task: TextTask, valuation: TextValuation, budget: int, rng: np.random.Generator
) -> tuple[Integers, float]:
    """The texts that are bought by score, and the share of the offer that is thought like the buyer's own."""
    rows = quantise_rows(unit_rows(valuation.scoring.model.rows(task.offer, None, valuation.projection)), ROW_SCALE)
    scores = rows.seen_scores(valuation.queries, valuation.bits, valuation.plain_modulus, rng)
    trust = text_trust(valuation.read(scores), valuation)
    everything = np.arange(len(task.offer), dtype=np.int64)
    # One unit of money a record: the budget is the number of records.
    chosen = select(Method.TRUST, everything, trust.weights, UniformPricing(Wei(1), Wei(0)), Wei(budget), rng)
    return np.array(chosen.records, dtype=np.int64), trust.share
