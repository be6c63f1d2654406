"""The listing says how records are prepared: for the seller to insist on, and for the buyer to give nothing away."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sealed_messages import sealed_messages_to
from trade import (
    COLUMNS,
    LABEL,
    OFFERED,
    UNIFORM,
    HandValuer,
    World,
    feature_schema,
    listing_spec,
    make_parties,
    table,
)

from blindfair.agents.buyer.question import ask
from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.buyer.valuer import Question
from blindfair.agents.evaluation.preprocessing import listed_schema
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.checks import check_request
from blindfair.agents.store.steps import StepKind
from blindfair.influence.architecture import Mlp
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import NumberFeature
from blindfair.influence.models import LogisticRegression
from blindfair.influence.network import NetworkModel
from blindfair.influence.projection import Projection
from blindfair.influence.scoring_model import ScoringModel
from blindfair.pricing.learners import LogisticLearner, MlpLearner, QueryKind
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import ColumnNotScored, FieldMismatch, UnusableModel
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Refusal, Request
from blindfair.protocol.quantities import ETHER, Address, Secret, Timestamp, Wei
from blindfair.protocol.signing import Domain

KEY = bytes(31) + b"\x09"
"""A public key of X25519."""

BUYER = Address("0x" + "b0" * 20)
EXPIRY = Timestamp(1_900_000_000)


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    goods = listing_spec()
    dataset = ChunkedDataset.build(goods.records, goods.chunk_size, Secret(bytes(32)))
    return goods.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=KEY)


def request(question: Question, manifest: Manifest) -> Request:
    return ask(question, manifest, buyer=BUYER, buyer_hpke=KEY, expiry=EXPIRY, token=ETHER, fee=Wei(0))[0]


def built_on(schema: FeatureSchema, model: ScoringModel | None = None) -> Question:
    """What a buyer with a program of its own asks, by a scoring model on this schema."""
    asked = LogisticRegression.untrained(schema) if model is None else model
    config, weights = asked.to_parts()
    projection, basis = Projection.identity(asked.k).to_parts()
    changes: dict[str, Any] = {
        "model_name": asked.name, "model_config": config, "weights": weights, "projection": projection, "basis": basis,
        "queries": 1000 * np.arange(1, asked.k + 1, dtype=np.int64)[np.newaxis],
    }  # fmt: skip
    return replace(HandValuer().question(spec_manifest()), **changes)


def spec_manifest() -> Manifest:
    goods = listing_spec()
    dataset = ChunkedDataset.build(goods.records, goods.chunk_size, Secret(bytes(32)))
    return goods.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=KEY)


def check(question: Question, manifest: Manifest) -> None:
    check_request(request(question, manifest), manifest, SellerPolicy(), Timestamp(1_800_000_000))


def shifted(feature: Any) -> Any:
    """The mixed-radix thief's: each cell a whole number of its column's steps, none clipped."""
    return NumberFeature(feature.column, 0.0, 1.0, False)


THIEF = replace(feature_schema(), features=tuple(map(shifted, feature_schema().features)))


def network(schema: FeatureSchema) -> NetworkModel:
    shape = Mlp(inputs=schema.width - 1, hidden=(3,), classes=2)
    return NetworkModel(schema, shape, np.random.default_rng(3).normal(size=shape.parameters))


@pytest.mark.parametrize("features", [slice(None), slice(1, None), slice(0, None, 2)])
def test_a_model_on_the_listings_preprocessing_is_taken(features: slice, manifest: Manifest) -> None:
    schema = replace(feature_schema(), features=feature_schema().features[features])
    check(built_on(schema), manifest)
    check(built_on(schema, network(schema)), manifest)


@pytest.mark.parametrize("model", [LogisticRegression.untrained(THIEF), network(THIEF)], ids=["logistic", "network"])
def test_the_thief_who_brings_scaling_of_its_own_is_refused(model: ScoringModel, manifest: Manifest) -> None:
    with pytest.raises(FieldMismatch, match="prepares column 'radius' otherwise") as caught:
        check(built_on(THIEF, model), manifest)
    assert "projection" in str(caught.value.hint)


def test_the_thief_is_refused_before_anything_is_charged(world: World) -> None:
    question = built_on(THIEF)
    changes = {field: getattr(question, field) for field in ("model_config", "weights")}
    parties = make_parties(world, valuer=HandValuer(changes=changes))
    parties.run(lambda: parties.buyer.outcome is not None)
    refusals = [answer for _, answer in sealed_messages_to(world, parties.buyer) if isinstance(answer, Refusal)]
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error == "Refused" and "FieldMismatch" in outcome.reason
    assert all(refusal.error == "FieldMismatch" for refusal in refusals)
    assert list(parties.seller.journal.done(StepKind[str]("evaluation-of"))) == []
    assert not (parties.seller.directory / "rows").exists()


def test_linear_maps_on_top_stay_possible(manifest: Manifest) -> None:
    config = built_on(feature_schema())
    k = feature_schema().width
    basis = np.random.default_rng(1).normal(size=(k, k)).astype(np.float32).astype(np.float64)
    document, tensors = Projection.matrix(basis).to_parts()
    check(replace(config, projection=document, basis=tensors), manifest)


def without_secrets(asked: Request) -> list[bytes]:
    """All that a request tells, without what is encrypted or random."""
    body = asked.to_body()
    for name in ("nonce", "buyer_commitment"):
        del body[name]
    return [canonical(body), asked.weights, asked.basis]


ROWS = table()


def valuer(rows: slice, **options: Any) -> TabularValuer:
    own = ROWS[rows]
    return TabularValuer(own[:30], own[30:], (*COLUMNS, LABEL), LABEL, pricing=UNIFORM, seed=0, **options)


@pytest.mark.parametrize("disclosure", ["per-record", "per-group-8", "total"])
def test_two_buyers_of_different_records_send_the_same_request_but_for_what_is_encrypted(
    disclosure: str, manifest: Manifest
) -> None:
    """By untrained logistic regression a request discloses nothing of the buyer's records."""
    terms = replace(manifest.terms, disclosures=("per-record", "per-group-8", "total"))
    listing = replace(manifest, terms=terms)
    one, other = (valuer(rows, disclosure=disclosure) for rows in (slice(130, 230), slice(300, 520)))
    asked = [request(each.question(listing), listing) for each in (one, other)]
    assert without_secrets(asked[0]) == without_secrets(asked[1])
    assert asked[0].query != asked[1].query
    assert not np.array_equal(one.question(listing).queries, other.question(listing).queries)
    assert len(asked[0].query) == len(asked[1].query)


@pytest.mark.parametrize("learner", [LogisticLearner(QueryKind.TEXTBOOK), MlpLearner(hidden=4, steps=20, entries=8)])
def test_fitted_models_do_tell_of_the_buyers_records(learner: Any, manifest: Manifest) -> None:
    """So that the test above is one; what the buyer prints says so."""
    both = (valuer(rows, learner=learner) for rows in (slice(130, 230), slice(300, 520)))
    asked = [request(each.question(manifest), manifest) for each in both]
    assert without_secrets(asked[0]) != without_secrets(asked[1])
    assert "fitted" in learner.discloses
    assert LogisticLearner().discloses.startswith("nothing of the buyer's records")


def test_rows_of_one_record_are_never_clipped_and_use_their_bits() -> None:
    made = valuer(slice(300, 520)).valuation(spec_manifest())
    far = [(*(1e9 for _ in COLUMNS), 1), (*(-1e9 for _ in COLUMNS), 0)]
    rounded = made.rounding.apply(made.model.rows([*ROWS[:OFFERED], *far]))
    assert rounded.clipped == 0 and np.abs(rounded.entries).max() == 2047


def test_a_constant_column_of_the_buyers_is_a_constant_feature(manifest: Manifest) -> None:
    """Nobody sees which columns vary among its records."""
    rows = [(row[0], 20.0, *row[2:]) for row in ROWS[300:520]]
    asking = TabularValuer(rows[:60], rows[60:], (*COLUMNS, LABEL), LABEL, pricing=UNIFORM, seed=0)
    config = asking.question(manifest).model_config
    assert canonical(config) == canonical({"schema": feature_schema().to_document()})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda document: None, UnusableModel),
        (lambda document: {}, UnusableModel),
        (lambda document: {**document, "features": document["features"] * 2}, UnusableModel),
        (lambda document: {**document, "columns": document["columns"][::-1]}, FieldMismatch),
        (lambda document: {**document, "label": "area", "features": document["features"][:3]}, FieldMismatch),
    ],
)
def test_a_listing_of_useless_preprocessing_is_not_asked_about(
    change: Callable[[Any], Any], error: type[Exception], manifest: Manifest
) -> None:
    useless = replace(manifest, preprocessing=change(feature_schema().to_document()))
    with pytest.raises(error):
        valuer(slice(300, 520)).question(useless)
    # Its seller answers nothing either.
    with pytest.raises(error):
        check(built_on(feature_schema()), useless)


def test_preprocessing_that_reads_a_kept_column_is_not_asked_about(manifest: Manifest) -> None:
    columns = tuple(replace(column, scored=column.name != "area") for column in manifest.schema.columns)
    kept = replace(manifest, schema=replace(manifest.schema, columns=columns))
    with pytest.raises(ColumnNotScored):
        listed_schema(kept)


def test_a_buyer_whose_records_are_written_otherwise_asks_nothing(manifest: Manifest) -> None:
    own = [(*row[:-1], ("malign", "benign")[int(str(row[-1]))]) for row in ROWS[300:520]]
    asking = TabularValuer(own[:60], own[60:], (*COLUMNS, LABEL), LABEL, pricing=UNIFORM, seed=0)
    with pytest.raises(FieldMismatch, match="other classes") as caught:
        asking.question(manifest)
    assert (caught.value.expected, caught.value.found) == ("0 and 1", "'benign' and 'malign'")


def test_a_column_that_fits_in_part_is_told_to_the_buyer_before_and_after_it_asks(manifest: Manifest) -> None:
    own = [("17,99", *row[1:]) if number % 10 == 0 else row for number, row in enumerate(ROWS[300:520])]
    asking = TabularValuer(own[:60], own[60:], (*COLUMNS, LABEL), LABEL, pricing=UNIFORM, seed=0)
    [told] = [note for note in asking.question(manifest).notes if "do not fit" in note]
    assert "'radius': 22 of 220 cells" in told and "'17,99' in your records" in told
    scores = asking.valuation(manifest).seen_scores(ROWS[:OFFERED], np.random.default_rng(1))
    assert told in asking.choose(scores, manifest, Wei(10**18)).reasons
