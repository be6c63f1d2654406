"""The valuer for tables: it asks the same question again, chooses the same again, and keeps to its budget."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from trade import COLUMNS, LABEL, OFFERED, OWN, PER_RECORD, UNIFORM, feature_schema, listing_spec, table

from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.evaluation.preprocessing import check_columns
from blindfair.cli.buyer.forecast_text import forecast_document, forecast_text
from blindfair.influence.grouping import group_rows
from blindfair.influence.models import load_scoring_model
from blindfair.influence.written import companion_name
from blindfair.pricing.learners import Learner, MlpLearner
from blindfair.pricing.selection import Method
from blindfair.pricing.valuation import DEFAULT_BITS, EXACT
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import FieldMismatch, GroupsMislead
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ETHER, Secret, Wei
from blindfair.protocol.schema import Column, ColumnKind
from blindfair.protocol.signing import Domain
from blindfair.protocol.terms import PER_RECORD as PER_RECORD_POLICY

ROWS = table()
TRAIN, VALIDATION = ROWS[-OWN:-40], ROWS[-40:]


def manifest(**terms: Any) -> Manifest:
    goods = listing_spec(**terms)
    dataset = ChunkedDataset.build(goods.records, goods.chunk_size, Secret(bytes(32)))
    return goods.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))


def valuer(
    seed: int = 0,
    method: Method = Method.TRUST,
    disclosure: str = PER_RECORD_POLICY,
    bits: tuple[int, ...] = EXACT,
    learner: Learner | None = None,
) -> TabularValuer:
    return TabularValuer(
        TRAIN,
        VALIDATION,
        (*COLUMNS, LABEL),
        LABEL,
        pricing=UNIFORM,
        seed=seed,
        method=method,
        disclosure=disclosure,
        bits=bits,
        learner=learner,
    )


def test_the_question_is_the_same_each_time() -> None:
    listing = manifest()
    one, other = valuer().question(listing), valuer().question(listing)
    assert np.array_equal(one.queries, other.queries)
    assert replace(one, queries=other.queries) == other
    assert one.pricing == UNIFORM.to_document()
    assert one.bits == (32, 32) and not any("bits each" in note for note in one.notes)


def test_a_listing_with_other_columns_is_not_asked_about() -> None:
    strange = TabularValuer(TRAIN, VALIDATION, (*COLUMNS, "other"), "other", pricing=UNIFORM, seed=0)
    with pytest.raises(FieldMismatch):
        strange.question(manifest())


def test_a_column_that_no_model_may_read_is_not_asked_about() -> None:
    listing = manifest()
    columns = tuple(replace(column, scored=column.name != "area") for column in listing.schema.columns)
    features = tuple(feature for feature in feature_schema().features if feature.column != "area")
    kept = replace(
        listing,
        schema=replace(listing.schema, columns=columns),
        preprocessing=replace(feature_schema(), features=features).to_document(),
    )

    def read(manifest: Manifest) -> set[str]:
        model = load_scoring_model("logistic-regression", *_parts(valuer(), manifest))
        return {feature.column for feature in model.schema.features}

    assert read(listing) == set(COLUMNS)
    assert read(kept) == set(COLUMNS) - {"area"}
    # Its columns are still those of the records, which are found by their places.
    check_columns(valuer().valuation(kept).model.schema, kept.schema)


def _parts(asking: TabularValuer, listing: Manifest) -> tuple[Document, bytes]:
    question = asking.question(listing)
    return question.model_config, question.weights


@pytest.mark.parametrize("method", Method)
def test_a_choice_keeps_to_the_budget_and_takes_no_record_twice(method: Method) -> None:
    listing = manifest()
    scores = valuer().valuation(listing).integer_scores(ROWS[:OFFERED])
    scores[:, 7] = scores[:, 9]
    budget = Wei(10 * PER_RECORD + 1)
    choice = valuer(method=method).choose(scores, listing, budget)
    assert choice == valuer(method=method).choose(scores, listing, budget)
    assert choice.records == tuple(sorted(set(choice.records)))
    assert 0 < len(choice.records) <= 10
    assert choice.price == len(choice.records) * PER_RECORD <= budget
    assert not {7, 9} <= set(choice.records)
    assert choice.numbers["duplicates"] >= 1


def test_nothing_is_bought_of_an_offer_that_is_all_bad() -> None:
    listing = manifest()
    flipped = [(*row[:-1], 1 - int(row[-1] or 0)) for row in ROWS[:OFFERED]]
    scores = valuer().valuation(listing).integer_scores(flipped)
    choice = valuer().choose(scores, listing, Wei(50 * PER_RECORD))
    assert (choice.records, choice.price) == ((), 0)
    assert choice.reasons


@pytest.mark.parametrize(("disclosure", "size"), [("per-group-8", 8), ("total", OFFERED)])
@pytest.mark.parametrize("method", Method)
def test_groups_are_bought_whole_and_within_the_budget(method: Method, disclosure: str, size: int) -> None:
    listing, asks = manifest(), valuer(method=method, disclosure=disclosure)
    question = asks.question(listing)
    assert (question.disclosure, len(question.queries)) == (disclosure, 1)
    scores = asks.valuation(listing).integer_scores(ROWS[:OFFERED])
    assert scores.shape == (1, OFFERED // size)
    groups = 3 if size == 8 else 1
    budget = Wei((groups + 1) * size * PER_RECORD - 1)
    choice = asks.choose(scores, listing, budget)
    bought = {record // size for record in choice.records}
    assert choice.records == tuple(record for record in range(OFFERED) if record // size in bought)
    assert len(choice.records) == groups * size
    assert choice.price == len(choice.records) * PER_RECORD <= budget
    assert choice == valuer(method=method, disclosure=disclosure).choose(scores, listing, budget)
    assert asks.choose(scores, listing, Wei(size * PER_RECORD - 1)).records == ()


def test_of_groups_the_wrong_ones_are_left_and_an_offer_of_wrong_ones_alone_is() -> None:
    listing, asks = manifest(), valuer(disclosure="per-group-10")
    bad = {1, 4, 5, 9}
    rows = [(*row[:-1], 1 - int(row[-1] or 0)) if n // 10 in bad else row for n, row in enumerate(ROWS[:OFFERED])]
    scores = asks.valuation(listing).integer_scores(rows)
    choice = asks.choose(scores, listing, Wei(80 * PER_RECORD))
    assert {record // 10 for record in choice.records} == set(range(12)) - bad
    assert 0.5 < choice.numbers["clean_share"] < 0.8
    flipped = [(*row[:-1], 1 - int(row[-1] or 0)) for row in ROWS[:OFFERED]]
    nothing = asks.choose(asks.valuation(listing).integer_scores(flipped), listing, Wei(80 * PER_RECORD))
    assert (nothing.records, nothing.price) == ((), 0)
    assert "Nothing here is worth its price" in " ".join(nothing.reasons)


@pytest.mark.parametrize("disclosure", ["per-group-8", "total"])
def test_the_scale_is_one_for_sums(disclosure: str) -> None:
    """Twelve bits are used, and hardly anything is clipped: neither of a good offer nor of a bad one."""
    asked = valuer(disclosure=disclosure).valuation(manifest())
    for rows in (ROWS[:OFFERED], [(*row[:-1], 1 - int(row[-1] or 0)) for row in ROWS[:OFFERED]]):
        sums = np.vstack(list(group_rows([asked.model.rows(rows, asked.projection)], asked.group_size)))
        rounded = asked.rounding.apply(sums)
        assert rounded.clipped < 0.02
        assert np.abs(rounded.entries).max() > 200


@pytest.mark.parametrize(("bits", "queries"), [((3, 1), 2), ((4, 1), 2), ((3,), 1)])
def test_a_question_states_the_bits_of_each_query(bits: tuple[int, ...], queries: int) -> None:
    question = valuer(bits=bits).question(manifest())
    assert question.bits == bits and len(question.queries) == queries
    assert any(note.startswith(f"asks for {sum(bits)} bits each: {bits[0]} for the score") for note in question.notes)
    assert valuer(bits=bits, disclosure="per-group-8").question(manifest()).bits == bits[:1]


def test_a_class_that_takes_more_bits_is_asked_for_where_the_listing_tells_them_and_the_notes_say_so() -> None:
    asks = valuer(bits=DEFAULT_BITS, learner=MlpLearner(hidden=6, steps=60, entries=24))
    question = asks.question(manifest(bits_per_record=12))
    assert question.bits[0] == DEFAULT_BITS[0] and 1 < question.bits[1] <= 9
    assert any(note.endswith("it is asked for with them") for note in question.notes)
    fewer = asks.question(manifest(bits_per_record=sum(question.bits) - 1))
    assert fewer.bits == DEFAULT_BITS[:1] and any(note.endswith("it is not asked for") for note in fewer.notes)


def test_through_noise_the_wrong_labels_are_left_and_equal_scores_are_no_copies() -> None:
    listing, asks = manifest(), valuer(bits=(3, 1))
    bad = set(range(0, OFFERED, 3))
    rows = [(*row[:-1], 1 - int(row[-1] or 0)) if n in bad else row for n, row in enumerate(ROWS[:OFFERED])]
    scores = asks.valuation(listing).seen_scores(rows, np.random.default_rng(1))
    scores[:, 8] = scores[:, 7]
    budget = Wei(OFFERED * PER_RECORD)
    choice = asks.choose(scores, listing, budget)
    assert choice == valuer(bits=(3, 1)).choose(scores, listing, budget)
    assert choice.numbers["duplicates"] == 0 and {7, 8} <= set(choice.records)
    share = len(bad & set(choice.records)) / len(choice.records)
    assert share < 0.25 and choice.numbers["clean_share"] == pytest.approx(2 / 3, abs=0.12)


def test_groups_are_chosen_and_opened_through_noise() -> None:
    listing, asks = manifest(), valuer(bits=(3, 1), disclosure="per-group-10")
    bad = {1, 4, 5, 9}
    rows = [(*row[:-1], 1 - int(row[-1] or 0)) if n // 10 in bad else row for n, row in enumerate(ROWS[:OFFERED])]
    scores = asks.valuation(listing).seen_scores(rows, np.random.default_rng(2))
    choice = asks.choose(scores, listing, Wei(80 * PER_RECORD))
    assert {record // 10 for record in choice.records} == set(range(12)) - bad
    chosen = sorted({record // 10 for record in choice.records})
    asks.check_opened(chosen, [rows[record] for record in choice.records], scores, listing)
    lies = [(*row[:-1], 1 - int(row[-1] or 0)) for row in (rows[record] for record in choice.records)]
    with pytest.raises(GroupsMislead):
        asks.check_opened(chosen, lies, scores, listing)


def test_records_that_differ_in_their_texts_alone_are_warned_of() -> None:
    """A seller could write one record in many ways, `1`, `1.0`, `1.00`, and sell it as many."""
    listing = manifest()
    name = companion_name(COLUMNS[0])
    columns = (*listing.schema.columns, Column(name, ColumnKind.TEXT, scored=False))
    features = replace(feature_schema(), columns=(*feature_schema().columns, name)).to_document()
    kept = replace(listing, schema=replace(listing.schema, columns=columns), preprocessing=features)
    copies = [(*ROWS[n % 5], str(ROWS[n % 5][0]) + f".{n:03}") for n in range(30)]
    scores = np.zeros((2, OFFERED), dtype=np.int64)
    (warning,) = valuer().check_opened(range(30), copies, scores, kept)
    assert warning.startswith("25 of the 30 records that were seen equal another one but for how a number is written")
    honest = [(*row, None) for row in ROWS[:30]]
    assert valuer().check_opened(range(30), honest, scores, kept) == ()


def test_a_choice_forecasts_its_gain_or_says_why_not() -> None:
    listing = manifest()
    asking = valuer(bits=DEFAULT_BITS)
    scores = asking.valuation(listing).seen_scores(ROWS[:OFFERED], np.random.default_rng(0))
    choice = asking.choose(scores, listing, Wei(50 * PER_RECORD))
    forecast = choice.forecast
    assert forecast is not None and choice == asking.choose(scores, listing, Wei(50 * PER_RECORD))
    assert (forecast.records, forecast.validation) == (len(choice.records), len(VALIDATION))
    assert forecast.auc is not None
    assert forecast.auc.low <= forecast.auc.mean <= forecast.auc.high
    text = forecast_text(forecast)
    assert f"{forecast.auc.mean:+.4f} [" in text and f"{-forecast.loss.mean:+.4f} nats" in text
    document = forecast_document(forecast)
    assert document is not None
    loss = {"mean": -forecast.loss.mean, "low": -forecast.loss.high, "high": -forecast.loss.low}
    assert document["loss_change"] == loss
    assert forecast_document(None) is None


@pytest.mark.parametrize(
    ("asking", "why"),
    [
        (valuer(disclosure="per-group-8"), "of a group"),
        (valuer(learner=MlpLearner()), "linear models alone"),
        (valuer(bits=(3,)), "was not asked"),
    ],
)
def test_groups_and_networks_have_no_forecast_and_say_so(asking: TabularValuer, why: str) -> None:
    listing = manifest()
    scores = asking.valuation(listing).integer_scores(ROWS[:OFFERED])
    choice = asking.choose(scores, listing, Wei(OFFERED * PER_RECORD))
    assert choice.records and choice.forecast is None
    assert [reason for reason in choice.reasons if "no forecast of the gain" in reason and why in reason]
