"""Every wei that a party's account has paid or may get, by its directory: transactions with their gas, and orders.

The journal has each transaction before it is sent, also those that failed or were replaced. What it cost is the chain's
word, so a node is asked where there is one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.settlement.order_ends import end_of
from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.journal_summary import seller_summary
from blindfair.agents.store.steps import ACCOUNT, OFFER, RECEIPT, SIGNED, accept_call, call_of, step_text
from blindfair.agents.watch.making import offers_received
from blindfair.chain.transactions import PreparedTransaction, TransactionCost
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import FileMissing
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import Address, TransactionHash, Wei
from blindfair.protocol.signing import Domain


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One signed transaction. `value` went along with it if it is in a block; `fee` is None where nobody knows it."""

    call: str
    transaction: TransactionHash
    number: int
    value: Wei
    gas: int | None
    fee: Wei | None
    state: str
    """`paid`, `failed` (it cost gas alone), `not in a block` (waiting, or another took its number), `unknown`."""


@dataclass(frozen=True, slots=True)
class LedgerOrder:
    """One offer, and how its order ended: None while that is open."""

    name: str
    offer: Offer
    is_seller: bool
    ending: str | None


@dataclass(frozen=True, slots=True)
class AccountLedger:
    """What one directory's account has paid for gas and sent along, and its orders."""

    account: Address
    entries: tuple[LedgerEntry, ...]
    orders: tuple[LedgerOrder, ...]

    @property
    def fees(self) -> Wei:
        """Gas of everything that is known to be in a block, failed transactions too."""
        return Wei(sum(entry.fee or 0 for entry in self.entries))

    @property
    def sent(self) -> Wei:
        """Ether that went along with calls that succeeded."""
        return Wei(sum(entry.value for entry in self.entries if entry.state == "paid"))

    @property
    def is_complete(self) -> bool:
        """Whether the cost of every transaction is known."""
        return all(entry.state != "unknown" for entry in self.entries)


CostOf = Callable[[TransactionHash], TransactionCost | None]
"""A node's word on what a transaction cost; None while it is in no block."""


def read_ledger(directory: Path, domain: Domain | None = None, cost_of: CostOf | None = None) -> AccountLedger:
    """Read the ledger of a party's directory, also while it works. Without `cost_of` no node is asked.

    Raises FileMissing, NodeFailure, and what `read_journal` raises.
    """
    journal = read_journal(directory / "journal.sqlite")
    account = None if journal is None else journal.get(ACCOUNT)
    if journal is None or account is None:
        raise FileMissing(f"Nothing was begun in {directory}", hint="check the path")
    try:
        entries = tuple(_entries(journal, cost_of))
        orders = _sold(directory) if any(True for _ in journal.done(OFFER)) else _bought(journal, domain)
        return AccountLedger(Address(account.decode()), entries, orders)
    finally:
        journal.close()


def _entries(journal: Journal, cost_of: CostOf | None) -> list[LedgerEntry]:
    receipts = {call: json_value(intent) for call, intent in journal.done(RECEIPT)}
    signed = [
        (name, PreparedTransaction.from_bytes(journal.get(SIGNED.of(name)) or b"")) for name, _ in journal.done(SIGNED)
    ]
    counts: dict[str, int] = {}
    for name, _ in signed:
        counts[call_of(name)] = counts.get(call_of(name), 0) + 1
    found = []
    for name, prepared in signed:
        call = call_of(name)
        gas: int | None = None
        fee: Wei | None = None
        state = "unknown"
        if cost_of is not None:
            cost = cost_of(prepared.hash)
            state = "not in a block" if cost is None else "paid" if cost.has_succeeded else "failed"
            gas, fee = (None, None) if cost is None else (cost.gas_used, cost.fee)
        elif call in receipts and counts[call] == 1:
            # Of several attempts the journal does not say which one it was.
            state, gas, fee = "paid", int(receipts[call]["gas"]), Wei(int(receipts[call]["fee"]))
        found.append(LedgerEntry(step_text(call), prepared.hash, prepared.nonce, Wei(prepared.value), gas, fee, state))
    return found


def _sold(directory: Path) -> tuple[LedgerOrder, ...]:
    summary = seller_summary(directory)
    offers = () if summary is None else summary.offers
    return tuple(
        LedgerOrder(
            "evaluation" if entry.is_fee else "records", entry.offer, True,
            None if entry.ending is None else entry.ending.value,
        )
        for entry in offers
    )  # fmt: skip


def _bought(journal: Journal, domain: Domain | None) -> tuple[LedgerOrder, ...]:
    if domain is None:
        return ()
    found = []
    for part, offer in reversed(offers_received(journal, domain).items()):
        end = end_of(journal, part)
        accepted = journal.get(SIGNED.of(accept_call(part))) is not None  # type: ignore[arg-type]
        if accepted:
            found.append(LedgerOrder(str(part), offer, False, None if end is None else end.final.value))
    return tuple(found)
