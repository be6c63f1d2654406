"""The order as a pure state machine: what PROTOCOL 7 allows, to whom, when, and where the money goes.

It is the contract's table in Python: no chain, no clock, no storage; time, caller and balances are arguments. Each
transition takes an order and gives the next one with its money movements, or raises and changes nothing. What is raised
says by its `refusal` which rule is broken; checks come in the contract's order, so that of several both say the same.

Not here: free balances outside an order (`deposit`, `withdraw`), and a seller's prudence about when to reveal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from blindfair.protocol.chunks import CHUNK_SIZES
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, verify_fault
from blindfair.protocol.errors import BadSignature, ForbiddenTransition, InsufficientFunds, OfferRejected
from blindfair.protocol.errors.refusal import RefusedCall
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import ETHER, Address, DeliveryKey, Seconds, Timestamp, Wei

_NO_DEADLINE = Timestamp(0)


class OrderState(Enum):
    """Where an order stands. The last three are final."""

    NONE = 0
    """Offered, or not even that: nothing on chain."""

    LOCKED = 1
    """Price and bond are in the contract, the key is not revealed."""

    REVEALED = 2
    """The key is public, the money still locked."""

    REFUNDED = 3
    """Price and bond went to the buyer."""

    RELEASED = 4
    """The price went to the seller, the bond to its free balance."""

    CANCELLED = 5
    """Withdrawn by the seller before any accept."""


class Action(Enum):
    """A call of the contract that moves an order."""

    ACCEPT = "accept"
    CANCEL = "cancel"
    REVEAL = "reveal"
    REFUND = "refund"
    RELEASE = "release"
    CLAIM = "claim"
    DISPUTE = "dispute"


class Actor(Enum):
    """Who may make a call."""

    BUYER = "buyer"
    SELLER = "seller"
    ANYONE = "anyone"


ACTORS: Mapping[Action, Actor] = {
    Action.ACCEPT: Actor.BUYER,
    Action.CANCEL: Actor.SELLER,
    Action.REVEAL: Actor.ANYONE,
    Action.REFUND: Actor.ANYONE,
    Action.RELEASE: Actor.BUYER,
    Action.CLAIM: Actor.ANYONE,
    Action.DISPUTE: Actor.ANYONE,
}


_FROM: Mapping[Action, OrderState] = {
    Action.ACCEPT: OrderState.NONE,
    Action.CANCEL: OrderState.NONE,
    Action.REVEAL: OrderState.LOCKED,
    Action.REFUND: OrderState.LOCKED,
    Action.RELEASE: OrderState.REVEALED,
    Action.CLAIM: OrderState.REVEALED,
    Action.DISPUTE: OrderState.REVEALED,
}
"""The state that a call asks for."""

_UNTIMELY: Mapping[Action, RefusedCall] = {
    Action.ACCEPT: RefusedCall.EXPIRED,
    Action.REVEAL: RefusedCall.LATE,
    Action.DISPUTE: RefusedCall.LATE,
    Action.REFUND: RefusedCall.EARLY,
    Action.CLAIM: RefusedCall.NOTHING_DUE,
}
"""The refusal of a call that the state allows and the time does not."""


class Holder(Enum):
    """Where money lies."""

    BUYER = "buyer"
    """The buyer's account."""

    SELLER = "seller"
    """The seller's account."""

    SELLER_BALANCE = "seller's free balance"
    """The seller's deposit in the contract."""

    ORDER = "order"
    """Locked in the contract for this order."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that changes place; never of amount zero."""

    amount: Wei
    """In the smallest unit of the offer's token."""

    source: Holder
    """Where it lay."""

    target: Holder
    """Where it goes. A payment that its receiver refuses becomes that party's free balance, to withdraw elsewhere."""


Effects = tuple[Movement, ...]
"""The money movements of one transition."""


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """How long a contract lets the reveal and the dispute window be, ends included (PROTOCOL 7)."""

    low: Seconds
    high: Seconds


@dataclass(frozen=True, slots=True)
class Order:
    """An offer and what became of it."""

    offer: Offer
    """The offer; its struct hash is the order's number."""

    state: OrderState = OrderState.NONE
    """Where it stands."""

    deadline: Timestamp = _NO_DEADLINE
    """The last moment of reveal while locked, of dispute while revealed, else 0."""


@dataclass(frozen=True, slots=True)
class Possible:
    """Something that may happen to an order now."""

    action: Action
    """The call."""

    by: Address | None
    """Who alone may do it; None is anyone."""

    until: Timestamp | None
    """The last moment at which it may be done; None where time does not end it."""


def possibilities(order: Order, now: Timestamp) -> frozenset[Possible]:
    """The calls that an order allows now, by whom, until when: the contract's answer to `possibleActions`."""
    parties = {Actor.BUYER: order.offer.buyer, Actor.SELLER: order.offer.seller, Actor.ANYONE: None}
    ends = {Action.ACCEPT: order.offer.expiry, Action.REVEAL: order.deadline, Action.DISPUTE: order.deadline}
    return frozenset(
        Possible(action, parties[ACTORS[action]], ends.get(action)) for action in possible_actions(order, now)
    )


def possible_actions(order: Order, now: Timestamp) -> frozenset[Action]:
    """The calls that state and time allow: acting is `<=`, undoing is `>` (PROTOCOL 7). `ACTORS` says to whom."""
    match order.state:
        case OrderState.NONE:
            return frozenset({Action.ACCEPT, Action.CANCEL} if now <= order.offer.expiry else {Action.CANCEL})
        case OrderState.LOCKED:
            return frozenset({Action.REVEAL if now <= order.deadline else Action.REFUND})
        case OrderState.REVEALED:
            return frozenset({Action.RELEASE, Action.DISPUTE if now <= order.deadline else Action.CLAIM})
        case _:
            return frozenset()


def accept(
    order: Order,
    caller: Address,
    now: Timestamp,
    *,
    signer: Address,
    committed: bool,
    value: Wei,
    free_balance: Wei,
    windows: WindowBounds,
) -> tuple[Order, Effects]:
    """Lock price and bond (PROTOCOL 7).

    `signer` is who signed the offer, `committed` whether its seller committed its listing, `value` the ether sent
    along, `free_balance` the seller's in the offer's token. Raises `ForbiddenTransition`, `BadSignature`,
    `OfferRejected` for an offer that the contract never takes, `InsufficientFunds` for a missing bond or a wrong
    payment.
    """
    offer = order.offer
    _check_allowed(order, Action.ACCEPT, caller, now)
    _check_acceptable(offer, committed, windows)
    if signer != offer.seller:
        raise BadSignature("An offer is not signed by its seller", expected=offer.seller, found=signer)
    due = offer.price if offer.token == ETHER else Wei(0)
    if free_balance < offer.bond:
        raise InsufficientFunds(
            "The seller's free balance is below the bond",
            refusal=RefusedCall.BOND,
            expected=offer.bond,
            found=free_balance,
        )
    if value != due:
        raise InsufficientFunds("The payment is not the price", refusal=RefusedCall.PAYMENT, expected=due, found=value)
    locked = replace(order, state=OrderState.LOCKED, deadline=Timestamp(now + offer.reveal_window))
    return locked, _moved(
        Movement(offer.price, Holder.BUYER, Holder.ORDER),
        Movement(offer.bond, Holder.SELLER_BALANCE, Holder.ORDER),
    )


def cancel(order: Order, caller: Address, now: Timestamp) -> tuple[Order, Effects]:
    """Withdraw an offer for ever. Raises `ForbiddenTransition`."""
    _check_allowed(order, Action.CANCEL, caller, now)
    return replace(order, state=OrderState.CANCELLED), ()


def reveal(order: Order, caller: Address, now: Timestamp, key: DeliveryKey) -> tuple[Order, Effects]:
    """Publish the delivery key. Raises `ForbiddenTransition`, also for a key that is not the committed one."""
    _check_allowed(order, Action.REVEAL, caller, now)
    if key_commitment(key) != order.offer.key_commitment:
        raise ForbiddenTransition(
            "The revealed key is not the committed one",
            refusal=RefusedCall.KEY,
            expected=order.offer.key_commitment.hex(),
            found=key_commitment(key).hex(),
        )
    deadline = Timestamp(now + order.offer.dispute_window)
    return replace(order, state=OrderState.REVEALED, deadline=deadline), ()


def refund(order: Order, caller: Address, now: Timestamp) -> tuple[Order, Effects]:
    """Give price and bond to the buyer, because no key came in time. Raises `ForbiddenTransition`."""
    _check_allowed(order, Action.REFUND, caller, now)
    return _refunded(order)


def release(order: Order, caller: Address, now: Timestamp) -> tuple[Order, Effects]:
    """Pay the seller, on the buyer's word. Raises `ForbiddenTransition`."""
    _check_allowed(order, Action.RELEASE, caller, now)
    return _released(order)


def release_by_signature(order: Order, now: Timestamp, signer: Address) -> tuple[Order, Effects]:
    """Pay the seller on the buyer's signed word, brought by anyone; `signer` is who signed it.

    Raises `ForbiddenTransition`, and `BadSignature` for the word of another.
    """
    _check_allowed(order, Action.RELEASE, order.offer.buyer, now)
    if signer != order.offer.buyer:
        raise BadSignature("A release is not signed by the buyer", expected=order.offer.buyer, found=signer)
    return _released(order)


def claim(order: Order, caller: Address, now: Timestamp) -> tuple[Order, Effects]:
    """Pay the seller, by the clock. A batch is this for each, failures left out. Raises `ForbiddenTransition`."""
    _check_allowed(order, Action.CLAIM, caller, now)
    return _released(order)


def dispute(order: Order, caller: Address, now: Timestamp, key: DeliveryKey, fault: Fault) -> tuple[Order, Effects]:
    """Give price and bond to the buyer, because a delivered chunk is not the committed one.

    Raises `ForbiddenTransition`, and `NoFault` for a proof that does not hold.
    """
    _check_allowed(order, Action.DISPUTE, caller, now)
    offer = order.offer
    verify_fault(fault, key, offer.key_commitment, offer.delivery_root, offer.chunk_count, offer.chunk_size)
    return _refunded(order)


def _check_allowed(order: Order, action: Action, caller: Address, now: Timestamp) -> None:
    elsewhere = order.state is not _FROM[action]
    # An accept asks for the state before the caller; the other calls of one party ask for the caller first.
    if not (elsewhere and action is Action.ACCEPT):
        _check_party(order, action, caller)
    possible = possible_actions(order, now)
    if action not in possible:
        # A claim is made of many orders, and says only that none of them is due.
        of_state = elsewhere and action is not Action.CLAIM
        raise ForbiddenTransition(
            f"{action.value} is not possible now",
            refusal=RefusedCall.STATE if of_state else _UNTIMELY[action],
            expected=" or ".join(sorted(other.value for other in possible)) or "nothing more",
            found=f"state {order.state.name.lower()} at {now}, until {_until(order)}",
        )


def _check_party(order: Order, action: Action, caller: Address) -> None:
    actor = ACTORS[action]
    party = {Actor.BUYER: order.offer.buyer, Actor.SELLER: order.offer.seller, Actor.ANYONE: caller}[actor]
    if caller != party:
        raise ForbiddenTransition(
            f"{action.value} is the {actor.value}'s",
            refusal=RefusedCall.NOT_BUYER if actor is Actor.BUYER else RefusedCall.NOT_SELLER,
            expected=party,
            found=caller,
        )


def _until(order: Order) -> Timestamp:
    return order.offer.expiry if order.state is OrderState.NONE else order.deadline


def _check_acceptable(offer: Offer, committed: bool, windows: WindowBounds) -> None:
    if not committed:
        raise OfferRejected(
            "The seller has not committed the listing", refusal=RefusedCall.LISTING, expected=offer.listing.hex()
        )
    # The address 0 signs nothing and calls nothing, yet a recovery that failed could be taken for it.
    if offer.buyer == ETHER:
        raise OfferRejected("An offer is to nobody", refusal=RefusedCall.NOT_BUYER, expected="a buyer")
    if offer.chunk_size not in CHUNK_SIZES:
        raise OfferRejected(
            "The chunk size is not one of the protocol's",
            refusal=RefusedCall.CHUNK_SIZE,
            expected=CHUNK_SIZES,
            found=offer.chunk_size,
        )
    if offer.chunk_count < 1:
        raise OfferRejected(
            "An offer is of no chunks", refusal=RefusedCall.NO_CHUNKS, expected="at least 1", found=offer.chunk_count
        )
    for what, window in (("reveal", offer.reveal_window), ("dispute", offer.dispute_window)):
        if not windows.low <= window <= windows.high:
            raise OfferRejected(
                f"The {what} window is out of bounds",
                refusal=RefusedCall.WINDOW,
                expected=f"{windows.low} ... {windows.high} s",
                found=window,
            )


def _refunded(order: Order) -> tuple[Order, Effects]:
    return replace(order, state=OrderState.REFUNDED, deadline=_NO_DEADLINE), _moved(
        Movement(order.offer.price, Holder.ORDER, Holder.BUYER),
        Movement(order.offer.bond, Holder.ORDER, Holder.BUYER),
    )


def _released(order: Order) -> tuple[Order, Effects]:
    return replace(order, state=OrderState.RELEASED, deadline=_NO_DEADLINE), _moved(
        Movement(order.offer.price, Holder.ORDER, Holder.SELLER),
        Movement(order.offer.bond, Holder.ORDER, Holder.SELLER_BALANCE),
    )


def _moved(*movements: Movement) -> Effects:
    return tuple(movement for movement in movements if movement.amount)
