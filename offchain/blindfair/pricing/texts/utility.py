"""What a purchase of texts by score is good for: the same job done in the clear over several seeds, sources at hand.

    own texts, divided by the seed --prepare_text_valuation--> scores of the offer, seen through the noise of their bits
    own + bought by score | own + as many at random | own + all wanted | own alone --judge--> loss of test texts

The judge is the mean loss of test texts that belong to neither party; lower is better (`judges`). Which texts are
wanted is known from their source, which neither party uses: a bound. Not here: the blind evaluation itself, which a
test shows to give equal scores.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.text import BaseModel, TextModel
from blindfair.influence.text.scoring import unit_rows
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.selection import Method, select
from blindfair.pricing.texts.choice import text_trust
from blindfair.pricing.texts.judges import STEPS, HeadJudge, Judged, TextJudge, TuningJudge
from blindfair.pricing.texts.valuation import ROW_SCALE, Texts, TextValuation, prepare_text_valuation
from blindfair.pricing.utility import PLAIN_MODULUS, mean_and_margin
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Wei

ARMS = ("base", "own", "random", "by_score", "wanted")
"""Without learning; on own texts; and on these with a purchase at random, by score, and by an oracle."""


@dataclass(frozen=True, slots=True)
class TextSeedOutcome:
    """The seed, and the test loss of each arm, in nats a token, or a text where texts have labels.

    `bought` are the texts bought by score, and `alike_estimated` is the share of the offer that the scores alone say
    is like the buyer's own. `accuracies` are those of each arm, in the order of `ARMS`; none without labels.
    """

    seed: int
    base: float
    own: float
    random: float
    by_score: float
    wanted: float
    bought: tuple[int, ...]
    wanted_share_bought: float
    alike_estimated: float
    accuracies: tuple[float, ...] = ()

    @property
    def bought_texts(self) -> int:
        """How many texts were bought by score: fewer than the budget pays where no more were wanted."""
        return len(self.bought)


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

    def judged(self, seed: int, arm: str) -> Judged | None:
        """What an arm came to for one seed; None if that was not measured."""
        for outcome in self.outcomes:
            if outcome.seed == seed:
                accuracy = outcome.accuracies[ARMS.index(arm)] if outcome.accuracies else None
                return Judged(getattr(outcome, arm), accuracy)
        return None

    def accuracy(self, arm: str) -> float | None:
        """The mean accuracy of an arm; None without labels."""
        found = [outcome.accuracies[ARMS.index(arm)] for outcome in self.outcomes if outcome.accuracies]
        return float(np.mean(found)) if found else None

    def to_document(self) -> Document:
        """The block `utility` of the result file."""
        accuracies = {f"test_accuracy_{arm}": self.accuracy(arm) for arm in ARMS}
        return {
            "seeds": len(self.outcomes),
            "texts_affordable": self.budget,
            "texts_bought": self.mean("bought_texts"),
            "wanted_texts": self.wanted_texts,
            **{f"test_loss_{arm}": self.mean(arm) for arm in ARMS},
            **{name: value for name, value in accuracies.items() if value is not None},
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
    into training and validation texts. All have classes where the listing has a label."""

    base: BaseModel
    preprocessing: TextPreprocessing
    columns: Sequence[str]
    offer: Texts
    wanted: NDArray[np.bool_]
    test: Texts
    divided: Callable[[int], tuple[Texts, Texts]]

    @property
    def is_labelled(self) -> bool:
        """Whether texts have classes."""
        return self.test[1] is not None

    def own(self, seed: int) -> Texts:
        """Training and validation texts together."""
        return _joined(*self.divided(seed))

    def with_own(self, seed: int, places: Sequence[int]) -> Texts:
        """Own texts, and some of the offer after them."""
        texts, classes = self.offer
        some = [texts[place] for place in places], None if classes is None else [classes[place] for place in places]
        return _joined(self.own(seed), some)


@dataclass(frozen=True, slots=True, eq=False)
class KnownValuation:
    """A valuation that was made, and the rows of the offer, `n x k` of length 1."""

    valuation: TextValuation
    rows: Floats


def head_judge(task: TextTask, model: TextModel) -> HeadJudge | None:
    """What judges texts with labels, for any seed; None without labels. Raises what `HeadJudge` raises."""
    return HeadJudge(model, task.test, [*task.offer[0], *task.own(0)[0]]) if task.is_labelled else None


def measure_text_utility(
    task: TextTask,
    *,
    seeds: Sequence[int],
    budget: int,
    steps: int = STEPS,
    known: Mapping[int, KnownValuation] | None = None,
    head: HeadJudge | None = None,
    threads: int = 1,
    on_seed: Callable[[], None] = lambda: None,
) -> TextUtility:
    """Measure for 2 seeds or more, and a budget of so many texts. `on_seed` is called after each.

    Deterministic, however many seeds are measured at once: `threads`. `known` are valuations that were made for some of
    the seeds already; `head` is `head_judge(task)` where texts have labels.

    Raises InvalidOption for fewer seeds, or a budget of nothing or of more than the offer, and what
    `prepare_text_valuation` and `TextJudge` raise.
    """
    if len(seeds) < 2:
        raise InvalidOption("An interval needs several seeds", expected="at least 2", found=len(seeds))
    if not 1 <= budget <= len(task.wanted):
        raise InvalidOption("That many texts cannot be bought", expected=f"1 ... {len(task.wanted)}", found=budget)
    known = known or {}
    # The quick ones last: so fewer threads wait at the end.
    order = sorted(seeds, key=lambda seed: seed in known)
    stopped = Event()
    with ThreadPoolExecutor(threads) as pool:
        running = {
            seed: pool.submit(_outcome, task, seed, budget, steps, known.get(seed), head, stopped) for seed in order
        }
        try:
            for done in as_completed(running.values()):
                done.result()
                on_seed()
        finally:
            # After Ctrl-C, or an error of one seed, nobody waits for the others to their end.
            stopped.set()
            pool.shutdown(cancel_futures=True)
    outcomes = tuple(running[seed].result() for seed in seeds)
    return TextUtility(budget, int(task.wanted.sum()), len(task.wanted), outcomes)


def _outcome(
    task: TextTask,
    seed: int,
    budget: int,
    steps: int,
    known: KnownValuation | None,
    head: HeadJudge | None,
    stopped: Event,
) -> TextSeedOutcome:
    rng = np.random.default_rng([seed, 1])
    made = known or _valued(task, seed, rng)
    judge: TextJudge = head or TuningJudge(made.valuation.scoring.model, task.test[0], steps, seed)
    bought, alike = _purchase(made, budget, rng)
    at_random = rng.choice(len(task.wanted), bought.size, replace=False)

    def after(places: Integers) -> Judged:
        if stopped.is_set():
            raise CancelledError
        return judge.after(task.with_own(seed, places.tolist()))

    judged = {
        "base": judge.base(),
        "own": after(bought[:0]),
        "random": after(at_random),
        "by_score": after(bought),
        "wanted": after(np.flatnonzero(task.wanted)),
    }
    return TextSeedOutcome(
        seed=seed,
        **{arm: found.loss for arm, found in judged.items()},
        bought=tuple(int(place) for place in bought),
        wanted_share_bought=float(task.wanted[bought].mean()) if bought.size else 0.0,
        alike_estimated=alike,
        accuracies=tuple(found.accuracy for found in judged.values() if found.accuracy is not None),
    )


def _valued(task: TextTask, seed: int, rng: np.random.Generator) -> KnownValuation:
    valuation = prepare_text_valuation(
        task.base,
        task.preprocessing,
        task.columns,
        *task.divided(seed),
        plain_modulus=PLAIN_MODULUS,
        rng=rng,
        seed=seed,
    )
    return KnownValuation(valuation, unit_rows(valuation.scoring.model.rows(*task.offer, valuation.projection)))


def _purchase(made: KnownValuation, budget: int, rng: np.random.Generator) -> tuple[Integers, float]:
    """The texts that are bought by score, and the share of the offer that is thought like the buyer's own."""
    valuation = made.valuation
    rows = quantise_rows(made.rows, ROW_SCALE)
    scores = rows.seen_scores(valuation.queries, valuation.bits, valuation.plain_modulus, rng)
    trust = text_trust(valuation.read(scores), valuation)
    everything = np.arange(len(made.rows), dtype=np.int64)
    # One unit of money a record: the budget is the number of records.
    chosen = select(Method.TOP, everything, trust.weights, UniformPricing(Wei(1), Wei(0)), Wei(budget), rng)
    return np.array(chosen.records, dtype=np.int64), trust.share


def _joined(one: Texts, other: Texts) -> Texts:
    classes = None if one[1] is None or other[1] is None else [*one[1], *other[1]]
    return [*one[0], *other[0]], classes
