"""Copies of a record in different groups: no audit of one group sees them, and everything that was bought shows them.

The seller's own spec refuses to list copies; this one's does not.
"""

import json
from dataclasses import replace
from typing import Any

import pytest
from grouped import POLICY, SIZE, grouping, records_of, valuer
from trade import PER_RECORD, Parties, World, any_listing_spec, offered_records

from blindfair.agents.settlement.ending import Ending
from blindfair.protocol.quantities import Wei

pytestmark = pytest.mark.deep

GROUPS = (1, 4)
SELECTED = records_of(GROUPS)
PRICE = Wei(len(SELECTED) * PER_RECORD)


def selling_a_record_twice(world: World, opened_share: float, **changes: Any) -> Parties:
    """The first record of group 4 is that of group 1; of the two groups one is audited."""
    records = list(offered_records())
    records[GROUPS[1] * SIZE] = records[GROUPS[0] * SIZE]
    return grouping(
        world,
        goods=any_listing_spec(records, disclosures=("per-group-9",), opened_share=opened_share),
        valuer=valuer("per-group-9", SELECTED),
        buyer_policy=replace(POLICY, audit_rows=1, **changes),
    )


@pytest.mark.parametrize(("opened_share", "orders"), [(0.5, 1), (0.0, 2)])
def test_a_record_that_is_in_two_groups_is_complained_of_when_both_are_there(
    world: World, opened_share: float, orders: int
) -> None:
    """Bought whole, and as a sample of one group and the rest, of which neither holds it twice."""
    parties = selling_a_record_twice(world, opened_share)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert parties.buyer.audited_rows == 1
    assert len(parties.seller.offers) == orders
    # Exactly what was committed: the clock pays, not the buyer's release.
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "DuplicatesOpened")
    assert f"records {GROUPS[0] * SIZE} and {GROUPS[1] * SIZE}" in outcome.reason
    assert parties.deltas() == (-PRICE, PRICE)
    [finding] = (parties.buyer.directory / "evidence").glob("*.json")
    assert json.loads(finding.read_text())["error"] == "DuplicatesOpened"
    assert "key" in json.loads(finding.read_text())
