"""A buyer that asks for what it may not have: refused by name before anything costly, and before any budget is spent
where nothing was learnt (PROTOCOL 2, 4, 5.1, 6.1)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bad_questions import (
    BAD_REQUESTS,
    BAD_SELECTIONS,
    Change,
    K,
    classes,
    projected,
    said_to,
    taken_out,
    wide,
    wide_model,
)
from sealed_messages import STRANGER_ADDRESS, forged, pending, put_in, sealed_messages_to, take_out
from trade import (
    BUYER_POLICY,
    COLUMNS,
    LABEL,
    OFFERED,
    PER_RECORD,
    PRICE,
    RESERVE,
    SELECTED,
    SELLER_POLICY,
    HandValuer,
    World,
    feature_schema,
    listing_spec,
    make_buyer,
    make_parties,
)

from blindfair.agents.seller.checks import RequestCost
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.store.steps import Step, StepKind
from blindfair.influence.models import LogisticRegression
from blindfair.influence.projection import Projection
from blindfair.pricing.functions import LinearPricing
from blindfair.protocol.errors import TooCostly, UnexpectedMessage
from blindfair.protocol.messages import (
    Agreement,
    Inquiry,
    Message,
    Refusal,
    Request,
    SegmentRequest,
    Selection,
    read,
)
from blindfair.protocol.offer import Offer
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Digest, ListingId, OrderId, Seconds, Wei


def test_a_bad_request_is_refused_before_it_costs_anything(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("requested"))
    request = taken_out(parties)
    messages: dict[str, Message] = {name: replace(request, **change) for name, (change, _) in BAD_REQUESTS.items()}
    messages["half a query"] = replace(request, query=request.query[: len(request.query) // 2])
    answers = said_to(parties, parties.buyer, messages)
    assert answers == {name: error for name, (_, error) in BAD_REQUESTS.items()} | {
        "half a query": "MalformedCiphertext"
    }
    assert list(parties.seller.journal.done(StepKind[str]("evaluation-of"))) == []
    assert list(parties.seller.journal.done(StepKind[str]("request"))) == []
    assert not (parties.seller.directory / "rows").exists()
    assert said_to(parties, parties.buyer, {"true": request}) == {"reply": "reply"}


def keeping(column: str) -> ListingSpec:
    """A listing that keeps one column from all models."""
    defaults = listing_spec()
    columns = tuple(replace(each, scored=each.name != column) for each in defaults.schema.columns)
    prepared = replace(feature_schema(), features=tuple(f for f in feature_schema().features if f.column != column))
    return replace(defaults, schema=replace(defaults.schema, columns=columns), preprocessing=prepared.to_document())


def with_schema(**changes: Any) -> Change:
    config, weights = LogisticRegression.untrained(replace(feature_schema(), **changes)).to_parts()
    return {"model_config": config, "weights": weights}


def test_no_model_reads_a_column_that_the_listing_keeps_from_all(world: World) -> None:
    """By its name, as its label, or by the name of another column in its place: nothing is computed, nothing spent."""
    honest = replace(feature_schema(), features=tuple(f for f in feature_schema().features if f.column != "area"))
    config, weights = LogisticRegression.untrained(honest).to_parts()
    projection, basis = Projection.identity(honest.width).to_parts()
    leaves_out = {
        "model_config": config, "weights": weights, "projection": projection, "basis": basis,
        "queries": np.arange(1, honest.width + 1, dtype=np.int64)[np.newaxis] * 1000,
    }  # fmt: skip
    parties = make_parties(world, goods=keeping("area"), valuer=HandValuer(changes=leaves_out))
    while "request" not in parties.buyer.sizes():
        parties.seller.step()
        parties.buyer.step()
    request = taken_out(parties)
    exchanged = dict(zip(COLUMNS, COLUMNS, strict=True)) | {"area": "radius", "radius": "area"}
    messages = {
        "by its name": with_schema(),
        "as its label": with_schema(
            columns=tuple({"area": LABEL, LABEL: "area"}.get(name, name) for name in honest.columns),
            label="area", features=honest.features,
        ),
        "as the label of the listing's columns": with_schema(label="area", features=honest.features),
        "by another name": with_schema(
            columns=tuple(exchanged.get(name, name) for name in honest.columns), features=honest.features
        ),
    }  # fmt: skip
    answers = said_to(parties, parties.buyer, {name: replace(request, **change) for name, change in messages.items()})
    # The first is too wide for its query, too, and is refused for its column or for that; never answered.
    assert answers == {
        "by its name": "ShapeMismatch",
        "as its label": "FieldMismatch",
        "as the label of the listing's columns": "ColumnNotScored",
        "by another name": "FieldMismatch",
    }
    assert list(parties.seller.journal.done(StepKind[str]("evaluation-of"))) == []
    assert not (parties.seller.directory / "rows").exists()
    assert said_to(parties, parties.buyer, {"true": request}) == {"reply": "reply"}


def test_a_feature_of_a_column_that_is_kept_is_refused_by_name(world: World) -> None:
    parties = make_parties(world, goods=keeping("area"))
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error == "Refused"
    assert "ColumnNotScored" in outcome.reason
    assert "found area" in outcome.reason
    assert list(parties.seller.journal.done(StepKind[str]("evaluation-of"))) == []


def test_a_request_that_takes_too_much_is_refused(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("requested"), seller_policy=replace(SELLER_POLICY, max_products=118 * 10**6))
    large = replace(taken_out(parties), **wide_model(4000), **projected(Projection.signs(K, bytes(32))))
    assert said_to(parties, parties.buyer, {"large": large}) == {"large": "TooCostly"}
    assert said_to(parties, parties.buyer, {"small": replace(large, **wide_model(40))})["small"] == "FieldMismatch"


def test_a_request_that_takes_too_much_memory_is_refused(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("requested"), seller_policy=replace(SELLER_POLICY, max_memory=10**6))
    assert said_to(parties, parties.buyer, {"asked": taken_out(parties)}) == {"asked": "TooCostly"}


@pytest.mark.parametrize(("less", "answers"), [(1, {"asked": "TooCostly"}), (0, {"reply": "reply"})])
def test_rows_that_do_not_fit_on_the_disk_are_refused(
    beside: Callable[[str], World], less: int, answers: dict[str, str]
) -> None:
    policy = replace(SELLER_POLICY, max_disk=2 * OFFERED * K - less)
    parties = make_parties(beside("requested"), seller_policy=policy)
    assert said_to(parties, parties.buyer, {"asked": taken_out(parties)}) == answers


def test_by_default_a_seller_of_many_records_computes_no_huge_rows() -> None:
    def cost(records: int, width: int, projection: Projection) -> RequestCost:
        return RequestCost.of(wide(width), projection, records=records, queries=1)

    cost(2 * 10**5, 300, Projection.signs(256, bytes(32))).check(SELLER_POLICY)
    # Real numbers are in memory a batch at a time, so that many records alone are not too many.
    cost(10**6, 4096, Projection.signs(16, bytes(32))).check(SELLER_POLICY)
    assert (
        cost(10**6, 4096, Projection.signs(16, bytes(32))).memory
        == cost(10**5, 4096, Projection.signs(16, bytes(32))).memory
    )
    for records, projection, what in (
        (2**20, Projection.identity(4096), "disk"),
        (10**5, Projection.signs(4096, bytes(32)), "multiplications"),
    ):
        with pytest.raises(TooCostly, match=what):
            cost(records, 4096, projection).check(SELLER_POLICY)


def test_whether_a_model_fits_the_records_is_no_free_question(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("requested"))
    request = taken_out(parties)
    # Each asks something of a record's label, and is refused by the manifest: no record is looked at.
    guesses = {str(values): replace(request, **classes(*values)) for values in ((0, 7), (1, 7), (8, 9), (-1, 0))}
    answers = said_to(parties, parties.buyer, guesses)
    assert set(answers.values()) == {"FieldMismatch"}
    assert list(parties.seller.journal.done(StepKind[str]("evaluation-of"))) == []
    assert said_to(parties, parties.buyer, {"true": request}) == {"reply": "reply"}


def test_one_evaluation_for_a_model_and_a_counterparty(at: Callable[[str], World]) -> None:
    parties = make_parties(at("requested"))
    request = taken_out(parties)
    data = forged(parties.buyer, request)
    put_in(parties.world, parties.seller, data)
    parties.seller.step()
    reply = take_out(parties.world, parties.buyer)
    for change in ({"nonce": bytes(32)}, {"row_scale": 1.0}, {"pricing": LinearPricing(Wei(1), RESERVE).to_document()}):
        again = replace(request, **change)
        assert said_to(parties, parties.buyer, {"again": again}) == {"again": "BudgetExhausted"}
    # The same request once more, after its time: the stored reply, byte for byte.
    parties.world.chain.advance(SELLER_POLICY.dispute_window)
    put_in(parties.world, parties.seller, data)
    parties.seller.step()
    assert take_out(parties.world, parties.buyer) == reply


def test_a_bad_selection_opens_nothing_and_the_true_one_is_opened(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("selected"))
    selection = taken_out(parties)
    assert isinstance(selection, Selection)
    messages = {name: replace(selection, **change) for name, (change, _) in BAD_SELECTIONS.items()}
    assert said_to(parties, parties.buyer, messages) == {name: error for name, (_, error) in BAD_SELECTIONS.items()}
    assert list(parties.seller.journal.done(StepKind[str]("opened-for"))) == []
    assert said_to(parties, parties.buyer, {"true": selection}) == {"openings": "openings"}
    # Having seen the seller's number, it may not choose again.
    fewer = replace(selection, records=SELECTED[:-1], price=Wei(PRICE - PER_RECORD), audit_rows=2)
    assert said_to(parties, parties.buyer, {"again": fewer}) == {"again": "UnexpectedMessage"}


def test_prices_under_linear_pricing_lie_between_reserve_and_what_an_offer_states(world: World) -> None:
    pricing = LinearPricing(Wei(10**15), RESERVE)
    parties = make_parties(world, valuer=HandValuer(pricing=pricing))
    while "selection" not in parties.buyer.sizes():
        parties.seller.step()
        parties.buyer.step()
    selection = taken_out(parties)
    least = RESERVE * len(SELECTED)
    prices = {"least": Wei(least - 1), "most": Wei(2**128)}
    messages = {name: replace(selection, price=price) for name, price in prices.items()}
    assert said_to(parties, parties.buyer, messages) == dict.fromkeys(prices, "FieldMismatch")
    assert said_to(parties, parties.buyer, {"at the reserve": replace(selection, price=Wei(least))}) == {
        "openings": "openings"
    }


def test_a_bad_agreement_gets_no_offer(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("agreed"))
    agreement = taken_out(parties)
    assert isinstance(agreement, Agreement)
    answers = said_to(
        parties,
        parties.buyer,
        {
            "another price": replace(agreement, price=Wei(PRICE - 1)),
            "no selection": replace(agreement, selection=Digest(b"\x01" * 32)),
        },
    )
    assert answers == {"another price": "FieldMismatch", "no selection": "UnexpectedMessage"}
    assert parties.seller.offers == {}
    assert "deposit" not in {step.partition(":")[0] for step in parties.seller.transactions()}


def test_nothing_is_offered_before_the_openings(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("selected"))
    selected = parties.buyer.mail.stored(Step("message:selection"))[0].digest
    take_out(parties.world, parties.seller)
    assert said_to(parties, parties.buyer, {"early": Agreement(selected, PartName.WHOLE, PRICE)}) == {
        "early": "UnexpectedMessage"
    }


def test_a_buyer_cannot_go_on_with_what_is_another_buyers(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("agreed"))
    other = make_buyer(parties.world, parties.seller, "other", funded=False)
    selection = parties.buyer.mail.stored(Step("message:selection"))[1]
    agreement = taken_out(parties)
    answers = said_to(parties, other, {"its selection": selection, "its agreement": agreement})
    assert answers == dict.fromkeys(("its selection", "its agreement"), "FieldMismatch")
    assert parties.seller.offers == {}


def test_messages_that_are_a_sellers_are_refused(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("opened"))
    stored = parties.buyer.journal
    messages: dict[str, Message] = {
        name: read(stored.get(Step(f"received:{name}")) or b"", domain=parties.buyer.domain)[1]
        for name in ("listing", "reply")
    }
    for path in pending(parties.world, parties.buyer):
        path.unlink()
    assert said_to(parties, parties.buyer, messages) == dict.fromkeys(messages, "UnexpectedMessage")


def test_many_strangers_cannot_fill_the_journal_with_listings(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("listed"))
    before = parties.seller.journal.writes
    for number in range(3):
        stranger = make_buyer(parties.world, parties.seller, f"stranger{number}", funded=False)
        answers = said_to(parties, stranger, {"mine": Inquiry(parties.seller.listing)})
        assert answers == {"listing": "listing"}
        assert said_to(parties, stranger, {"other": Inquiry(ListingId(bytes(32)))}) == {"other": "FieldMismatch"}
    stored = [step for step, _ in parties.seller.journal.done(StepKind[str]("message")) if step.startswith("listing")]
    assert stored == ["listing"]
    assert parties.seller.journal.writes - before <= 3 * 4


def test_only_a_known_buyers_refusal_is_written_down(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("replied"))
    stranger = make_buyer(parties.world, parties.seller, "stranger", funded=False)
    take_out(parties.world, parties.buyer)
    refusal = Refusal(Digest(b"\x01" * 32), "Nonsense", "nothing")
    before = parties.seller.journal.writes
    assert said_to(parties, stranger, {"refusal": refusal}) == {}
    assert parties.seller.journal.writes == before
    assert said_to(parties, parties.buyer, {"refusal": refusal}) == {}
    assert list(parties.seller.journal.done(StepKind[str]("refused-by-buyer"))) == [
        (bytes(refusal.about).hex(), "Nonsense: nothing")
    ]


def test_a_refusal_shows_nothing_that_a_terminal_would_obey(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("requested"))
    request = taken_out(parties)
    assert isinstance(request, Request)
    put_in(parties.world, parties.seller, forged(parties.buyer, replace(request, model_name="a\nb\tc")))
    parties.seller.step()
    [(_, refusal)] = sealed_messages_to(parties.world, parties.buyer)
    assert isinstance(refusal, Refusal)
    assert (refusal.error, refusal.reason.isprintable()) == ("UnusableModel", True)
    assert "a?b?c" in refusal.reason


def test_a_seller_that_names_its_buyers_answers_no_others(world: World) -> None:
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, buyers=frozenset({STRANGER_ADDRESS})))
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error == "Refused" and "UnexpectedMessage" in outcome.reason
    # Nothing was spent on it.
    assert parties.seller.receipts().keys() == {"commit"}
    assert not any(step.startswith("reply") for step in parties.seller.sizes())


def test_a_selection_after_its_requests_time_is_refused(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"))
    parties.buyer.step()
    parties.world.chain.advance(Seconds(BUYER_POLICY.patience + 60))
    parties.seller.step()
    assert [refusal["error"] for refusal in parties.seller.refusals()] == ["Expired"]


def test_a_question_about_an_order_of_nobody_costs_the_same_however_many_offers_there_were(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may send it. Hashing every offer for it would take a second with ten thousand of them."""
    parties = make_parties(at("delivered"))
    seller = parties.seller
    hashed: list[Offer] = []
    own = next(iter(seller.offers.values()))
    assert seller._offers.named(OrderId(own.struct_hash())) == next(iter(seller.offers))
    real = Offer.struct_hash

    def noted(offer: Offer) -> OrderId:
        hashed.append(offer)
        return real(offer)

    monkeypatch.setattr(Offer, "struct_hash", noted)
    for number in range(20):
        with pytest.raises(UnexpectedMessage):
            seller._deliveries.send_segments(parties.buyer.address, SegmentRequest(OrderId(bytes([number]) * 32), (0,)))
    assert hashed == []
    parties.close()
