"""The fee of an evaluation from the buyer's side: pay, wait for the key, open the reply (PROTOCOL 4.7)."""

from collections.abc import Callable
from dataclasses import replace

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.evidence import keep_evidence
from blindfair.agents.settlement.order_calls import OrderCalls
from blindfair.agents.settlement.order_ends import end_of, note_end
from blindfair.agents.store.purchase_steps import FEE_PAID, OPENED_REPLY, fault_found
from blindfair.agents.waiting import Waiting
from blindfair.protocol.delivery import Fault
from blindfair.protocol.errors import (
    BlindfairError,
    CommitmentError,
    CommittedGarbage,
    FaultProven,
    JournalDamaged,
    MessageError,
    NoAnswer,
    ScoringError,
)
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import PricedReply
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import PartName
from blindfair.protocol.priced_reply import check_reply, open_reply
from blindfair.protocol.quantities import DeliveryKey, Timestamp

_PART = PartName.EVALUATION


class FeeOrder:
    """One priced reply whose offer was checked, from payment to the reply in the clear."""

    def __init__(
        self,
        buyer: Agent,
        policy: BuyerPolicy,
        manifest: Manifest,
        priced: PricedReply,
        judge: Callable[[bytes], object],
    ) -> None:
        """`judge` raises MessageError, CommitmentError or ScoringError for bytes that are no valid reply.

        Raises MalformedChunk and RootMismatch for a ciphertext that is not the offered one.
        """
        self._buyer = buyer
        self._priced = priced
        self._judge = judge
        self._chunk_size = manifest.chunk_size
        offer = priced.offer
        self._chunks = check_reply(priced.ciphertext, priced.leaf_hashes, offer.delivery_root, manifest.chunk_size)
        self._calls = OrderCalls(
            buyer, policy, _PART, offer, priced.offer_signature, manifest, means=offer.price, what="the evaluation fee"
        )

    def reply(self) -> bytes:
        """Return the bytes of the reply, once the fee has bought a valid one.

        Raises Waiting while the order goes on. Raises what ended it otherwise: Expired, or Refused for a cancelled
        offer; NoAnswer where no key came and FaultProven for a wrong chunk, with the fee back; CommitmentError and
        CommittedGarbage where the fee is lost.
        """
        ended = end_of(self._buyer.journal, _PART)
        if ended is None:
            ended = self._calls.pay() or self._settle()
            if ended.final is Ending.RELEASED:
                self._buyer.journal.note(FEE_PAID, str(self._priced.offer.price))
            note_end(self._buyer.journal, _PART, ended)
            self._buyer.tell("fee", ended.reason)
        if ended.error is not None:
            raise ended.to_error()
        opened = self._buyer.journal.get(OPENED_REPLY)
        if opened is None:
            raise JournalDamaged("The reply that was paid for is gone", expected=OPENED_REPLY)
        return opened

    def _settle(self) -> Outcome:
        view, now = self._calls.view(), self._buyer.exchange.now()
        match view.state:
            case OrderState.NONE:
                raise Waiting("the node does not show the order yet")
            case OrderState.LOCKED if now <= view.deadline:
                raise Waiting("the seller has not revealed the key of its reply yet", Timestamp(view.deadline + 1))
            case OrderState.LOCKED:
                self._calls.refund()
            case OrderState.REVEALED | OrderState.RELEASED:
                acts_by = view.deadline if view.state is OrderState.REVEALED and now <= view.deadline else None
                return self._revealed(acts_by)
            case ended:
                if self._calls.is_final(ended.name):
                    return self._refunded()
        raise Waiting("the end of the order is not final yet")

    def _refunded(self) -> Outcome:
        if self._buyer.exchange.revealed_key(self._calls.order_id) is None:
            error: BlindfairError = NoAnswer(
                "The seller did not reveal the key of its reply in time",
                found="no key; the fee came back, with the bond",
            )
        else:
            text = self._calls.noted(fault_found(_PART)) or "somebody proved a chunk wrong; the fee came back"
            error = FaultProven("The paid reply is not the committed one", found=text)
        return replace(Outcome.stopped(error), final=Ending.REFUNDED)

    def _revealed(self, acts_by: Timestamp | None) -> Outcome:
        """The end of an order whose key is public, that the buyer may act on until `acts_by`. Raises Waiting."""
        key = self._calls.revealed_key()
        opened = open_reply(self._chunks, self._priced.leaf_hashes, key, self._chunk_size)
        if isinstance(opened, Fault):
            if acts_by is not None:
                self._calls.dispute(opened, key)
                raise Waiting("the end of the order is not final yet")
            text = f"chunk {opened.index} is not the committed one, and nobody proved it in time"
            return self._lost(CommitmentError("The paid reply is not the committed one", found=text), key)
        self._buyer.journal.once(OPENED_REPLY, lambda: opened)
        try:
            self._judge(opened)
        except (MessageError, CommitmentError, ScoringError) as error:
            return self._lost(
                CommittedGarbage(
                    "The paid reply is as committed and no valid reply",
                    found=f"{error.name}: {error}",
                    hint="the fee is lost, since no contract can judge this; evidence was kept",
                ),
                key,
            )
        if acts_by is not None:
            self._calls.release(acts_by)
        price = self._buyer.wallet.amount_text(self._priced.offer.price, self._priced.offer.token)
        return Outcome(Ending.RELEASED, f"the evaluation was paid for with {price}")

    def _lost(self, error: CommitmentError, key: DeliveryKey) -> Outcome:
        finding = {"error": error.name, "text": str(error), "key": key.hex()}
        keep_evidence(self._buyer.directory / "evidence", self._buyer.journal, finding)
        return replace(Outcome.stopped(error), final=Ending.RELEASED)
