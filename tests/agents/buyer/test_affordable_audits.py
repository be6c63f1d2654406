"""A purchase that cannot be audited is not advised, and where the budget pays for no other nothing is asked at all."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from grouped import POLICY as GROUPS_POLICY
from grouped import SIZE, grouping, records_of, valuer
from trade import BUYER_POLICY, PER_RECORD, RESERVE, SELECTED, HandValuer, Parties, World, listing_spec, make_parties

from blindfair.agents.buyer.valuer import Choice
from blindfair.agents.seller.budget_ledger import spent_budget
from blindfair.agents.settlement.ending import Ending
from blindfair.api.amounts import IN_ETHER
from blindfair.cli.buyer.purchase import tell_advice
from blindfair.cli.output import Output
from blindfair.pricing.functions import LinearPricing
from blindfair.protocol.quantities import Wei

pytestmark = pytest.mark.deep

HALF = len(SELECTED) // 2
"""What the listing opens free of charge of twenty records, and what may be bought as their sample."""

NUMBERS = {"clean_share": 0.9, "clean_share_low": 0.8, "clean_share_high": 1.0, "clean_expected": 0.9, "good_net": 9.0}


def asked(parties: Parties) -> bool:
    """Whether an evaluation was spent; else the trade ended for want of an audit, and says what to do."""
    parties.world.run(
        *parties.both, until=lambda: parties.buyer.outcome is not None or "selection" in parties.buyer.sizes()
    )
    spent = spent_budget(parties.seller.journal)[0]
    assert ("request" in parties.buyer.sizes()) == bool(spent)
    if not spent:
        outcome = parties.buyer.outcome
        assert outcome is not None
        assert (outcome.final, outcome.error, parties.deltas()) == (Ending.NO_ORDER, "OfferTooSmall", (0, 0))
        assert "nothing was asked" in outcome.reason
        assert "raise `budget`" in outcome.reason
    return bool(spent)


@pytest.mark.parametrize(
    ("records", "change", "share", "asks"),
    [(20, 0, Fraction(1, 2), True), (20, -1, Fraction(1, 2), False), (19, 0, Fraction(1, 2), False),
     (10, 0, Fraction(1), True), (10, -1, Fraction(1), True), (0, 0, Fraction(1), False),
     (1, -1, Fraction(1), False), (1, 0, Fraction(1), True), (19, 0, Fraction(10, 19), True)],
)  # fmt: skip
def test_what_the_budget_pays_for_decides_whether_anything_is_asked(
    world: World, records: int, change: int, share: Fraction, asks: bool
) -> None:
    """Of a small selection all may be the sample, if so much may be: an audit of everything is one, too."""
    budget = Wei(records * PER_RECORD + change)
    policy = replace(BUYER_POLICY, budget=budget, audit_rows=HALF, max_sample_share=share)
    chosen = SELECTED[: budget // PER_RECORD]
    hand = HandValuer(records=chosen, price=Wei(len(chosen) * PER_RECORD))
    assert asked(make_parties(world, buyer_policy=policy, valuer=hand)) == asks


@pytest.mark.parametrize(("change", "asks"), [(0, True), (-1, False)])
def test_of_other_prices_the_least_counts(world: World, change: int, asks: bool) -> None:
    policy = replace(BUYER_POLICY, budget=Wei(len(SELECTED) * RESERVE + change), audit_rows=HALF)
    hand = HandValuer(price=Wei(len(SELECTED) * RESERVE), pricing=LinearPricing(Wei(1), RESERVE))
    if not asks:
        hand = replace(hand, records=(), price=Wei(0))
    assert asked(make_parties(world, buyer_policy=policy, valuer=hand)) == asks


@pytest.mark.parametrize(("records", "asks"), [(39, True), (38, False)])
def test_a_short_last_group_may_make_it_enough(world: World, records: int, asks: bool) -> None:
    """Of 36 records 16 are opened, which is one group of nine; of three more, 18, which is two."""
    budget = Wei(records * PER_RECORD)
    parties = grouping(
        world,
        goods=listing_spec(disclosures=("per-group-9",), opened_share=0.47),
        buyer_policy=replace(GROUPS_POLICY, audit_rows=2, max_sample_share=Fraction(0), budget=budget),
        valuer=valuer("per-group-9", records_of((1, 4, 9, 12, 13))),
    )
    assert asked(parties) == asks


def test_a_budget_under_one_group_buys_nothing(world: World) -> None:
    parties = grouping(world, buyer_policy=replace(GROUPS_POLICY, audit_rows=1, budget=Wei((SIZE - 1) * PER_RECORD)))
    # The last group has three records, of which one is opened: none of a whole group.
    assert not asked(parties)


def test_what_speaks_against_buying_is_not_forgotten_by_what_is_next(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"), buyer_policy=replace(BUYER_POLICY, audit_rows=HALF))
    evaluated = parties.buyer.review()
    choice = Choice(SELECTED[:20], Wei(20 * PER_RECORD), ("Random is as good", "Another one"), NUMBERS)
    told, scores = io.StringIO(), evaluated.scores[0].astype(np.float64)
    with redirect_stdout(told):
        tell_advice(parties.buyer, evaluated, choice, scores, IN_ETHER, None, Output(None))
    text = " ".join(told.getvalue().split())
    assert "but Random is as good but Another one" in text
    assert "next to buy in spite of the 2 doubts above: blindfair buyer buy --directory" in text


@pytest.mark.parametrize(("bought", "advised"), [(20, True), (19, False), (0, False)])
def test_people_are_not_told_to_buy_what_will_not_be_bought(
    at: Callable[[str], World], bought: int, advised: bool
) -> None:
    parties = make_parties(at("replied"), buyer_policy=replace(BUYER_POLICY, audit_rows=HALF))
    evaluated = parties.buyer.review()
    choice = Choice(SELECTED[:bought], Wei(bought * PER_RECORD), (), NUMBERS)
    told, scores = io.StringIO(), evaluated.scores[0].astype(np.float64)
    with redirect_stdout(told):
        tell_advice(parties.buyer, evaluated, choice, scores, IN_ETHER, Path("my password"), Output(None))
    text = " ".join(told.getvalue().split())
    command = f"next blindfair buyer buy --directory {parties.buyer.directory} --password-file 'my password'"
    assert (command in text) == advised
    assert ("next" in text) == advised
    refused = "but this will not be bought. The purchase cannot be audited" in text
    assert refused == (not advised and bought > 0)
    if refused:
        assert "of 19 selected records the listing opens 9 free, and your options allow a bought sample of 9" in text
        for option in ("--budget", "--audit-rows", "--min-audit-rows", "--sample-share"):
            assert option in text
