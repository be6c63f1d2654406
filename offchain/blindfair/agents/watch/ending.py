"""How watched orders end, and what a watcher's journal says of it."""

from dataclasses import dataclass
from enum import StrEnum

from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import StepKind
from blindfair.agents.store.watch_steps import WATCH_END, WatchedOrder
from blindfair.protocol.documents import json_value


class WatchEnding(StrEnum):
    """The ends of a watched order; the text is what journals and JSON output hold."""

    GOOD = "Good"
    """Every chunk is the committed one, and the reveal is final: nobody can be disputed."""

    RELEASED = "Released"
    """The price went to the seller, whose order it is."""

    REFUNDED = "Refunded"
    """Price and bond went to the buyer."""

    MISSED = "Missed"
    """A chunk is not the committed one, and nobody proved it in time; of a seller's order, nobody revealed its key."""

    CANCELLED = "Cancelled"
    """The seller withdrew the offer before any accept."""

    EXPIRED = "Expired"
    """The offer ran out before any accept."""


@dataclass(frozen=True, slots=True)
class EndedWatch:
    """How a watched order ended."""

    order: WatchedOrder
    ending: WatchEnding
    reason: str


def end_of_watch(journal: Journal, order: WatchedOrder) -> EndedWatch | None:
    """Return how a watched order ended, None while it goes on or where it is unknown."""
    intent = journal.intent(WATCH_END.of(order))
    return None if intent is None else _ended(order, intent)


def ended_watches(journal: Journal, kind: StepKind[WatchedOrder] = WATCH_END) -> tuple[EndedWatch, ...]:
    """Return how every watched order ended, the first first; with `REVEAL_END`, those of sellers."""
    return tuple(_ended(order, intent) for order, intent in journal.done(kind))


def _ended(order: WatchedOrder, intent: str) -> EndedWatch:
    document = json_value(intent)
    return EndedWatch(order, WatchEnding(document["ending"]), str(document["reason"]))


def short(order: WatchedOrder) -> str:
    """The beginning of an order's number, for people."""
    return f"0x{order[:12]}..."
