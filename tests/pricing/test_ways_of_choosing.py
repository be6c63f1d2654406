"""Why displacement and calibrated trust are the defaults: the other ways, on the same scenarios and budgets."""

import numpy as np
import pytest

from blindfair.influence.table import Table
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.learners import LogisticLearner, QueryKind
from blindfair.pricing.quality import AUC
from blindfair.pricing.scenario import make_scenario
from blindfair.pricing.selection import Method, distinct_records, select
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.utility import PLAIN_MODULUS, SHARE, retrained_quality, scenario_schema
from blindfair.pricing.valuation import EXACT, prepare_valuation
from blindfair.protocol.quantities import Wei

pytestmark = pytest.mark.deep

SEEDS = range(4)
DRAWS = 3

WAYS = (
    (QueryKind.TEXTBOOK, Method.TOP),
    (QueryKind.DISPLACEMENT, Method.TOP),
    (QueryKind.DISPLACEMENT, Method.POSITIVE),
    (QueryKind.DISPLACEMENT, Method.TRUST),
)

Gains = dict[tuple[QueryKind, Method], float]


def mean_gains(table: Table, flip_share: float) -> Gains:
    """Mean over seeds of the AUC after each way's purchase, less that after as large a purchase at random."""
    gains: dict[tuple[QueryKind, Method], list[float]] = {way: [] for way in WAYS}
    for seed in SEEDS:
        scenario = make_scenario(table, seed, flip_share=flip_share, duplicate_share=0)
        budget = Wei(round(SHARE * len(scenario.offer)))
        for kind, method in WAYS:
            rng = np.random.default_rng(seed)
            made = prepare_valuation(
                scenario.train, scenario.validation, scenario_schema(scenario, ("arms",)),
                plain_modulus=PLAIN_MODULUS, rng=rng,
                learner=LogisticLearner(kind), bits=EXACT,
            )  # fmt: skip
            own, offer, test = (
                made.model.schema.encode(part)
                for part in ([*scenario.train, *scenario.validation], scenario.offer, scenario.test)
            )
            integers = made.integer_scores(scenario.offer)
            candidates = distinct_records(integers)
            offered = made.read(integers[:, candidates])
            trust = calibrated_trust(offered, made.right, made.wrong)
            efficacy = trust.weights if method is Method.TRUST else offered.scores
            for _ in range(DRAWS):
                chosen = select(method, candidates, efficacy, UniformPricing(Wei(1), Wei(0)), budget, rng)
                at_random = rng.choice(len(scenario.offer), len(chosen.records), replace=False)
                after, otherwise = (
                    retrained_quality(own, (offer[0][part], offer[1][part]), test, AUC, LogisticLearner())
                    for part in (np.array(chosen.records), at_random)
                )
                gains[kind, method].append(after - otherwise)
    return {way: float(np.mean(values)) for way, values in gains.items()}


@pytest.fixture(scope="module")
def flipped(trial: Table) -> Gains:
    return mean_gains(trial, 0.3)


@pytest.fixture(scope="module")
def clean(trial: Table) -> Gains:
    return mean_gains(trial, 0.0)


def test_the_top_of_the_textbook_query_is_much_worse_than_random(flipped: Gains, clean: Gains) -> None:
    way = QueryKind.TEXTBOOK, Method.TOP
    assert flipped[way] < -0.05 and clean[way] < -0.05


def test_with_wrong_labels_calibrated_trust_is_better_than_random_and_than_the_top(flipped: Gains) -> None:
    trust = flipped[QueryKind.DISPLACEMENT, Method.TRUST]
    assert trust > 0.005
    assert trust > flipped[QueryKind.DISPLACEMENT, Method.TOP]


def test_in_a_clean_offer_only_calibrated_trust_is_as_good_as_random(clean: Gains) -> None:
    assert clean[QueryKind.DISPLACEMENT, Method.TRUST] > -0.005
    for method in (Method.TOP, Method.POSITIVE):
        assert clean[QueryKind.DISPLACEMENT, method] < -0.005
