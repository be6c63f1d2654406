"""How an order, or a trade, ended."""

from enum import StrEnum

from blindfair.protocol.order import OrderState


class Ending(StrEnum):
    """The endings of orders and trades; the text is what journals and JSON output hold."""

    RELEASED = "Released"
    """The price went to the seller."""

    REFUNDED = "Refunded"
    """Price and bond went to the buyer, or can go nowhere else any more."""

    CANCELLED = "Cancelled"
    """The seller withdrew the offer before any accept."""

    EXPIRED = "Expired"
    """The offer ran out before any accept."""

    NO_ORDER = "NoOrder"
    """The trade ended before any order was made."""


ENDED_STATES = {
    OrderState.RELEASED: Ending.RELEASED,
    OrderState.REFUNDED: Ending.REFUNDED,
    OrderState.CANCELLED: Ending.CANCELLED,
}
"""The states of the contract that are final, and the ending that each of them is."""
