"""The buyer's money: pay, then refund, dispute or release, whatever the other side does or stops doing (PROTOCOL 7)."""

import json

import cbor2
import numpy as np

from blindfair.agents.agent import Agent, Waiting
from blindfair.agents.buyer_checks import ROW_TOLERANCE
from blindfair.agents.evaluated import Evaluated
from blindfair.agents.outcome import Outcome
from blindfair.agents.rows import gradient_rows
from blindfair.agents.store import write_atomically
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, open_delivery
from blindfair.protocol.errors import CommitmentError, ContractReverted, NodeFailure, ScoringError
from blindfair.protocol.messages import Delivery, Selection
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import DeliveryKey, Timestamp
from blindfair.protocol.selection import chunk_counts, selected_leaves


class BuyerOrder:
    """One checked offer with its ciphertext on the disk, from payment to its end."""

    def __init__(
        self,
        buyer: Agent,
        evaluated: Evaluated,
        selection: Selection,
        delivery: Delivery,
        ciphertexts: tuple[bytes, ...],
    ) -> None:
        self._buyer = buyer
        self._evaluated = evaluated
        self._selection = selection
        self._delivery = delivery
        self._offer = delivery.offer
        self._order_id = delivery.offer.struct_hash()
        self._ciphertexts = ciphertexts

    def pay(self) -> Outcome | None:
        """Accept the offer, once; an outcome only where the offer ran out without an order.

        Raises InsufficientFunds before anything is sent, and Waiting while the contract would refuse.
        """
        exchange, offer = self._buyer.exchange, self._offer
        try:
            if exchange.order(self._order_id).state is OrderState.NONE:
                self._buyer.approve("accept", offer.token, offer.price)
            self._buyer.execute(
                "accept",
                lambda: exchange.accept(offer, self._delivery.offer_signature),
                "accepts the offer and locks the price",
            )
        except ContractReverted as error:
            untouched = exchange.order(self._order_id).state is OrderState.NONE
            if untouched and exchange.now() > offer.expiry:
                return Outcome("NoOrder", f"the offer ran out before it could be accepted: {error}", error.name)
            raise Waiting(f"the contract refuses the accept: {error}", Timestamp(offer.expiry + 1)) from error
        return None

    def settle(self) -> Outcome:
        """Take the order to its end. Raises Waiting while it is the seller's or the clock's turn."""
        buyer, exchange = self._buyer, self._buyer.exchange
        view, now = exchange.order(self._order_id), exchange.now()
        match view.state:
            case OrderState.LOCKED if now <= view.deadline:
                raise Waiting("the seller has not revealed the key yet", Timestamp(view.deadline + 1))
            case OrderState.LOCKED:
                buyer.execute("refund", lambda: exchange.refund(self._offer), "takes price and bond back: no key came")
                return Outcome("Refunded", "the seller did not reveal the key in time")
            case OrderState.REVEALED:
                return self._verify(view.deadline)
            case OrderState.REFUNDED:
                return Outcome("Refunded", buyer.journal.intent("fault") or "the seller did not reveal the key in time")
            case OrderState.RELEASED:
                return Outcome("Released", buyer.journal.intent("verified") or "the clock paid the seller")
            case _:
                raise NodeFailure(
                    "The chain does not know an order that was accepted",
                    expected="Locked or later",
                    found=view.state.name,
                    hint="wait for the node to catch up; do not pay again",
                )

    def _verify(self, deadline: Timestamp) -> Outcome:
        buyer, exchange, offer = self._buyer, self._buyer.exchange, self._offer
        key = exchange.revealed_key(self._order_id)
        if key is None or key_commitment(key) != offer.key_commitment:
            raise Waiting("the node does not show the revealed key yet")
        try:
            opened = self._open(key)
        except CommitmentError as error:
            # Exactly what was committed, yet no record: no proof on chain exists, so the clock decides (PROTOCOL 0).
            self._keep_evidence({"error": str(error)})
            raise Waiting(f"the delivery is as committed but unusable: {error}", Timestamp(deadline + 1)) from None
        if isinstance(opened, Fault):
            fault = opened
            if exchange.now() > deadline:
                raise Waiting("the dispute window is over", Timestamp(deadline + 1))
            buyer.journal.note("fault", f"chunk {fault.index} is not the committed one")
            buyer.execute(
                "dispute",
                lambda: exchange.dispute(offer, key, fault.index, fault.ciphertext, fault.leaf, fault.path),
                f"proves that chunk {fault.index} is not the committed one",
            )
            return Outcome("Refunded", f"chunk {fault.index} is not the committed one; the proof returned the money")
        mismatches = self._score_again(opened)
        buyer.journal.once("bought", lambda: cbor2.dumps(list(zip(self._selection.records, opened, strict=True))))
        if mismatches:
            self._keep_evidence({"mismatched_records": mismatches})
            raise Waiting("scores of delivered records do not hold; the clock decides", Timestamp(deadline + 1))
        text = f"{len(opened)} records verified: every chunk is the committed one, every score holds"
        if buyer.journal.note("verified", text):
            buyer.tell("verify", text)
        buyer.execute("release", lambda: exchange.release(offer), "releases the price")
        return Outcome("Released", text)

    def _open(self, key: DeliveryKey) -> tuple[bytes, ...] | Fault:
        manifest, records = self._evaluated.listing.manifest, self._selection.records
        leaves = selected_leaves(manifest.first_chunks, self._evaluated.listing.leaf_hashes, records)
        counts = chunk_counts(manifest.first_chunks, manifest.chunk_count, records)
        return open_delivery(self._ciphertexts, leaves, key, manifest.chunk_size, counts)

    def _score_again(self, records: tuple[bytes, ...]) -> list[int]:
        """Numbers of the records whose score in the clear is not the decrypted one (PROTOCOL 5.7)."""
        evaluated = self._evaluated
        try:
            rows, _ = gradient_rows(evaluated.request, records)
        except (CommitmentError, ScoringError):
            return list(self._selection.records)
        clear = rows.astype(np.int64) @ evaluated.queries.T
        blind = evaluated.scores[:, list(self._selection.records)].T
        bounds = ROW_TOLERANCE * np.abs(evaluated.queries).sum(axis=1)
        wrong = (np.abs(clear - blind) > bounds).any(axis=1)
        return [record for record, bad in zip(self._selection.records, wrong, strict=True) if bad]

    def _keep_evidence(self, what: dict[str, object]) -> None:
        """The finding, beside the signed messages that prove it, for people: no contract judges this (PROTOCOL 5.7)."""
        buyer = self._buyer
        folder = buyer.directory / "evidence"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in ("message:request", "received:reply", "message:selection", "received:delivery"):
            write_atomically(folder / f"{name.split(':')[1]}.message", buyer.journal.get(name) or b"")
        write_atomically(folder / "finding.json", json.dumps(what, indent=2).encode())
