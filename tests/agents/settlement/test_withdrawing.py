"""The free balance is taken home by hand when no offer relies on it; the journal is summed up at any time."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from moments import Crash, crashes_before_sending, reopened
from trade import BOND, BUYER_POLICY, GRANT, PRICE, SELLER_POLICY, Parties, World, fees_of, make_parties

from blindfair.agents.settlement.withdrawing import withdraw_by_hand
from blindfair.agents.store.journal_summary import buyer_summary, seller_summary
from blindfair.protocol.errors import ContractReverted, StateError
from blindfair.protocol.quantities import ETHER, Address, Seconds

ELSEWHERE = Address("0x" + "e1" * 20)


def test_a_bond_that_an_offer_relies_on_stays(at: Callable[[str], World]) -> None:
    world = at("delivered")
    parties = make_parties(world)
    with pytest.raises(StateError, match="may still be accepted"):
        withdraw_by_hand(parties.seller, parties.seller.offers.values(), ETHER, ELSEWHERE)
    assert world.exchange.free_balance(parties.seller.address, ETHER) == BOND
    parties.close()


def test_a_bond_that_came_back_goes_where_its_owner_says_once(at: Callable[[str], World]) -> None:
    world = at("paid")
    parties = make_parties(world)
    offers = parties.seller.offers.values()
    assert withdraw_by_hand(parties.seller, offers, ETHER, ELSEWHERE)
    assert not withdraw_by_hand(parties.seller, offers, ETHER, ELSEWHERE)
    assert world.exchange_balance(ELSEWHERE) == BOND
    # The agent itself finds nothing left to bring home.
    parties.run(lambda: parties.seller.idle)
    assert "withdraw" not in {step.partition(":")[0] for step in parties.seller.receipts()}
    parties.close()


def refused(world: World) -> tuple[Parties, Address]:
    """No key came, and the address that the buyer named for its refund, a contract, takes no ether."""
    refusing = world.deploy_token()
    parties = make_parties(world, buyer_policy=replace(BUYER_POLICY, refund_to=refusing))
    world.chain.advance(Seconds(SELLER_POLICY.reveal_window + 1))
    world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    return parties, refusing


def test_a_refund_that_was_refused_is_fetched_by_hand_to_the_wei(at: Callable[[str], World]) -> None:
    world = at("accepted")
    parties, refusing = refused(world)
    buyer, own = parties.buyer, parties.buyer.address
    assert world.exchange.free_balance(own, ETHER) == PRICE + BOND
    assert world.exchange.free_balance(refusing, ETHER) == 0
    summary = buyer_summary(world.directory / "buyer")
    assert summary is not None
    assert summary.common.account == own
    assert withdraw_by_hand(buyer, (), ETHER, ELSEWHERE)
    assert world.exchange_balance(ELSEWHERE) == PRICE + BOND
    assert not withdraw_by_hand(buyer, (), ETHER, ELSEWHERE)
    assert world.exchange_balance(own) == GRANT - PRICE - fees_of(world, own)
    parties.close()


def test_what_refused_a_refund_refuses_the_withdrawal_and_another_address_is_taken(at: Callable[[str], World]) -> None:
    world = at("accepted")
    parties, refusing = refused(world)
    with pytest.raises(ContractReverted):
        withdraw_by_hand(parties.buyer, (), ETHER, refusing)
    assert world.exchange.free_balance(parties.buyer.address, ETHER) == PRICE + BOND
    assert withdraw_by_hand(parties.buyer, (), ETHER, parties.buyer.address)
    assert parties.delta(parties.buyer) == BOND
    assert world.exchange.free_balance(parties.buyer.address, ETHER) == 0
    parties.close()


def test_a_buyer_killed_while_it_withdraws_withdraws_once_and_to_where_it_began(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = at("accepted")
    parties, _ = refused(world)
    undo = crashes_before_sending(monkeypatch)
    with pytest.raises(Crash):
        withdraw_by_hand(parties.buyer, (), ETHER, ELSEWHERE)
    undo()
    parties = reopened(parties)
    assert withdraw_by_hand(parties.buyer, (), ETHER, parties.buyer.address)
    assert world.exchange_balance(ELSEWHERE) == PRICE + BOND
    assert not withdraw_by_hand(parties.buyer, (), ETHER, parties.buyer.address)
    parties.close()


def test_summaries_are_read_while_the_agents_work(at: Callable[[str], World]) -> None:
    world = at("revealed")
    parties = make_parties(world)
    seller, buyer = seller_summary(world.directory / "seller"), buyer_summary(world.directory / "buyer")
    assert seller is not None
    assert buyer is not None
    assert (seller.evaluations, seller.opened_records, len(seller.offers)) == (1, 10, 1)
    assert seller.offers[0].ending is None
    assert set(seller.common.gas) >= {"commit"}
    assert (buyer.stage, buyer.outcome) == ("accept", None)
    parties.buyer.step()
    released = buyer_summary(world.directory / "buyer")
    assert released is not None
    assert released.stage == "release"
    parties.run()
    ended = buyer_summary(world.directory / "buyer")
    assert ended is not None
    assert ended.outcome == parties.buyer.outcome
    parties.close()


def test_there_is_no_summary_where_nobody_worked(at: Callable[[str], World]) -> None:
    empty = at("asked").directory / "nobody"
    assert seller_summary(empty) is None
    assert buyer_summary(empty) is None
    assert not empty.exists()
