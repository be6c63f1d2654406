"""What a seller's journal tells its owner beyond the summary: who asked what, what was refused, when orders ended.

Read beside the running agent: no key, no lock, no node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.journal_summary import SellerSummary, seller_summary
from blindfair.agents.store.steps import ENDED_AT, EVALUATION_OF, OFFER, REFUSED
from blindfair.api.ledger import AccountLedger, read_ledger
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import JournalDamaged
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import Address, OrderId, Timestamp


@dataclass(frozen=True, slots=True)
class Asker:
    """An account that had evaluations, and how many bits of the whole listing it was told, free and paid."""

    account: Address
    evaluations: int
    models: int
    bits: int
    free_bits: int
    paid: int


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message that the seller did not take, and why."""

    error: str
    text: str


@dataclass(frozen=True, slots=True)
class SellerDeeds:
    """All that the journal tells. `refused` has the latest first."""

    summary: SellerSummary
    askers: tuple[Asker, ...]
    refused: tuple[RefusedMessage, ...]
    ended_at: Mapping[OrderId, Timestamp]
    ledger: AccountLedger


def read_deeds(directory: Path) -> SellerDeeds | None:
    """Read a seller's journal; None where nothing was begun. Raises as `read_journal`."""
    summary, journal = seller_summary(directory), read_journal(directory / "journal.sqlite")
    if summary is None or journal is None:
        return None
    try:
        refused = [json_value(intent) for _, intent in journal.done(REFUSED)]
        return SellerDeeds(
            summary=summary,
            askers=_askers(journal),
            refused=tuple(RefusedMessage(str(each["error"]), str(each["text"])) for each in reversed(refused)),
            ended_at=_ended_at(journal),
            ledger=read_ledger(directory),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise JournalDamaged(
            "An entry of the journal cannot be read", found=directory, hint="restore it from a backup"
        ) from error
    finally:
        journal.close()


def _askers(journal: Journal) -> tuple[Asker, ...]:
    """Accounts in the order in which they asked first."""
    entries: dict[str, list[tuple[str, dict[str, int]]]] = {}
    for name, intent in journal.done(EVALUATION_OF):
        account, _, model = name.partition(":")
        entries.setdefault(account, []).append((model.partition(":")[0], json_value(intent)))
    return tuple(
        Asker(
            account=Address(account),
            evaluations=len(asked),
            models=len({model for model, _ in asked}),
            bits=sum(int(entry["bits"]) for _, entry in asked),
            free_bits=sum(int(entry["free_bits"]) for _, entry in asked),
            paid=sum(bool(entry["paid"]) for _, entry in asked),
        )
        for account, asked in entries.items()
    )


def _ended_at(journal: Journal) -> dict[OrderId, Timestamp]:
    found = {}
    for name, document in journal.done(OFFER):
        ended = journal.get(ENDED_AT.of(name))
        if ended is not None:
            found[Offer.from_document(json_value(document)).struct_hash()] = Timestamp(int(ended))
    return found
