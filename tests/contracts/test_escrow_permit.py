"""Paying in one transaction: a permit is tried, and then the allowance that is there counts (PROTOCOL 7, EIP-2612)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from escrow_world import BOND, DEPOSIT, MONEY, PRICE, Contract, Ledger, World, address_of
from eth_account.signers.local import LocalAccount

from blindfair.chain.calls import Call
from blindfair.chain.permit import Permit, sign_permit
from blindfair.protocol.errors import ContractReverted
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Timestamp, Wei

NEVER = Timestamp(2**53 - 1)
NOTHING = Permit(Wei(0), Timestamp(0), 27, bytes(32), bytes(32))


@pytest.fixture
def world(ether_world: World) -> Iterator[World]:
    """Its money is a token that takes permits, of which the buyer has enough and the escrow may take none."""
    world = ether_world
    token = world.new_contract("PermitToken")
    for account in (world.seller, world.buyer):
        world.send(account, token.call("mint", account.address, MONEY))
    world.token = token.address
    world.send(world.seller, world.exchange.approve(token.address, DEPOSIT))
    world.send(world.seller, world.exchange.deposit(token.address, DEPOSIT))
    yield world
    world.token = ETHER


def permit(world: World, value: int = PRICE, by: LocalAccount | None = None, until: Timestamp = NEVER) -> Permit:
    """The buyer's allowance for the escrow, or one with its name on it that somebody else signed."""
    owner = address_of(world.buyer)
    separator, nonce = world.exchange.permit_domain(owner, world.token)
    key = bytes((by or world.buyer).key)
    return sign_permit(separator, owner, world.exchange.address, Wei(value), nonce, until, key)


def accept(world: World, given: Permit, nonce: int = 0) -> Call:
    offer = world.sale(nonce=nonce).offer
    return world.exchange.accept_with_permit(offer, world.sign(offer), given)


def spend(world: World, given: Permit) -> Call:
    """The permit itself, as anybody who sees it may send it."""
    token = Contract(world.token, world.new_contract("PermitToken").abi)
    arguments = (given.value, given.deadline, given.v, given.r, given.s)
    return token.call("permit", world.buyer.address, world.exchange.address, *arguments)


def test_a_permit_and_an_accept_are_one_transaction(world: World) -> None:
    offer, ledger = world.sale().offer, Ledger(world)
    world.offers.append(offer)
    assert world.exchange.allowance(offer.buyer, world.token) == 0
    receipt = world.send(world.buyer, accept(world, permit(world)))
    assert [name for name, _ in world.events(receipt)] == ["Accepted"]
    assert world.state(offer) is OrderState.LOCKED
    assert ledger.changes() == {offer.buyer: -PRICE, f"{offer.seller} free": -BOND}
    assert world.exchange.allowance(offer.buyer, world.token) == 0
    world.check_solvent()


def test_a_permit_that_somebody_sent_ahead_stops_nothing(world: World) -> None:
    """Front-running it gives the allowance that the accept then uses."""
    given = permit(world)
    world.send(world.other, spend(world, given))
    assert world.refusal(address_of(world.buyer), accept(world, given)) is None


def test_without_a_good_permit_the_allowance_decides(world: World) -> None:
    buyer = address_of(world.buyer)
    bad = {
        "none": NOTHING,
        "another's": permit(world, by=world.other),
        "out of time": permit(world, until=Timestamp(1)),
        "for less": permit(world, PRICE - 1),
        "with another value": replace(permit(world), value=Wei(PRICE + 1)),
    }
    for name, given in bad.items():
        refusal = world.refusal(buyer, accept(world, given))
        assert refusal and refusal.error_name == "ERC20InsufficientAllowance", name
    world.send(world.buyer, world.exchange.approve(world.token, PRICE))
    for name, given in bad.items():
        # A smaller permit that is good replaces the allowance: that is what its owner signed.
        refusal = world.refusal(buyer, accept(world, given))
        assert (refusal is None) == (name != "for less"), name


def test_another_persons_permit_pays_for_nobody(world: World) -> None:
    """The money is the caller's, whoever signed: a stranger with the buyer's permit cannot accept at all."""
    given = permit(world)
    refusal = world.refusal(address_of(world.other), accept(world, given))
    assert refusal and refusal.error_name == "NotBuyer"
    # Nor can the stranger, as the buyer of an offer of its own, pay it from that allowance.
    offer = replace(world.sale().offer, buyer=address_of(world.other))
    call = world.exchange.accept_with_permit(offer, world.sign(offer), given)
    refusal = world.refusal(address_of(world.other), call)
    assert refusal and refusal.error_name == "ERC20InsufficientAllowance"


def test_a_refused_accept_leaves_the_permit_unused(world: World) -> None:
    given, offer = permit(world), replace(world.sale().offer, chunk_count=0)
    refusal = world.refusal(offer.buyer, world.exchange.accept_with_permit(offer, world.sign(offer), given))
    assert refusal and refusal.error_name == "NoChunks"
    assert world.refusal(offer.buyer, accept(world, given)) is None


def test_ether_needs_and_takes_no_permit(ether_world: World) -> None:
    world = ether_world
    call = accept(world, NOTHING)
    refusal = world.refusal(address_of(world.buyer), call)
    assert refusal and (refusal.error_name, refusal.values) == ("WrongPayment", {"expected": PRICE, "found": 0})
    paid = world.refusal(address_of(world.buyer), replace(call, value=PRICE))
    assert paid is not None and paid.error_name == "", "the call takes no ether"


def test_a_token_without_permits_is_paid_from_its_allowance(ether_world: World) -> None:
    """It refuses a call that it does not know; only the transfer counts."""
    world = ether_world
    world.token = world.new_token("SilentToken").address
    try:
        world.send(world.seller, world.exchange.deposit(world.token, DEPOSIT))
        assert world.refusal(address_of(world.buyer), accept(world, NOTHING)) is None
        with pytest.raises(ContractReverted):
            world.exchange.permit_domain(address_of(world.buyer), world.token)
    finally:
        world.token = ETHER


def test_an_account_without_code_is_no_token(ether_world: World) -> None:
    """It takes every permit, and brings nothing."""
    world, nothing = ether_world, Address("0x" + "77" * 20)
    offer = replace(world.sale(bond=0).offer, token=nothing)
    refusal = world.refusal(offer.buyer, world.exchange.accept_with_permit(offer, world.sign(offer), NOTHING))
    assert refusal and (refusal.error_name, refusal.values) == ("NotAToken", {"token": nothing})
