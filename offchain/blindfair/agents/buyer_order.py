"""The buyer's money: pay, then refund, dispute or release, whatever the other side does or stops doing (PROTOCOL 7)."""

from collections.abc import Callable

import cbor2

from blindfair.agents.agent import Agent
from blindfair.agents.buyer_checks import wrong_records
from blindfair.agents.evaluated import Evaluated
from blindfair.agents.evidence import keep_evidence
from blindfair.agents.outcome import Outcome
from blindfair.agents.waiting import Waiting
from blindfair.chain.exchange import Call
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, open_delivery
from blindfair.protocol.errors import ContractReverted
from blindfair.protocol.messages import Delivery, Selection
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import DeliveryKey, Timestamp, Wei
from blindfair.protocol.selection import chunk_counts, selected_leaves

_NO_KEY = "the seller did not reveal the key in time"


class BuyerOrder:
    """One checked offer with its ciphertext on the disk, from payment to its end."""

    def __init__(
        self,
        buyer: Agent,
        evaluated: Evaluated,
        selection: Selection,
        delivery: Delivery,
        ciphertexts: tuple[bytes, ...],
        gas_reserve: Wei,
    ) -> None:
        """`gas_reserve` is ether that must be left after paying."""
        self._buyer = buyer
        self._gas_reserve = gas_reserve
        self._evaluated = evaluated
        self._selection = selection
        self._delivery = delivery
        self._offer = delivery.offer
        self._order_id = delivery.offer.struct_hash()
        self._ciphertexts = ciphertexts

    # --- paying ----------------------------------------------------------------------------------------------------

    def pay(self) -> Outcome | None:
        """Accept the offer, once; an outcome only where there will never be an order.

        Raises InsufficientFunds before anything is sent, and Waiting while the contract would refuse.
        """
        exchange, wallet, offer = self._buyer.exchange, self._buyer.wallet, self._offer
        state = exchange.order(self._order_id).state
        if state is OrderState.CANCELLED:
            return self._no_order("the seller cancelled the offer", "Cancelled")
        if state is not OrderState.NONE:
            return None
        if exchange.now() > offer.expiry:
            return self._no_order("the offer ran out before it could be accepted", "Expired")
        if not wallet.begun("accept"):
            wallet.check_means(offer.token, offer.price, self._gas_reserve, "the price")
        try:
            wallet.approve("accept", offer.token, offer.price)
            wallet.execute(
                "accept",
                lambda: exchange.accept(offer, self._delivery.offer_signature),
                "accepts the offer and locks the price",
                may_send=lambda: exchange.now() <= offer.expiry,
            )
        except ContractReverted as error:
            self._buyer.journal.note("accept-refused", f"; the contract refused it: {error}")
            raise Waiting(f"the contract refuses the accept: {error}", Timestamp(offer.expiry + 1)) from error
        return None

    def _no_order(self, reason: str, state: str) -> Outcome:
        # An accept that was sent might still be in a block that a reorganisation brings back.
        if not self._buyer.certainty.holds("order", state):
            raise Waiting("it is not final yet that there is no order")
        return Outcome("NoOrder", reason + (self._buyer.journal.intent("accept-refused") or ""), state)

    # --- afterwards ------------------------------------------------------------------------------------------------

    def settle(self) -> Outcome:
        """Take the order to its end. Raises Waiting while it is the seller's, the clock's or the chain's turn."""
        exchange = self._buyer.exchange
        view, now = exchange.order(self._order_id), exchange.now()
        match view.state:
            case OrderState.NONE:
                raise Waiting("the node does not show the order yet")
            case OrderState.LOCKED if now <= view.deadline:
                raise Waiting("the seller has not revealed the key yet", Timestamp(view.deadline + 1))
            case OrderState.LOCKED:
                self._call("refund", lambda: exchange.refund(self._offer), "takes price and bond back: no key came")
            case OrderState.REVEALED:
                self._verify(view.deadline)
            case ended:
                if self._buyer.certainty.holds("order", ended.name):
                    return self._outcome(ended)
        raise Waiting("the end of the order is not final yet")

    def _outcome(self, ended: OrderState) -> Outcome:
        journal = self._buyer.journal
        if ended is OrderState.RELEASED:
            return Outcome("Released", journal.intent("verified") or "the clock paid the seller")
        if self._buyer.exchange.revealed_key(self._order_id) is None:
            return Outcome("Refunded", _NO_KEY)
        return Outcome("Refunded", journal.intent("fault") or "somebody proved a chunk wrong; the money came back")

    def _verify(self, deadline: Timestamp) -> None:
        buyer, exchange, offer = self._buyer, self._buyer.exchange, self._offer
        key = exchange.revealed_key(self._order_id)
        if key is None or key_commitment(key) != offer.key_commitment:
            raise Waiting("the node does not show the revealed key yet")
        if buyer.journal.intent("verified") is None:
            self._look_into(key, deadline)
        self._call("release", lambda: exchange.release(offer), "releases the price")

    def _look_into(self, key: DeliveryKey, deadline: Timestamp) -> None:
        """Verify what was delivered; returns if all of it is good. Else disputes, or raises Waiting for the clock."""
        buyer = self._buyer
        opened = self._open(key)
        if isinstance(opened, Fault):
            self._dispute(opened, key, deadline)
            raise Waiting("the end of the order is not final yet")
        buyer.journal.once("bought", lambda: cbor2.dumps(list(zip(self._selection.records, opened, strict=True))))
        wrong = wrong_records(self._evaluated, self._selection, opened)
        if wrong:
            # Exactly what was committed, and not what was scored: no proof on chain exists (PROTOCOL 0, 5.7).
            finding = {"mismatched_records": wrong, "key": key.hex()}
            keep_evidence(buyer.directory / "evidence", buyer.journal, finding)
            raise Waiting("scores of delivered records do not hold; the clock decides", Timestamp(deadline + 1))
        text = f"{len(opened)} records verified: every chunk is the committed one, every score holds"
        buyer.journal.note("verified", text)
        buyer.tell("verify", text)

    def _dispute(self, fault: Fault, key: DeliveryKey, deadline: Timestamp) -> None:
        exchange = self._buyer.exchange
        if exchange.now() > deadline:
            raise Waiting("the dispute window is over; the clock pays the seller")
        self._buyer.journal.note("fault", f"chunk {fault.index} is not the committed one; the proof returned the money")
        self._call(
            "dispute",
            lambda: exchange.dispute(self._offer, key, fault.index, fault.ciphertext, fault.leaf, fault.path),
            f"proves that chunk {fault.index} is not the committed one",
        )

    def _open(self, key: DeliveryKey) -> tuple[bytes, ...] | Fault:
        manifest, records = self._evaluated.listing.manifest, self._selection.records
        leaves = selected_leaves(manifest.first_chunks, self._evaluated.listing.leaf_hashes, records)
        counts = chunk_counts(manifest.first_chunks, manifest.chunk_count, records)
        return open_delivery(self._ciphertexts, leaves, key, manifest.chunk_size, counts)

    def _call(self, step: str, call: Callable[[], Call], text: str) -> None:
        try:
            self._buyer.wallet.execute(step, call, text)
        except ContractReverted as error:
            # Others may act on the same order: what was possible a moment ago may be done, or over.
            raise Waiting(f"the contract refuses the {step}: {error}") from error
