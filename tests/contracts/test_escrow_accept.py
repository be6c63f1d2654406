"""What accept requires, one thing at a time (PROTOCOL 7): each alone refuses the offer, by name and with values."""

from dataclasses import replace
from typing import Any

import pytest
from escrow_world import BOND, DEPOSIT, LISTING_ROOT, MANIFEST_HASH, MONEY, PRICE, Ledger, World, address_of

from blindfair.chain.calls import Call
from blindfair.protocol.hashing import sha256
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, ListingId, Seconds, Wei

SHORTEST, LONGEST = 600, 30 * 24 * 3600


def refused(world: World, changes: dict[str, Any], value: int | None = None) -> tuple[str, dict[str, object]]:
    """How the contract refuses an otherwise good offer with these fields; `value` is the ether sent along."""
    offer = replace(world.sale().offer, **changes)
    call = world.accept(offer)
    call = call if value is None else replace(call, value=Wei(value))
    refusal = world.refusal(address_of(world.buyer), call)
    assert refusal is not None
    return refusal.error_name, refusal.values


def taken(world: World, **changes: Any) -> None:
    offer = replace(world.sale().offer, **changes)
    world.offers.append(offer)
    world.send(world.buyer, world.accept(offer))
    assert world.state(offer) is OrderState.LOCKED
    world.check_solvent()


def test_the_listing_must_be_committed(world: World) -> None:
    unknown = ListingId(sha256(b"another listing"))
    assert refused(world, {"listing": unknown}) == (
        "ListingNotOfSeller",
        {"listing": unknown, "expected": address_of(world.seller), "found": ETHER},
    )


def test_the_listing_must_be_committed_by_the_offers_seller(world: World) -> None:
    world.send(world.other, world.exchange.commit(LISTING_ROOT, MANIFEST_HASH))
    foreign = world.listing(address_of(world.other))
    assert refused(world, {"listing": foreign}) == (
        "ListingNotOfSeller",
        {"listing": foreign, "expected": address_of(world.seller), "found": address_of(world.other)},
    )


def test_nobody_sells_what_nobody_committed(world: World) -> None:
    """The seller zero of a listing that is not there must not match an offer by the address zero."""
    unknown = ListingId(sha256(b"another listing"))
    assert refused(world, {"listing": unknown, "seller": ETHER, "bond": 0})[0] == "ListingNotOfSeller"


def test_an_offer_to_nobody_is_taken_by_nobody(world: World) -> None:
    assert refused(world, {"buyer": ETHER}) == ("NotBuyer", {"expected": ETHER, "found": address_of(world.buyer)})


@pytest.mark.parametrize("size", [0, 1, 16, 1023, 1025, 2048, 4095, 16385, 32768, 2**32 - 1])
def test_other_chunk_sizes_are_refused(ether_world: World, size: int) -> None:
    assert refused(ether_world, {"chunk_size": size}) == ("ChunkSizeUnsupported", {"found": size})


@pytest.mark.parametrize("size", [1024, 4096, 16384])
def test_the_three_chunk_sizes_are_taken(ether_world: World, size: int) -> None:
    taken(ether_world, chunk_size=size)


def test_an_offer_of_no_chunks_is_refused(ether_world: World) -> None:
    assert refused(ether_world, {"chunk_count": 0}) == ("NoChunks", {})


@pytest.mark.parametrize("count", [1, 2**32 - 1])
def test_any_other_number_of_chunks_is_taken(ether_world: World, count: int) -> None:
    taken(ether_world, chunk_count=count)


@pytest.mark.parametrize("field", ["reveal_window", "dispute_window"])
@pytest.mark.parametrize("window", [0, SHORTEST - 1, LONGEST + 1, 2**32 - 1])
def test_windows_out_of_bounds_are_refused(ether_world: World, field: str, window: int) -> None:
    assert refused(ether_world, {field: window}) == (
        "WindowOutOfBounds",
        {"min": SHORTEST, "max": LONGEST, "found": window},
    )


@pytest.mark.parametrize("window", [SHORTEST, LONGEST])
def test_windows_at_the_bounds_are_taken(ether_world: World, window: int) -> None:
    taken(ether_world, reveal_window=Seconds(window), dispute_window=Seconds(window))
    assert (ether_world.read("MIN_WINDOW"), ether_world.read("MAX_WINDOW")) == (SHORTEST, LONGEST)


@pytest.mark.parametrize("value", [0, 1, PRICE - 1, PRICE + 1])
def test_the_ether_sent_along_must_be_the_price(ether_world: World, value: int) -> None:
    assert refused(ether_world, {}, value) == ("WrongPayment", {"expected": PRICE, "found": value})


@pytest.mark.parametrize("value", [1, PRICE])
def test_no_ether_may_come_with_a_token(worlds: dict[str, World], value: int) -> None:
    world = worlds["token"]
    world.rewind()
    assert refused(world, {}, value) == ("WrongPayment", {"expected": 0, "found": value})


def test_the_bond_must_be_in_the_sellers_free_balance(world: World) -> None:
    taken(world, bond=DEPOSIT)
    assert refused(world, {"bond": 1, "nonce": 1}) == (
        "FreeBalanceTooLow",
        {"owner": address_of(world.seller), "token": world.token, "expected": 1, "found": 0},
    )
    taken(world, bond=0, nonce=2)


def test_the_bond_must_be_in_the_orders_own_money(worlds: dict[str, World]) -> None:
    world = worlds["token"]
    world.rewind()
    assert refused(world, {"token": ETHER}) == (
        "FreeBalanceTooLow",
        {"owner": address_of(world.seller), "token": ETHER, "expected": BOND, "found": 0},
    )


def test_the_buyers_own_free_balance_is_not_taken_for_the_bond(world: World) -> None:
    world.send(world.buyer, world.exchange.deposit(world.token, Wei(BOND)))
    assert refused(world, {"bond": DEPOSIT + 1})[0] == "FreeBalanceTooLow"


def test_a_token_that_is_no_contract_is_refused(ether_world: World) -> None:
    nothing = Address("0x" + "77" * 20)
    assert refused(ether_world, {"token": nothing, "bond": 0}, 0) == ("NotAToken", {"token": nothing})


def test_a_buyer_that_cannot_pay_keeps_its_order_unmade(worlds: dict[str, World]) -> None:
    world = worlds["token"]
    world.rewind()
    name, values = refused(world, {"price": MONEY + 1})
    assert (name, values["needed"]) == ("ERC20InsufficientAllowance", MONEY + 1)
    world.send(world.buyer, world.exchange.approve(world.token, Wei(2 * MONEY)))
    name, values = refused(world, {"price": MONEY + 1})
    assert (name, values["balance"], values["needed"]) == ("ERC20InsufficientBalance", MONEY, MONEY + 1)


def test_an_offer_at_price_zero_is_taken(world: World) -> None:
    taken(world, price=0)


def test_seller_and_buyer_may_be_one(world: World) -> None:
    sale = world.sale(buyer=address_of(world.seller))
    ledger = Ledger(world)
    world.offers.append(sale.offer)
    world.send(world.seller, world.accept(sale.offer))
    world.check_solvent()
    world.send(world.seller, world.exchange.reveal(sale.offer, sale.key))
    world.send(world.seller, world.exchange.release(sale.offer))
    assert ledger.changes() == {}
    world.check_solvent()


# Field of the offer, first bit that its type on chain does not have and that its word in the calldata has all the same.
NARROW = {4: 32, 5: 32, 6: 160, 7: 160, 8: 160, 9: 128, 10: 128, 11: 32, 12: 32, 13: 64}


@pytest.mark.parametrize("name", ["accept", "cancel", "reveal", "refund", "release", "dispute", "hashOffer"])
def test_a_field_wider_than_its_type_is_no_other_spelling_of_the_offer(ether_world: World, name: str) -> None:
    """Else one order could be written in many ways, each with an identifier of its own."""
    world, sale = ether_world, ether_world.sale()
    world.bring_to(OrderState.NONE, sale)
    calls = {
        "accept": (address_of(world.buyer), world.accept(sale.offer)),
        "cancel": (address_of(world.seller), world.exchange.cancel(sale.offer)),
        "reveal": (address_of(world.seller), world.exchange.reveal(sale.offer, sale.key)),
        "refund": (address_of(world.seller), world.exchange.refund(sale.offer)),
        "release": (address_of(world.buyer), world.exchange.release(sale.offer)),
        "dispute": (address_of(world.buyer), world.dispute(sale)),
        "hashOffer": (address_of(world.buyer), world.call("hashOffer", sale.offer)),
    }
    caller, call = calls[name]
    for field, bits in NARROW.items():
        # The offer comes first in all of them: its words follow the selector.
        word = 4 + 32 * field
        widened = int.from_bytes(call.data[word : word + 32], "big") | 1 << bits
        data = call.data[:word] + widened.to_bytes(32, "big") + call.data[word + 32 :]
        refusal = world.refusal(caller, replace(call, data=data))
        assert refusal is not None and refusal.error_name == "", field


@pytest.mark.parametrize("cut", [1, 32, 64])
def test_calldata_cut_short_is_refused(ether_world: World, cut: int) -> None:
    call = ether_world.exchange.cancel(ether_world.sale().offer)
    assert ether_world.refusal(address_of(ether_world.seller), Call("cancel", call.to, call.data[:-cut]))
