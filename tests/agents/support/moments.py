"""Times, states and crashes of a trade, for the tests of prudence."""

from collections.abc import Callable
from typing import Any

import pytest
from trade import (
    Parties,
    World,
    make_parties,
)

from blindfair.chain.sender import Sender
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Seconds, Timestamp


def order_state(parties: Parties) -> OrderState:
    [offer] = parties.seller.offers.values()
    return parties.world.exchange.order(offer.struct_hash()).state


def deadline(parties: Parties) -> Timestamp:
    [offer] = parties.seller.offers.values()
    return parties.world.exchange.order(offer.struct_hash()).deadline


def reopened(parties: Parties, **changes: Any) -> Parties:
    parties.close()
    return make_parties(parties.world, **changes)


def advance_to(world: World, moment: int) -> None:
    world.chain.advance(Seconds(moment - world.chain.now()))


class Crash(BaseException):
    """The process is gone."""


def crashes_before_sending(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on whoever broadcasts a transaction dies just before; what is returned undoes it."""

    def crash(sender: Sender, raw: bytes) -> None:
        raise Crash

    context = monkeypatch.context()
    patch = context.__enter__()
    patch.setattr(Sender, "broadcast", crash)

    def undo() -> None:
        context.__exit__(None, None, None)

    return undo
