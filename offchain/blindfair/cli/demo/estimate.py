"""Time and bytes of the demo, told before it starts: bytes exactly, times of evaluations by a cost model.

The buyer's query, gradient rows and trust are timed on this very table, and so is one refit of each size, by which the
worth of a purchase is seen. Not in it: the first import of the libraries, which is over by then.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.api.defaults import QUERIES
from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import estimate
from blindfair.blind.plan import plan
from blindfair.cli.demo.trade_costs import Busy, other_seconds, recomputed_records
from blindfair.influence.encoding import FeatureSchema
from blindfair.pricing.learners import Learner
from blindfair.pricing.quality import AUC, quality_of
from blindfair.pricing.scenario import Scenario
from blindfair.pricing.trust import RESAMPLES, clean_share_interval
from blindfair.pricing.utility import PLAIN_MODULUS, retrained_quality
from blindfair.pricing.valuation import prepare_valuation

_ARMS = 3
"""Ways of selecting: by score, at random, clean only."""

_TRIED = 5
"""Resamples of the trust that are timed, of `RESAMPLES`."""


@dataclass(frozen=True, slots=True)
class DemoEstimate:
    """One blind evaluation: bytes each way, memory, seconds of both sides; and the seconds of all trades, with their
    evaluations, and of seeing what a purchase was worth."""

    upload_bytes: int
    download_bytes: int
    memory_bytes: int
    evaluation_seconds: float
    trade_seconds: float
    worth_seconds: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.trade_seconds + self.worth_seconds


@dataclass(frozen=True, slots=True)
class _Steps:
    """Seconds of what each trade and each division does on this very table."""

    query: float
    """The buyer makes its query."""

    rows: float
    """Gradient rows of the whole offer, and their scores."""

    trust: float
    """The offer is judged by its scores, once."""


def estimate_demo(
    scenario: Scenario,
    schema: FeatureSchema,
    learner: Learner,
    costs: CostModel,
    *,
    seeds: int,
    shares: Sequence[float],
    trades: int,
    selected: int,
    busy: Busy,
) -> DemoEstimate:
    """Estimate a demo of so many trades, whose buyer selects `selected` records, on the machine of `costs`; it measures
    its utility over so many seeds and shares bought. `busy` was made at the beginning of work.

    `learner` is the one for the label (`Learner.for_label`). Raises what `prepare_valuation` raises.
    """
    steps = _time_steps(scenario, schema, learner)
    own = learner.encode(schema, [*scenario.train, *scenario.validation])
    offer, test = learner.encode(schema, scenario.offer), learner.encode(schema, scenario.test)
    dimension = learner.dimension(schema, len(own[0]))
    quality = quality_of(schema)
    # The class is asked of two classes alone.
    queries = QUERIES if quality is AUC else 1
    chosen = plan(len(scenario.offer), dimension, queries)
    blind = estimate(chosen.parameters, len(scenario.offer), dimension, queries, costs)
    nothing = offer[0][:0], offer[1][:0]
    # The first fit takes what loading the libraries takes.
    retrained_quality(own, nothing, test, quality, learner)
    seconds = 0.0
    for share in shares:
        bought = round(share * len(scenario.offer))
        began = time.process_time()
        retrained_quality(own, (offer[0][:bought], offer[1][:bought]), test, quality, learner)
        seconds += _ARMS * learner.draws * (time.process_time() - began)
    began = time.process_time()
    retrained_quality(own, nothing, test, quality, learner)
    seconds += (learner.folds + 2) * (time.process_time() - began)
    selected = min(selected, len(scenario.offer))
    # The interval of the trust in a trade, and the trust itself, once more.
    each = steps.query + steps.rows + (RESAMPLES + 1) * steps.trust
    audits = steps.rows * recomputed_records(trades, selected) / len(scenario.offer)
    known = trades * blind.seconds + other_seconds(costs, trades, len(scenario.offer), selected)
    return DemoEstimate(
        upload_bytes=blind.upload_bytes,
        download_bytes=blind.download_bytes,
        memory_bytes=blind.memory_bytes,
        evaluation_seconds=blind.seconds,
        trade_seconds=busy.factor * (trades * each + audits + known),
        worth_seconds=busy.factor * seeds * (seconds + steps.query + steps.rows + steps.trust),
    )


def _time_steps(scenario: Scenario, schema: FeatureSchema, learner: Learner) -> _Steps:
    """Do once what each trade and each division does."""
    rng = np.random.default_rng(0)
    began = time.process_time()
    valuation = prepare_valuation(
        scenario.train,
        scenario.validation,
        schema,
        plain_modulus=PLAIN_MODULUS,
        rng=rng,
        learner=learner,
        accept_kinds=True,
    )
    asked = time.process_time()
    seen = valuation.seen_scores(scenario.offer, rng)
    scored = time.process_time()
    # Resamples, as the interval draws: they end later than the trust in the offer itself.
    clean_share_interval(valuation.read(seen), valuation.right, valuation.wrong, rng, resamples=_TRIED)
    return _Steps(asked - began, scored - asked, (time.process_time() - scored) / _TRIED)
