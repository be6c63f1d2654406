"""The escrow contract as a model: what a call does to one state of accounts, listings, orders and money.

Orders move by `protocol.order`, which `tests/contracts/test_escrow_lockstep.py` holds against the real contract; what
is around them here is held against it by `test_simulated_chain.py`. Money is ether, or a token of `token_model`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic, function_abi_to_4byte_selector
from token_model import TokenRefuses, TokenState, token_error, token_functions

from blindfair.chain.abi import exchange_abi
from blindfair.protocol import order as machine
from blindfair.protocol.delivery import Fault
from blindfair.protocol.errors import BadSignature, BlindfairError, SettlementError
from blindfair.protocol.errors.refusal import RefusedCall
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.offer import Offer, recover_offer_signer
from blindfair.protocol.order import Effects, Holder, Order, OrderState, WindowBounds
from blindfair.protocol.quantities import ETHER, Address, Seconds, Timestamp, Wei
from blindfair.protocol.release import recover_release_signer
from blindfair.protocol.signing import Domain

WINDOWS = WindowBounds(Seconds(600), Seconds(30 * 24 * 3600))

REFUSALS = {
    RefusedCall.STATE: "WrongState",
    RefusedCall.NOT_BUYER: "NotBuyer",
    RefusedCall.NOT_SELLER: "NotSeller",
    RefusedCall.EXPIRED: "OfferExpired",
    RefusedCall.LATE: "DeadlinePassed",
    RefusedCall.EARLY: "DeadlineNotPassed",
    RefusedCall.NOTHING_DUE: "NothingToClaim",
    RefusedCall.LISTING: "ListingNotOfSeller",
    RefusedCall.CHUNK_SIZE: "ChunkSizeUnsupported",
    RefusedCall.NO_CHUNKS: "NoChunks",
    RefusedCall.WINDOW: "WindowOutOfBounds",
    RefusedCall.BOND: "FreeBalanceTooLow",
    RefusedCall.PAYMENT: "WrongPayment",
    RefusedCall.KEY: "WrongKey",
    RefusedCall.CHUNK_INDEX: "ChunkIndexOutOfRange",
    RefusedCall.CHUNK_LENGTH: "ChunkLengthOutOfRange",
    RefusedCall.PATH_LENGTH: "WrongPathLength",
    RefusedCall.ROOT: "WrongRoot",
    RefusedCall.HONEST: "ChunkIsHonest",
}


class CallRefused(Exception):
    """The contract refuses a call; `name` is its error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class ModelLog:
    """An event of the contract."""

    name: str
    values: dict[str, Any]

    def encoded(self) -> tuple[list[str], str]:
        """Topics and data, in hexadecimal."""
        topic, inputs = _event(self.name)
        topics = ["0x" + topic.hex()]
        topics += ["0x" + encode([kind], [self.values[name]]).hex() for name, kind, indexed in inputs if indexed]
        plain = [(kind, self.values[name]) for name, kind, indexed in inputs if not indexed]
        return topics, "0x" + encode([kind for kind, _ in plain], [value for _, value in plain]).hex()


@cache
def _event(name: str) -> tuple[bytes, list[tuple[str, str, bool]]]:
    item: Any = next(item for item in exchange_abi() if item["type"] == "event" and item["name"] == name)
    return event_abi_to_log_topic(item), [(one["name"], one["type"], one["indexed"]) for one in item["inputs"]]


@cache
def _functions() -> dict[bytes, tuple[str, list[str], list[str]]]:
    """Name, types of arguments and of results by selector."""
    items: list[Any] = [item for item in exchange_abi() if item["type"] == "function"]
    return {
        function_abi_to_4byte_selector(item): (
            item["name"],
            [collapse_if_tuple(one) for one in item["inputs"]],
            [collapse_if_tuple(one) for one in item["outputs"]],
        )
        for item in items
    }


def decode_call(data: bytes) -> tuple[str, tuple[Any, ...]]:
    """Name and arguments of a call of the contract, or of a token. Raises KeyError for another function."""
    name, types, _ = _functions().get(data[:4]) or token_functions()[data[:4]]
    return name, decode(types, data[4:])


@cache
def error_data(name: str) -> bytes:
    """What the contract says when it refuses by this error; its values are zeros, which nobody decides by."""
    if name.startswith("ERC20"):
        return token_error(name)
    item: Any = next(item for item in exchange_abi() if item["type"] == "error" and item["name"] == name)
    types = [one["type"] for one in item["inputs"]]
    zeros = [bytes(32) if kind == "bytes32" else ETHER if kind == "address" else 0 for kind in types]
    return function_abi_to_4byte_selector(item) + encode(types, zeros)


def offer_of(values: tuple[Any, ...]) -> Offer:
    return Offer(**{one.name: value for one, value in zip(fields(Offer), values, strict=True)})


@dataclass
class EscrowState:
    """One state of everything on chain. `copy` before a call that may be refused, or undone."""

    domain: Domain
    balances: dict[Address, int] = field(default_factory=dict)
    numbers: dict[Address, int] = field(default_factory=dict)
    listings: dict[bytes, Address] = field(default_factory=dict)
    orders: dict[bytes, Order] = field(default_factory=dict)
    free: dict[tuple[Address, Address], int] = field(default_factory=dict)
    """What the contract keeps for owners, by owner and token."""

    tokens: dict[Address, TokenState] = field(default_factory=dict)

    def copy(self) -> "EscrowState":
        return EscrowState(
            self.domain,
            dict(self.balances),
            dict(self.numbers),
            dict(self.listings),
            dict(self.orders),
            dict(self.free),
            {address: token.copy() for address, token in self.tokens.items()},
        )

    def free_of(self, owner: Address, token: Address = ETHER) -> int:
        """What the contract keeps for an owner."""
        return self.free.get((owner, token), 0)

    def held(self, owner: Address, token: Address = ETHER) -> int:
        """What an account has, or the contract itself."""
        return (self.balances if token == ETHER else self.tokens[token].balances).get(owner, 0)

    # --- calls -----------------------------------------------------------------------------------------------------

    def call(
        self, sender: Address, to: Address, data: bytes, value: int, now: Timestamp
    ) -> tuple[bytes, list[ModelLog]]:
        """Execute a call of the contract, or of a token; output and the contract's events. Raises CallRefused, and the
        state is spoilt then."""
        try:
            if to in self.tokens and not value:
                return self.tokens[to].call(sender, data), []
            if to != self.domain.contract:
                raise CallRefused("")
            return self._called(sender, data, value, now)
        except TokenRefuses as refused:
            raise CallRefused(refused.name) from refused

    def _called(self, sender: Address, data: bytes, value: int, now: Timestamp) -> tuple[bytes, list[ModelLog]]:
        if data[:4] not in _functions():
            raise CallRefused("")
        name, types, results = _functions()[data[:4]]
        arguments = decode(types, data[4:])
        self._move(sender, self.domain.contract, value)
        handler: Callable[..., tuple[Any, ...]] | None = getattr(self, f"_{name}", None)
        if handler is None:
            raise CallRefused("")
        if value and name not in ("accept", "deposit"):
            raise CallRefused("")
        logs: list[ModelLog] = []
        try:
            output = handler(sender, value, now, logs, *arguments)
        except BadSignature as error:
            raise CallRefused("InvalidSignature") from error
        except SettlementError as error:
            raise CallRefused(REFUSALS[error.refusal] if error.refusal else "") from error
        except BlindfairError as error:
            raise CallRefused("") from error
        return encode(results, output), logs

    def _move(self, source: Address, target: Address, amount: int, token: Address = ETHER) -> None:
        if token != ETHER:
            self.tokens[token].move(source, target, amount)
            return
        if self.balances.get(source, 0) < amount:
            raise CallRefused("")
        self.balances[source] = self.balances.get(source, 0) - amount
        self.balances[target] = self.balances.get(target, 0) + amount

    def _collect(self, sender: Address, token: Address, amount: int) -> None:
        """Take a token that the sender allowed the contract to take; ether came with the call."""
        if token != ETHER:
            self.tokens[token].take(self.domain.contract, sender, amount)

    def _order(self, offer: Offer) -> Order:
        return self.orders.get(offer.struct_hash(), Order(offer))

    def _settle(self, order: Order, effects: Effects, to: Address | None = None) -> None:
        """Write the next state, and move the money that leaves the contract or a free balance."""
        offer = order.offer
        self.orders[offer.struct_hash()] = order
        for movement in effects:
            sellers = (offer.seller, offer.token)
            if movement.source is Holder.SELLER_BALANCE:
                self.free[sellers] = self.free.get(sellers, 0) - movement.amount
            if movement.target is Holder.SELLER_BALANCE:
                self.free[sellers] = self.free.get(sellers, 0) + movement.amount
            if movement.target in (Holder.BUYER, Holder.SELLER):
                party = offer.buyer if movement.target is Holder.BUYER else offer.seller
                self._move(self.domain.contract, to or party, movement.amount, offer.token)

    def _commit(
        self, sender: Address, _: int, __: Timestamp, logs: list[ModelLog], root: bytes, manifest: bytes
    ) -> tuple[Any, ...]:
        listing = keccak256(bytes.fromhex(sender[2:]).rjust(32, b"\0") + root + manifest)
        if listing in self.listings:
            raise CallRefused("AlreadyCommitted")
        self.listings[listing] = sender
        values = {"listing": listing, "seller": sender, "listingRoot": root, "manifestHash": manifest}
        logs.append(ModelLog("Committed", values))
        return (listing,)

    def _deposit(
        self, sender: Address, value: int, _: Timestamp, logs: list[ModelLog], token: Address, amount: int
    ) -> tuple[Any, ...]:
        if token != ETHER and token not in self.tokens:
            raise CallRefused("NotAToken")
        if value != (amount if token == ETHER else 0):
            raise CallRefused("WrongPayment")
        self.free[sender, token] = self.free_of(sender, token) + amount
        self._collect(sender, token, amount)
        logs.append(ModelLog("Deposited", {"owner": sender, "token": token, "amount": amount}))
        return ()

    def _withdraw(
        self, sender: Address, _: int, __: Timestamp, logs: list[ModelLog], token: Address, amount: int, to: Address
    ) -> tuple[Any, ...]:
        if to in (ETHER, self.domain.contract):
            raise CallRefused("InvalidRecipient")
        if self.free_of(sender, token) < amount:
            raise CallRefused("FreeBalanceTooLow")
        self.free[sender, token] = self.free_of(sender, token) - amount
        self._move(self.domain.contract, to, amount, token)
        logs.append(ModelLog("Withdrawn", {"owner": sender, "token": token, "amount": amount, "to": to}))
        return ()

    def _accept(
        self, sender: Address, value: int, now: Timestamp, logs: list[ModelLog], given: Any, signature: bytes
    ) -> tuple[Any, ...]:
        offer = offer_of(given)
        if offer.token != ETHER and offer.token not in self.tokens:
            raise CallRefused("NotAToken")
        try:
            signer = recover_offer_signer(offer, self.domain, signature)  # type: ignore[arg-type]
        except BadSignature:
            signer = ETHER
        order, effects = machine.accept(
            self._order(offer),
            sender,
            now,
            signer=signer,
            committed=self.listings.get(offer.listing) == offer.seller,
            value=Wei(value),
            free_balance=Wei(self.free_of(offer.seller, offer.token)),
            windows=WINDOWS,
        )
        self._settle(order, effects)
        self._collect(sender, offer.token, offer.price)
        values: dict[str, Any] = {
            "orderId": offer.struct_hash(),
            "listing": offer.listing,
            "buyer": sender,
            "seller": offer.seller,
        }
        values |= {"evaluation": offer.evaluation, "token": offer.token, "price": offer.price}
        logs.append(ModelLog("Accepted", values))
        return (offer.struct_hash(),)

    def _acceptWithPermit(
        self,
        sender: Address,
        value: int,
        now: Timestamp,
        logs: list[ModelLog],
        given: Any,
        signature: bytes,
        permit: Any,
    ) -> tuple[Any, ...]:
        token = self.tokens.get(offer_of(given).token)
        if token is not None:
            token.try_permit(sender, self.domain.contract, permit, now)
        return self._accept(sender, value, now, logs, given, signature)

    def _cancel(self, sender: Address, _: int, now: Timestamp, logs: list[ModelLog], given: Any) -> tuple[Any, ...]:
        return self._end("Cancelled", logs, *machine.cancel(self._order(offer_of(given)), sender, now))

    def _reveal(
        self, sender: Address, _: int, now: Timestamp, logs: list[ModelLog], given: Any, key: bytes
    ) -> tuple[Any, ...]:
        offer = offer_of(given)
        order, effects = machine.reveal(self._order(offer), sender, now, key)  # type: ignore[arg-type]
        self._settle(order, effects)
        logs.append(ModelLog("Revealed", {"orderId": offer.struct_hash(), "key": key}))
        return ()

    def _end(
        self, name: str, logs: list[ModelLog], order: Order, effects: Effects, to: Address | None = None
    ) -> tuple[Any, ...]:
        self._settle(order, effects, to)
        logs.append(ModelLog(name, {"orderId": order.offer.struct_hash()}))
        return ()

    def _refund(self, sender: Address, _: int, now: Timestamp, logs: list[ModelLog], given: Any) -> tuple[Any, ...]:
        return self._end("Refunded", logs, *machine.refund(self._order(offer_of(given)), sender, now))

    def _release(self, sender: Address, _: int, now: Timestamp, logs: list[ModelLog], given: Any) -> tuple[Any, ...]:
        return self._end("Released", logs, *machine.release(self._order(offer_of(given)), sender, now))

    def _releaseBySig(
        self, _: Address, __: int, now: Timestamp, logs: list[ModelLog], given: Any, signature: bytes
    ) -> tuple[Any, ...]:
        offer = offer_of(given)
        signer = recover_release_signer(offer.struct_hash(), self.domain, signature)  # type: ignore[arg-type]
        return self._end("Released", logs, *machine.release_by_signature(self._order(offer), now, signer))

    def _claim(self, sender: Address, _: int, now: Timestamp, logs: list[ModelLog], offers: Any) -> tuple[Any, ...]:
        claimed = False
        for given in offers:
            try:
                order, effects = machine.claim(self._order(offer_of(given)), sender, now)
            except SettlementError:
                continue
            self._end("Released", logs, order, effects)
            claimed = True
        if not claimed:
            raise CallRefused("NothingToClaim")
        return ()

    def _dispute(
        self,
        sender: Address,
        _: int,
        now: Timestamp,
        logs: list[ModelLog],
        given: Any,
        key: bytes,
        index: int,
        chunk: bytes,
        leaf: bytes,
        path: Any,
    ) -> tuple[Any, ...]:
        offer, fault = offer_of(given), Fault(index, chunk, leaf, tuple(path))  # type: ignore[arg-type]
        order, effects = machine.dispute(self._order(offer), sender, now, key, fault)  # type: ignore[arg-type]
        logs.append(ModelLog("Disputed", {"orderId": offer.struct_hash(), "index": index}))
        return self._end("Refunded", logs, order, effects)

    # --- reads -----------------------------------------------------------------------------------------------------

    def _orderOf(self, _: Address, __: int, ___: Timestamp, ____: list[ModelLog], order_id: bytes) -> tuple[Any, ...]:
        order = self.orders.get(order_id)
        return (OrderState.NONE.value, 0) if order is None else (order.state.value, order.deadline)

    def _sellerOf(self, _: Address, __: int, ___: Timestamp, ____: list[ModelLog], listing: bytes) -> tuple[Any, ...]:
        return (self.listings.get(listing, ETHER),)

    def _freeBalance(
        self, _: Address, __: int, ___: Timestamp, ____: list[ModelLog], owner: Address, token: Address
    ) -> tuple[Any, ...]:
        return (self.free_of(owner, token),)
