"""Time and bytes of the demo, told before it starts: bytes exactly, times of evaluations by a cost model.

The time to see what a purchase was worth comes from one refit of each size on this very table, done here.

Not in it: the blocks of the embedded chain and the packing of messages, some seconds a trade, which are the same for
every table; and the first import of the libraries, which is over by then.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from blindfair.api.defaults import QUERIES
from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import estimate
from blindfair.blind.plan import plan
from blindfair.influence.encoding import FeatureSchema
from blindfair.pricing.learners import Learner
from blindfair.pricing.quality import AUC, quality_of
from blindfair.pricing.scenario import Scenario
from blindfair.pricing.utility import retrained_quality

_ARMS = 3
"""Ways of selecting: by score, at random, clean only."""


@dataclass(frozen=True, slots=True)
class DemoEstimate:
    """One blind evaluation: bytes each way, memory, seconds of both sides; and the seconds of all refits."""

    upload_bytes: int
    download_bytes: int
    memory_bytes: int
    evaluation_seconds: float
    refit_seconds: float


def estimate_demo(
    scenario: Scenario,
    schema: FeatureSchema,
    learner: Learner,
    costs: CostModel,
    *,
    seeds: int,
    shares: Sequence[float],
) -> DemoEstimate:
    """Estimate a demo that measures its utility over so many seeds and shares bought, on the machine of `costs`.

    `learner` is the one for the label (`Learner.for_label`).
    """
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
        began = time.perf_counter()
        retrained_quality(own, (offer[0][:bought], offer[1][:bought]), test, quality, learner)
        seconds += _ARMS * learner.draws * (time.perf_counter() - began)
    began = time.perf_counter()
    retrained_quality(own, nothing, test, quality, learner)
    seconds += (learner.folds + 2) * (time.perf_counter() - began)
    return DemoEstimate(
        upload_bytes=blind.upload_bytes,
        download_bytes=blind.download_bytes,
        memory_bytes=blind.memory_bytes,
        evaluation_seconds=blind.seconds,
        refit_seconds=seeds * seconds,
    )
