"""The steps of a purchase in order, from the buyer's journal, for its owner. No key, no lock, no node."""

from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.store.delivery_steps import REPEATED
from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.journal_summary import BuyerSummary, buyer_summary
from blindfair.agents.store.purchase_steps import (
    AUDITED,
    CONFIRMED,
    FEE_PAID,
    SAMPLED,
    UNAUDITED,
    fault_found,
    verified,
)
from blindfair.agents.store.steps import (
    ASKED_AT,
    INQUIRY,
    LISTING,
    RECEIPT,
    RECEIVED,
    REPLY,
    REQUEST,
    SENT,
    CallName,
    MessageName,
    accept_call,
    dispute_call,
    part_message,
    refund_call,
    release_call,
)
from blindfair.api.amounts import Money
from blindfair.api.ledger import AccountLedger, read_ledger
from blindfair.protocol.documents import json_value
from blindfair.protocol.messages import Agreement, Delivery, Openings, Release, Selection
from blindfair.protocol.parts import PARTS_OF_SELECTION, PartName
from blindfair.protocol.signing import Domain
from blindfair.protocol.words import counted

PART_TEXT = {
    PartName.WHOLE: "the records",
    PartName.SAMPLE: "the audited sample",
    PartName.REST: "the other records",
    PartName.EVALUATION: "the evaluation",
}
"""What is bought in one order, as people read it."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done, what it came to, and when: a second of chain time, None where the journal says none."""

    what: str
    detail: str = ""
    at: int | None = None


@dataclass(frozen=True, slots=True)
class BuyerDeeds:
    """A purchase so far, and its orders with what was paid for gas, as far as the journal tells."""

    summary: BuyerSummary
    deeds: tuple[Deed, ...]
    ledger: AccountLedger


def read_purchase(directory: Path, prices: Money, domain: Domain) -> BuyerDeeds | None:
    """Read a buyer's journal; None where nothing was asked yet. Raises as `read_journal`."""
    summary, journal = buyer_summary(directory), read_journal(directory / "journal.sqlite")
    if summary is None or journal is None:
        return None
    try:
        deeds = tuple(_Reader(journal, summary, prices).deeds())
        return BuyerDeeds(summary, deeds, read_ledger(directory, domain))
    finally:
        journal.close()


class _Reader:
    def __init__(self, journal: Journal, summary: BuyerSummary, prices: Money) -> None:
        self._journal = journal
        self._summary = summary
        self._prices = prices

    def deeds(self) -> list[Deed]:
        """What was done, in the order of a purchase."""
        journal = self._journal
        found = [
            *self._sent(INQUIRY, "Asked what is listed", LISTING),
            *self._received(LISTING, "Got the listing"),
            *self._sent(REQUEST, "Sent the encrypted query", REPLY),
            *self._received(REPLY, "Got the encrypted scores"),
            *self._order(PartName.EVALUATION),
        ]
        if journal.intent(FEE_PAID) is not None:
            found.append(Deed("The fee is paid for good", f"{self._prices.show(self._summary.fee)}, credited"))
        if self._summary.is_scored:
            found.append(Deed("Read the scores and chose"))
        if journal.intent(CONFIRMED) is not None:
            found.append(Deed("You agreed to the purchase"))
        for part in (PartName.WHOLE, PartName.SAMPLE):
            selection, openings = part_message(Selection.TYPE, part), part_message(Openings.TYPE, part)
            found += self._sent(selection, "Named the records to buy", openings)
            found += self._received(openings, "Got the seller's answer: which records are drawn for the audit")
        is_bought = journal.intent(SAMPLED) is not None
        found += self._sample() if is_bought else self._audit()
        for part in PARTS_OF_SELECTION:
            agreement, delivery = part_message(Agreement.TYPE, part), part_message(Delivery.TYPE, part)
            found += self._sent(agreement, f"Agreed on {PART_TEXT[part]}", delivery)
            found += self._received(delivery, f"Got {PART_TEXT[part]}, encrypted")
            found += self._order(part)
            if is_bought and part is PartName.SAMPLE:
                found += self._audit()
        return found

    def _sample(self) -> list[Deed]:
        price = int(self._journal.intent(SAMPLED) or 0)
        return [Deed("The audited sample is bought first", self._prices.show(price))]

    def _audit(self) -> list[Deed]:
        audited, found = self._journal.intent(AUDITED), []
        if audited is not None:
            found.append(Deed("The audit passed", f"{counted(int(json_value(audited)['rows']), 'score')} recomputed"))
        if (policy := self._journal.intent(UNAUDITED)) is not None:
            found.append(Deed("Nothing is audited before paying", f"disclosure {policy}"))
        return found

    def _order(self, part: PartName) -> list[Deed]:
        """What became of the order of a part."""
        name = PART_TEXT[part]
        found = self._called(accept_call(part), f"Paid for {name}: the price is locked")
        if (chunk := self._journal.intent(fault_found(part))) is not None:
            found.append(Deed(f"Found a wrong chunk in {name}", chunk))
        if (text := self._journal.intent(verified(part))) is not None:
            found.append(Deed(f"Opened and checked {name}", text))
        if part is not PartName.SAMPLE and (found_among := self._journal.intent(REPEATED)) is not None:
            found += [Deed("Compared the delivered texts", text) for text in json_value(found_among)["warnings"]]
        found += self._called(dispute_call(part), f"Proved the wrong chunk: price and bond came back for {name}")
        found += self._called(refund_call(part), f"No key came: price and bond came back for {name}")
        found += self._called(release_call(part), f"Released the price of {name}")
        found += self._sent(part_message(Release.TYPE, part), f"Released the price of {name}, by a signature")
        return found

    def _sent(self, message: MessageName, what: str, answer: MessageName | None = None) -> list[Deed]:
        size = self._journal.intent(SENT.of(message))
        if size is None:
            return []
        asked = None if answer is None else self._journal.get(ASKED_AT.of(answer))
        return [Deed(what, f"{int(size):,} bytes", None if asked is None else int(asked))]

    def _received(self, message: MessageName, what: str) -> list[Deed]:
        answer = self._journal.get(RECEIVED.of(message))
        return [] if answer is None else [Deed(what, f"{len(answer):,} bytes")]

    def _called(self, call: CallName, what: str) -> list[Deed]:
        receipt = self._journal.intent(RECEIPT.of(call))
        return [] if receipt is None else [Deed(what, f"{int(json_value(receipt)['gas']):,} gas")]
