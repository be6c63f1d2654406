"""An order of records from the buyer's side, from payment to its end, whatever the other side does (PROTOCOL 7)."""

import contextlib
import json
from dataclasses import asdict, replace

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.bought import BoughtRecords, bought_records
from blindfair.agents.buyer.checks import audit_sample, wrong_records
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.opened_labels import check_bought_labels
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.buyer.received import Opened, Received
from blindfair.agents.buyer.selecting import BEFORE_PAYMENT
from blindfair.agents.buyer.valuer import Valuer
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.evidence import keep_evidence
from blindfair.agents.settlement.order_calls import OrderCalls
from blindfair.agents.store.delivery_steps import REPEATED
from blindfair.agents.store.purchase_steps import AUDITED, bought, complaint, fault_found, verified
from blindfair.agents.store.steps import accept_call
from blindfair.agents.waiting import Waiting
from blindfair.protocol.audit import check_duplicates
from blindfair.protocol.delivery import Fault
from blindfair.protocol.errors import (
    AuditError,
    CommitmentError,
    CommittedGarbage,
    DuplicatesOpened,
    ScoresDisagree,
    ScoringError,
    TransferDamaged,
)
from blindfair.protocol.messages import Delivery
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import Part, PartName
from blindfair.protocol.quantities import DeliveryKey, Timestamp, Wei

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
        received: Received,
        *,
        policy: BuyerPolicy,
        valuer: Valuer,
        means: Wei,
    ) -> None:
        """`means` must be there before paying: the price, and that of what is to be ordered afterwards."""
        self._buyer = buyer
        self._policy = policy
        self._valuer = valuer
        self._evaluated = evaluated
        self._part = part
        self._received = received
        manifest, signature = evaluated.listing.manifest, delivery.offer_signature
        self._calls = OrderCalls(
            buyer, policy, part.name, delivery.offer, signature, manifest, means=means, what="the price"
        )

    def pay(self) -> Outcome | None:
        """Accept the offer, once; an outcome only where there will never be an order. Raises as `OrderCalls.pay`."""
        return self._calls.pay(self._have_before_paying)

    def _have_before_paying(self, expiry: Timestamp) -> None:
        """Do not pay for a delivery that has been lost since it came. Raises Waiting, and what the checks raise."""
        if not self._buyer.wallet.begun(accept_call(self._part.name)):
            return self._received.complete()
        try:
            return self._received.complete(Timestamp(expiry + 1))
        except BEFORE_PAYMENT as error:
            raise Waiting(f"the delivery is lost, and no copy comes: {error}", Timestamp(expiry + 1)) from error

    # --- afterwards ------------------------------------------------------------------------------------------------

    def settle(self) -> Outcome:
        """Take the order to its end. Raises Waiting while it is the seller's, the clock's or the chain's turn."""
        view, now = self._calls.view(), self._buyer.exchange.now()
        match view.state:
            case OrderState.NONE:
                raise Waiting("the node does not show the order yet")
            case OrderState.LOCKED if now <= view.deadline:
                with contextlib.suppress(Waiting, *BEFORE_PAYMENT):
                    # What the disk has lost is here again before the key comes; a refund waits for none of it.
                    self._received.complete(Timestamp(view.deadline + 1))
                raise Waiting("the seller has not revealed the key yet", Timestamp(view.deadline + 1))
            case OrderState.LOCKED:
                self._calls.refund()
            case OrderState.REVEALED:
                self._verify(view.deadline)
                # Nothing but a claim or a release is possible then.
                over = "past dispute" if now > view.deadline else "released by a signed message"
                if self._calls.is_final(over):
                    return self._released()
            case ended:
                if self._calls.is_final(ended.name):
                    return self._released() if ended is OrderState.RELEASED else self._refunded()
        raise Waiting("the end of the order is not final yet")

    def _refunded(self) -> Outcome:
        if self._buyer.exchange.revealed_key(self._calls.order_id) is None:
            return Outcome(Ending.REFUNDED, _NO_KEY)
        proven = self._calls.noted(fault_found(self._part.name))
        return Outcome(Ending.REFUNDED, proven or "somebody proved a chunk wrong; the money came back")

    def _released(self) -> Outcome:
        """What was paid for is opened also where the clock was quicker. An error says that it is not good."""
        found_good = self._calls.noted(verified(self._part.name))
        reason = found_good or _BY_THE_CLOCK
        wrong = None if found_good else self._find_fault(self._calls.revealed_key(), None)
        if isinstance(wrong, Fault):
            text = f"Chunk {wrong.index} is not the committed one, and nobody proved it in time"
            keep_evidence(
                self._buyer.directory / "evidence",
                self._buyer.journal,
                {"error": CommitmentError.__name__, "text": text},
            )
            wrong = Outcome.stopped(CommitmentError(text))
        sample = f"{self._bought()}, " if self._part.name is PartName.SAMPLE else ""
        if wrong is None:
            return Outcome(Ending.RELEASED, f"{sample}{reason}")
        return replace(wrong, final=Ending.RELEASED, reason=f"{sample}paid for, and not good: {wrong.reason}")

    def _bought(self) -> str:
        part = self._part
        price = self._buyer.wallet.amount_text(part.price, part.token)
        return f"the sample of {len(part.records)} records was bought for {price}"

    def _verify(self, deadline: Timestamp) -> None:
        """Release what is good, dispute a fault in time; where the clock has decided there is nothing to do.

        Raises Waiting unless the order can only be released any more, be it by the clock.
        """
        key, late = self._calls.revealed_key(), self._buyer.exchange.now() > deadline
        wrong = self._find_fault(key, None if late else deadline)
        if wrong is None:
            self._release(deadline)
        elif isinstance(wrong, Fault) and not late:
            self._calls.dispute(wrong, key)
            raise Waiting("the end of the order is not final yet")
        elif not late:
            # Exactly what was committed, and not what was scored: no proof on chain exists (PROTOCOL 0, 5.7).
            raise Waiting("scores of delivered records do not hold; the clock decides", Timestamp(deadline + 1))

    def _release(self, deadline: Timestamp) -> None:
        """Give the seller its money. Raises Waiting until it has had time to use a signed release, or until the
        transaction is final: from then on it is up to the seller alone."""
        sent = self._calls.release(deadline)
        if sent is None:
            if self._policy.releases_by_message:
                return
            raise Waiting("the end of the order is not final yet")
        until = Timestamp(min(sent + self._policy.release_patience, deadline) + 1)
        if self._buyer.exchange.now() < until:
            raise Waiting("the seller has not used the signed release yet", until)

    # --- what was delivered ----------------------------------------------------------------------------------------

    def _find_fault(self, key: DeliveryKey, acts_by: Timestamp | None) -> Fault | Outcome | None:
        """Return what is wrong with the delivery: a fault that the contract judges, or the error; None if it is good.

        Judged once, since an order that is paid must not depend on the rounding of another processor. Raises Waiting
        where the disk has lost the delivery: until `acts_by`, after that as long as patience lasts.
        """
        journal = self._buyer.journal
        if self._calls.noted(verified(self._part.name)) is not None:
            return None
        stored = journal.get(complaint(self._part.name))
        if stored is not None:
            return Outcome.from_bytes(stored)
        opened = self._open(key, acts_by)
        if isinstance(opened, Fault | Outcome):
            return opened
        journal.once(bought(self._part.name), opened.kept)
        try:
            self._check_records(opened, key)
        except (AuditError, CommitmentError, ScoringError) as error:
            return Outcome.from_bytes(journal.once(complaint(self._part.name), Outcome.stopped(error).to_bytes))
        text = f"{len(opened.records)} records verified (every chunk is the committed one, every score holds)"
        journal.note(verified(self._part.name), text)
        self._received.tidy()
        self._buyer.tell("verify", text)
        return None

    def _open(self, key: DeliveryKey, acts_by: Timestamp | None) -> Opened | Fault | Outcome:
        """Decrypt what came, or comes again from the seller where the disk has lost it. Raises Waiting."""
        until = None if acts_by is None else Timestamp(acts_by + 1)
        try:
            self._received.complete(until or Timestamp(0))
            return self._received.open(key)
        except TransferDamaged as damaged:
            raise Waiting(f"the disk has altered the delivery: {damaged}", until) from damaged
        except Waiting as waiting:
            raise Waiting(f"the disk has lost the delivery: {waiting.reason}", until or waiting.until) from waiting
        except CommittedGarbage as error:
            self._keep({"error": error.name, "text": str(error), "key": key.hex()})
            return Outcome.stopped(error)
        except BEFORE_PAYMENT as error:
            if until is not None:
                raise Waiting(f"the delivery is lost, and no copy comes: {error}", until) from error
            return Outcome.stopped(error)

    def _check_records(self, opened: Opened, key: DeliveryKey) -> None:
        """Check that the scores are those of the records, and that no record is there twice.

        Raises AuditError, CommitmentError, ScoringError.
        """
        if self._part.name is PartName.SAMPLE:
            try:
                report = audit_sample(self._evaluated, self._part, opened.records, opened.salts)
                warnings = check_bought_labels(self._valuer, self._evaluated, self._part.records, opened.records)
            except (AuditError, CommitmentError, ScoringError) as error:
                self._keep({"error": error.name, "text": str(error), "key": key.hex()})
                raise
            self._buyer.journal.note(AUDITED, json.dumps(asdict(report)))
            for text in (f"recomputes {report.rows} records of the bought sample: all agree", *warnings):
                self._buyer.tell("audit", text)
            return
        wrong = wrong_records(self._evaluated, self._part, opened.records, opened.salts)
        if wrong:
            self._keep({"mismatched_records": wrong, "key": key.hex()})
            raise ScoresDisagree(
                "Scores of delivered records do not hold", found=f"{len(wrong)} of {len(opened.records)}"
            )
        self._check_copies(key)

    def _check_copies(self, key: DeliveryKey) -> None:
        """Check that no record is there twice among all that were bought, the sample with them, and no text nearly so.

        An audit sees copies only where it draws both, and scores do not show them: each has noise of its own. Raises
        DuplicatesOpened.
        """
        found = bought_records(self._buyer.journal, self._buyer.directory)
        try:
            check_duplicates(found.digests())
            self._check_near_duplicates(found)
        except DuplicatesOpened as error:
            self._keep({"error": error.name, "text": str(error), "key": key.hex()})
            raise

    def _check_near_duplicates(self, found: BoughtRecords) -> None:
        """Note and tell near-duplicates among all bought texts. Raises DuplicatesOpened where the listing's list of
        them is false, and CommittedGarbage."""
        repetition = self._valuer.check_delivered(found.numbers, found.records, self._evaluated.listing.manifest)
        if repetition is not None:
            self._buyer.journal.note(REPEATED, json.dumps(repetition.to_document()))
            for text in repetition.warnings():
                self._buyer.tell("verify", text)
            repetition.check()

    def _keep(self, finding: dict[str, object]) -> None:
        keep_evidence(self._buyer.directory / "evidence", self._buyer.journal, finding)
