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
from blindfair.protocol import order as model
from blindfair.protocol.errors import BlindfairError, ContractReverted
from blindfair.protocol.order import Effects, Holder, Order, OrderState
from blindfair.protocol.quantities import Address, Timestamp, Wei

PARTIES = ("seller", "buyer", "other")
ELSEWHERE = Address("0x" + "e1" * 20)

MEANS = {
    "ForbiddenTransition": {
        "WrongState",
        "NotBuyer",
        "NotSeller",
        "OfferExpired",
        "DeadlinePassed",
        "DeadlineNotPassed",
    }
    | {"NothingToClaim", "WrongKey"},
    "BadSignature": {"InvalidSignature"},
    "OfferRejected": {"ListingNotOfSeller", "ChunkSizeUnsupported", "NoChunks", "WindowOutOfBounds"},
    "InsufficientFunds": {"WrongPayment", "FreeBalanceTooLow"},
    "NoFault": {"WrongKey", "ChunkIndexOutOfRange", "ChunkLengthOutOfRange", "WrongPathLength", "WrongRoot"}
    | {"ChunkIsHonest"},
}
"""The package's error to those of the contract that say the same with other words."""


@cache
def world_of(in_ether: bool) -> World:
    return World(in_ether)


@dataclass(frozen=True)
class Try:
    """A call that is about to be made: what the model says of it, and the transaction."""

    predict: Callable[[Timestamp], list[tuple[int, Order, Effects]]]
    """The orders that it changes, by place, with their money movements; or an error."""

    call: Call
    payee: Address | None = None
    """Where the acting party's own money goes, if not to itself."""


class BothMachines(RuleBasedStateMachine):
    """Three orders, three parties and one address more."""

    def open(self, in_ether: bool, terms: Sequence[dict[str, Any]]) -> None:
        """A world as it was at its beginning, with orders of these terms that nobody has accepted."""
        self.world = world_of(in_ether)
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
        self, place: int, caller: str, transition: Callable[..., tuple[Order, Effects]], call: Call, party: str | None
    ) -> Try:
        """A call that anybody may make for the party, and only the `party` itself if it names an address."""
        attempt = self.simple(place, caller, transition, call)
        if party is None:
            return attempt

        def predict(now: Timestamp) -> list[tuple[int, Order, Effects]]:
            if caller != party:
                raise model.ForbiddenTransition("not the caller's")
            return attempt.predict(now)

        return Try(predict, call, ELSEWHERE)

    def make(self, caller: str, attempt: Try) -> None:
        expected, changes = "", []
        try:
            changes = attempt.predict(self.next_time)
        except BlindfairError as error:
            expected = error.name
        found = self.send(caller, attempt.call)
        assert found in MEANS[expected] if expected else found == "", f"{attempt.call.name}: {expected} / {found}"
        for place, order, effects in changes:
            self.settle(place, order, effects, attempt.payee)

    def send(self, caller: str, call: Call) -> str:
        """The name of the contract's error; empty for success."""
        try:
            self.world.send(self.account(caller), call)
        except ContractReverted as error:
            return error.error_name
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
