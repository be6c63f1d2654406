"""Listings whose groups have true scores that mislead: wrong labels, and in each group one far record whose label fits.

No score, row or path is false, so the audit of these passes; what is opened is judged record by record (PROTOCOL 5.4).
"""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cheated import ended as ended_before_payment
from trade import (
    BUYER_POLICY,
    COLUMNS,
    LABEL,
    OFFERED,
    OWN,
    PER_RECORD,
    UNIFORM,
    Parties,
    World,
    listing_spec,
    make_parties,
    table,
)

from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.settlement.ending import Ending
from blindfair.protocol.parts import sample_price
from blindfair.protocol.quantities import Wei
from blindfair.protocol.records import Row, encode_row

pytestmark = pytest.mark.deep

SIZE = 5
ROWS = table()
OFFERED_ROWS = ROWS[:OFFERED]
"""As they are in the real table: all labels right."""

POLICY = replace(BUYER_POLICY, audit_rows=8, min_audit_rows=4, budget=Wei(80 * PER_RECORD))


def misleading() -> tuple[Row, ...]:
    """Every label wrong but that of each group's first record, which lies fifty deviations out on its class's side."""
    own = np.array(ROWS[-OWN:], dtype=float)
    cells, labels = own[:, :-1], own[:, -1]
    towards = np.sign(cells[labels == 1].mean(axis=0) - cells[labels == 0].mean(axis=0))
    wrong = [(*row[:-1], int(row[-1] == 0)) for row in OFFERED_ROWS]
    for place in range(0, OFFERED, SIZE):
        far = cells.mean(axis=0) + (50 + place / 100) * cells.std(axis=0) * towards
        wrong[place] = (*(float(cell) for cell in far), 1)
    return tuple(wrong)


def trading(world: World, rows: tuple[Row, ...], **changes: Any) -> Parties:
    """A buyer that judges by its own table, at a listing of groups of five."""
    own = ROWS[-OWN:]
    valuer = TabularValuer(
        own[: OWN // 2], own[OWN // 2 :], (*COLUMNS, LABEL), LABEL, pricing=UNIFORM, seed=0, disclosure="per-group-5"
    )
    goods = listing_spec([encode_row(row) for row in rows], disclosures=("per-group-5",), opened_records=OFFERED)
    defaults: dict[str, Any] = {"goods": goods, "valuer": valuer, "buyer_policy": POLICY}
    return make_parties(world, **defaults | changes)


def test_right_labels_are_bought(world: World) -> None:
    parties = trading(world, OFFERED_ROWS)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.RELEASED, None)
    assert parties.buyer.audited_rows >= POLICY.fewest_audit_rows


def test_opened_groups_that_mislead_are_not_paid_for(world: World) -> None:
    parties = trading(world, misleading())
    parties.world.run(*parties.both, until=lambda: parties.buyer.outcome is not None)
    # The scores alone advised to buy.
    assert parties.buyer.choice(parties.buyer.review()).numbers["clean_expected"] > 0.9
    outcome = ended_before_payment(parties)
    assert outcome.error == "GroupsMislead"
    [finding] = (parties.buyer.directory / "evidence").glob("*.json")
    assert json.loads(finding.read_text())["error"] == "GroupsMislead"
    assert parties.buyer.audited_rows == 0


def test_of_a_bought_sample_that_misleads_the_rest_is_not_ordered(world: World) -> None:
    policy = replace(POLICY, min_audit_rows=None, max_sample_share=Fraction(1, 2))
    goods = listing_spec([encode_row(row) for row in misleading()], disclosures=("per-group-5",), opened_share=0.0)
    parties = trading(world, misleading(), goods=goods, buyer_policy=policy)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    # Paid by the clock, since these are the committed records.
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "GroupsMislead")
    assert "paid for, and not good" in outcome.reason
    price = sample_price(Wei(80 * PER_RECORD), 8 * SIZE, 80)
    assert parties.deltas() == (-price, price)
    assert len(parties.seller.offers) == 1
    [finding] = (parties.buyer.directory / "evidence").glob("*.json")
    assert json.loads(finding.read_text())["error"] == "GroupsMislead"
