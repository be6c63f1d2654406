"""A party that acts itself may have its own money sent elsewhere, and nobody else may (PROTOCOL 7)."""

from collections.abc import Callable

import pytest
from escrow_world import BOND, PRICE, Ledger, Sale, World, address_of, member

from blindfair.chain.calls import Call
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Timestamp

ELSEWHERE = Address("0x" + "e1" * 20)


def dispute_to(world: World, sale: Sale, to: Address) -> Call:
    proof = sale.proof(1)
    return world.exchange.dispute_to(sale.offer, sale.key, proof.index, proof.ciphertext, proof.leaf, proof.path, to)


WAYS: dict[str, tuple[OrderState, str, Callable[[World, Sale, Address], Call]]] = {
    "refundTo": (OrderState.LOCKED, "buyer", lambda w, sale, to: w.exchange.refund_to(sale.offer, to)),
    "disputeTo": (OrderState.REVEALED, "buyer", dispute_to),
    "claimTo": (OrderState.REVEALED, "seller", lambda w, sale, to: w.exchange.claim_to([sale.offer], to)),
}
"""The state in which it is possible, who may, and the call."""


def ready(world: World, way: str, nonce: int = 0) -> Sale:
    """An order at the moment at which the call is possible, in the next block and in the latest."""
    sale = world.sale(nonce=nonce)
    world.bring_to(WAYS[way][0], sale)
    world.now_is(Timestamp(world.deadline(sale.offer) + (-100 if way == "disputeTo" else 1)))
    return sale


@pytest.mark.parametrize("way", WAYS)
def test_the_money_goes_where_its_owner_says(world: World, way: str) -> None:
    sale, (_, who, call) = ready(world, way), WAYS[way]
    ledger = Ledger(world, ELSEWHERE)
    receipt = world.send(getattr(world, who), call(world, sale, ELSEWHERE))
    if who == "buyer":
        assert world.state(sale.offer) is OrderState.REFUNDED
        assert ledger.changes() == {ELSEWHERE: PRICE + BOND}
    else:
        assert world.state(sale.offer) is OrderState.RELEASED
        assert ledger.changes() == {ELSEWHERE: PRICE, f"{sale.offer.seller} free": BOND}
    assert "Credited" not in [name for name, _ in world.events(receipt)]
    world.check_solvent([ELSEWHERE])


@pytest.mark.parametrize("way", WAYS)
def test_nobody_names_an_address_for_anothers_money(world: World, way: str) -> None:
    sale, (_, who, call) = ready(world, way), WAYS[way]
    expected = sale.offer.buyer if who == "buyer" else sale.offer.seller
    for other in {"buyer", "seller", "other"} - {who}:
        caller = address_of(getattr(world, other))
        refusal = world.refusal(caller, call(world, sale, caller))
        error = "NotBuyer" if who == "buyer" else "NotSeller"
        assert refusal and (refusal.error_name, refusal.values) == (error, {"expected": expected, "found": caller})


@pytest.mark.parametrize("way", WAYS)
def test_money_is_not_sent_into_nothing(world: World, way: str) -> None:
    sale, (_, who, call) = ready(world, way), WAYS[way]
    for lost in (ETHER, world.exchange.address):
        refusal = world.refusal(address_of(getattr(world, who)), call(world, sale, lost))
        assert refusal and (refusal.error_name, refusal.values) == ("InvalidRecipient", {"to": lost})


@pytest.mark.parametrize("way", WAYS)
def test_what_the_named_address_refuses_is_its_owners(ether_world: World, way: str) -> None:
    world, wallet = ether_world, ether_world.new_contract("HostileWallet")
    world.send(world.deployer, wallet.call("behave", member("HostileWallet", "Refuses"), []))
    sale, (_, who, call) = ready(world, way), WAYS[way]
    owner = address_of(getattr(world, who))
    before = world.free(owner)
    receipt = world.send(getattr(world, who), call(world, sale, wallet.address))
    due = PRICE + BOND
    assert (world.free(owner) - before, world.free(wallet.address)) == (due, 0)
    (credited,) = (fields for name, fields in world.events(receipt) if name == "Credited")
    assert credited["owner"].lower() == owner
    world.check_solvent([wallet.address])


@pytest.mark.parametrize("way", WAYS)
def test_it_is_possible_only_when_the_plain_call_is(ether_world: World, way: str) -> None:
    """A second too early for refund and claim, a second too late for a dispute."""
    world, sale = ether_world, ether_world.sale()
    state, who, call = WAYS[way]
    world.bring_to(state, sale)
    world.now_is(Timestamp(world.deadline(sale.offer) + (way == "disputeTo")))
    refusal = world.refusal(address_of(getattr(world, who)), call(world, sale, ELSEWHERE))
    expected = {"refundTo": "DeadlineNotPassed", "disputeTo": "DeadlinePassed", "claimTo": "NothingToClaim"}
    assert refusal and refusal.error_name == expected[way]
    for ended in (OrderState.REFUNDED, OrderState.RELEASED, OrderState.CANCELLED):
        other = world.sale(nonce=10 + ended.value)
        world.bring_to(ended, other)
        assert world.refusal(address_of(getattr(world, who)), call(world, other, ELSEWHERE)) is not None


def test_an_honest_chunk_is_none_the_less_honest(ether_world: World) -> None:
    world, sale = ether_world, ready(ether_world, "disputeTo")
    proof = sale.proof(0)
    call = world.exchange.dispute_to(
        sale.offer, sale.key, proof.index, proof.ciphertext, proof.leaf, proof.path, ELSEWHERE
    )
    refusal = world.refusal(sale.offer.buyer, call)
    assert refusal and refusal.error_name == "ChunkIsHonest"


def test_a_batch_with_one_order_of_another_seller_pays_nobody(ether_world: World) -> None:
    """Whoever names an address says that all of it is its own: an error, where `claim` would pay each its own."""
    world, sale = ether_world, ready(ether_world, "claimTo")
    foreign = world.sale(nonce=1, seller=address_of(world.other)).offer
    refusal = world.refusal(sale.offer.seller, world.exchange.claim_to([sale.offer, foreign], ELSEWHERE))
    assert refusal and refusal.error_name == "NotSeller"
    refusal = world.refusal(sale.offer.seller, world.exchange.claim_to([], ELSEWHERE))
    assert refusal and (refusal.error_name, refusal.values) == ("NothingToClaim", {"orders": 0})
