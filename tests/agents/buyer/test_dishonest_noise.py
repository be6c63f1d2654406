"""A seller that lays other noise over scores than its listing committed to is caught as one that fakes scores is
(PROTOCOL 4.6, 5.4, 5.5), before paying, in a bought sample, and in what was delivered."""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from audits import FAKED, HONEST, SIZE, WORTHLESS, audit
from sampled import buying, ended, only_the_sample_was_bought
from scipy.stats import binom
from trade import AUDITED, BUYER_POLICY, OFFERED, SELECTED, Parties, Stages, World, make_parties

from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.evaluation.score_noise import committed_draws
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.blind.flooding import Draws
from blindfair.protocol.audit import draw
from blindfair.protocol.errors import ScoresDisagree
from blindfair.protocol.hashing import sha256
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Digest, RecordIndex

AUDITS = 60


class DishonestNoise(Seller):
    """Replaces the draws of `dishonest` records."""

    dishonest: tuple[int, ...] = ()

    differing: frozenset[int] = frozenset()
    """Of these, those whose other noise lies in another part: in one of 16 it is as good as the committed one."""

    def _draws(self, digest: Digest, request: Request) -> Draws:
        draws = super()._draws(digest, request)
        honest, places = draws.copy(), list(self.dishonest)
        draws[:, places] = self._other(draws, places, request)
        self.differing = frozenset(np.flatnonzero((draws != honest).any(axis=0)).tolist())
        return draws

    def _other(self, draws: Draws, places: list[int], request: Request) -> Draws:
        raise NotImplementedError


class BiasedNoise(DishonestNoise):
    """The largest noise there is: the score looks better by a sixteenth of the range."""

    def _other(self, draws: Draws, places: list[int], request: Request) -> Draws:
        return np.full_like(draws[:, places], 15)


class NoNoise(DishonestNoise):
    """The middle of the range, so nearly none."""

    def _other(self, draws: Draws, places: list[int], request: Request) -> Draws:
        return np.full_like(draws[:, places], 8)


class NeighboursNoise(DishonestNoise):
    """What was committed to for the record before."""

    def _other(self, draws: Draws, places: list[int], request: Request) -> Draws:
        return np.roll(draws, 1, axis=1)[:, places]


class DrawnAgain(DishonestNoise):
    """Honestly uniform, and not what was committed to."""

    def _other(self, draws: Draws, places: list[int], request: Request) -> Draws:
        return np.random.default_rng().integers(0, 16, draws[:, places].shape, dtype=np.uint8)


class AnotherRequests(DishonestNoise):
    """What another request of the buyer would get."""

    def _other(self, draws: Draws, places: list[int], request: Request) -> Draws:
        other = committed_draws(self.dataset, self._units(request), Digest(secrets.token_bytes(32)), request.queries)
        return other[:, places]


def drawn_of(evaluated: Evaluated, records: list[int], seed: int) -> tuple[RecordIndex, ...]:
    """Which records `audit` opens."""
    mine, theirs = (sha256(f"{who} {seed}".encode()) for who in ("buyer", "seller"))
    return draw(mine, theirs, evaluated.evaluation, [RecordIndex(record) for record in sorted(records)], AUDITED)


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
    evaluated, rng, differing = parties.buyer.review(), np.random.default_rng(5), parties.seller.differing
    assert len(differing) >= len(WORTHLESS) / 2
    caught = 0
    for seed in range(AUDITS):
        faked = rng.choice(sorted(WORTHLESS), FAKED, replace=False)
        records = [*map(int, faked), *map(int, rng.choice(HONEST, SIZE - FAKED, replace=False))]
        hit = bool(differing & set(drawn_of(evaluated, records, seed)))
        try:
            audit(parties, evaluated, records, seed)
            assert not hit
        except ScoresDisagree:
            assert hit
            caught += 1
    # As often as PROTOCOL 5.5 says of a faked share, that of the records whose noise is in another part.
    share = FAKED / SIZE * len(differing) / len(WORTHLESS)
    assert caught >= binom.ppf(0.0005, AUDITS, 1 - (1 - share) ** AUDITED)


@pytest.mark.deep
def test_in_a_bought_sample_it_costs_the_buyer_the_sample(world: World) -> None:
    parties = buying(world, seller_type=DrawnAgain)
    assert isinstance(parties.seller, DishonestNoise)
    parties.seller.dishonest = tuple(range(OFFERED))
    parties.run()
    assert (ended(parties).final, ended(parties).error) == (Ending.RELEASED, "ScoresDisagree")
    assert only_the_sample_was_bought(parties)


@pytest.mark.deep
def test_delivered_records_with_other_noise_are_told_by_their_numbers(world: World) -> None:
    parties: Parties = make_parties(
        world, seller_type=NeighboursNoise, buyer_policy=replace(BUYER_POLICY, audit_rows=1)
    )
    assert isinstance(parties.seller, DishonestNoise)
    # Another record's noise lies in the same part for one record in sixteen: of five at least one is told.
    dishonest = tuple(int(record) for record in SELECTED[7:12])
    parties.seller.dishonest = dishonest
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    if outcome.final == Ending.NO_ORDER:
        # One record in twenty is audited: it may be one of these.
        assert outcome.error == "ScoresDisagree"
        return
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "ScoresDisagree")
    [finding] = (parties.buyer.directory / "evidence").glob("*.json")
    told = json.loads(finding.read_text())["mismatched_records"]
    assert told and set(told) <= set(dishonest)
