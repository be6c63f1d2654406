"""The pure order machine and the deployed contract make the same random trades, hostile arguments included.

After every step both are in the same states, hold the same money for the same people, and have refused for the same
reason. The invariants of INVARIANTS.md that can be seen from outside are checked after every step too, by number.
"""

import os
from dataclasses import replace
from itertools import pairwise
from typing import Any

from both_machines import BY_THE_MONEY, ELSEWHERE, MEANS, MONEYS, PARTIES, BothMachines, Try
from escrow_world import BOND, DEPOSIT, MONEY, address_of
from eth_account.signers.local import LocalAccount
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from blindfair.chain.abi import exchange_abi
from blindfair.chain.authorization import Authorization, sign_authorization
from blindfair.chain.calls import Call
from blindfair.chain.permit import Permit, sign_permit
from blindfair.protocol import order as model
from blindfair.protocol.errors import ForbiddenTransition
from blindfair.protocol.errors.refusal import RefusedCall
from blindfair.protocol.offer import sign_offer
from blindfair.protocol.order import Action, Effects, Order, OrderState, WindowBounds
from blindfair.protocol.quantities import ETHER, ChunkIndex, DeliveryKey, ListingId, Seconds, Timestamp, Wei

WINDOWS = WindowBounds(Seconds(600), Seconds(30 * 86400))

TABLE = {
    (OrderState.NONE, OrderState.LOCKED),
    (OrderState.NONE, OrderState.CANCELLED),
    (OrderState.LOCKED, OrderState.REVEALED),
    (OrderState.LOCKED, OrderState.REFUNDED),
    (OrderState.REVEALED, OrderState.RELEASED),
    (OrderState.REVEALED, OrderState.REFUNDED),
}
"""All transitions that there are (PROTOCOL 7); every other one is forbidden."""

FINAL = (OrderState.REFUNDED, OrderState.RELEASED, OrderState.CANCELLED)

OFFERS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"bond": Wei(0)},
    {"price": Wei(1), "bond": Wei(1)},
    {"bond": DEPOSIT},
    {"price": Wei(0), "bond": Wei(0)},
    {"price": Wei(1), "bond": Wei(BOND + 1), "reveal_window": Seconds(600), "dispute_window": Seconds(600)},
    {"chunk_size": 512},
    {"reveal_window": Seconds(599)},
    {"dispute_window": Seconds(30 * 86400 + 1)},
    {"listing": ListingId(bytes(32))},
]
"""Changes of an ordinary offer; the last four are of offers that nobody can accept."""

STAGES = (OrderState.NONE, OrderState.LOCKED, OrderState.LOCKED, OrderState.REVEALED, OrderState.REVEALED)
"""How far an order comes before the random steps begin; it would seldom come so far by them."""

CALLERS = st.sampled_from(["", "", "", *PARTIES])
"""Who calls; empty is who may."""


class Lockstep(BothMachines):
    """The calls in any order, by anybody, at any time."""

    @initialize(
        money=st.sampled_from(MONEYS),
        terms=st.lists(st.sampled_from(OFFERS), min_size=3, max_size=3),
        stages=st.lists(st.sampled_from(STAGES), min_size=3, max_size=3),
        signed=st.sampled_from([True, True, False]),
    )
    def begin(self, money: str, terms: list[dict[str, Any]], stages: list[OrderState], signed: bool) -> None:
        """`signed`: the orders that are accepted are paid by signature, where the money takes one."""
        self.open(money, terms)
        for place, stage in enumerate(stages):
            if stage is not OrderState.NONE:
                if signed and money == "PermitToken":
                    self.accept_with_permit(place, "", "")
                elif signed and money == "AuthorizedToken":
                    self.accept_by_authorization(place, "", "")
                else:
                    self.accept(place, "", "")
            if self.orders[place].state is OrderState.LOCKED and stage is OrderState.REVEALED:
                self.reveal(place, "", False)

    # --- calls -------------------------------------------------------------------------------------------------------

    @rule(place=st.integers(0, 2), caller=CALLERS, how=st.sampled_from(["", "", "", "signer", "value"]))
    def accept(self, place: int, caller: str, how: str) -> None:
        caller = caller or "buyer"
        offer, world = self.sales[place].offer, self.world
        signer = world.other if how == "signer" else world.seller
        call = world.exchange.accept(offer, sign_offer(offer, world.domain, bytes(signer.key)))
        call = replace(call, value=Wei(call.value + (how == "value")))
        self.make(caller, self.accepting(place, caller, signer, call))

    def accepting(self, place: int, caller: str, signer: LocalAccount, call: Call, unpaid: str = "") -> Try:
        """An accept in one of its forms."""
        offer, world = self.sales[place].offer, self.world
        owner = address_of(self.account(caller))

        def predict(now: Timestamp) -> list[tuple[int, Order, Effects]]:
            accepted = model.accept(
                self.orders[place],
                owner,
                now,
                signer=address_of(signer),
                committed=offer.listing == world.listing(offer.seller),
                # Where the price is ether and none can be sent along, the money itself refuses.
                value=offer.price if unpaid and offer.token == ETHER else call.value,
                free_balance=self.free[offer.seller],
                windows=WINDOWS,
            )
            return [(place, *accepted)]

        return Try(predict, call, unpaid=unpaid)

    @rule(place=st.integers(0, 2), caller=CALLERS, by=st.sampled_from(["", "", *PARTIES]))
    def accept_with_permit(self, place: int, caller: str, by: str) -> None:
        """By a permit for the price, which `by` signed in the caller's name, or by the allowance that is there."""
        caller = caller or "buyer"
        offer, world, account = self.sales[place].offer, self.world, self.account(caller)
        permit = Permit(offer.price, Timestamp(0), 27, bytes(32), bytes(32))
        if self.money == "PermitToken":
            separator, nonce = world.exchange.permit_domain(address_of(account), world.token)
            key, end = bytes(self.account(by or caller).key), Timestamp(self.next_time + 1)
            escrow, owner = world.exchange.address, address_of(account)
            permit = sign_permit(separator, owner, escrow, offer.price, nonce, end, key)
        call = world.exchange.accept_with_permit(offer, world.sign(offer), permit)
        self.make(caller, self.accepting(place, caller, world.seller, call))
        if self.money == "PermitToken" and world.exchange.allowance(address_of(account), world.token) == 0:
            # The permit was taken, and all of it was used.
            assert by in ("", caller)
            assert self.orders[place].state is OrderState.LOCKED
            self.send(caller, world.exchange.approve(world.token, MONEY))

    @rule(place=st.integers(0, 2), caller=CALLERS, by=st.sampled_from(["", "", *PARTIES]))
    def accept_by_authorization(self, place: int, caller: str, by: str) -> None:
        """By a payment that `by` authorized in the buyer's name."""
        caller, by = caller or "buyer", by or "buyer"
        offer, world = self.sales[place].offer, self.world
        authorization, unpaid = Authorization(27, bytes(32), bytes(32)), BY_THE_MONEY
        if self.money == "AuthorizedToken":
            separator, key = world.exchange.token_domain(world.token), bytes(self.account(by).key)
            authorization = sign_authorization(separator, world.exchange.address, offer, key)
            unpaid = "" if by == "buyer" else BY_THE_MONEY
        if self.money == "ether":
            unpaid = "NotAToken"
        call = world.exchange.accept_by_authorization(offer, world.sign(offer), authorization)
        self.make(caller, self.accepting(place, caller, world.seller, call, unpaid))

    @rule(place=st.integers(0, 2), caller=CALLERS)
    def cancel(self, place: int, caller: str) -> None:
        caller = caller or "seller"
        call = self.world.exchange.cancel(self.sales[place].offer)
        self.make(caller, self.simple(place, caller, model.cancel, call))

    @rule(place=st.integers(0, 2), caller=CALLERS, wrong=st.sampled_from([False, False, False, True]))
    def reveal(self, place: int, caller: str, wrong: bool) -> None:
        caller = caller or "seller"
        sale = self.sales[place]
        key = DeliveryKey(bytes(32)) if wrong else sale.key
        call = self.world.exchange.reveal(sale.offer, key)
        self.make(caller, self.simple(place, caller, lambda order, by, now: model.reveal(order, by, now, key), call))

    @rule(place=st.integers(0, 2), caller=CALLERS, elsewhere=st.booleans(), after=st.sampled_from([0, 1, 1]))
    def refund(self, place: int, caller: str, elsewhere: bool, after: int) -> None:
        caller = caller or "buyer"
        self.wait(place, after)
        offer, exchange = self.sales[place].offer, self.world.exchange
        call = exchange.refund_to(offer, ELSEWHERE) if elsewhere else exchange.refund(offer)
        self.make(caller, self.own(place, caller, model.refund, call, elsewhere))

    @rule(place=st.integers(0, 2), caller=CALLERS)
    def release(self, place: int, caller: str) -> None:
        caller = caller or "buyer"
        call = self.world.exchange.release(self.sales[place].offer)
        self.make(caller, self.simple(place, caller, model.release, call))

    @rule(place=st.integers(0, 2), caller=CALLERS, signer=st.sampled_from(["buyer", "buyer", *PARTIES]))
    def release_by_signature(self, place: int, caller: str, signer: str) -> None:
        caller = caller or "seller"
        offer, account = self.sales[place].offer, self.account(signer)
        call = self.world.exchange.release_by_signature(offer, self.world.sign_release(offer, account))

        def predict(now: Timestamp) -> list[tuple[int, Order, Effects]]:
            return [(place, *model.release_by_signature(self.orders[place], now, address_of(account)))]

        self.make(caller, Try(predict, call))

    @rule(
        places=st.lists(st.integers(0, 2), max_size=4),
        caller=CALLERS,
        to=st.booleans(),
        after=st.sampled_from([0, 1, 1]),
    )
    def claim(self, places: list[int], caller: str, to: bool, after: int) -> None:
        caller = caller or "seller"
        for place in places[:1]:
            self.wait(place, after)
        offers, exchange = [self.sales[place].offer for place in places], self.world.exchange
        owner = address_of(self.account(caller))

        def predict(now: Timestamp) -> list[tuple[int, Order, Effects]]:
            done: dict[int, tuple[int, Order, Effects]] = {}
            for place in places:
                if to and owner != self.sales[place].offer.seller:
                    raise ForbiddenTransition("not the caller's", refusal=RefusedCall.NOT_SELLER)
                if place not in done and Action.CLAIM in model.possible_actions(self.orders[place], now):
                    done[place] = (place, *model.claim(self.orders[place], owner, now))
            if not done:
                raise ForbiddenTransition("nothing to claim", refusal=RefusedCall.NOTHING_DUE)
            return list(done.values())

        call = exchange.claim_to(offers, ELSEWHERE) if to else exchange.claim(offers)
        self.make(caller, Try(predict, call, ELSEWHERE if to else None))

    @rule(
        place=st.integers(0, 2),
        caller=CALLERS,
        how=st.sampled_from(
            ["", "", "", "", "", "honest chunk", "key", "index", "leaf", "short path", "long path", "bytes"]
        ),
        elsewhere=st.sampled_from([False, False, True]),
    )
    def dispute(self, place: int, caller: str, how: str, elsewhere: bool) -> None:
        caller = caller or "buyer"
        sale, exchange = self.sales[place], self.world.exchange
        proof = sale.proof(0 if how == "honest chunk" else 1)
        changes: dict[str, dict[str, Any]] = {
            "index": {"index": ChunkIndex(2**32 + 1)},
            "leaf": {"leaf": sale.leaves[0]},
            "short path": {"path": proof.path[:-1]},
            "long path": {"path": (*proof.path, proof.path[0])},
            "bytes": {"ciphertext": proof.ciphertext + b"\0"},
        }
        proof = replace(proof, **changes.get(how, {}))
        key = DeliveryKey(bytes(32)) if how == "key" else sale.key
        words = (sale.offer, key, proof.index, proof.ciphertext, proof.leaf, proof.path)
        call = exchange.dispute_to(*words, ELSEWHERE) if elsewhere else exchange.dispute(*words)
        attempt = self.own(
            place, caller, lambda order, by, now: model.dispute(order, by, now, key, proof), call, elsewhere
        )
        self.make(caller, attempt)

    @rule(
        caller=st.sampled_from(PARTIES), amount=st.sampled_from([0, 1, BOND, DEPOSIT, DEPOSIT + 1]), into=st.booleans()
    )
    def move_free_balance(self, caller: str, amount: int, into: bool) -> None:
        owner, token, exchange = address_of(self.account(caller)), self.world.token, self.world.exchange
        deposit = exchange.deposit(token, Wei(amount))
        call = deposit if into else exchange.withdraw(token, Wei(amount), ELSEWHERE)
        error = self.send(caller, call)
        if not into and amount > self.free[owner]:
            assert error == "FreeBalanceTooLow"
            return
        assert error == ""
        self.free[owner] = Wei(self.free[owner] + (amount if into else -amount))
        self.wealth[owner if into else ELSEWHERE] += -amount if into else amount

    @rule(place=st.integers(0, 2), after=st.sampled_from([-1, 0, 0, 1, 1, 500]))
    def wait(self, place: int, after: int) -> None:
        """Until the next block is near the moment at which an order changes what it allows."""
        order = self.orders[place]
        moment = order.offer.expiry if order.state is OrderState.NONE else order.deadline
        if moment + after > self.next_time:
            self.world.next_is(Timestamp(moment + after))
            self.chain.look()

    # --- invariants --------------------------------------------------------------------------------------------------

    @invariant()
    def invariant_1_the_contract_holds_exactly_what_it_owes(self) -> None:
        owed = sum(self.chain.free(owner) for owner in self.free)
        for order in self.orders:
            if self.chain.order(order.offer)[0] in (OrderState.LOCKED, OrderState.REVEALED):
                owed += order.offer.price + order.offer.bond
        assert self.chain.wealth(self.world.exchange.address) == owed

    @invariant()
    def invariant_2_state_and_deadline_are_the_models(self) -> None:
        for order in self.orders:
            assert self.chain.order(order.offer) == (order.state, order.deadline)

    @invariant()
    def invariant_3_nobody_gains_or_loses_but_by_the_table(self) -> None:
        for owner in self.free:
            assert self.chain.wealth(owner) == self.wealth[owner]
            assert self.chain.free(owner) == self.free[owner]

    @invariant()
    def invariant_4_an_order_pays_all_it_took_in_and_once(self) -> None:
        for place, order in enumerate(self.orders):
            paid = order.offer.price + order.offer.bond
            ended = order.state in (OrderState.REFUNDED, OrderState.RELEASED)
            assert self.paid_out[place] == (paid if ended else 0)

    @invariant()
    def invariant_5_no_transition_but_those_of_the_table(self) -> None:
        for states in self.history:
            assert set(pairwise(states)) <= TABLE
            assert not any(state in FINAL for state in states[:-1])

    @invariant()
    def invariant_6_whatever_is_open_somebody_can_end(self) -> None:
        asked = self.orders[self.last]
        found = self.world.exchange.possible_actions(asked.offer)
        assert set(found) == model.possibilities(asked, self.world.chain.now())
        for order in self.orders:
            later = Timestamp(order.deadline + 1)
            if order.state in (OrderState.LOCKED, OrderState.REVEALED):
                assert None in {possible.by for possible in model.possibilities(order, later)}


def test_each_reason_of_the_model_is_one_error_of_the_contract() -> None:
    """And each error of the contract that is about an order is one of them, or the signature's."""
    errors = {item["name"] for item in exchange_abi() if item["type"] == "error"}
    assert set(MEANS) == set(RefusedCall)
    assert len(set(MEANS.values())) == len(MEANS)
    beyond = {"InvalidSignature", "AlreadyCommitted", "AmountTooLarge", "GasTooLow", "InvalidRecipient"}
    beyond |= {"NotAToken", "SafeERC20FailedOperation", "WrongTransfer"}
    assert errors == set(MEANS.values()) | beyond


DEEP = os.environ.get("BLINDFAIR_LOCKSTEP") == "deep"

TestLockstep = Lockstep.TestCase
TestLockstep.settings = settings(
    max_examples=1000 if DEEP else 14,
    stateful_step_count=50 if DEEP else 14,
    deadline=None,
    derandomize=not DEEP,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
