"""How the orders of one purchase ended, as the buyer's journal knows it."""

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.purchase_steps import order_end
from blindfair.agents.store.steps import accept_call
from blindfair.protocol.parts import PartName


def end_of(journal: Journal, part: PartName) -> Outcome | None:
    """Return how an order ended, None while it is open or where there is none."""
    stored = journal.get(order_end(part))
    return None if stored is None else Outcome.from_bytes(stored)


def note_end(journal: Journal, part: PartName, outcome: Outcome) -> None:
    """Write down once how an order ended."""
    journal.once(order_end(part), outcome.to_bytes)


def has_open_order(journal: Journal, wallet: Wallet) -> bool:
    """Return whether an accept was signed, and may be sent, of an order that has not ended."""
    return any(wallet.begun(accept_call(part)) and end_of(journal, part) is None for part in PartName)
