"""What a seller answers besides scores depends on no record: a refusal or a number without noise would be a question
that costs nothing (PROTOCOL 4.2)."""

from dataclasses import replace

import numpy as np
import pytest
from sealed_messages import forged, pending, put_in, sealed_messages_to
from trade import OFFERED, Parties, World, feature_schema, listing_spec, make_parties, table

from blindfair.agents.seller.budget_ledger import spent_budget
from blindfair.agents.store.steps import Step
from blindfair.influence.models import LogisticRegression
from blindfair.protocol.documents import Document
from blindfair.protocol.messages import Reply, Request
from blindfair.protocol.quantities import Timestamp

TOP = np.finfo(np.float64).max


def overflowing(first: float, second: float) -> tuple[Document, bytes]:
    """A model whose logit is inf - inf, no number, for records with more than these in their first two features."""
    schema = feature_schema()
    weights = np.zeros(schema.width)
    weights[:2] = TOP / first, -TOP / second
    return LogisticRegression(schema, weights).to_parts()


def first_request(parties: Parties) -> Request:
    parties.run(lambda: "request" in parties.buyer.sizes())
    _, request = parties.buyer.mail.stored(Step("message:request"))
    assert isinstance(request, Request)
    return request


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_model_that_overflows_for_one_record_is_answered_as_one_that_overflows_for_none(world: World) -> None:
    parties = make_parties(world, goods=listing_spec(disclosed_bits=10**6, free_bits=10**6))
    asked = first_request(parties)
    rows = feature_schema().encode(table()[:OFFERED])[0][:, :2]
    person = rows[(rows > 1.01).all(axis=1)][0]
    hit, miss = person * 0.999, np.array([rows[:, 0].max() * 1.001, person[1]])
    assert (rows > hit).all(axis=1).any() and not (rows > miss).all(axis=1).any()
    parties.seller.step()
    told = []
    for number, (first, second) in enumerate((hit, miss), 1):
        config, weights = overflowing(first, second)
        changed = replace(asked, model_config=config, weights=weights, nonce=bytes([number]) * 32,
                          expiry=Timestamp(world.chain.now() + 10_000))  # fmt: skip
        before = spent_budget(parties.seller.journal)[1]
        for path in pending(world, parties.buyer):
            path.unlink()
        put_in(world, parties.seller, forged(parties.buyer, changed))
        parties.seller.step()
        [answer] = [message for _, message in sealed_messages_to(world, parties.buyer)]
        spent = spent_budget(parties.seller.journal)[1] - before
        told.append((type(answer), getattr(answer, "error", None), len(getattr(answer, "scores", b"")), spent))
    assert told[0] == told[1]
    assert told[0][0] is Reply
