"""The pure order machine and the deployed contract side by side: one call is made of both, and what the model says of
it is what the contract must do. Which calls are made, and what must always hold, is in `test_escrow_lockstep`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from escrow_storage import Storage
from escrow_world import DEPOSIT, Sale, World, address_of
from eth_account.signers.local import LocalAccount
from hypothesis.stateful import RuleBasedStateMachine

from blindfair.chain.calls import Call
from blindfair.protocol.errors import (
    BadSignature,
    BlindfairError,
    ContractReverted,
    ForbiddenTransition,
    SettlementError,
)
from blindfair.protocol.errors.refusal import RefusedCall
from blindfair.protocol.order import Effects, Holder, Order, OrderState
from blindfair.protocol.quantities import Address, Timestamp, Wei

PARTIES = ("seller", "buyer", "other")
ELSEWHERE = Address("0x" + "e1" * 20)

MEANS = {
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
"""What the model refuses for, to the one error with which the contract does; a bad signature is a class of its own."""

BY_THE_MONEY = "by the money"
"""What stands for an error that is not the contract's."""

MONEYS = ("ether", "PermitToken", "AuthorizedToken")


def refusal_name(error: BlindfairError) -> str:
    """The contract's error for one of the model."""
    if isinstance(error, BadSignature):
        return "InvalidSignature"
    assert isinstance(error, SettlementError) and error.refusal, f"{error.name} without a reason"
    return MEANS[error.refusal]


@cache
def world_of(money: str) -> World:
    return World() if money == "ether" else World(in_ether=False, kind=money)


@dataclass(frozen=True)
class Try:
    """A call that is about to be made: what the model says of it, and the transaction."""

    predict: Callable[[Timestamp], list[tuple[int, Order, Effects]]]
    """The orders that it changes, by place, with their money movements; or an error."""

    call: Call
    payee: Address | None = None
    """Where the acting party's own money goes, if not to itself."""

    unpaid: str = ""
    """How the money refuses what the model, which knows no token's signatures, lets pass; empty if it does not."""


class BothMachines(RuleBasedStateMachine):
    """Three orders, three parties and one address more."""

    def open(self, money: str, terms: Sequence[dict[str, Any]]) -> None:
        """A world as it was at its beginning, with orders of these terms that nobody has accepted."""
        self.money = money
        self.world = world_of(money)
        self.world.rewind()
        self.sales: list[Sale] = [self.world.sale(nonce=n, **change) for n, change in enumerate(terms)]
        self.orders = [Order(sale.offer) for sale in self.sales]
        self.world.offers += [sale.offer for sale in self.sales]
        self.history: list[list[OrderState]] = [[OrderState.NONE] for _ in self.sales]
        self.paid_out: Counter[int] = Counter()
        self.free = {address_of(self.account(name)): Wei(0) for name in PARTIES} | {ELSEWHERE: Wei(0)}
        self.free[address_of(self.world.seller)] = DEPOSIT
        self.chain = Storage(self.world)
        self.wealth = {owner: self.chain.wealth(owner) for owner in self.free}
        self.last = 0

    def account(self, name: str) -> LocalAccount:
        account: LocalAccount = getattr(self.world, name)
        return account

    @property
    def next_time(self) -> Timestamp:
        return Timestamp(self.world.chain.now() + 12)

    def simple(self, place: int, caller: str, transition: Callable[..., tuple[Order, Effects]], call: Call) -> Try:
        owner = address_of(self.account(caller))
        return Try(lambda now: [(place, *transition(self.orders[place], owner, now))], call)

    def own(
        self, place: int, caller: str, transition: Callable[..., tuple[Order, Effects]], call: Call, elsewhere: bool
    ) -> Try:
        """A call that anybody may make for the buyer, and only the buyer itself if its money is to go elsewhere."""
        attempt = self.simple(place, caller, transition, call)
        if not elsewhere:
            return attempt

        def predict(now: Timestamp) -> list[tuple[int, Order, Effects]]:
            if caller != "buyer":
                raise ForbiddenTransition("not the caller's", refusal=RefusedCall.NOT_BUYER)
            return attempt.predict(now)

        return Try(predict, call, ELSEWHERE)

    def make(self, caller: str, attempt: Try) -> None:
        expected, changes = "", []
        try:
            changes = attempt.predict(self.next_time)
            expected = attempt.unpaid
        except BlindfairError as error:
            expected = refusal_name(error)
        found = self.send(caller, attempt.call)
        assert found == expected, f"{attempt.call.name}: {expected or 'taken'} by the model, {found or 'taken'}"
        if expected:
            return
        for place, order, effects in changes:
            self.settle(place, order, effects, attempt.payee)

    def send(self, caller: str, call: Call) -> str:
        """The name of the contract's error, or `BY_THE_MONEY`; empty for success."""
        try:
            self.world.send(self.account(caller), call)
        except ContractReverted as error:
            return error.error_name or BY_THE_MONEY
        finally:
            self.chain.look()
        return ""

    def settle(self, place: int, order: Order, effects: Effects, payee: Address | None) -> None:
        offer = order.offer
        self.orders[place] = order
        self.last = place
        self.history[place].append(order.state)
        for movement in effects:
            if movement.source is Holder.BUYER:
                self.wealth[offer.buyer] -= movement.amount
            if movement.source is Holder.SELLER_BALANCE:
                self.free[offer.seller] = Wei(self.free[offer.seller] - movement.amount)
            if movement.target is Holder.SELLER_BALANCE:
                self.free[offer.seller] = Wei(self.free[offer.seller] + movement.amount)
            if movement.target in (Holder.BUYER, Holder.SELLER):
                party = offer.buyer if movement.target is Holder.BUYER else offer.seller
                self.wealth[payee or party] += movement.amount
            if movement.source is Holder.ORDER:
                self.paid_out[place] += movement.amount
