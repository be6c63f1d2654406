"""The buyer's money: pay, then refund, dispute or release, whatever the other side does or stops doing (PROTOCOL 7)."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import accumulate

import cbor2

from blindfair.agents.agent import Agent
from blindfair.agents.buyer_checks import audit_sample, wrong_records
from blindfair.agents.evaluated import Evaluated
from blindfair.agents.evidence import keep_evidence
from blindfair.agents.opened_labels import check_bought_labels
from blindfair.agents.outcome import Outcome
from blindfair.agents.part_steps import step_of
from blindfair.agents.paying import accepting, is_of_the_token, takes_permits
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.score_noise import salts_of
from blindfair.agents.valuer import Valuer
from blindfair.agents.waiting import Waiting
from blindfair.agents.wallet import in_units
from blindfair.chain.costs import ACCEPT, dispute_gas
from blindfair.chain.exchange import Call
from blindfair.protocol.audit import check_duplicates
from blindfair.protocol.cipher import crypt_chunk, key_commitment
from blindfair.protocol.delivery import Fault, open_delivery, verify_fault
from blindfair.protocol.errors import (
    AuditError,
    CommitmentError,
    ContractReverted,
    DuplicatesOpened,
    ScoresDisagree,
    ScoringError,
)
from blindfair.protocol.messages import Delivery, Release
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import Part, PartName
from blindfair.protocol.quantities import ETHER, ChunkIndex, DeliveryKey, Gas, Salt, Timestamp, Wei
from blindfair.protocol.release import sign_release
from blindfair.protocol.selection import chunk_counts, selected_leaves

_NO_KEY = "the seller did not reveal the key in time"
_BY_THE_CLOCK = "the clock paid the seller"


class BuyerOrder:
    """One checked offer for a part of the selection, with its ciphertext on the disk, from payment to its end."""

    def __init__(
        self,
        buyer: Agent,
        evaluated: Evaluated,
        part: Part,
        delivery: Delivery,
        ciphertexts: tuple[bytes, ...],
        *,
        policy: BuyerPolicy,
        valuer: Valuer,
        means: Wei,
    ) -> None:
        """`means` must be there before paying: the price, and that of what is to be ordered afterwards."""
        self._buyer = buyer
        self._policy = policy
        self._valuer = valuer
        self._means = means
        self._evaluated = evaluated
        self._part = part
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
        accept = self._step("accept")
        if not wallet.begun(accept):
            dispute = wallet.cost_of(Gas(2 * ACCEPT + dispute_gas(offer.chunk_size)))
            if offer.token == ETHER and offer.price + offer.bond < dispute:
                self._buyer.tell("warning", "a dispute would cost more gas than it brings back: cheating is cheap here")
            wallet.check_means(offer.token, self._means, max(self._policy.gas_reserve, dispute), "the price")
        try:
            self._accept()
        except ContractReverted as error:
            self._buyer.journal.note(self._step("accept-refused"), f"; the contract refused it: {error}")
            raise Waiting(f"the contract refuses the accept: {error}", Timestamp(offer.expiry + 1)) from error
        return None

    def _accept(self) -> None:
        """By permit where the token takes one, so that paying is one transaction; else after an approval."""
        accept, wallet, exchange, offer = self._step("accept"), self._buyer.wallet, self._buyer.exchange, self._offer

        def send() -> None:
            wallet.execute(
                accept,
                lambda: accepting(self._buyer, offer, self._delivery.offer_signature),
                "accepts the offer and locks the price",
                may_send=lambda: exchange.now() <= offer.expiry,
            )

        if wallet.begun(accept) or takes_permits(self._buyer, offer.token):
            try:
                return send()
            except ContractReverted as error:
                if not is_of_the_token(error):
                    raise
        wallet.approve(accept, offer.token, offer.price)
        return send()

    def _no_order(self, reason: str, state: str) -> Outcome:
        # An accept that was sent might still be in a block that a reorganisation brings back.
        if not self._buyer.certainty.holds(self._step("order"), state):
            raise Waiting("it is not final yet that there is no order")
        return Outcome("NoOrder", reason + (self._noted("accept-refused") or ""), state)

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
                self._call("refund", self._refund, "takes price and bond back: no key came")
            case OrderState.REVEALED:
                self._verify(view.deadline)
                # Nothing but a claim or a release is possible then.
                over = "past dispute" if now > view.deadline else "released by letter"
                if self._buyer.certainty.holds(self._step("order"), over):
                    return self._released()
            case ended:
                if self._buyer.certainty.holds(self._step("order"), ended.name):
                    return self._released() if ended is OrderState.RELEASED else self._refunded()
        raise Waiting("the end of the order is not final yet")

    def _refunded(self) -> Outcome:
        if self._buyer.exchange.revealed_key(self._order_id) is None:
            return Outcome("Refunded", _NO_KEY)
        return Outcome("Refunded", self._noted("fault") or "somebody proved a chunk wrong; the money came back")

    def _released(self) -> Outcome:
        """What was paid for is opened also where the clock was quicker. An error says that it is not good."""
        verified = self._noted("verified")
        reason = verified or _BY_THE_CLOCK
        complaint = None if verified else self._look_into(self._key())
        if isinstance(complaint, Fault):
            text = f"Chunk {complaint.index} is not the committed one, and nobody proved it in time"
            keep_evidence(
                self._buyer.directory / "evidence",
                self._buyer.journal,
                {"error": CommitmentError.__name__, "text": text},
            )
            complaint = Outcome.stopped(CommitmentError(text))
        bought = f"{self._bought()}: " if self._part.name is PartName.SAMPLE else ""
        if complaint is None:
            return Outcome("Released", f"{bought}{reason}")
        return replace(complaint, final="Released", reason=f"{bought}paid for, and not good: {complaint.reason}")

    def _bought(self) -> str:
        part = self._part
        return f"the sample of {len(part.records)} records was bought for {in_units(part.price, part.token)}"

    def _verify(self, deadline: Timestamp) -> None:
        """Release what is good, dispute a fault in time; where the clock has decided there is nothing to do.

        Raises Waiting unless the order can only be released any more, be it by the clock.
        """
        key, late = self._key(), self._buyer.exchange.now() > deadline
        complaint = self._look_into(key)
        if complaint is None:
            self._release(deadline)
        elif isinstance(complaint, Fault) and not late:
            self._dispute(complaint, key)
            raise Waiting("the end of the order is not final yet")
        elif not late:
            # Exactly what was committed, and not what was scored: no proof on chain exists (PROTOCOL 0, 5.7).
            raise Waiting("scores of delivered records do not hold; the clock decides", Timestamp(deadline + 1))

    def _release(self, deadline: Timestamp) -> None:
        """Give the seller its money: by a letter with a signed release, or by a transaction.

        Raises Waiting until the seller has had time to use the letter: from then on it is the seller's affair alone.
        """
        buyer = self._buyer
        if not self._policy.releases_by_letter:
            self._call("release", lambda: buyer.exchange.release(self._offer), "releases the price")
            raise Waiting("the end of the order is not final yet")
        signature = sign_release(self._order_id, buyer.domain, buyer.private_key)
        manifest = self._evaluated.listing.manifest
        letter = self._step(Release.TYPE)
        buyer.mail.send(letter, manifest.seller, lambda: Release(self._order_id, signature), manifest.seller_hpke)
        sent = int(buyer.journal.once(f"sent-at:{letter}", lambda: str(buyer.exchange.now()).encode()))
        until = Timestamp(min(sent + self._policy.release_patience, deadline) + 1)
        if buyer.exchange.now() < until:
            raise Waiting("the seller has not used the signed release yet", until)

    def _key(self) -> DeliveryKey:
        key = self._buyer.exchange.revealed_key(self._order_id)
        if key is None or key_commitment(key) != self._offer.key_commitment:
            raise Waiting("the node does not show the revealed key yet")
        return key

    # --- what was delivered ----------------------------------------------------------------------------------------

    def _look_into(self, key: DeliveryKey) -> Fault | Outcome | None:
        """What is wrong with the delivery, None if nothing is: a fault that the contract judges, or else the error.

        Judged once, since an order that is paid must not hang on the rounding of another processor.
        """
        journal = self._buyer.journal
        if self._noted("verified") is not None:
            return None
        complaint = journal.get(self._step("complaint"))
        if complaint is not None:
            return Outcome.from_bytes(complaint)
        opened = self._open(key)
        if isinstance(opened, Fault):
            return opened
        journal.once(self._step("bought"), lambda: cbor2.dumps(list(zip(self._part.records, opened, strict=True))))
        try:
            self._judge(opened, key)
        except (AuditError, CommitmentError, ScoringError) as error:
            return Outcome.from_bytes(journal.once(self._step("complaint"), Outcome.stopped(error).to_bytes))
        text = f"{len(opened)} records verified: every chunk is the committed one, every score holds"
        journal.note(self._step("verified"), text)
        self._buyer.tell("verify", text)
        return None

    def _judge(self, opened: tuple[bytes, ...], key: DeliveryKey) -> None:
        """Whether the scores are those of the records, and no record is there twice.

        Raises AuditError, CommitmentError, ScoringError.
        """
        if self._part.name is PartName.SAMPLE:
            try:
                report = audit_sample(self._evaluated, self._part, opened, self._salts(key))
                check_bought_labels(self._valuer, self._evaluated, self._part.records, opened)
            except (AuditError, CommitmentError, ScoringError) as error:
                self._keep({"error": error.name, "text": str(error), "key": key.hex()})
                raise
            self._buyer.journal.note("audited", json.dumps(asdict(report)))
            self._buyer.tell("audit", f"recomputes {report.rows} records of the bought sample: all agree")
            return
        wrong = wrong_records(self._evaluated, self._part, opened, self._salts(key))
        if wrong:
            self._keep({"mismatched_records": wrong, "key": key.hex()})
            raise ScoresDisagree("Scores of delivered records do not hold", found=f"{len(wrong)} of {len(opened)}")
        self._check_copies(opened, key)

    def _salts(self, key: DeliveryKey) -> tuple[Salt, ...]:
        """Of each delivered record's first chunk: they decide the noise of its scores."""
        manifest = self._evaluated.listing.manifest
        counts = chunk_counts(manifest.first_chunks, manifest.chunk_count, self._part.records)
        starts = [0, *accumulate(counts)][:-1]
        return salts_of(crypt_chunk(key, ChunkIndex(start), self._ciphertexts[start]) for start in starts)

    def _check_copies(self, opened: tuple[bytes, ...], key: DeliveryKey) -> None:
        """None is there twice among all that were bought, the sample with them.

        An audit sees copies only where it draws both, and scores do not show them: each has noise of its own. Raises
        DuplicatesOpened.
        """
        sample = self._buyer.journal.get(step_of("bought", PartName.SAMPLE))
        bought = dict(cbor2.loads(sample)) if sample is not None else {}
        bought.update(zip(self._part.records, opened, strict=True))
        try:
            check_duplicates(dict(sorted(bought.items())))
        except DuplicatesOpened as error:
            self._keep({"error": error.name, "text": str(error), "key": key.hex()})
            raise

    def _keep(self, finding: dict[str, object]) -> None:
        keep_evidence(self._buyer.directory / "evidence", self._buyer.journal, finding)

    def _dispute(self, fault: Fault, key: DeliveryKey) -> None:
        exchange, offer = self._buyer.exchange, self._offer
        # By the contract's own rule, before it costs gas.
        verify_fault(fault, key, offer.key_commitment, offer.delivery_root, offer.chunk_count, offer.chunk_size)
        self._buyer.journal.note(
            self._step("fault"), f"chunk {fault.index} is not the committed one; the proof returned the money"
        )
        proof = (offer, key, fault.index, fault.ciphertext, fault.leaf, fault.path)
        to = self._policy.refund_to
        self._call(
            "dispute",
            lambda: exchange.dispute(*proof) if to is None else exchange.dispute_to(*proof, to),
            f"proves that chunk {fault.index} is not the committed one",
        )

    def _refund(self) -> Call:
        exchange, to = self._buyer.exchange, self._policy.refund_to
        return exchange.refund(self._offer) if to is None else exchange.refund_to(self._offer, to)

    def _open(self, key: DeliveryKey) -> tuple[bytes, ...] | Fault:
        manifest, records = self._evaluated.listing.manifest, self._part.records
        leaves = selected_leaves(manifest.first_chunks, self._evaluated.listing.leaf_hashes, records)
        counts = chunk_counts(manifest.first_chunks, manifest.chunk_count, records)
        return open_delivery(self._ciphertexts, leaves, key, manifest.chunk_size, counts)

    # --- small things ----------------------------------------------------------------------------------------------

    def _step(self, step: str) -> str:
        return step_of(step, self._part.name)

    def _noted(self, step: str) -> str | None:
        return self._buyer.journal.intent(self._step(step))

    def _call(self, step: str, call: Callable[[], Call], text: str) -> None:
        try:
            self._buyer.wallet.execute(self._step(step), call, text)
        except ContractReverted as error:
            # Others may act on the same order: what was possible a moment ago may be done, or over.
            raise Waiting(f"the contract refuses the {step}: {error}") from error
