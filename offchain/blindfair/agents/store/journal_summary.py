"""What an agent's journal says about its tasks, read beside the agent or without it: no key, no lock, no node.

Not here: what the chain says by now, which only a node can tell.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.seller.budget_ledger import spent_budget, spent_free_bits
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.delivery_steps import REPEATED
from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.purchase_steps import CONFIRMED, FEE_PAID, OUTCOME
from blindfair.agents.store.steps import (
    ACCOUNT,
    ENDED,
    OFFER,
    RECEIPT,
    REFUSED,
    SENT,
    TRADE,
    OfferName,
    is_fee,
    step_text,
)
from blindfair.protocol.documents import Document, json_value
from blindfair.protocol.errors import JournalDamaged
from blindfair.protocol.messages import Release
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import Address, Wei


@dataclass(frozen=True, slots=True)
class OfferEntry:
    """An offer that the seller made, and how its order ended: None while it is open. With `is_fee` it is of a reply."""

    offer: Offer
    ending: Ending | None
    is_fee: bool


@dataclass(frozen=True, slots=True)
class JournalSummary:
    """What both parties have: `account` acts, `trade` names listing or purchase; gas by step, and bytes of every
    message by step."""

    account: Address | None
    trade: str | None
    gas: dict[str, int]
    sent: dict[str, int]
    refused: int


@dataclass(frozen=True, slots=True)
class SellerSummary:
    """The seller's: what was used of the budgets, and every offer in order."""

    common: JournalSummary
    evaluations: int
    disclosed_bits: int
    free_bits: int
    opened_records: int
    offers: tuple[OfferEntry, ...]


@dataclass(frozen=True, slots=True)
class BuyerSummary:
    """The buyer's: how far it is. `stage` is the last message or transaction, None before any; `fee` was paid for the
    evaluation, in the token's smallest unit. `is_scored` says that the scores are there, `is_confirmed` that the owner
    has agreed to the purchase. `near_duplicates` is what was found among delivered texts, where these were compared."""

    common: JournalSummary
    stage: str | None
    outcome: Outcome | None
    fee: Wei
    is_scored: bool
    is_confirmed: bool
    near_duplicates: Document | None = None

    @property
    def stage_text(self) -> str | None:
        """The stage as people read it."""
        return None if self.stage is None else step_text(self.stage)


def seller_summary(directory: Path) -> SellerSummary | None:
    """The summary of a seller's directory; None where it has none yet. Raises as `read_journal`."""
    journal = read_journal(directory / "journal.sqlite")
    if journal is None:
        return None
    try:
        evaluations, bits, opened = spent_budget(journal)
        offers = tuple(
            OfferEntry(Offer.from_document(json_value(document)), _ending(journal, name), is_fee(name))
            for name, document in journal.done(OFFER)
        )
        return SellerSummary(_common(journal), evaluations, bits, spent_free_bits(journal), opened, offers)
    finally:
        journal.close()


def buyer_summary(directory: Path) -> BuyerSummary | None:
    """The summary of a buyer's directory; None where it has none yet. Raises as `read_journal`."""
    journal = read_journal(directory / "journal.sqlite")
    if journal is None:
        return None
    try:
        common = _common(journal)
        # Transactions come after the messages that lead to them, but for a release that travels as one.
        told = [step for step in common.sent if step.partition(":")[0] == Release.TYPE]
        steps = [*common.sent, *common.gas, *told]
        stored = journal.get(OUTCOME)
        try:
            outcome = None if stored is None else Outcome.from_bytes(stored)
        except (ValueError, TypeError, KeyError) as error:
            raise JournalDamaged("The stored outcome of a trade cannot be read", found=directory) from error
        fee = Wei(int(journal.intent(FEE_PAID) or 0))
        # Its existence alone: what was chosen is no business of this page.
        is_scored = (directory / "secrets" / "choice").exists()
        stage, is_confirmed = steps[-1] if steps else None, journal.intent(CONFIRMED) is not None
        repeated = journal.intent(REPEATED)
        near_duplicates = None if repeated is None else json_value(repeated)
        return BuyerSummary(common, stage, outcome, fee, is_scored, is_confirmed, near_duplicates)
    finally:
        journal.close()


def orders_by_state(journal: Journal) -> dict[str, int]:
    """How many of a seller's offers are open, and how many orders ended in which way."""
    ends = Counter(intent.lower() for _, intent in journal.done(ENDED))
    return {**dict.fromkeys((each.value.lower() for each in Ending), 0), **ends,
            "open": sum(1 for _ in journal.done(OFFER)) - ends.total()}  # fmt: skip


def _ending(journal: Journal, offer: OfferName) -> Ending | None:
    ended = journal.intent(ENDED.of(offer))
    return None if ended is None else Ending(ended)


def _common(journal: Journal) -> JournalSummary:
    account, trade = journal.get(ACCOUNT), journal.get(TRADE)
    return JournalSummary(
        account=None if account is None else Address(account.decode()),
        trade=None if trade is None else trade.decode(),
        gas={step: int(json_value(receipt)["gas"]) for step, receipt in journal.done(RECEIPT)},
        sent={step: int(size) for step, size in journal.done(SENT)},
        refused=sum(1 for _ in journal.done(REFUSED)),
    )
