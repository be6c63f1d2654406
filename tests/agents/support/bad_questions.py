"""Requests and selections that a seller refuses, by what is wrong with each, and how they are put to it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import safetensors.numpy
from sealed_messages import STRANGER_ADDRESS, forged, pending, put_in, sealed_messages_to, take_out
from trade import (
    OFFERED,
    PER_RECORD,
    PRICE,
    RESERVE,
    SELECTED,
    Parties,
    feature_schema,
)

from blindfair.agents.agent import Agent
from blindfair.influence.models import LogisticRegression
from blindfair.influence.projection import Projection, Sides
from blindfair.pricing.functions import UniformPricing
from blindfair.protocol.messages import Message, Refusal, read
from blindfair.protocol.quantities import Digest, ListingId, RecordIndex, Timestamp, Wei

K = feature_schema().width
Change = Mapping[str, Any]


def taken_out(parties: Parties) -> Any:
    """The message that waits for the seller."""
    return read(take_out(parties.world, parties.seller), domain=parties.seller.domain)[1]


def said_to(parties: Parties, agent: Agent, messages: Mapping[str, Message]) -> dict[str, str]:
    """Put messages of an agent into the seller's mailbox, let it answer all, and give what it answered to each: the
    name of an error, or the type of the answer."""
    digests = {}
    for name, message in messages.items():
        data = forged(agent, message)
        digests[read(data, domain=agent.domain)[0].digest] = name
        put_in(parties.world, parties.seller, data)
    parties.seller.step()
    assert pending(parties.world, parties.seller) == []
    answers = {}
    for envelope, answer in sealed_messages_to(parties.world, agent):
        if isinstance(answer, Refusal):
            answers[digests[answer.about]] = answer.error
        else:
            answers[envelope.type] = envelope.type
    for path in pending(parties.world, agent):
        path.unlink()
    return answers


def wide(width: int) -> LogisticRegression:
    """A scoring model of `width` features."""
    schema = feature_schema()
    number = schema.features[0]
    columns = tuple(f"c{place}" for place in range(width - 1))
    return LogisticRegression.untrained(
        replace(
            schema,
            columns=(*columns, schema.label),
            features=tuple(replace(number, column=column) for column in columns),
        )
    )


def wide_model(width: int) -> Change:
    config, weights = wide(width).to_parts()
    return {"model_config": config, "weights": weights}


def projected(projection: Projection) -> Change:
    document, basis = projection.to_parts()
    return {"projection": document, "basis": basis}


WEIGHTS = safetensors.numpy.save({"weights": np.full(K, np.nan)})
EMPTY = {"kind": "uniform", "per_record": "1"}
BAD_REQUESTS: Mapping[str, tuple[Change, str]] = {
    "another listing": ({"listing": ListingId(b"\x01" * 32)}, "FieldMismatch"),
    "another chain": ({"chain_id": 1}, "FieldMismatch"),
    "another contract": ({"contract": STRANGER_ADDRESS}, "FieldMismatch"),
    "too late": ({"expiry": Timestamp(1_700_000_000)}, "Expired"),
    "another disclosure": ({"disclosure": "everything"}, "FieldMismatch"),
    "no pricing function": ({"pricing": {}}, "MalformedMessage"),
    "half a pricing function": ({"pricing": EMPTY}, "MalformedMessage"),
    "a price under the reserve": (
        {"pricing": UniformPricing(PER_RECORD, Wei(RESERVE - 1)).to_document()}, "FieldMismatch",
    ),
    "no sealing key": ({"buyer_hpke": bytes(32)}, "MalformedMessage"),
    "an unknown model": ({"model_name": "oracle"}, "UnusableModel"),
    "no config": ({"model_config": {}}, "UnusableModel"),
    "no weights": ({"weights": b""}, "UnusableModel"),
    "weights that are no numbers": ({"weights": WEIGHTS}, "UnusableModel"),
    "a pickle": ({"weights": b"\x80\x04\x95\x10"}, "UnusableModel"),
    "no projection": ({"projection": {"kind": "none", "k": K}}, "UnusableModel"),
    "a projection to another length": (projected(Projection.identity(K + 1)), "ShapeMismatch"),
    "signs to another length": (projected(Projection.signs(K - 1, bytes(32))), "ShapeMismatch"),
    "a matrix for other rows": (projected(Projection.matrix(np.ones((K + 2, K)))), "ShapeMismatch"),
    "a basis of no projection": ({"basis": b"\0" * 64}, "UnusableModel"),
    "sides of a network that is none": (projected(Projection.two_sided((Sides(np.eye(K), np.ones((2, 1))),))),
                                        "ShapeMismatch"),
    "a wider model": (wide_model(K + 3), "ShapeMismatch"),
    "a larger dimension": ({"dimension": K + 1}, "ShapeMismatch"),
    "more queries than it holds": ({"bits": (3, 3)}, "ShapeMismatch"),
    "other bits than its query": ({"bits": (2,)}, "ShapeMismatch"),
    "unknown parameters": ({"parameters": "bfv-64-1"}, "UnknownParameters"),
    "other parameters": ({"parameters": "bfv-8192-32-expanded"}, "MalformedCiphertext"),
    "no query": ({"query": b""}, "MalformedCiphertext"),
}  # fmt: skip


def classes(*values: Any) -> Change:
    schema = replace(feature_schema(), classes=values)
    config, weights = LogisticRegression.untrained(schema).to_parts()
    return {"model_config": config, "weights": weights}


BAD_SELECTIONS: Mapping[str, tuple[Change, str]] = {
    "no evaluation": ({"evaluation": Digest(b"\x01" * 32)}, "UnexpectedMessage"),
    "another number": ({"buyer_random": bytes(32)}, "FieldMismatch"),
    "a record too far": ({"records": (*SELECTED[:-1], RecordIndex(OFFERED))}, "MalformedMessage"),
    "a record far too far": ({"records": (*SELECTED[:-1], RecordIndex(2**64 - 1))}, "MalformedMessage"),
    "another money": ({"token": STRANGER_ADDRESS}, "FieldMismatch"),
    "a wei less": ({"price": Wei(PRICE - 1)}, "FieldMismatch"),
    "a wei more": ({"price": Wei(PRICE + 1)}, "FieldMismatch"),
    "nothing": ({"price": Wei(0)}, "FieldMismatch"),
    "more than there is": ({"price": Wei(2**256 - 1)}, "FieldMismatch"),
    "a record more for the same price": ({"records": (*SELECTED, RecordIndex(99))}, "FieldMismatch"),
}
