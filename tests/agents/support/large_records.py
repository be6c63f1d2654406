"""Records so large that few fit into one message, and the buyer that wants them: for `test_large_records` and trades in
segments."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from grouped import CHOSEN, SIZE, records_of
from trade import COLUMNS, LABEL, OFFERED, PER_RECORD, HandValuer, feature_schema, listing_spec, table

from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.influence.models import LogisticRegression
from blindfair.protocol.manifest import Column, ColumnKind, Schema
from blindfair.protocol.quantities import RecordIndex, Wei
from blindfair.protocol.records import encode_row

GROUPS = f"per-group-{SIZE}"
SELECTED = {GROUPS: records_of(CHOSEN), "per-record": records_of(CHOSEN)[:20]}
AUDITED = {GROUPS: 3, "per-record": 15}
"""Fewer than the listing's share opens free of charge, which is of everything."""

NOTES = 3000
"""Characters that are beside the measurements of a selected record: three chunks more or less."""


def records_with_notes(large: Sequence[RecordIndex], characters: int) -> tuple[bytes, ...]:
    """The default records and a text that no model looks at; every third of the large ones is twice as long."""
    lengths = [0] * OFFERED
    for place, number in enumerate(large):
        lengths[number] = characters * (1 + (place % 3 == 0))
    rows = enumerate(table()[:OFFERED])
    return tuple(encode_row((*row, f"{number}:" + "x" * lengths[number])) for number, row in rows)


def noted(disclosure: str, characters: int = NOTES, chunk_size: int = 1024, **terms: Any) -> ListingSpec:
    """What is listed, by one policy: of the selected records each has a long text."""
    defaults: dict[str, Any] = {"opened_share": 1.0, "opened_records": OFFERED, "disclosures": (disclosure,)}
    goods = listing_spec(records_with_notes(SELECTED[disclosure], characters), **(defaults | terms))
    columns = (*goods.schema.columns, Column("notes", ColumnKind.TEXT))
    prepared = replace(feature_schema(), columns=(*COLUMNS, LABEL, "notes")).to_document()
    return replace(goods, schema=Schema(columns, LABEL), preprocessing=prepared, chunk_size=chunk_size)


def valuer(disclosure: str) -> HandValuer:
    """Wants the records with texts."""
    schema = replace(feature_schema(), columns=(*COLUMNS, LABEL, "notes"))
    config, weights = LogisticRegression.untrained(schema).to_parts()
    records = SELECTED[disclosure]
    changes = {"model_config": config, "weights": weights, "disclosure": disclosure, "row_scale": 40.0}
    return HandValuer(records, Wei(len(records) * PER_RECORD), changes=changes)
