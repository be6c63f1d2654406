"""Seller and buyer as agents: a directory, a journal, mail and an account each, and what they decide by.

The names of `__all__` are public, and loaded when they are first used. The modules are private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = [
    "AgentContext",
    "Buyer",
    "BuyerPolicy",
    "Choice",
    "Ending",
    "Evaluated",
    "Event",
    "FolderTransport",
    "ListingSpec",
    "Outcome",
    "Question",
    "Seller",
    "SellerPolicy",
    "TabularValuer",
    "Valuer",
    "Waiting",
]

_HOMES = {
    "AgentContext": "agents.context",
    "Buyer": "agents.buyer.buyer",
    "BuyerPolicy": "agents.policy",
    "Choice": "agents.buyer.valuer",
    "Ending": "agents.settlement.ending",
    "Evaluated": "agents.buyer.evaluated",
    "Event": "agents.context",
    "FolderTransport": "agents.messaging.transport",
    "ListingSpec": "agents.seller.listing_spec",
    "Outcome": "agents.buyer.outcome",
    "Question": "agents.buyer.valuer",
    "Seller": "agents.seller.seller",
    "SellerPolicy": "agents.policy",
    "TabularValuer": "agents.buyer.tabular_valuer",
    "Valuer": "agents.buyer.valuer",
    "Waiting": "agents.waiting",
}

if TYPE_CHECKING:
    from blindfair.agents.buyer.buyer import Buyer
    from blindfair.agents.buyer.evaluated import Evaluated
    from blindfair.agents.buyer.outcome import Outcome
    from blindfair.agents.buyer.tabular_valuer import TabularValuer
    from blindfair.agents.buyer.valuer import Choice, Question, Valuer
    from blindfair.agents.context import AgentContext, Event
    from blindfair.agents.messaging.transport import FolderTransport
    from blindfair.agents.policy import BuyerPolicy, SellerPolicy
    from blindfair.agents.seller.listing_spec import ListingSpec
    from blindfair.agents.seller.seller import Seller
    from blindfair.agents.settlement.ending import Ending
    from blindfair.agents.waiting import Waiting
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
