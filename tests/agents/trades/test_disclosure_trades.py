"""Trades in which groups of records, or all together, have one score: listed, asked, audited, paid, delivered (PROTOCOL
4.5, 5), and what a cheat on either side gets."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from cheated import ended as ended_before_payment
from grouped import (
    AUDITED,
    CHOSEN,
    GROUPS,
    POLICY,
    PRICE,
    SELECTED,
    SIZE,
    Change,
    grouping,
    records_of,
    rows_in_the_clear,
    valuer,
)
from numpy.typing import NDArray
from sealed_messages import forged, put_in, sealed_messages_to, take_out
from trade import (
    OFFERED,
    PER_RECORD,
    HandValuer,
    Parties,
    World,
    assert_scores_of,
    feature_schema,
    listing_spec,
    make_buyer,
    make_parties,
    offered_records,
)

from blindfair.agents.buyer.checks import audit_openings
from blindfair.agents.buyer.question import ask
from blindfair.agents.buyer.selecting import NOT_AUDITED
from blindfair.agents.seller.budget_ledger import EVALUATED_BEFORE, spent_budget
from blindfair.agents.seller.checks import RequestCost
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.cli.demo.hostile import InflatingSeller
from blindfair.influence.models import LogisticRegression
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.draw import draw
from blindfair.protocol.errors import BlindfairError, FieldMismatch, InvalidListing, PathInvalid, RowsDisagree
from blindfair.protocol.messages import Message, OpenedRecord, Openings, Refusal, Request, Selection, read
from blindfair.protocol.parts import sample_price
from blindfair.protocol.quantities import ETHER, Digest, RecordIndex, Timestamp, Wei

RECORDS = offered_records()
ALL = records_of(range(OFFERED))


def delivered(parties: Parties, records: tuple[RecordIndex, ...], price: int) -> bool:
    """Paid to the wei, and everything is there."""
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error, parties.seller.ending) == (Ending.RELEASED, None, Ending.RELEASED)
    assert parties.deltas() == (-price, price)
    assert parties.buyer.bought() == tuple((number, RECORDS[number]) for number in records)
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    return parties.world.exchange.balance(parties.world.exchange.address, ETHER) == 0


def drawn(parties: Parties, t: int) -> tuple[int, ...]:
    """The groups that were audited, from the messages and the specification."""
    _, selection = parties.buyer.mail.stored(Step("message:selection"))
    _, openings = parties.buyer.mail.stored(Step("received:openings"))
    assert isinstance(selection, Selection)
    assert isinstance(openings, Openings)
    groups = [RecordIndex(group) for group in CHOSEN]
    return draw(selection.buyer_random, openings.seller_random, selection.evaluation, groups, t)


# --- honest trades ---


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """A trade that has ended well; its openings are changed and looked at again."""
    world = World(tmp_path_factory.mktemp("honest") / "world")
    parties = grouping(world)
    parties.run()
    yield parties
    parties.close()
    world.close()


def test_a_trade_of_groups(honest: Parties) -> None:
    parties = honest
    assert delivered(parties, SELECTED, PRICE)
    evaluated = parties.buyer.review()
    assert_scores_of(parties, rows_in_the_clear(evaluated.request, SIZE))
    assert evaluated.scores.shape == (1, GROUPS)
    opened = records_of(drawn(parties, AUDITED))
    openings = parties.buyer.mail.stored(Step("received:openings"))[1]
    assert isinstance(openings, Openings)
    assert [item.record for item in openings.opened] == list(opened)
    assert parties.buyer.audited_rows == AUDITED
    # The listing's budgets: scores are counted by groups, opened records one by one.
    bits = parties.seller.disclosure(evaluated.request).total_bits
    assert 2.99 * GROUPS < bits <= 3 * GROUPS
    assert spent_budget(parties.seller.journal) == (1, int(np.ceil(bits)), len(opened))


@pytest.mark.deep
def test_a_sample_of_groups_and_the_rest_by_agents_that_are_restarted(world: World) -> None:
    policy = replace(POLICY, audit_rows=3, max_sample_share=Fraction(1))
    parties = grouping(world, buyer_policy=policy)
    moments: tuple[Callable[[Parties], bool], ...] = (
        lambda parties: "request" in parties.buyer.sizes(),
        lambda parties: parties.buyer.sampled_for is not None,
        lambda parties: parties.buyer.has_paid,
        lambda parties: len(parties.seller.offers) > 1,
        lambda parties: parties.settled(),
    )
    for moment in moments:
        parties.run(partial(moment, parties))
        parties.close()
        parties = grouping(world, buyer_policy=policy)
    assert delivered(parties, SELECTED, PRICE)
    bought = records_of(drawn(parties, 3))
    sample, rest = parties.seller.offers.values()
    assert sample.price == sample_price(PRICE, len(bought), len(SELECTED))
    assert (sample.chunk_count, rest.chunk_count) == (len(bought), len(SELECTED) - len(bought))
    assert (parties.buyer.audited_rows, parties.buyer.sampled_for) == (3, sample.price)


def test_a_trade_of_the_whole_listing_by_one_score(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parties = make_parties(
        world, goods=listing_spec(disclosures=("total",)), valuer=valuer("total", ALL), buyer_policy=POLICY
    )
    said: list[str] = []
    monkeypatch.setattr(parties.buyer, "tell", lambda what, text: said.append(text))
    parties.run()
    assert delivered(parties, ALL, OFFERED * PER_RECORD)
    evaluated = parties.buyer.review()
    assert evaluated.scores.shape == (1, 1)
    assert_scores_of(parties, rows_in_the_clear(evaluated.request, OFFERED))
    # Nothing to audit, and it says so, once; the score is compared with the delivered records.
    assert said.count(NOT_AUDITED) == 1
    assert parties.buyer.audited_rows == 0
    assert "every score holds" in parties.buyer.outcome.reason  # type: ignore[union-attr]
    evaluations, bits, opened = spent_budget(parties.seller.journal)
    assert (evaluations, opened) == (1, 0)
    assert bits <= 3


def test_exponents_are_those_of_groups(world: World) -> None:
    """Sums that differ by more than twelve bits hold: a scale at which most rows would be clipped."""
    parties = grouping(world, valuer=valuer("per-group-9", SELECTED, row_scale=40_000.0, exponent_bits=4))
    parties.run(lambda: parties.buyer.audited_rows == AUDITED)
    evaluated = parties.buyer.review()
    assert len(evaluated.exponents) == GROUPS
    assert evaluated.exponents.max() > 0
    assert_scores_of(parties, rows_in_the_clear(evaluated.request, SIZE))


# --- sellers that cheat ---


class SwappingSeller(Seller):
    """Gives every group the row and the score of its neighbour."""

    def _rows(self, digest: Digest, request: object) -> QuantisedRows:
        rows = super()._rows(digest, request)  # type: ignore[arg-type]
        return replace(rows, entries=np.roll(rows.entries, 1, axis=0))


class RecordSeller(Seller):
    """Scores the first records one by one, as many as there are groups."""

    def _scores(self, digest: Digest, request: object, rows: NDArray[np.int16]) -> bytes:
        alone = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
        return super()._scores(digest, request, alone)  # type: ignore[arg-type]


class EveryRecordSeller(Seller):
    """Scores all records although groups were asked for."""

    def _scores(self, digest: Digest, request: object, rows: NDArray[np.int16]) -> bytes:
        every = np.resize(rows, (OFFERED, rows.shape[1]))
        return evaluate(encode_rows(DEFAULT, every), request.query)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("seller_type", "error"),
    [(SwappingSeller, "RowsDisagree"), (RecordSeller, "ScoresDisagree"), (EveryRecordSeller, "ShapeMismatch")],
)
def test_a_seller_that_scores_something_else_is_found_out_before_payment(
    world: World, seller_type: Callable[..., Seller], error: str
) -> None:
    parties = grouping(world, seller_type=seller_type)
    parties.world.run(*parties.both, until=lambda: parties.buyer.outcome is not None)
    assert ended_before_payment(parties).error == error


@pytest.mark.deep
def test_one_lie_for_the_whole_listing_is_found_out_when_it_was_paid_for(world: World) -> None:
    """What PROTOCOL 5.5 says of a total-only disclosure; the evidence is kept."""
    parties = make_parties(
        world,
        goods=listing_spec(disclosures=("total",)),
        valuer=valuer("total", ALL),
        buyer_policy=POLICY,
        seller_type=InflatingSeller,
    )
    assert isinstance(parties.seller, InflatingSeller)
    parties.seller.worthless = (0,)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "ScoresDisagree")
    assert "paid for, and not good" in outcome.reason
    [finding] = (parties.buyer.directory / "evidence").glob("*.json")
    assert json.loads(finding.read_text())["mismatched_records"] == list(range(OFFERED))


def audited_again(parties: Parties, change: Change) -> None:
    _, selection = parties.buyer.mail.stored(Step("message:selection"))
    _, openings = parties.buyer.mail.stored(Step("received:openings"))
    assert isinstance(selection, Selection)
    assert isinstance(openings, Openings)
    audit_openings(parties.buyer.review(), selection, replace(openings, opened=tuple(change(openings.opened))))


def neighbours_row(items: tuple[OpenedRecord, ...]) -> list[OpenedRecord]:
    """The rows of the two drawn groups exchanged."""
    first, second = (place for place, item in enumerate(items) if item.row_leaf)
    changed = list(items)
    changed[first] = replace(items[first], row_leaf=items[second].row_leaf, row_path=items[second].row_path)
    changed[second] = replace(items[second], row_leaf=items[first].row_leaf, row_path=items[first].row_path)
    return changed


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda items: items[1:], FieldMismatch),
        (lambda items: (items[0], *items[2:]), FieldMismatch),
        (lambda items: items[:-1], FieldMismatch),
        (lambda items: (items[1], items[0], *items[2:]), FieldMismatch),
        (lambda items: [replace(item, row_leaf=items[0].row_leaf, row_path=items[0].row_path) for item in items],
         FieldMismatch),
        (neighbours_row, PathInvalid),
    ],
)  # fmt: skip
def test_a_group_is_opened_whole_and_with_its_own_row(
    honest: Parties, change: Change, error: type[BlindfairError]
) -> None:
    audited_again(honest, tuple)
    with pytest.raises(error):
        audited_again(honest, change)


def test_a_record_of_another_group_does_not_make_up_the_sum(honest: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a record not bound to its place, the row of its group would tell."""
    evaluated = honest.buyer.review()
    cells = list(evaluated.listing.manifest.schema.decode(evaluated.listing.manifest.encoding, RECORDS[0]))
    monkeypatch.setattr(type(evaluated.listing.manifest.schema), "decode", lambda *_: tuple(cells))
    with pytest.raises(RowsDisagree, match="committed row of group"):
        audited_again(honest, tuple)


# --- buyers that ask for more ---


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """After a reply; only refusals follow, which change nothing."""
    world = World(tmp_path_factory.mktemp("answered") / "world")
    parties = grouping(world)
    world.run(*parties.both, until=lambda: "selection" in parties.buyer.sizes())
    yield parties
    parties.close()
    world.close()


def refusal_of(parties: Parties, message: Message) -> Refusal:
    """What the seller says to a message of the buyer's."""
    for path in (parties.world.directory / "mail" / parties.seller.address).iterdir():
        path.unlink()
    put_in(parties.world, parties.seller, forged(parties.buyer, message))
    parties.seller.step()
    refusal = read(take_out(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
    assert isinstance(refusal, Refusal)
    return refusal


@pytest.mark.parametrize(
    "records",
    [SELECTED[1:], (*SELECTED[:6], *SELECTED[7:]), (RecordIndex(0), *SELECTED), (RecordIndex(20),)],
)
def test_a_selection_that_cuts_a_group_is_refused_and_opens_nothing(
    answered: Parties, records: tuple[RecordIndex, ...]
) -> None:
    _, selection = answered.buyer.mail.stored(Step("message:selection"))
    assert isinstance(selection, Selection)
    changed = replace(selection, records=records, price=Wei(len(records) * PER_RECORD))
    refusal = refusal_of(answered, changed)
    assert refusal.error == "FieldMismatch"
    assert "part of a group" in refusal.reason
    assert spent_budget(answered.seller.journal)[2] == 0


def test_a_buyer_does_not_choose_a_part_of_a_group(world: World) -> None:
    parties = grouping(world, valuer=valuer("per-group-9", SELECTED[1:]))
    parties.world.run(*parties.both, until=lambda: parties.buyer.outcome is not None)
    assert ended_before_payment(parties).error == "FieldMismatch"
    assert "selection" not in parties.buyer.sizes()


@pytest.mark.parametrize("other", ["per-record", "total", "per-group-14", "per-group-07"])
def test_a_policy_that_is_not_offered_is_refused_by_name(answered: Parties, other: str) -> None:
    request = answered.buyer.mail.stored(Step("message:request"))[1]
    spent = spent_budget(answered.seller.journal)
    assert isinstance(request, Request)
    refused = refusal_of(answered, replace(request, disclosure=other))
    assert (refused.error, other in refused.reason) == ("FieldMismatch", True)
    assert spent_budget(answered.seller.journal) == spent


def test_a_buyer_does_not_ask_for_what_is_not_offered(answered: Parties) -> None:
    manifest = answered.seller.manifest
    question = HandValuer().question(manifest)
    with pytest.raises(FieldMismatch, match="per-group-9"):
        ask(
            question,
            manifest,
            buyer=answered.buyer.address,
            buyer_hpke=bytes(32),
            expiry=Timestamp(1),
            token=ETHER,
            fee=Wei(0),
        )


@pytest.mark.deep
def test_two_policies_at_one_listing_are_one_evaluation_a_model_and_add_up_in_the_budget(world: World) -> None:
    goods = listing_spec(disclosures=("per-group-9", "total"), disclosed_bits=3 * (GROUPS + 1))
    parties = grouping(world, goods=goods)
    world.run(*parties.both, until=lambda: "selection" in parties.buyer.sizes())
    request = parties.buyer.mail.stored(Step("message:request"))[1]
    assert isinstance(request, Request)
    put_in(world, parties.seller, forged(parties.buyer, replace(request, disclosure="total")))
    parties.seller.step()
    refusals = [message for _, message in sealed_messages_to(world, parties.buyer) if isinstance(message, Refusal)]
    assert [(refusal.error, refusal.reason) for refusal in refusals] == [("BudgetExhausted", EVALUATED_BEFORE)]
    # Another account gets the score of all, and with it the budget of the listing is spent, for groups and all.
    second = make_buyer(world, parties.seller, "second", valuer=valuer("total", ()), policy=POLICY)
    third = make_buyer(world, parties.seller, "third", valuer=valuer("total", ()), policy=POLICY)
    for buyer in (second, third):
        world.run(parties.seller, buyer, until=lambda buyer=buyer: buyer.outcome is not None)  # type: ignore[misc]
    assert second.outcome is not None
    assert third.outcome is not None
    assert (second.outcome.error, third.outcome.error) == (None, "Refused")
    assert "BudgetExhausted" in third.outcome.reason
    second.close()
    third.close()


@pytest.mark.parametrize(
    ("audited", "share", "asks"),
    [(7, 0.5, False), (6, 0.5, True), (14, 1.0, True), (1, 0.0, True), (7, 0.0, False)],
)
def test_no_evaluation_is_spent_on_a_listing_that_is_too_small_for_the_audit(
    world: World, audited: int, share: float, asks: bool
) -> None:
    """14 groups, of which the last is short: as many as are opened free, or half of them bought as a sample."""
    parties = grouping(
        world,
        goods=listing_spec(disclosures=("per-group-9",), opened_share=share, opened_records=OFFERED),
        buyer_policy=replace(POLICY, audit_rows=audited, budget=Wei(OFFERED * PER_RECORD)),
        valuer=valuer("per-group-9", ALL[: 13 * SIZE]),
    )
    world.run(*parties.both, until=lambda: parties.buyer.outcome is not None or "selection" in parties.buyer.sizes())
    assert ("request" in parties.buyer.sizes(), spent_budget(parties.seller.journal)[0]) == (asks, int(asks))
    if not asks:
        outcome = ended_before_payment(parties)
        assert outcome.error == "OfferTooSmall"
        assert f"an audit of at least {audited} groups" in outcome.reason
        assert "nothing was asked" in outcome.reason


# --- what is listed ---


@pytest.mark.parametrize(
    "policies",
    [("per-group-6", "per-group-4"), ("per-record", "per-group-10", "per-group-25"),
     ("total", "per-group-7", "per-group-9")],
)  # fmt: skip
def test_groups_whose_differences_tell_more_are_not_offered_together(policies: tuple[str, ...]) -> None:
    with pytest.raises(InvalidListing, match="their differences"):
        listing_spec(disclosures=policies)


@pytest.mark.parametrize(
    "policies", [("total",), ("per-record", "total"), ("per-group-20", "per-record", "per-group-5"),
                 ("per-group-50", "per-group-500", "total")],
)  # fmt: skip
def test_groups_of_which_one_holds_the_others_are(policies: tuple[str, ...]) -> None:
    assert listing_spec(disclosures=policies).terms.disclosures == policies


@pytest.mark.parametrize("policies", [("per-record",), ("per-record", "per-group-3"), ("total",)])
def test_copies_are_not_listed_whatever_is_scored(policies: tuple[str, ...]) -> None:
    assert listing_spec(RECORDS[:12], disclosures=policies).records == RECORDS[:12]
    with pytest.raises(InvalidListing, match="exact copies") as refused:
        listing_spec((*RECORDS[:11], RECORDS[3]), disclosures=policies)
    assert (refused.value.expected, refused.value.found) == (
        "12 different records", "11; copies, counted from 0: 11 of 3",
    )  # fmt: skip
    assert "`without_copies=True`" in refused.value.hint


@pytest.mark.parametrize("records", [RECORDS[:1], RECORDS[:1] * 12], ids=["one record", "equal records"])
def test_one_record_is_not_listed_alone_or_many_times(records: tuple[bytes, ...]) -> None:
    with pytest.raises(InvalidListing, match="needs different records") as refused:
        listing_spec(records)
    assert refused.value.found == f"1 in {len(records)} records"


def test_records_that_hold_fewer_than_eight_bits_are_not_listed() -> None:
    assert listing_spec(record_bits=8).terms.record_bits == 8
    with pytest.raises(InvalidListing, match="hold too little"):
        listing_spec(record_bits=7)


@pytest.mark.parametrize(("size", "near"), [(7, "6 or 8"), (17, "16 or 18"), (119, "118 or 120")])
def test_a_last_group_of_one_record_is_not_offered(size: int, near: str) -> None:
    """Its score would be the record's own, which groups are to hide."""
    for beside in ((), ("per-record",), ("total",)):
        with pytest.raises(InvalidListing, match=f"take {near}, or offer per-record") as caught:
            listing_spec(disclosures=(f"per-group-{size}", *beside))
        assert caught.value.found == f"{OFFERED} records in groups of {size}"
    for other in near.split(" or "):
        assert listing_spec(disclosures=(f"per-group-{other}",))


def test_of_three_records_only_all_together_are_no_record_alone() -> None:
    with pytest.raises(InvalidListing, match="take 3, or offer"):
        listing_spec(RECORDS[:3], disclosures=("per-group-2",))
    assert listing_spec(RECORDS[:3], disclosures=("per-group-3",)).terms.disclosures == ("per-group-3",)


@pytest.mark.parametrize("name", ["per-group-1", "top-of-budget", "per group 7"])
def test_a_seller_offers_no_policy_that_is_none(name: str) -> None:
    with pytest.raises(InvalidListing, match="no such disclosure policy"):
        listing_spec(disclosures=("per-record", name))


def test_what_a_request_costs_is_counted_by_rows_where_these_are_scored_or_kept() -> None:
    model, n, groups = LogisticRegression.untrained(feature_schema()), 10**6, 10**5
    projection = Projection.identity(model.k)
    alone = RequestCost.of(model, projection, records=n, queries=2)
    together = RequestCost.of(model, projection, records=n, queries=2, rows=groups)
    assert alone.products - together.products == 2 * model.k * (n - groups)
    assert together.disk < alone.disk / 6
    assert together.products > n * model.products
