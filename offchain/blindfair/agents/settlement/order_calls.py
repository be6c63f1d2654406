"""The buyer's transactions for one order: pay, take the money back, dispute, release (PROTOCOL 7).

Not here: whether what was delivered is good (`buyer.order`, `fee_order`).
"""

from collections.abc import Callable

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.paying import accepting, is_of_the_token, takes_permits
from blindfair.agents.store.delivery_steps import HANDED_OVER
from blindfair.agents.store.purchase_steps import accept_refused, fault_found
from blindfair.agents.store.steps import (
    SENT_AT,
    CallName,
    Step,
    accept_call,
    dispute_call,
    part_message,
    refund_call,
    release_call,
    step_text,
)
from blindfair.agents.waiting import Waiting
from blindfair.agents.watch.making import make_package
from blindfair.agents.watch.package import SUFFIX, sign_order
from blindfair.chain.costs import ACCEPT, dispute_gas
from blindfair.chain.exchange import Call, OrderView
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, verify_fault
from blindfair.protocol.errors import ContractReverted, Undeliverable
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Release
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import ETHER, DeliveryKey, Gas, Signature, Timestamp, Wei
from blindfair.protocol.release import sign_release


class OrderCalls:
    """One checked offer, from payment to its end. Every transaction is a journalled step of its own."""

    def __init__(
        self,
        buyer: Agent,
        policy: BuyerPolicy,
        part: PartName,
        offer: Offer,
        signature: Signature,
        seller: Manifest,
        *,
        means: Wei,
        what: str,
    ) -> None:
        """`means` must be there before paying `what`: the price, and that of what is to be ordered afterwards."""
        self._buyer = buyer
        self._policy = policy
        self._part = part
        self._offer = offer
        self._signature = signature
        self._seller = seller
        self._means = means
        self._what = what
        self._is_told = False
        self.order_id = offer.struct_hash()
        # A watcher serves nobody whose packages are not signed; the commands that make them have no account's key.
        buyer.journal.once(
            HANDED_OVER.of(part), lambda: sign_order(self.order_id, buyer.domain, buyer.private_key), intent="watchers"
        )

    # --- paying ----------------------------------------------------------------------------------------------------

    def pay(self, ready: Callable[[Timestamp], None] = lambda _: None) -> Outcome | None:
        """Accept the offer, once; return an outcome only where there will never be an order.

        `ready` is asked before each try, with the offer's expiry, and raises where it is not to be paid.

        Raises InsufficientFunds, and CannotWrite for a watch folder that takes nothing, before anything is sent; and
        Waiting while the contract would refuse.
        """
        exchange, wallet, offer = self._buyer.exchange, self._buyer.wallet, self._offer
        state = exchange.order(self.order_id).state
        if state is OrderState.CANCELLED:
            return self._no_order("the seller cancelled the offer", Ending.CANCELLED)
        if state is not OrderState.NONE:
            return None
        if exchange.now() > offer.expiry:
            return self._no_order("the offer ran out before it could be accepted", Ending.EXPIRED)
        ready(offer.expiry)
        if not wallet.begun(accept_call(self._part)):
            dispute = wallet.cost_of(Gas(2 * ACCEPT + dispute_gas(offer.chunk_size)))
            if not self._is_told and offer.token == ETHER and offer.price + offer.bond < dispute:
                self._is_told = True
                self._buyer.tell(
                    "warning",
                    "if the gas price doubles, a dispute costs more gas than it brings back: cheating is cheap then",
                )
            wallet.check_means(offer.token, self._means, max(self._policy.gas_reserve, dispute), self._what)
            self._hand_to_watcher()
        try:
            self._accept()
        except ContractReverted as error:
            self._buyer.journal.note(accept_refused(self._part), f"; the contract refused it: {error}")
            raise Waiting(f"the contract refuses the accept: {error}", Timestamp(offer.expiry + 1)) from error
        return None

    def _hand_to_watcher(self) -> None:
        """Write the order's package to where a watcher takes it from, if the policy says so. Raises CannotWrite."""
        if self._policy.watch_folder is None:
            return
        buyer, path = self._buyer, self._policy.watch_folder / f"{self.order_id.hex()}{SUFFIX}"
        if path.exists():
            # Of an earlier try to pay, which may be many where a seller keeps the bond back.
            return
        package = make_package(buyer.journal, buyer.sealing_keys().private, buyer.domain, self._part)
        package.write(path)
        buyer.tell("watch-package", f"hands {package.name} to the watcher, before it pays")

    def _accept(self) -> None:
        """By permit where the token takes one, so that paying is one transaction; else after an approval."""
        accept, wallet, exchange, offer = accept_call(self._part), self._buyer.wallet, self._buyer.exchange, self._offer

        def send() -> None:
            wallet.execute(
                accept,
                lambda: accepting(exchange, self._buyer.private_key, offer, self._signature),
                f"accepts the offer and locks {self._what}",
                may_send=lambda: exchange.now() <= offer.expiry,
            )

        if wallet.begun(accept) or takes_permits(exchange, self._buyer.address, offer.token):
            try:
                return send()
            except ContractReverted as error:
                if not is_of_the_token(error):
                    raise
        wallet.approve(accept, offer.token, offer.price)
        return send()

    def _no_order(self, reason: str, offer: Ending) -> Outcome:
        # An accept that was sent might still be in a block that a reorganisation brings back.
        if not self.is_final(offer):
            raise Waiting("it is not final yet that there is no order")
        return Outcome(Ending.NO_ORDER, reason + (self.noted(accept_refused(self._part)) or ""), offer.value)

    # --- afterwards ------------------------------------------------------------------------------------------------

    def view(self) -> OrderView:
        """Return where the order stands. Raises NodeFailure."""
        return self._buyer.exchange.order(self.order_id)

    def is_final(self, state: str) -> bool:
        """Return whether the chain has said so of this order for long enough. Raises NodeFailure."""
        return self._buyer.finality_tracker.holds(f"order:{self._part}", state)

    def revealed_key(self) -> DeliveryKey:
        """Return the key of a revealed order. Raises Waiting where the node does not show it."""
        key = self._buyer.exchange.revealed_key(self.order_id)
        if key is None or key_commitment(key) != self._offer.key_commitment:
            raise Waiting("the node does not show the revealed key yet")
        return key

    def refund(self) -> None:
        """Take price and bond back: no key came in time."""
        exchange, offer, to = self._buyer.exchange, self._offer, self._policy.refund_to
        self._call(
            refund_call(self._part),
            lambda: exchange.refund(offer) if to is None else exchange.refund_to(offer, to),
            "takes price and bond back: no key came",
        )

    def dispute(self, fault: Fault, key: DeliveryKey) -> None:
        """Prove that a chunk is not the committed one: price and bond come back."""
        exchange, offer, to = self._buyer.exchange, self._offer, self._policy.refund_to
        # By the contract's own rule, before it costs gas.
        verify_fault(fault, key, offer.key_commitment, offer.delivery_root, offer.chunk_count, offer.chunk_size)
        self._buyer.journal.note(
            fault_found(self._part), f"chunk {fault.index} is not the committed one; the proof returned the money"
        )
        proof = (offer, key, fault.index, fault.ciphertext, fault.leaf, fault.path)
        self._call(
            dispute_call(self._part),
            lambda: exchange.dispute(*proof) if to is None else exchange.dispute_to(*proof, to),
            f"proves that chunk {fault.index} is not the committed one",
        )

    def release(self, deadline: Timestamp) -> Timestamp | None:
        """Give the seller its money: by a sealed message with a signed release, or by a transaction.

        Returns when the message was sent; None for a transaction, or where no message can be sent and the clock pays.
        Raises Waiting until a transaction is included, and while no message can be sent before `deadline`.
        """
        buyer = self._buyer
        if not self._policy.releases_by_message:
            self._call(release_call(self._part), lambda: buyer.exchange.release(self._offer), "releases the price")
            return None
        signature = sign_release(self.order_id, buyer.domain, buyer.private_key)
        step = part_message(Release.TYPE, self._part)
        seller = self._seller
        try:
            buyer.mail.send(step, seller.seller, lambda: Release(self.order_id, signature), seller.seller_hpke)
        except (Undeliverable, Waiting) as trouble:
            if buyer.exchange.now() > deadline:
                return None
            reason = f"the signed release cannot be sent, and the clock pays the seller: {trouble}"
            raise Waiting(reason, Timestamp(deadline + 1)) from trouble
        return Timestamp(int(buyer.journal.once(SENT_AT.of(step), lambda: str(buyer.exchange.now()).encode())))

    # --- small things ----------------------------------------------------------------------------------------------

    def noted(self, step: Step) -> str | None:
        """Return what was written down for a step of this order."""
        return self._buyer.journal.intent(step)

    def _call(self, step: CallName, call: Callable[[], Call], text: str) -> None:
        try:
            self._buyer.wallet.execute(step, call, text)
        except ContractReverted as error:
            # Others may act on the same order: what was possible a moment ago may be done, or over.
            raise Waiting(f"the contract refuses the {step_text(step)}: {error}") from error
