"""The life of an order is the table of PROTOCOL 7: nothing else is possible, and every coin is accounted for."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol import errors
from blindfair.protocol.delivery import Fault
from blindfair.protocol.errors import (
    BadSignature,
    BlindfairError,
    ForbiddenTransition,
    InsufficientFunds,
    OfferRejected,
    SettlementError,
)
from blindfair.protocol.errors.refusal import RefusedCall
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import (
    ACTORS,
    Action,
    Actor,
    Effects,
    Holder,
    Order,
    OrderState,
    Possible,
    WindowBounds,
    accept,
    cancel,
    claim,
    dispute,
    possibilities,
    possible_actions,
    refund,
    release,
    release_by_signature,
    reveal,
)
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    ChunkIndex,
    DeliveryKey,
    Digest,
    Seconds,
    Timestamp,
    Wei,
)
from protocol.vector_files import Case, each, load

FILE = load("orders/orders.json")
OFFER = Offer.from_document(FILE["offer"])
KEY = DeliveryKey(bytes.fromhex(FILE["key"]))
WINDOWS = WindowBounds(Seconds(600), Seconds(30 * 86400))
STRANGER = Address("0x" + "57" * 20)
WHO = {"buyer": OFFER.buyer, "seller": OFFER.seller, "stranger": STRANGER}


def fault_of(case: Case) -> Fault:
    return Fault(
        ChunkIndex(case["index"]),
        bytes.fromhex(case["ciphertext"]),
        Digest(bytes.fromhex(case["leaf"])),
        tuple(Digest(bytes.fromhex(node)) for node in case["path"]),
    )


FAULT, HONEST = fault_of(FILE["fault"]), fault_of(FILE["honest"])


def accepted(order: Order, caller: Address, now: Timestamp, **more: Any) -> tuple[Order, Effects]:
    given: dict[str, Any] = {
        "signer": OFFER.seller,
        "committed": True,
        "value": order.offer.price,
        "free_balance": order.offer.bond,
    }
    return accept(order, caller, now, **(given | {"windows": WINDOWS} | more))


Call = Callable[[Order, Address, Timestamp], tuple[Order, Effects]]
CALLS: dict[str, Call] = {
    "accept": accepted,
    "cancel": cancel,
    "reveal": lambda order, who, now: reveal(order, who, now, KEY),
    "reveal with another key": lambda order, who, now: reveal(order, who, now, DeliveryKey(bytes(32))),
    "refund": refund,
    "release": release,
    "release by signature": lambda order, who, now: release_by_signature(order, now, OFFER.buyer),
    "release by the seller's signature": lambda order, who, now: release_by_signature(order, now, OFFER.seller),
    "claim": claim,
    "dispute": lambda order, who, now: dispute(order, who, now, KEY, FAULT),
    "dispute honest chunk": lambda order, who, now: dispute(order, who, now, KEY, HONEST),
    "dispute with another key": lambda order, who, now: dispute(order, who, now, DeliveryKey(bytes(32)), FAULT),
}


def settle(money: dict[Holder, int], effects: Effects) -> None:
    for movement in effects:
        assert movement.amount > 0
        money[movement.source] -= movement.amount
        money[movement.target] += movement.amount


@each("orders/orders.json")
def test_lives_of_an_order(case: Case) -> None:
    order, money = Order(OFFER), dict.fromkeys(Holder, 0)
    for call, who, at, outcome in case["steps"]:
        if outcome in OrderState.__members__:
            order, effects = CALLS[call](order, WHO[who], Timestamp(at))
            settle(money, effects)
            assert order.state is OrderState[outcome]
        else:
            with pytest.raises(getattr(errors, outcome)):
                CALLS[call](order, WHO[who], Timestamp(at))
    assert money == {
        Holder.BUYER: case["paid"]["buyer"],
        Holder.SELLER: case["paid"]["seller"],
        Holder.SELLER_BALANCE: case["paid"]["seller_balance"],
        Holder.ORDER: case["paid"]["order"],
    }


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], type[BlindfairError]]] = [
    ("signed by another", {}, {"signer": STRANGER}, BadSignature),
    ("signed by the buyer", {}, {"signer": OFFER.buyer}, BadSignature),
    ("signed by nobody", {}, {"signer": ETHER}, BadSignature),
    ("listing not committed", {}, {"committed": False}, OfferRejected),
    ("chunk size 512", {"chunk_size": 512}, {}, OfferRejected),
    ("chunk size 1025", {"chunk_size": 1025}, {}, OfferRejected),
    ("no chunks", {"chunk_count": 0}, {}, OfferRejected),
    ("reveal window too short", {"reveal_window": Seconds(599)}, {}, OfferRejected),
    ("reveal window too long", {"reveal_window": Seconds(30 * 86400 + 1)}, {}, OfferRejected),
    ("dispute window too short", {"dispute_window": Seconds(599)}, {}, OfferRejected),
    ("dispute window too long", {"dispute_window": Seconds(30 * 86400 + 1)}, {}, OfferRejected),
    ("a unit too little", {}, {"value": Wei(OFFER.price - 1)}, InsufficientFunds),
    ("a unit too much", {}, {"value": Wei(OFFER.price + 1)}, InsufficientFunds),
    ("nothing paid", {}, {"value": Wei(0)}, InsufficientFunds),
    ("ether with a token", {"token": STRANGER}, {}, InsufficientFunds),
    ("bond not covered", {}, {"free_balance": Wei(OFFER.bond - 1)}, InsufficientFunds),
]


@pytest.mark.parametrize(("change", "more", "error"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_never_accepted(change: dict[str, Any], more: dict[str, Any], error: type[BlindfairError]) -> None:
    with pytest.raises(error):
        accepted(Order(replace(OFFER, **change)), OFFER.buyer, Timestamp(0), **more)


def test_the_address_zero_never_buys() -> None:
    with pytest.raises(OfferRejected):
        accepted(Order(replace(OFFER, buyer=ETHER)), ETHER, Timestamp(0))


@pytest.mark.parametrize("window", [600, 30 * 86400])
def test_windows_at_their_bounds_are_accepted(window: int) -> None:
    offer = replace(OFFER, reveal_window=Seconds(window), dispute_window=Seconds(window))
    order, _ = accepted(Order(offer), OFFER.buyer, Timestamp(7))
    assert order.deadline == 7 + window
    revealed, effects = reveal(order, OFFER.seller, Timestamp(11), KEY)
    assert (revealed.deadline, effects) == (11 + window, ())


@pytest.mark.parametrize("change", [{"chunk_count": 1}, {"chunk_count": 2**32 - 1}, {"chunk_size": 16384}, {"bond": 0}])
def test_the_smallest_and_the_largest_are_accepted(change: dict[str, Any]) -> None:
    order, _ = accepted(Order(replace(OFFER, **change)), OFFER.buyer, Timestamp(0))
    assert order.state is OrderState.LOCKED


def test_states_have_the_numbers_of_the_contract() -> None:
    interface = Path(__file__).parents[2] / "contracts" / "interfaces" / "IDataExchange.sol"
    (names,) = re.findall(r"enum State \{([^}]*)\}", interface.read_text(encoding="utf-8"))
    assert [state.name for state in OrderState] == [name.strip().upper() for name in names.split(",")]
    assert [state.value for state in OrderState] == list(range(6))


def test_an_ended_order_has_no_deadline() -> None:
    locked, _ = accepted(Order(OFFER), OFFER.buyer, Timestamp(0))
    revealed, _ = reveal(locked, OFFER.seller, Timestamp(0), KEY)
    ended = [cancel(Order(OFFER), OFFER.seller, Timestamp(0)), refund(locked, STRANGER, Timestamp(9999))]
    ended += [release(revealed, OFFER.buyer, Timestamp(0)), dispute(revealed, STRANGER, Timestamp(0), KEY, FAULT)]
    assert {order.deadline for order, _ in ended} == {0}


def test_tokens_come_without_ether() -> None:
    order, effects = accepted(Order(replace(OFFER, token=STRANGER)), OFFER.buyer, Timestamp(0), value=Wei(0))
    assert order.state is OrderState.LOCKED
    assert {movement.amount for movement in effects} == {OFFER.price, OFFER.bond}


def test_an_order_without_bond_moves_only_the_price() -> None:
    order, effects = accepted(Order(replace(OFFER, bond=Wei(0))), OFFER.buyer, Timestamp(0))
    assert [movement.amount for movement in effects] == [OFFER.price]
    _, effects = refund(order, STRANGER, Timestamp(9999))
    assert [(movement.amount, movement.target) for movement in effects] == [(OFFER.price, Holder.BUYER)]


def test_a_refusal_says_what_is_possible_instead() -> None:
    with pytest.raises(ForbiddenTransition, match=r"expected accept or cancel.*none at 5, until 1000"):
        claim(Order(OFFER), OFFER.seller, Timestamp(5))
    with pytest.raises(ForbiddenTransition, match="nothing more"):
        claim(Order(OFFER, OrderState.RELEASED), OFFER.seller, Timestamp(5))
    with pytest.raises(ForbiddenTransition, match=OFFER.buyer):
        release(Order(OFFER, OrderState.REVEALED, Timestamp(10)), STRANGER, Timestamp(5))


LATE = Timestamp(9999)
SEVERAL: list[tuple[str, RefusedCall, Callable[[], object]]] = [
    ("accept: state before caller", RefusedCall.STATE,
     lambda: accepted(Order(OFFER, OrderState.LOCKED), STRANGER, LATE)),
    ("accept: caller before time", RefusedCall.NOT_BUYER, lambda: accepted(Order(OFFER), STRANGER, LATE)),
    ("accept: time before terms", RefusedCall.EXPIRED,
     lambda: accepted(Order(OFFER), OFFER.buyer, LATE, committed=False)),
    ("accept: listing before windows", RefusedCall.LISTING,
     lambda: accepted(Order(replace(OFFER, reveal_window=Seconds(1))), OFFER.buyer, Timestamp(0), committed=False)),
    ("accept: windows before bond", RefusedCall.WINDOW,
     lambda: accepted(Order(replace(OFFER, reveal_window=Seconds(1))), OFFER.buyer, Timestamp(0), free_balance=Wei(0))),
    ("accept: bond before payment", RefusedCall.BOND,
     lambda: accepted(Order(OFFER), OFFER.buyer, Timestamp(0), free_balance=Wei(0), value=Wei(0))),
    ("cancel: caller before state", RefusedCall.NOT_SELLER,
     lambda: cancel(Order(OFFER, OrderState.LOCKED), OFFER.buyer, Timestamp(0))),
    ("release: caller before state", RefusedCall.NOT_BUYER,
     lambda: release(Order(OFFER, OrderState.LOCKED), OFFER.seller, Timestamp(0))),
    ("reveal: time before key", RefusedCall.LATE,
     lambda: reveal(Order(OFFER, OrderState.LOCKED, Timestamp(1)), STRANGER, LATE, DeliveryKey(bytes(32)))),
    ("refund: state before time", RefusedCall.STATE, lambda: refund(Order(OFFER), STRANGER, Timestamp(0))),
    ("claim: of any kind", RefusedCall.NOTHING_DUE,
     lambda: claim(Order(OFFER, OrderState.LOCKED), STRANGER, Timestamp(0))),
    ("dispute: time before proof", RefusedCall.LATE,
     lambda: dispute(Order(OFFER, OrderState.REVEALED, Timestamp(1)), STRANGER, LATE, KEY, HONEST)),
    ("dispute: key before index", RefusedCall.KEY, lambda: disputed(DeliveryKey(bytes(32)), index=ChunkIndex(9))),
    ("dispute: index before length", RefusedCall.CHUNK_INDEX, lambda: disputed(index=ChunkIndex(9), ciphertext=b"")),
    ("dispute: length before path", RefusedCall.CHUNK_LENGTH, lambda: disputed(ciphertext=b"", path=())),
    ("dispute: path's length before root", RefusedCall.PATH_LENGTH, lambda: disputed(leaf=Digest(bytes(32)), path=())),
    ("dispute: root", RefusedCall.ROOT, lambda: disputed(leaf=Digest(bytes(32)))),
    ("dispute: honest", RefusedCall.HONEST,
     lambda: dispute(Order(OFFER, OrderState.REVEALED, LATE), STRANGER, Timestamp(0), KEY, HONEST)),
]  # fmt: skip


def disputed(key: DeliveryKey = KEY, **change: Any) -> object:
    fault = replace(FAULT, **change)
    return dispute(Order(OFFER, OrderState.REVEALED, LATE), STRANGER, Timestamp(0), key, fault)


@pytest.mark.parametrize(("reason", "call"), [case[1:] for case in SEVERAL], ids=[case[0] for case in SEVERAL])
def test_of_several_reasons_the_contracts_first_is_named(reason: RefusedCall, call: Callable[[], object]) -> None:
    with pytest.raises(SettlementError) as caught:
        call()
    assert caught.value.refusal is reason


UNDO = ({Action.REVEAL, Action.REFUND}, {Action.DISPUTE, Action.CLAIM})


@given(st.sampled_from(OrderState), st.integers(0, 2000), st.integers(0, 2000))
def test_invariant_7_no_instant_allows_both_to_act_and_to_undo(state: OrderState, deadline: int, now: int) -> None:
    possible = possible_actions(Order(OFFER, state, Timestamp(deadline)), Timestamp(now))
    for pair in UNDO:
        assert len(possible & pair) <= 1
    # And whenever money is locked, some call is open to anyone: nobody is ever stuck.
    if state in (OrderState.LOCKED, OrderState.REVEALED):
        assert any(ACTORS[action] is Actor.ANYONE for action in possible)


def test_what_is_possible_is_said_with_whom_and_until_when() -> None:
    locked, revealed = (Order(OFFER, state, Timestamp(10)) for state in (OrderState.LOCKED, OrderState.REVEALED))
    accept_, cancel_ = Possible(Action.ACCEPT, OFFER.buyer, OFFER.expiry), Possible(Action.CANCEL, OFFER.seller, None)
    assert possibilities(Order(OFFER), OFFER.expiry) == {accept_, cancel_}
    assert possibilities(Order(OFFER), Timestamp(OFFER.expiry + 1)) == {cancel_}
    assert possibilities(locked, Timestamp(10)) == {Possible(Action.REVEAL, None, Timestamp(10))}
    assert possibilities(locked, Timestamp(11)) == {Possible(Action.REFUND, None, None)}
    release_ = Possible(Action.RELEASE, OFFER.buyer, None)
    assert possibilities(revealed, Timestamp(10)) == {release_, Possible(Action.DISPUTE, None, Timestamp(10))}
    assert possibilities(revealed, Timestamp(11)) == {release_, Possible(Action.CLAIM, None, None)}
    assert possibilities(Order(OFFER, OrderState.REFUNDED), Timestamp(0)) == frozenset()


steps = st.lists(
    st.tuples(
        st.sampled_from([call for call in CALLS if not call.startswith("release by")]),
        st.sampled_from(list(WHO)),
        st.integers(0, 900),
    ),
    min_size=1,
    max_size=12,
)


@given(steps)
def test_whatever_is_tried_money_is_neither_made_nor_lost(tries: list[tuple[str, str, int]]) -> None:
    order, money, now = Order(OFFER), dict.fromkeys(Holder, 0), 0
    for call, who, later in tries:
        now += later
        possible, before = possible_actions(order, Timestamp(now)), order
        try:
            order, effects = CALLS[call](order, WHO[who], Timestamp(now))
        except BlindfairError:
            assert order is before
            continue
        assert Action(call) in possible
        assert ACTORS[Action(call)] in (Actor.ANYONE, Actor(who) if who != "stranger" else Actor.ANYONE)
        settle(money, effects)
        assert sum(money.values()) == 0
        open_order = order.state in (OrderState.LOCKED, OrderState.REVEALED)
        assert money[Holder.ORDER] == (OFFER.price + OFFER.bond if open_order else 0)
        assert money[Holder.BUYER] in (0, -OFFER.price, OFFER.bond)
        assert (money[Holder.SELLER] == OFFER.price) == (order.state is OrderState.RELEASED)
