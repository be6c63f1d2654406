"""Pure functions that agents compute again at every step, remembered: simulations take half the time, and see nothing
else. What raises is not remembered."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import pytest

from blindfair.agents.messaging import mail
from blindfair.protocol.messages import Envelope, Message, read
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import OrderId
from blindfair.protocol.signing import Domain


@lru_cache(maxsize=512)
def _read(data: bytes, domain: Domain) -> tuple[Envelope, Message]:
    return read(data, domain=domain)


@contextmanager
def remembered() -> Iterator[None]:
    """Inside, messages are read and offers hashed once."""
    struct_hash = lru_cache(maxsize=512)(Offer.struct_hash)

    def hashed(offer: Offer) -> OrderId:
        return struct_hash(offer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail, "read", lambda data, *, domain: _read(data, domain))
        patch.setattr(Offer, "struct_hash", hashed)
        yield
