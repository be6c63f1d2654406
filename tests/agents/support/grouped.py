"""Parties whose listing is scored in groups of nine records, or as a whole (PROTOCOL 4.5)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from trade import (
    BUYER_POLICY,
    OFFERED,
    PER_RECORD,
    HandValuer,
    Parties,
    World,
    listing_spec,
    make_parties,
    offered_records,
)

from blindfair.agents.evaluation.rows import real_rows
from blindfair.influence.quantise import QuantisedRows, quantise_rows
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import RecordIndex, Wei
from blindfair.protocol.records import decode_row

SIZE = 9
"""Does not divide the 120 records: the last of 14 groups has three."""

GROUPS = 14
CHOSEN = (1, 4, 9, 12, 13)
AUDITED = 2
"""Of the five groups, 39 records, of which the listing opens 19 free of charge."""

SCALE = 40.0


def records_of(groups: Sequence[int], size: int = SIZE) -> tuple[RecordIndex, ...]:
    return tuple(RecordIndex(record) for record in range(OFFERED) if record // size in groups)


SELECTED = records_of(CHOSEN)
PRICE = Wei(len(SELECTED) * PER_RECORD)
POLICY = replace(BUYER_POLICY, audit_rows=AUDITED, budget=Wei(OFFERED * PER_RECORD))


def valuer(disclosure: str, records: Sequence[RecordIndex], **changes: Any) -> HandValuer:
    """By hand, with a scale for sums of so many rows."""
    scale = SCALE if disclosure.startswith("per-group") else 8.0
    asked = {"disclosure": disclosure, "row_scale": scale} | changes
    return HandValuer(tuple(records), Wei(len(records) * PER_RECORD), changes=asked)


def grouping(world: World, **changes: Any) -> Parties:
    """Parties at a listing that offers groups of nine alone."""
    defaults: dict[str, Any] = {
        "goods": listing_spec(disclosures=("per-group-9",)),
        "valuer": valuer("per-group-9", SELECTED),
        "buyer_policy": POLICY,
    }
    return make_parties(world, **(defaults | changes))


def rows_in_the_clear(request: Request, size: int) -> QuantisedRows:
    """By the specification: real rows, added up, then rounded."""
    real = real_rows(request, [decode_row(record) for record in offered_records()])
    sums = np.stack([real[start : start + size].sum(axis=0) for start in range(0, len(real), size)])
    return quantise_rows(sums, request.row_scale, request.exponent_bits)


Change = Callable[[Any], Any]
