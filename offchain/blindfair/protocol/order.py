"""The order as a pure state machine: what PROTOCOL 7 allows, to whom, when, and where the money goes.

It is the contract's table in Python: no chain, no clock, no storage; time, caller and balances are arguments. Each
transition takes an order and gives the next one with its money movements, or raises and changes nothing.

Not here: free balances outside an order (`deposit`, `withdraw`), and a seller's prudence about when to reveal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from blindfair.protocol.chunks import CHUNK_SIZES
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, verify_fault
from blindfair.protocol.errors import BadSignature, ForbiddenTransition, InsufficientFunds, OfferRejected
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


class Holder(Enum):
    """Where money lies."""

    BUYER = "buyer"
    """The buyer's account, or the address that it names."""

    SELLER = "seller"
    """The seller's account, or the address that it names."""

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
    """Where it goes."""

    account: Address | None
    """The account that receives a payment out of the contract; `None` where it stays inside."""


Effects = tuple[Movement, ...]
"""The money movements of one transition."""


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """The windows that a contract takes, ends included (PROTOCOL 7)."""

    reveal_low: Seconds
    reveal_high: Seconds
    dispute_low: Seconds
    dispute_high: Seconds


@dataclass(frozen=True, slots=True)
class Order:
    """An offer and what became of it."""

    offer: Offer
    """The offer; its struct hash is the order's number."""

    state: OrderState = OrderState.NONE
    """Where it stands."""

    deadline: Timestamp = _NO_DEADLINE
    """The last moment of reveal while locked, of dispute while revealed, else 0."""


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
    `OfferRejected` for an offer that the contract never takes, `InsufficientFunds` for a wrong payment or a missing
    bond.
    """
    offer = order.offer
    _check_allowed(order, Action.ACCEPT, caller, now)
    if signer != offer.seller:
        raise BadSignature("an offer is not signed by its seller", expected=offer.seller, found=signer)
    _check_acceptable(offer, committed, windows)
    due = offer.price if offer.token == ETHER else Wei(0)
    if value != due:
        raise InsufficientFunds("the payment is not the price", expected=due, found=value)
    if free_balance < offer.bond:
        raise InsufficientFunds("the seller's free balance is below the bond", expected=offer.bond, found=free_balance)
    locked = replace(order, state=OrderState.LOCKED, deadline=Timestamp(now + offer.reveal_window))
    return locked, _moved(
        Movement(offer.price, Holder.BUYER, Holder.ORDER, None),
        Movement(offer.bond, Holder.SELLER_BALANCE, Holder.ORDER, None),
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
            "the revealed key is not the committed one",
            expected=order.offer.key_commitment.hex(),
            found=key_commitment(key).hex(),
        )
    deadline = Timestamp(now + order.offer.dispute_window)
    return replace(order, state=OrderState.REVEALED, deadline=deadline), ()


def refund(order: Order, caller: Address, now: Timestamp, to: Address | None = None) -> tuple[Order, Effects]:
    """Give price and bond to the buyer, because no key came in time. Raises `ForbiddenTransition`.

    `to` is another address for the buyer's money; only the buyer may name one.
    """
    _check_allowed(order, Action.REFUND, caller, now)
    return _refunded(order, _receiver(order.offer.buyer, caller, to))


def release(order: Order, caller: Address, now: Timestamp) -> tuple[Order, Effects]:
    """Pay the seller, on the buyer's word. Raises `ForbiddenTransition`."""
    _check_allowed(order, Action.RELEASE, caller, now)
    return _released(order, order.offer.seller)


def claim(order: Order, caller: Address, now: Timestamp, to: Address | None = None) -> tuple[Order, Effects]:
    """Pay the seller, by the clock. A batch is this for each, failures left out. Raises `ForbiddenTransition`.

    `to` is another address for the price; only the seller may name one.
    """
    _check_allowed(order, Action.CLAIM, caller, now)
    return _released(order, _receiver(order.offer.seller, caller, to))


def dispute(
    order: Order, caller: Address, now: Timestamp, key: DeliveryKey, fault: Fault, to: Address | None = None
) -> tuple[Order, Effects]:
    """Give price and bond to the buyer, because a delivered chunk is not the committed one.

    `to` is another address for the buyer's money; only the buyer may name one. Raises `ForbiddenTransition`, and
    `NoFault` for a proof that does not hold.
    """
    _check_allowed(order, Action.DISPUTE, caller, now)
    receiver = _receiver(order.offer.buyer, caller, to)
    offer = order.offer
    verify_fault(fault, key, offer.key_commitment, offer.delivery_root, offer.chunk_count, offer.chunk_size)
    return _refunded(order, receiver)


def _check_allowed(order: Order, action: Action, caller: Address, now: Timestamp) -> None:
    possible = possible_actions(order, now)
    if action not in possible:
        raise ForbiddenTransition(
            f"{action.value} is not possible now",
            expected=" or ".join(sorted(other.value for other in possible)) or "nothing more",
            found=f"a {order.state.name.lower()} order at {now}, its deadline {order.deadline}",
        )
    actor = ACTORS[action]
    party = {Actor.BUYER: order.offer.buyer, Actor.SELLER: order.offer.seller, Actor.ANYONE: caller}[actor]
    if caller != party:
        raise ForbiddenTransition(f"{action.value} is the {actor.value}'s", expected=party, found=caller)


def _check_acceptable(offer: Offer, committed: bool, windows: WindowBounds) -> None:
    if not committed:
        raise OfferRejected("the seller has not committed the listing", expected=offer.listing.hex())
    # The address 0 signs nothing and calls nothing, yet a recovery that failed could be taken for it.
    if offer.buyer == ETHER:
        raise OfferRejected("an offer is to nobody", expected="a buyer")
    if offer.chunk_size not in CHUNK_SIZES:
        raise OfferRejected("the chunk size is none of the protocol's", expected=CHUNK_SIZES, found=offer.chunk_size)
    if offer.chunk_count < 1:
        raise OfferRejected("an offer is of no chunks", expected="at least 1", found=offer.chunk_count)
    for what, window, low, high in (
        ("reveal", offer.reveal_window, windows.reveal_low, windows.reveal_high),
        ("dispute", offer.dispute_window, windows.dispute_low, windows.dispute_high),
    ):
        if not low <= window <= high:
            raise OfferRejected(f"the {what} window is out of bounds", expected=f"{low} ... {high} s", found=window)


def _receiver(party: Address, caller: Address, to: Address | None) -> Address:
    if to is None:
        return party
    if caller != party:
        raise ForbiddenTransition("only a party itself names another address", expected=party, found=caller)
    return to


def _refunded(order: Order, receiver: Address) -> tuple[Order, Effects]:
    offer = order.offer
    closed = replace(order, state=OrderState.REFUNDED, deadline=_NO_DEADLINE)
    return closed, _moved(
        Movement(offer.price, Holder.ORDER, Holder.BUYER, receiver),
        Movement(offer.bond, Holder.ORDER, Holder.BUYER, receiver),
    )


def _released(order: Order, receiver: Address) -> tuple[Order, Effects]:
    offer = order.offer
    closed = replace(order, state=OrderState.RELEASED, deadline=_NO_DEADLINE)
    return closed, _moved(
        Movement(offer.price, Holder.ORDER, Holder.SELLER, receiver),
        Movement(offer.bond, Holder.ORDER, Holder.SELLER_BALANCE, None),
    )


def _moved(*movements: Movement) -> Effects:
    return tuple(movement for movement in movements if movement.amount)
