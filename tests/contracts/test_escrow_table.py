"""The table of PROTOCOL 7, row by row, and every row that is not in it: state x moment x call x caller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from both_machines import refusal_name
from escrow_world import (
    BOND,
    DISPUTE_WINDOW,
    PRICE,
    REVEAL_WINDOW,
    Ledger,
    Sale,
    World,
    address_of,
)

from blindfair.chain.calls import Call
from blindfair.protocol import order as model
from blindfair.protocol.errors import BlindfairError, ContractReverted
from blindfair.protocol.order import Order, OrderState, possible_actions
from blindfair.protocol.quantities import Address, Seconds, Timestamp

NONE, LOCKED, REVEALED = OrderState.NONE, OrderState.LOCKED, OrderState.REVEALED
CALLERS = ("seller", "buyer", "other")
ANYONE = frozenset(CALLERS)
BUYER, SELLER = frozenset({"buyer"}), frozenset({"seller"})
CALLS: dict[str, Callable[[World, Sale], Call]] = {
    "accept": lambda world, sale: world.accept(sale.offer),
    "cancel": lambda world, sale: world.exchange.cancel(sale.offer),
    "reveal": lambda world, sale: world.exchange.reveal(sale.offer, sale.key),
    "refund": lambda world, sale: world.exchange.refund(sale.offer),
    "release": lambda world, sale: world.exchange.release(sale.offer),
    "claim": lambda world, sale: world.exchange.claim([sale.offer]),
    "dispute": lambda world, sale: world.dispute(sale),
}


@dataclass(frozen=True)
class Case:
    """A state and a moment, and who may then make which calls."""

    state: OrderState
    late: bool
    """One second after the last moment at which the state's own time allows to act; else that moment itself."""
    allowed: dict[str, frozenset[str]]


CASES = {
    "offered, at the expiry": Case(NONE, False, {"accept": BUYER, "cancel": SELLER}),
    "offered, after the expiry": Case(NONE, True, {"cancel": SELLER}),
    "locked, at the deadline": Case(LOCKED, False, {"reveal": ANYONE}),
    "locked, after the deadline": Case(LOCKED, True, {"refund": ANYONE}),
    "revealed, at the deadline": Case(REVEALED, False, {"release": BUYER, "dispute": ANYONE}),
    "revealed, after the deadline": Case(REVEALED, True, {"release": BUYER, "claim": ANYONE}),
    "refunded": Case(OrderState.REFUNDED, False, {}),
    "released": Case(OrderState.RELEASED, False, {}),
    "cancelled": Case(OrderState.CANCELLED, False, {}),
}


def party(world: World, name: str) -> Address:
    return address_of(getattr(world, name))


def last_moment(world: World, sale: Sale) -> Timestamp:
    if world.state(sale.offer) is NONE:
        return sale.offer.expiry
    return world.deadline(sale.offer) or world.chain.now()


def expected_refusal(world: World, sale: Sale, case: Case, call: str, caller: str) -> tuple[str, Mapping[str, object]]:
    """The contract's error for a call that the table does not have, with its values."""
    offer, address, now = sale.offer, party(world, caller), world.chain.now()
    order = offer.struct_hash()
    not_buyer = ("NotBuyer", {"expected": offer.buyer, "found": address})
    not_seller = ("NotSeller", {"expected": offer.seller, "found": address})
    needed = {"accept": NONE, "cancel": NONE, "reveal": LOCKED, "refund": LOCKED}.get(call, REVEALED)
    wrong_state = ("WrongState", {"orderId": order, "expected": needed.value, "found": case.state.value})
    if call == "claim":
        return "NothingToClaim", {"orders": 1}
    if call == "release" and caller != "buyer":
        return not_buyer
    if call == "cancel" and caller != "seller":
        return not_seller
    if case.state is not needed:
        return wrong_state
    if call == "accept":
        return not_buyer if caller != "buyer" else ("OfferExpired", {"expiry": offer.expiry, "time": now})
    times = {"orderId": order, "deadline": world.deadline(offer), "time": now}
    return ("DeadlineNotPassed" if call == "refund" else "DeadlinePassed"), times


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_only_the_rows_of_the_table_are_possible(world: World, case: Case) -> None:
    sale = world.sale()
    world.bring_to(case.state, sale)
    if case.state in (NONE, LOCKED, REVEALED):
        world.now_is(Timestamp(last_moment(world, sale) + case.late))
    for call, make in CALLS.items():
        for caller in CALLERS:
            refusal = world.refusal(party(world, caller), make(world, sale))
            found = refusal and (refusal.error_name, refusal.values)
            allowed = caller in case.allowed.get(call, ())
            expected = None if allowed else expected_refusal(world, sale, case, call, caller)
            assert found == expected, f"{call} by {caller}"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_model_in_the_package_has_the_same_rows(ether_world: World, case: Case) -> None:
    offer = ether_world.sale().offer
    now = Timestamp(offer.expiry + case.late)
    order = Order(offer, case.state, offer.expiry)
    assert {action.value for action in possible_actions(order, now)} == set(case.allowed)


WINDOWS = model.WindowBounds(Seconds(600), Seconds(30 * 86400))
MODEL: dict[str, Callable[[Order, Sale, Address, Timestamp], object]] = {
    "accept": lambda order, sale, who, now: model.accept(
        order, who, now, signer=sale.offer.seller, committed=True, value=PRICE, free_balance=BOND, windows=WINDOWS
    ),
    "cancel": lambda order, _, who, now: model.cancel(order, who, now),
    "reveal": lambda order, sale, who, now: model.reveal(order, who, now, sale.key),
    "refund": lambda order, _, who, now: model.refund(order, who, now),
    "release": lambda order, _, who, now: model.release(order, who, now),
    "claim": lambda order, _, who, now: model.claim(order, who, now),
    "dispute": lambda order, sale, who, now: model.dispute(order, who, now, sale.key, sale.proof(1)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_model_in_the_package_refuses_for_the_contracts_reasons(ether_world: World, case: Case) -> None:
    world, sale = ether_world, ether_world.sale()
    world.bring_to(case.state, sale)
    if case.state in (NONE, LOCKED, REVEALED):
        world.now_is(Timestamp(last_moment(world, sale) + case.late))
    order = Order(sale.offer, case.state, world.deadline(sale.offer))
    for call, make in MODEL.items():
        for caller in CALLERS:
            found = ""
            try:
                make(order, sale, party(world, caller), world.chain.now())
            except BlindfairError as error:
                found = refusal_name(error)
            allowed = caller in case.allowed.get(call, ())
            assert found == ("" if allowed else expected_refusal(world, sale, case, call, caller)[0]), (call, caller)


def test_accept_at_the_expiry_locks_price_and_bond(world: World) -> None:
    sale, offer = world.sale(), world.sale().offer
    ledger = Ledger(world)
    world.offers.append(offer)
    world.next_is(offer.expiry)
    receipt = world.send(world.buyer, world.accept(offer))
    assert receipt.timestamp == offer.expiry
    assert world.state(offer) is LOCKED
    assert world.deadline(offer) == offer.expiry + REVEAL_WINDOW
    assert ledger.changes() == {offer.buyer: -PRICE, f"{offer.seller} free": -BOND}
    name, fields = world.events(receipt)[0]
    assert name == "Accepted"
    assert {key: value.lower() if isinstance(value, str) else value for key, value in fields.items()} == {
        "orderId": sale.offer.struct_hash(),
        "listing": offer.listing,
        "buyer": offer.buyer,
        "seller": offer.seller,
        "evaluation": offer.evaluation,
        "token": offer.token,
        "price": PRICE,
    }
    world.check_solvent()


def test_cancel_moves_no_money_and_lasts(world: World) -> None:
    offer = world.sale().offer
    world.offers.append(offer)
    ledger = Ledger(world)
    receipt = world.send(world.seller, world.exchange.cancel(offer))
    assert world.events(receipt) == [("Cancelled", {"orderId": offer.struct_hash()})]
    assert (world.state(offer), world.deadline(offer)) == (OrderState.CANCELLED, 0)
    assert ledger.changes() == {}
    world.check_solvent()


def test_reveal_at_the_deadline_publishes_the_key_and_moves_no_money(world: World) -> None:
    sale = world.sale()
    world.bring_to(LOCKED, sale)
    ledger = Ledger(world)
    world.next_is(world.deadline(sale.offer))
    receipt = world.send(world.other, world.exchange.reveal(sale.offer, sale.key))
    assert world.events(receipt) == [("Revealed", {"orderId": sale.offer.struct_hash(), "key": sale.key})]
    assert (world.state(sale.offer), world.deadline(sale.offer)) == (REVEALED, receipt.timestamp + DISPUTE_WINDOW)
    assert ledger.changes() == {}
    world.check_solvent()


def test_refund_a_second_after_the_deadline_pays_price_and_bond_to_the_buyer(world: World) -> None:
    sale = world.sale()
    world.bring_to(LOCKED, sale)
    ledger = Ledger(world)
    world.next_is(Timestamp(world.deadline(sale.offer) + 1))
    receipt = world.send(world.other, world.exchange.refund(sale.offer))
    assert world.events(receipt) == [("Refunded", {"orderId": sale.offer.struct_hash()})]
    assert (world.state(sale.offer), world.deadline(sale.offer)) == (OrderState.REFUNDED, 0)
    assert ledger.changes() == {sale.offer.buyer: PRICE + BOND}
    world.check_solvent()


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after the dispute window"])
def test_release_pays_the_seller_and_frees_its_bond(world: World, late: bool) -> None:
    sale = world.sale()
    world.bring_to(REVEALED, sale)
    ledger = Ledger(world)
    if late:
        world.next_is(Timestamp(world.deadline(sale.offer) + 1))
    receipt = world.send(world.buyer, world.exchange.release(sale.offer))
    assert world.events(receipt) == [("Released", {"orderId": sale.offer.struct_hash()})]
    assert (world.state(sale.offer), world.deadline(sale.offer)) == (OrderState.RELEASED, 0)
    assert ledger.changes() == {sale.offer.seller: PRICE, f"{sale.offer.seller} free": BOND}
    world.check_solvent()


def test_claim_a_second_after_the_deadline_pays_the_seller_and_frees_its_bond(world: World) -> None:
    sale = world.sale()
    world.bring_to(REVEALED, sale)
    ledger = Ledger(world)
    world.next_is(Timestamp(world.deadline(sale.offer) + 1))
    receipt = world.send(world.other, world.exchange.claim([sale.offer]))
    assert world.events(receipt) == [("Released", {"orderId": sale.offer.struct_hash()})]
    assert (world.state(sale.offer), world.deadline(sale.offer)) == (OrderState.RELEASED, 0)
    assert ledger.changes() == {sale.offer.seller: PRICE, f"{sale.offer.seller} free": BOND}
    world.check_solvent()


def test_dispute_at_the_deadline_pays_price_and_bond_to_the_buyer_whoever_disputes(world: World) -> None:
    sale = world.sale()
    world.bring_to(REVEALED, sale)
    ledger = Ledger(world)
    world.next_is(world.deadline(sale.offer))
    receipt = world.send(world.other, world.dispute(sale, 1))
    order = sale.offer.struct_hash()
    assert world.events(receipt) == [("Disputed", {"orderId": order, "index": 1}), ("Refunded", {"orderId": order})]
    assert (world.state(sale.offer), world.deadline(sale.offer)) == (OrderState.REFUNDED, 0)
    assert ledger.changes() == {sale.offer.buyer: PRICE + BOND}
    world.check_solvent()


def test_a_refused_call_in_a_block_changes_nothing(world: World) -> None:
    sale = world.sale()
    world.bring_to(LOCKED, sale)
    ledger = Ledger(world)
    for call in ("refund", "release", "claim", "dispute", "accept", "cancel"):
        with pytest.raises(ContractReverted):
            world.send(world.buyer, CALLS[call](world, sale))
    assert (world.state(sale.offer), ledger.changes()) == (LOCKED, {})
    world.check_solvent()


def test_orders_do_not_touch_each_other(world: World) -> None:
    first, second = world.sale(nonce=1), world.sale(nonce=2)
    world.bring_to(REVEALED, first)
    world.bring_to(LOCKED, second)
    ledger = Ledger(world)
    world.send(world.other, world.dispute(first, 1))
    assert world.state(second.offer) is LOCKED
    assert ledger.changes() == {first.offer.buyer: PRICE + BOND}
    world.check_solvent()
    refusal = world.refusal(first.offer.buyer, world.exchange.reveal(second.offer, first.key))
    assert refusal and refusal.error_name == "WrongKey"
    assert refusal.values["expected"] == second.offer.key_commitment
