"""The specification, `docs/reference/protocol.md`, as pure Python: what the parties and the contract say to each other.

No network, clock, disk, chain or learning here: bytes and numbers in, bytes, numbers and named errors out.

The names of `__all__` are public, and loaded when they are first used. The modules are private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = [
    "Address",
    "BlindfairError",
    "DisclosurePolicy",
    "ListingId",
    "Manifest",
    "Offer",
    "OrderState",
    "RecordIndex",
    "Row",
    "Schema",
    "Seconds",
    "Terms",
    "Units",
    "Wei",
    "decode_row",
    "encode_row",
    "sign_offer",
]

_HOMES = {
    "Address": "protocol.quantities",
    "BlindfairError": "protocol.errors",
    "DisclosurePolicy": "protocol.disclosure_policy",
    "ListingId": "protocol.quantities",
    "Manifest": "protocol.manifest",
    "Offer": "protocol.offer",
    "OrderState": "protocol.order",
    "RecordIndex": "protocol.quantities",
    "Row": "protocol.records",
    "Schema": "protocol.schema",
    "Seconds": "protocol.quantities",
    "Terms": "protocol.terms",
    "Units": "protocol.units",
    "Wei": "protocol.quantities",
    "decode_row": "protocol.records",
    "encode_row": "protocol.records",
    "sign_offer": "protocol.offer",
}

if TYPE_CHECKING:
    from blindfair.protocol.disclosure_policy import DisclosurePolicy
    from blindfair.protocol.errors import BlindfairError
    from blindfair.protocol.manifest import Manifest
    from blindfair.protocol.offer import Offer, sign_offer
    from blindfair.protocol.order import OrderState
    from blindfair.protocol.quantities import Address, ListingId, RecordIndex, Seconds, Wei
    from blindfair.protocol.records import Row, decode_row, encode_row
    from blindfair.protocol.schema import Schema
    from blindfair.protocol.terms import Terms
    from blindfair.protocol.units import Units
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
