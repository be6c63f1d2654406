"""The free balance is taken home by hand when no offer relies on it, and not before; books are read at any time."""

from collections.abc import Callable

import pytest
from trade import BOND, World, make_parties

from blindfair.agents.books import buyer_books, seller_books
from blindfair.agents.withdrawing import withdraw_by_hand
from blindfair.protocol.errors import StateError
from blindfair.protocol.quantities import ETHER, Address

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


def test_books_are_read_while_the_agents_work(at: Callable[[str], World]) -> None:
    world = at("revealed")
    parties = make_parties(world)
    seller, buyer = seller_books(world.directory / "seller"), buyer_books(world.directory / "buyer")
    assert seller is not None
    assert buyer is not None
    assert (seller.evaluations, seller.opened_records, len(seller.offers)) == (1, 10, 1)
    assert seller.offers[0].ending is None
    assert set(seller.common.gas) >= {"commit"}
    assert (buyer.stage, buyer.outcome) == ("accept", None)
    parties.buyer.step()
    released = buyer_books(world.directory / "buyer")
    assert released is not None
    assert released.stage == "release"
    parties.run()
    ended = buyer_books(world.directory / "buyer")
    assert ended is not None
    assert ended.outcome == parties.buyer.outcome
    parties.close()


def test_there_are_no_books_where_nobody_worked(at: Callable[[str], World]) -> None:
    empty = at("asked").directory / "nobody"
    assert seller_books(empty) is None
    assert buyer_books(empty) is None
    assert not empty.exists()
