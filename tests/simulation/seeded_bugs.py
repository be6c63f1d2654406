"""Bugs put into the agents on purpose, to see that simulations find them: each takes one precaution out."""

from collections.abc import Callable
from typing import Any

import pytest

from blindfair.agents.buyer import buyer, purchase
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.order import BuyerOrder
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.messaging.mail import Mail
from blindfair.agents.seller.bonds import SellerBonds
from blindfair.agents.seller.budget_ledger import BudgetLedger
from blindfair.agents.seller.fees import SellerFees
from blindfair.agents.seller.orders import SellerOrders
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.finality_tracker import FinalityTracker
from blindfair.agents.settlement.order_calls import OrderCalls
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.directory import SecretStore
from blindfair.agents.store.purchase_steps import OUTCOME
from blindfair.agents.store.steps import WRITTEN
from blindfair.agents.waiting import Waiting
from blindfair.agents.watch.watcher import Watcher
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import NodeFailure
from blindfair.protocol.messages import read, sign
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import DeliveryKey, Wei

Patch = pytest.MonkeyPatch
BUGS: dict[str, Callable[[Patch], None]] = {}


def bug(put: Callable[[Patch], None]) -> Callable[[Patch], None]:
    """Register a bug by the name of what puts it in."""
    BUGS[put.__name__] = put
    return put


def _waits(*_: object, **__: object) -> Any:
    raise Waiting("it forgets")


@bug
def watches_without_disputing(patch: Patch) -> None:
    patch.setattr(Watcher, "_dispute", _waits)


@bug
def watches_without_refunding(patch: Patch) -> None:
    patch.setattr(Watcher, "_refund", _waits)


@bug
def gives_no_allowance(patch: Patch) -> None:
    patch.setattr(Wallet, "approve", lambda *_: None)


@bug
def believes_every_block_final(patch: Patch) -> None:
    patch.setattr(DataExchange, "is_final", lambda *_: True)


@bug
def signs_messages_anew_after_a_restart(patch: Patch) -> None:
    def write(post: Mail, step: Any, make: Callable[[], Any]) -> Any:
        if step not in post._digests:
            signed = sign(make(), sender=post._address, domain=post._domain, private_key=post._private_key)
            data = signed.to_bytes()
            post._journal.note(WRITTEN.of(step))
            post._journal._write("UPDATE steps SET value = ? WHERE name = ?", data, WRITTEN.of(step))
            post._digests[step] = read(data, domain=post._domain)[0].digest
        return post._digests[step]

    patch.setattr(Mail, "write", write)


@bug
def forgets_refunds(patch: Patch) -> None:
    patch.setattr(OrderCalls, "refund", _waits)


@bug
def forgets_disputes(patch: Patch) -> None:
    patch.setattr(OrderCalls, "dispute", _waits)


@bug
def accepts_any_offer(patch: Patch) -> None:
    patch.setattr(purchase, "check_before_paying", lambda *_: None)


@bug
def accepts_any_fee(patch: Patch) -> None:
    patch.setattr(buyer, "check_priced_reply", lambda *_: None)


@bug
def releases_without_looking(patch: Patch) -> None:
    patch.setattr(BuyerOrder, "_find_fault", lambda *_: None)


@bug
def forgets_claims(patch: Patch) -> None:
    patch.setattr(SellerOrders, "_claim", _waits)


@bug
def forgets_withdrawals(patch: Patch) -> None:
    patch.setattr(SellerOrders, "_is_to_withdraw", lambda *_: False)


@bug
def forgets_to_spend_evaluations(patch: Patch) -> None:
    patch.setattr(BudgetLedger, "spend_evaluation", lambda *_, **__: None)


@bug
def forgets_to_spend_openings(patch: Patch) -> None:
    patch.setattr(BudgetLedger, "spend_openings", lambda *_, **__: None)


@bug
def uses_one_key_for_all_offers(patch: Patch) -> None:
    def key(seller: Seller, name: str) -> DeliveryKey:
        one = DeliveryKey(seller.secrets.once("key.one", lambda: b"\7" * 32))
        return DeliveryKey(seller.secrets.once(f"key.{name}", lambda: one))

    patch.setattr(Seller, "_key", key)


@bug
def tells_the_key(patch: Patch) -> None:
    make = Seller._key

    def key(seller: Seller, name: Any) -> DeliveryKey:
        found = make(seller, name)
        seller.tell("key", f"encrypts with {found.hex()}")
        return found

    patch.setattr(Seller, "_key", key)


@bug
def names_its_account_key_in_an_error(patch: Patch) -> None:
    broadcast = Wallet._broadcast

    def shown(wallet: Wallet, *arguments: Any) -> None:
        try:
            broadcast(wallet, *arguments)
        except NodeFailure as failure:
            raise NodeFailure(f"nothing is sent with {bytes(wallet._sender._account.key).hex()}") from failure

    patch.setattr(Wallet, "_broadcast", shown)


@bug
def believes_the_end_of_an_order_at_once(patch: Patch) -> None:
    patch.setattr(FinalityTracker, "holds", lambda *_: True)


@bug
def trusts_its_first_receipt_for_good(patch: Patch) -> None:
    execute = Wallet.execute

    def once(wallet: Wallet, step: Any, *arguments: Any, **named: Any) -> Any:
        return None if wallet.executed(step) else execute(wallet, step, *arguments, **named)

    patch.setattr(Wallet, "execute", once)


@bug
def forgets_the_limit_on_bonds(patch: Patch) -> None:
    patch.setattr(SellerBonds, "check_bond", lambda *_, **__: None)


@bug
def gives_free_what_costs_a_fee(patch: Patch) -> None:
    patch.setattr(SellerFees, "due", lambda *_: Wei(0))


@bug
def saves_its_question_after_asking(patch: Patch) -> None:
    put, dispatch = SecretStore.put, Mail.dispatch
    kept: list[tuple[SecretStore, bytes]] = []

    def later(store: SecretStore, name: str, value: bytes) -> None:
        if name == "question":
            kept[:] = [(store, value)]
        else:
            put(store, name, value)

    def sent(post: Mail, *arguments: Any) -> None:
        dispatch(post, *arguments)
        while kept:
            store, value = kept.pop()
            put(store, "question", value)

    patch.setattr(SecretStore, "put", later)
    patch.setattr(Mail, "dispatch", sent)


@bug
def gives_an_offer_up_at_once(patch: Patch) -> None:
    advance = SellerOrders._advance_one

    def ended(orders: SellerOrders, name: Any, offer: Any) -> None:
        if orders._seller.exchange.order(offer.struct_hash()).state is OrderState.NONE:
            orders._end(name, Ending.EXPIRED)
        else:
            advance(orders, name, offer)

    patch.setattr(SellerOrders, "_advance_one", ended)


@bug
def ends_the_trade_when_the_node_fails(patch: Patch) -> None:
    trade = Buyer._trade

    def ended(party: Buyer) -> Outcome:
        try:
            return trade(party)
        except NodeFailure as failure:
            outcome = Outcome(Ending.NO_ORDER, str(failure))
            party.journal.once(OUTCOME, outcome.to_bytes)
            return outcome

    patch.setattr(Buyer, "_trade", ended)


@bug
def counts_a_withdrawal_under_way_as_a_bond(patch: Patch) -> None:
    patch.setattr(SellerBonds, "_check_no_withdrawal", lambda *_: None)


@bug
def takes_a_node_behind_for_a_cheat(patch: Patch) -> None:
    patch.setattr(Buyer, "_wait_for_commit", lambda *_: None)


@bug
def forgets_what_a_reorganisation_took(patch: Patch) -> None:
    patch.setattr(Wallet, "_send_what_was_lost", lambda *_: None)
