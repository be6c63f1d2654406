"""A seller that lays other noise over scores than its listing committed to is caught as one that fakes scores is
(PROTOCOL 4.6, 5.4, 5.5), before paying, in a bought sample, and in what was delivered."""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sampled import buying, ended, only_the_sample_was_bought
from scipy.stats import binom
from test_audit_catches import FAKED, HONEST, SIZE, WORTHLESS, audit
from trade import AUDITED, BUYER_POLICY, OFFERED, SELECTED, Parties, Stages, World, make_parties

from blindfair.agents.score_noise import committed_draws
from blindfair.agents.seller import Seller
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.seal import Words
from blindfair.protocol.audit import pass_probability
from blindfair.protocol.errors import ScoresDisagree
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Digest

AUDITS = 60


class DishonestNoise(Seller):
    """Replaces the draws of `dishonest` records."""

    dishonest: tuple[int, ...] = ()

    def _draws(self, digest: Digest, request: Request) -> Words:
        draws = super()._draws(digest, request)
        places = list(self.dishonest)
        draws[:, :, places] = self._other(draws, places, request)
        return draws

    def _other(self, draws: Words, places: list[int], request: Request) -> Words:
        raise NotImplementedError


class BiasedNoise(DishonestNoise):
    """The largest noise there is: the score looks better by an eighth of its range."""

    def _other(self, draws: Words, places: list[int], request: Request) -> Words:
        return np.full_like(draws[:, :, places], 2**64 - 1)


class NoNoise(DishonestNoise):
    """Half of the range, so zero."""

    def _other(self, draws: Words, places: list[int], request: Request) -> Words:
        middle = np.zeros_like(draws[:, :, places])
        middle[:, 1] = 1 << (DEFAULT.noise_width(request.bits[0]) - 1 - 64)
        return middle


class NeighboursNoise(DishonestNoise):
    """What was committed to for the record before."""

    def _other(self, draws: Words, places: list[int], request: Request) -> Words:
        return np.roll(draws, 1, axis=2)[:, :, places]


class DrawnAgain(DishonestNoise):
    """Honestly uniform, and not what was committed to."""

    def _other(self, draws: Words, places: list[int], request: Request) -> Words:
        return np.random.default_rng().integers(0, 2**64, draws[:, :, places].shape, dtype=np.uint64)


class AnotherRequests(DishonestNoise):
    """What another request of the buyer would get."""

    def _other(self, draws: Words, places: list[int], request: Request) -> Words:
        other = committed_draws(self.dataset, self._units(request), Digest(secrets.token_bytes(32)), request.queries)
        return other[:, :, places]


KINDS = [BiasedNoise, NoNoise, NeighboursNoise, DrawnAgain, AnotherRequests]


@pytest.mark.parametrize("kind", KINDS)
def test_dishonest_noise_is_caught_as_often_as_the_protocol_says(
    stages: Stages, tmp_path_factory: pytest.TempPathFactory, kind: Callable[..., DishonestNoise]
) -> None:
    world = stages.beside("requested", tmp_path_factory.mktemp("noise"))
    parties = make_parties(world, seller_type=kind)
    assert isinstance(parties.seller, DishonestNoise)
    parties.seller.dishonest = tuple(WORTHLESS)
    parties.seller.step()
    parties.buyer.step()
    evaluated, rng = parties.buyer.review(), np.random.default_rng(5)
    caught = 0
    for seed in range(AUDITS):
        faked = rng.choice(sorted(WORTHLESS), FAKED, replace=False)
        records = [*map(int, faked), *map(int, rng.choice(HONEST, SIZE - FAKED, replace=False))]
        try:
            assert not WORTHLESS & set(audit(parties, evaluated, records, seed))
        except ScoresDisagree:
            caught += 1
    low, high = binom.interval(0.999, AUDITS, 1 - pass_probability(FAKED / SIZE, AUDITED, SIZE))
    assert low <= caught <= high


def test_in_a_bought_sample_it_costs_the_buyer_the_sample(world: World) -> None:
    parties = buying(world, seller_type=DrawnAgain)
    assert isinstance(parties.seller, DishonestNoise)
    parties.seller.dishonest = tuple(range(OFFERED))
    parties.run()
    assert (ended(parties).final, ended(parties).error) == ("Released", "ScoresDisagree")
    assert only_the_sample_was_bought(parties)


def test_one_delivered_record_with_other_noise_is_told_by_its_number(world: World) -> None:
    parties: Parties = make_parties(
        world, seller_type=NeighboursNoise, buyer_policy=replace(BUYER_POLICY, audit_rows=1)
    )
    assert isinstance(parties.seller, DishonestNoise)
    parties.seller.dishonest = (int(SELECTED[7]),)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    if outcome.final == "NoOrder":
        # One record in twenty is audited: it may be this one.
        assert outcome.error == "ScoresDisagree"
        return
    assert (outcome.final, outcome.error) == ("Released", "ScoresDisagree")
    [finding] = (parties.buyer.directory / "evidence").glob("*.json")
    assert json.loads(finding.read_text())["mismatched_records"] == [SELECTED[7]]
