"""Parties whose buyer buys a sample first, and what came of it (PROTOCOL 5.6)."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from trade import (
    BUYER_POLICY,
    PER_RECORD,
    PRICE,
    SELECTED,
    Parties,
    World,
    make_parties,
)

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.steps import Step, StepKind
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.delivery import EncryptedDelivery
from blindfair.protocol.draw import draw
from blindfair.protocol.messages import Openings, Selection
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, DeliveryKey, RecordIndex, Wei

SAMPLED = 12
"""More than the ten of twenty that the listing opens free of charge."""

POLICY = replace(BUYER_POLICY, audit_rows=SAMPLED, max_sample_share=Fraction(1))
SAMPLE_PRICE = Wei(SAMPLED * PER_RECORD)
REST_PRICE = Wei(PRICE - SAMPLE_PRICE)
SAMPLE_BOND, REST_BOND = Wei(SAMPLE_PRICE // 10), Wei(REST_PRICE // 10)


class RestCorruptingSeller(CorruptingSeller):
    """Honest until the sample is sold."""

    def _encrypted(self, records: Sequence[RecordIndex], key: DeliveryKey) -> EncryptedDelivery:
        if len(records) == SAMPLED:
            return Seller._encrypted(self, records, key)
        return super()._encrypted(records, key)


def buying(world: World, **changes: Any) -> Parties:
    """Parties whose buyer will buy a sample, in a world where no selection was made yet."""
    return make_parties(world, **{"buyer_policy": POLICY} | changes)


def ended(parties: Parties) -> Outcome:
    assert parties.buyer.outcome is not None
    return parties.buyer.outcome


def drawn(parties: Parties) -> tuple[RecordIndex, ...]:
    """The sample, from the messages and the specification."""
    _, selection = parties.buyer.mail.stored(Step("message:selection"))
    _, openings = parties.buyer.mail.stored(Step("received:openings"))
    assert isinstance(selection, Selection)
    assert isinstance(openings, Openings)
    return draw(selection.buyer_random, openings.seller_random, selection.evaluation, SELECTED, SAMPLED)


def states(parties: Parties) -> dict[str, OrderState]:
    """State on chain of every offer that was made, by its part."""
    order = parties.world.exchange.order
    return {name.partition("-")[2]: order(offer.struct_hash()).state for name, offer in parties.seller.offers.items()}


def only_the_sample_was_bought(parties: Parties) -> bool:
    assert parties.deltas() == (-SAMPLE_PRICE, SAMPLE_PRICE)
    assert [number for number, _ in parties.buyer.bought()] == list(drawn(parties))
    return parties.world.exchange.balance(parties.world.exchange.address, ETHER) == 0


def opened(parties: Parties) -> tuple[Any, ...]:
    """What the seller would open if it were free."""
    request, _ = parties.seller.mail.stored(next(Step(f"request:{name}") for name, _ in requests(parties)))
    message = parties.seller.mail.stored(Step(f"request:{request.digest.hex()}"))[1]
    return parties.seller._opened(SELECTED[:SAMPLED], request.digest, message)  # type: ignore[arg-type]


def requests(parties: Parties) -> list[tuple[str, str]]:
    return list(parties.seller.journal.done(StepKind[str]("request")))
