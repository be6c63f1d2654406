"""Whole trades from the first message to the last withdrawal: every case ends as PROTOCOL 7 says, right to the wei."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from trade import (
    BOND,
    BUYER_POLICY,
    GRANT,
    PER_RECORD,
    PRICE,
    RESERVE,
    SELECTED,
    SELLER_POLICY,
    HandValuer,
    Parties,
    World,
    listing_spec,
    make_buyer,
    make_parties,
    offered_records,
)

from blindfair.agents.settlement.ending import Ending
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.pricing.functions import LinearPricing
from blindfair.protocol.quantities import ETHER, Address, RecordIndex, Wei


def nothing_is_left(world: World, token: Address = ETHER) -> bool:
    return world.exchange.balance(world.exchange.address, token) == 0


def test_an_honest_trade_pays_the_price_and_delivers_the_records(world: World) -> None:
    parties = make_parties(world)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error, parties.seller.ending) == (Ending.RELEASED, None, Ending.RELEASED)
    assert parties.deltas() == (-PRICE, PRICE)
    assert nothing_is_left(world)
    records = offered_records()
    assert parties.buyer.bought() == tuple((number, records[number]) for number in SELECTED)
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    assert [parties.seller.offers[name].bond for name in parties.seller.offers] == [BOND]


def test_a_corrupted_chunk_costs_the_seller_its_bond(at: Callable[[str], World]) -> None:
    parties = make_parties(at("agreed"), seller_type=CorruptingSeller)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, parties.seller.ending) == (Ending.REFUNDED, Ending.REFUNDED)
    assert "chunk 10 is not the committed one" in outcome.reason
    assert parties.deltas() == (BOND, -BOND)
    assert nothing_is_left(parties.world)
    assert parties.buyer.bought() == ()


def test_a_seller_that_never_reveals_loses_its_bond(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.reason) == (Ending.REFUNDED, "the seller did not reveal the key in time")
    assert parties.deltas() == (BOND, -BOND)
    parties.run()
    assert parties.seller.ending == Ending.REFUNDED
    assert nothing_is_left(parties.world)


def test_a_silent_buyer_pays_by_the_clock(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    assert parties.seller.ending == Ending.RELEASED
    assert parties.deltas() == (-PRICE, PRICE)
    assert nothing_is_left(parties.world)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.reason) == (Ending.RELEASED, "the clock paid the seller")


@pytest.mark.deep
def test_two_buyers_trade_at_one_listing_in_two_moneys(world: World) -> None:
    token = world.deploy_token()
    parties = make_parties(world, goods=listing_spec(tokens=(ETHER, token)))
    price = Wei(len(SELECTED) * (PER_RECORD + 1))
    valuer = HandValuer(
        records=tuple(RecordIndex(record + 1) for record in SELECTED),
        price=price,
        pricing=LinearPricing(Wei(1), RESERVE),
    )
    other = make_buyer(world, parties.seller, "other", valuer=valuer, policy=replace(BUYER_POLICY, token=token))
    for agent in (parties.seller, other):
        world.mint(token, agent.address, GRANT)
    world.run(*parties.both, other, until=lambda: parties.settled() and other.outcome is not None)
    outcome = other.outcome
    assert outcome is not None
    assert outcome.final == Ending.RELEASED
    assert parties.deltas() == (-PRICE, PRICE)
    assert (parties.delta(other, token), parties.delta(parties.seller, token)) == (-price, price)
    assert parties.delta(other) == 0
    assert nothing_is_left(world)
    assert nothing_is_left(world, token)
    assert len(parties.seller.offers) == 2


def ended_without_an_order(parties: Parties) -> bool:
    outcome = parties.buyer.outcome
    return outcome is not None and outcome.final == Ending.NO_ORDER and parties.deltas() == (0, 0)


@pytest.mark.parametrize(
    ("records", "price", "error"),
    [((), 0, None), (SELECTED[:-1], PRICE - PER_RECORD, "OfferTooSmall"), ((5, 4), PRICE, "MalformedMessage"),
     ((3, 3), PRICE, "MalformedMessage"), ((119, 120), PRICE, "MalformedMessage")],
)  # fmt: skip
def test_a_choice_that_cannot_be_bought_ends_without_a_selection(
    at: Callable[[str], World], records: Sequence[int], price: int, error: str | None
) -> None:
    valuer = HandValuer(records=tuple(RecordIndex(record) for record in records), price=Wei(price))
    policy = replace(BUYER_POLICY, buys_sample=False)
    parties = make_parties(at("replied"), valuer=valuer, buyer_policy=policy)
    parties.buyer.step()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.error == error
    assert ended_without_an_order(parties)
    assert "selection" not in parties.buyer.sizes()


def test_a_seller_keeps_free_of_a_bond_of_zero(at: Callable[[str], World]) -> None:
    policy = replace(SELLER_POLICY, bond_share=SELLER_POLICY.bond_share * 0)
    lenient = replace(BUYER_POLICY, min_bond_share=BUYER_POLICY.min_bond_share * 0)
    parties = make_parties(at("agreed"), seller_policy=policy, buyer_policy=lenient)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    (name,) = parties.seller.offers
    assert set(parties.seller.receipts()) == {"commit", f"reveal:{name}", f"release:{name}"}
