"""The buyer's signed word that an order may be released, brought by whoever wants to pay the gas (PROTOCOL 7)."""

import pytest
from escrow_world import BOND, PRICE, Contract, Ledger, Sale, World, address_of
from eth_typing import Hash32

from blindfair.chain.calls import Call
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Digest, Signature, Timestamp
from blindfair.protocol.release import release_digest, sign_release
from blindfair.protocol.signing import CURVE_ORDER, Domain, sign_message


def revealed(world: World, nonce: int = 0) -> Sale:
    sale = world.sale(nonce=nonce)
    world.bring_to(OrderState.REVEALED, sale)
    return sale


def error(world: World, sale: Sale, signature: bytes) -> str | None:
    """The name of the refusal of the release by this signature; None if the seller would be paid."""
    call = world.exchange.release_by_signature(sale.offer, Signature(signature))
    refusal = world.refusal(address_of(world.other), call)
    if refusal is not None and refusal.error_name == "InvalidSignature":
        digest = release_digest(sale.offer.struct_hash(), world.domain)
        assert refusal.values == {"signer": sale.offer.buyer, "digest": digest}
    return None if refusal is None else refusal.error_name


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after the dispute window"])
@pytest.mark.parametrize("sender", ["seller", "other"])
def test_the_buyers_signature_pays_the_seller_whoever_brings_it(world: World, sender: str, late: bool) -> None:
    sale = revealed(world)
    ledger = Ledger(world)
    if late:
        world.next_is(Timestamp(world.deadline(sale.offer) + 1))
    call = world.exchange.release_by_signature(sale.offer, world.sign_release(sale.offer))
    receipt = world.send(getattr(world, sender), call)
    assert world.events(receipt) == [("Released", {"orderId": sale.offer.struct_hash()})]
    assert (world.state(sale.offer), world.deadline(sale.offer)) == (OrderState.RELEASED, 0)
    assert ledger.changes() == {sale.offer.seller: PRICE, f"{sale.offer.seller} free": BOND}
    world.check_solvent()
    assert error(world, sale, world.sign_release(sale.offer)) == "WrongState", "and pays once"


@pytest.mark.parametrize(
    "state",
    [OrderState.NONE, OrderState.LOCKED, OrderState.REFUNDED, OrderState.RELEASED, OrderState.CANCELLED],
)
def test_a_signature_releases_only_what_is_revealed(ether_world: World, state: OrderState) -> None:
    """A buyer that signed too early has not lost its refund."""
    world, sale = ether_world, ether_world.sale()
    world.bring_to(state, sale)
    refusal = world.refusal(
        address_of(world.seller), world.exchange.release_by_signature(sale.offer, world.sign_release(sale.offer))
    )
    values = {"orderId": sale.offer.struct_hash(), "expected": OrderState.REVEALED.value, "found": state.value}
    assert refusal and (refusal.error_name, refusal.values) == ("WrongState", values)


def test_only_the_buyers_signature_counts(ether_world: World) -> None:
    world, sale = ether_world, revealed(ether_world)
    for account in (world.seller, world.other):
        assert error(world, sale, world.sign_release(sale.offer, account)) == "InvalidSignature"
    for nonsense in (b"", bytes(64), bytes(65), bytes(64) + b"\x1b", b"\xff" * 65, b"\xff" * 66):
        assert error(world, sale, nonsense) == "InvalidSignature"
    assert error(world, sale, world.sign_release(sale.offer)) is None


def test_a_word_for_another_order_or_another_contract_is_none(ether_world: World) -> None:
    world, sale, other = ether_world, revealed(ether_world, 1), revealed(ether_world, 2)
    order, key, here = sale.offer.struct_hash(), bytes(world.buyer.key), world.domain
    assert error(world, sale, world.sign_release(other.offer)) == "InvalidSignature"
    for domain in (
        Domain(here.chain_id + 1, here.contract),
        Domain(here.chain_id, ETHER),
        Domain(here.chain_id, Address("0x" + "11" * 20)),
    ):
        assert error(world, sale, sign_release(order, domain, key)) == "InvalidSignature"


def test_nothing_else_that_a_buyer_signs_releases(ether_world: World) -> None:
    """The order's number in an ordinary message of the protocol, or signed as it is."""
    world, sale = ether_world, revealed(ether_world)
    order = sale.offer.struct_hash()
    for kind in (Digest(order), Digest(bytes(32))):
        signature = sign_message(world.domain, kind, Digest(order), bytes(world.buyer.key))
        assert error(world, sale, signature) == "InvalidSignature"
    bare = world.buyer.unsafe_sign_hash(Hash32(order)).signature
    assert error(world, sale, bytes(bare)) == "InvalidSignature"


def test_it_is_taken_in_the_forms_of_an_offers_signature(ether_world: World) -> None:
    """65 bytes or 64 (EIP-2098), the lower `s` only."""
    world, sale = ether_world, revealed(ether_world)
    signature = world.sign_release(sale.offer)
    s, parity = int.from_bytes(signature[32:64], "big"), signature[64] - 27
    assert error(world, sale, signature[:32] + (s | parity << 255).to_bytes(32, "big")) is None
    twin = signature[:32] + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([28 - parity])
    assert error(world, sale, twin) == "InvalidSignature"


def test_a_buyer_that_is_a_contract_signs_as_it_likes(ether_world: World) -> None:
    """EIP-1271; the wallet's owner is the deployer."""
    world = ether_world
    wallet: Contract = world.new_contract("HostileWallet", value=PRICE)
    sale = world.sale(buyer=wallet.address)
    world.offers.append(sale.offer)
    accept: Call = world.accept(sale.offer)
    world.send(world.deployer, wallet.call("execute", accept.to, accept.value, accept.data))
    world.send(world.seller, world.exchange.reveal(sale.offer, sale.key))
    assert error(world, sale, world.sign_release(sale.offer)) == "InvalidSignature"
    assert error(world, sale, world.sign_release(sale.offer, world.deployer)) is None


def test_until_it_is_brought_the_buyer_may_still_dispute(ether_world: World) -> None:
    world, sale = ether_world, revealed(ether_world)
    world.sign_release(sale.offer)
    world.next_is(Timestamp(world.deadline(sale.offer)))
    world.send(world.buyer, world.dispute(sale))
    assert world.state(sale.offer) is OrderState.REFUNDED
    assert error(world, sale, world.sign_release(sale.offer)) == "WrongState"
