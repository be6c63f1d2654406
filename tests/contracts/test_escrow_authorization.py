"""Paying by the buyer's signature, without an allowance: good for one order and one contract (PROTOCOL 7, EIP-3009)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from escrow_world import BOND, DEPOSIT, MONEY, PRICE, Contract, Ledger, World, address_of
from eth_account.signers.local import LocalAccount

from blindfair.chain.authorization import Authorization, sign_authorization
from blindfair.chain.calls import Call
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Timestamp, Wei

NOTHING = Authorization(27, bytes(32), bytes(32))


@pytest.fixture
def world(ether_world: World) -> Iterator[World]:
    """Its money is a token that takes authorizations, of which the buyer has enough and the escrow may take none."""
    world = ether_world
    token = world.new_contract("AuthorizedToken")
    for account in (world.seller, world.buyer, world.other):
        world.send(account, token.call("mint", account.address, MONEY))
    world.token = token.address
    world.send(world.seller, world.exchange.approve(token.address, DEPOSIT))
    world.send(world.seller, world.exchange.deposit(token.address, DEPOSIT))
    yield world
    world.token = ETHER


def authorize(
    world: World, offer: Offer, by: LocalAccount | None = None, escrow: Address | None = None
) -> Authorization:
    """The buyer's payment of this offer, or one in its name that somebody else signed."""
    separator = world.exchange.token_domain(world.token)
    return sign_authorization(separator, escrow or world.exchange.address, offer, bytes((by or world.buyer).key))


def accept(world: World, offer: Offer, given: Authorization) -> Call:
    return world.exchange.accept_by_authorization(offer, world.sign(offer), given)


def refused(world: World, call: Call, by: LocalAccount | None = None) -> str | None:
    """The name of the error with which a call of the buyer, or of somebody else, would fail."""
    refusal = world.refusal(address_of(by or world.buyer), call)
    return None if refusal is None else refusal.error_name or str(refusal.found)


def test_an_authorization_and_an_accept_are_one_transaction(world: World) -> None:
    offer, ledger = world.sale().offer, Ledger(world)
    world.offers.append(offer)
    receipt = world.send(world.buyer, accept(world, offer, authorize(world, offer)))
    assert [name for name, _ in world.events(receipt)] == ["Accepted"]
    assert world.state(offer) is OrderState.LOCKED
    assert ledger.changes() == {offer.buyer: -PRICE, f"{offer.seller} free": -BOND}
    assert world.exchange.allowance(offer.buyer, world.token) == 0, "none was ever given"
    world.check_solvent()


def test_only_the_buyers_authorization_for_this_order_pays(world: World) -> None:
    offer = world.sale().offer
    good = authorize(world, offer)
    bad = {
        "none": NOTHING,
        "another's": authorize(world, offer, by=world.other),
        "for another order": authorize(world, replace(offer, nonce=1)),
        "for a lower price": authorize(world, replace(offer, price=Wei(PRICE - 1))),
        "for another time": authorize(world, replace(offer, expiry=Timestamp(offer.expiry + 1))),
        "for another contract": authorize(world, offer, escrow=address_of(world.other)),
        "with another parity": replace(good, v=55 - good.v),
    }
    for name, given in bad.items():
        assert refused(world, accept(world, offer, given)), name
        assert world.state(offer) is OrderState.NONE
    assert refused(world, accept(world, offer, good)) is None


def test_an_authorization_is_good_until_the_last_second_of_the_offer(world: World) -> None:
    offer = world.sale().offer
    call = accept(world, offer, authorize(world, offer))
    world.now_is(offer.expiry)
    assert refused(world, call) is None
    world.now_is(Timestamp(offer.expiry + 1))
    assert refused(world, call) == "OfferExpired"


def test_an_authorization_pays_once(world: World) -> None:
    offer = world.sale().offer
    call = accept(world, offer, authorize(world, offer))
    world.send(world.buyer, call)
    assert refused(world, call) == "WrongState"


def test_nobody_else_can_use_an_authorization(world: World) -> None:
    """Not the seller for another offer, not a stranger that sees it under way, not at the token itself."""
    offer = world.sale().offer
    given = authorize(world, offer)
    assert refused(world, accept(world, offer, given), by=world.other) == "NotBuyer"
    other = replace(world.sale(nonce=7).offer, buyer=address_of(world.other))
    assert refused(world, accept(world, other, given), by=world.other)
    token = Contract(world.token, world.new_contract("AuthorizedToken").abi)
    arguments = (offer.buyer, world.exchange.address, offer.price, 0, offer.expiry + 1, offer.struct_hash())
    ahead = token.call("receiveWithAuthorization", *arguments, given.v, given.r, given.s)
    assert refused(world, ahead, by=world.other), "the payee alone may call it in"
    assert refused(world, accept(world, offer, given)) is None


def test_a_refused_accept_leaves_the_authorization_unused(world: World) -> None:
    offer = world.sale().offer
    given = authorize(world, offer)
    for name, changed in {"NoChunks": {"chunk_count": 0}, "FreeBalanceTooLow": {"bond": Wei(DEPOSIT + 1)}}.items():
        bad = replace(offer, **changed)  # type: ignore[arg-type]
        assert refused(world, accept(world, bad, authorize(world, bad))) == name
    assert refused(world, accept(world, offer, given)) is None


def test_ether_takes_no_authorization(ether_world: World) -> None:
    world = ether_world
    offer = world.sale().offer
    call = world.exchange.accept_by_authorization(offer, world.sign(offer), NOTHING)
    refusal = world.refusal(offer.buyer, call)
    assert refusal and (refusal.error_name, refusal.values) == ("NotAToken", {"token": ETHER})
    paid = world.refusal(offer.buyer, replace(call, value=PRICE))
    assert paid is not None and paid.error_name == "", "the call takes no ether"


@pytest.mark.parametrize("name", ["TestToken", "PermitToken"])
def test_a_token_without_authorizations_is_refused(ether_world: World, name: str) -> None:
    """Even where an allowance is there: the call says how it is paid."""
    world = ether_world
    world.token = world.new_token(name, *(("Test", "TST") if name == "TestToken" else ())).address
    try:
        world.send(world.seller, world.exchange.deposit(world.token, DEPOSIT))
        offer = world.sale().offer
        assert refused(world, accept(world, offer, NOTHING))
    finally:
        world.token = ETHER


def test_a_token_that_takes_every_call_and_brings_nothing_is_refused(ether_world: World) -> None:
    """As wrapped ether does: that the call succeeded says nothing, the balance does."""
    world = ether_world
    world.token = world.new_token("FallbackToken").address
    try:
        world.send(world.seller, world.exchange.deposit(world.token, DEPOSIT))
        refusal = world.refusal(address_of(world.buyer), accept(world, world.sale().offer, NOTHING))
        assert refusal and (refusal.error_name, refusal.values) == (
            "WrongTransfer",
            {"token": world.token, "expected": PRICE, "found": 0},
        )
    finally:
        world.token = ETHER
