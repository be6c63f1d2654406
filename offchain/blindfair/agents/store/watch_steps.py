"""Steps of a watcher's journal (`agents.watch`), by the order's number in hexadecimal.

They are apart from the steps of sellers and buyers, in `steps`, because no trade is in such a journal.
"""

from typing import NewType

from blindfair.agents.store.steps import CallName, StepKind
from blindfair.protocol.quantities import OrderId

WatchedOrder = NewType("WatchedOrder", str)
"""The number of an order that is watched, in hexadecimal."""

WATCH_VERDICT = StepKind[WatchedOrder]("watch-verdict")
"""What the check of all chunks found: the number of the first wrong one, or null."""

WATCH_LATE = StepKind[WatchedOrder]("watch-late")
"""A mark that a wrong chunk was found after the first half of the dispute window."""

WATCH_CLIENT = StepKind[WatchedOrder]("watch-client")
"""The account whose order it is: the buyer, or of a key that is kept the seller."""

WATCH_END = StepKind[WatchedOrder]("watch-end")
"""How a watched order ended, and what was bought for which price."""


REVEAL_END = StepKind[WatchedOrder]("reveal-end")
"""How a seller's order ended whose key was kept."""


def watched_order(order_id: OrderId) -> WatchedOrder:
    """Return the name of an order in a watcher's steps."""
    return WatchedOrder(order_id.hex())


def order_of_file(stem: str) -> WatchedOrder:
    """Return the name of an order from the name of its package's file, without its ending."""
    return WatchedOrder(stem)


def order_of_call(call: CallName) -> WatchedOrder:
    """Return the order that a watcher's transaction is about."""
    return WatchedOrder(call.partition(":")[2])


def watch_dispute_call(order: WatchedOrder) -> CallName:
    """Return the watcher's dispute of an order."""
    return CallName(f"dispute:{order}")


def watch_refund_call(order: WatchedOrder) -> CallName:
    """Return the watcher's refund of an order."""
    return CallName(f"refund:{order}")


def reveal_kept_call(order: WatchedOrder) -> CallName:
    """Return the watcher's reveal of a key that it keeps."""
    return CallName(f"reveal:{order}")


def claim_kept_call(order: WatchedOrder) -> CallName:
    """Return the watcher's claim for a seller."""
    return CallName(f"claim:{order}")
