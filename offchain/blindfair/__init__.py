"""Blindfair: score data blind, price it, and trade it fairly through an escrow.

What this module offers is public and frozen by a test. Names are loaded when they are first used.

    >>> import blindfair as bf
    >>> asked = bf.BlindQuery([2.0, -1.0], largest=1.0)
    >>> asked.queries
    1

Packages, from the inside out: `protocol`, `bulk`, `influence`, `blind`, `pricing`, `chain`, `agents`, `http`, `api`,
`cli`. An import may only point inwards (docs/explanation/architecture.md). Each of the first eight has a facade of
its own, with `__all__`. What is in no facade is private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__version__ = "0.1.0"

__all__ = [
    "BlindQuery",
    "BlindRows",
    "BlindfairError",
    "BuyerPolicy",
    "Disclosure",
    "LocalMarket",
    "RealTime",
    "SellerPolicy",
    "Valuer",
    "__version__",
    "connect",
    "make_listing",
    "make_purchase",
    "open_buyer",
    "open_seller",
    "read_table",
    "unlock",
]

_HOMES = {
    "BlindQuery": "api.blind_scoring",
    "BlindRows": "api.blind_scoring",
    "BlindfairError": "protocol.errors",
    "BuyerPolicy": "agents.policy",
    "Disclosure": "blind.disclosure",
    "LocalMarket": "api.local_market",
    "RealTime": "api.turns",
    "SellerPolicy": "agents.policy",
    "Valuer": "agents.buyer.valuer",
    "connect": "api.connection",
    "make_listing": "api.listing",
    "make_purchase": "api.buying",
    "open_buyer": "api.parties",
    "open_seller": "api.parties",
    "read_table": "influence.table",
    "unlock": "api.keystore",
}

if TYPE_CHECKING:
    from blindfair.agents.buyer.valuer import Valuer
    from blindfair.agents.policy import BuyerPolicy, SellerPolicy
    from blindfair.api.blind_scoring import BlindQuery, BlindRows
    from blindfair.api.buying import make_purchase
    from blindfair.api.connection import connect
    from blindfair.api.keystore import unlock
    from blindfair.api.listing import make_listing
    from blindfair.api.local_market import LocalMarket
    from blindfair.api.parties import open_buyer, open_seller
    from blindfair.api.turns import RealTime
    from blindfair.blind.disclosure import Disclosure
    from blindfair.influence.table import read_table
    from blindfair.protocol.errors import BlindfairError
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
