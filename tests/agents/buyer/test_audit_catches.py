"""The audit catches a seller that inflates scores exactly as often as PROTOCOL 5.5 says, and never an honest one.

The inflated reply is a real one: ciphertexts that the seller changed without any key. The draws are seeded.
"""

import numpy as np
import pytest
from audits import AUDITS, FAKED, HONEST, SIZE, WORTHLESS, audit
from scipy.stats import binom
from trade import AUDITED, Parties, Stages, make_parties

from blindfair.cli.demo.hostile import InflatingSeller
from blindfair.protocol.audit import pass_probability
from blindfair.protocol.errors import ScoresDisagree


@pytest.fixture(scope="module")
def inflated(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Parties:
    """Both parties after a reply in which the scores of a fifth of the records are inflated."""
    world = stages.beside("requested", tmp_path_factory.mktemp("inflated"))
    parties = make_parties(world, seller_type=InflatingSeller)
    assert isinstance(parties.seller, InflatingSeller)
    parties.seller.worthless = tuple(WORTHLESS)
    parties.seller.step()
    parties.buyer.step()
    return parties


def test_inflated_scores_are_caught_as_often_as_the_protocol_says(inflated: Parties) -> None:
    evaluated = inflated.buyer.review()
    rng = np.random.default_rng(5)
    caught = 0
    for seed in range(AUDITS):
        faked = rng.choice(sorted(WORTHLESS), FAKED, replace=False)
        records = [*map(int, faked), *map(int, rng.choice(HONEST, SIZE - FAKED, replace=False))]
        try:
            drawn = audit(inflated, evaluated, records, seed)
            assert not WORTHLESS & set(drawn)
        except ScoresDisagree:
            caught += 1
    share = FAKED / SIZE
    exact = 1 - pass_probability(share, AUDITED, SIZE)
    low, high = binom.interval(0.999, AUDITS, exact)
    assert low <= caught <= high
    # The figure of PROTOCOL 5.5, which does not count that the draw is without replacement, promises no more.
    assert caught >= binom.ppf(0.0005, AUDITS, 1 - (1 - share) ** AUDITED)


def test_an_honest_selection_always_passes(inflated: Parties) -> None:
    evaluated = inflated.buyer.review()
    rng = np.random.default_rng(6)
    for seed in range(AUDITS // 10):
        drawn = audit(inflated, evaluated, list(map(int, rng.choice(HONEST, SIZE, replace=False))), seed)
        assert len(drawn) == AUDITED
