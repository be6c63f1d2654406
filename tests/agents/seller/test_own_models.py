"""A listing that takes no models of unnamed buyers answers only rows that treat all records alike (PROTOCOL 2, 4.1)."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_questions import Change, projected, said_to, taken_out
from trade import (
    COLUMNS,
    LABEL,
    OFFERED,
    OWN,
    SELLER_POLICY,
    UNIFORM,
    HandValuer,
    World,
    feature_schema,
    listing_spec,
    make_parties,
    table,
)

import blindfair
from blindfair.agents.buyer.question import ask
from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.buyer.valuer import Question
from blindfair.agents.evaluation.own_models import check_prescribed_model
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.checks import check_request
from blindfair.agents.store.steps import StepKind
from blindfair.blind.cost_cache import cached_costs, keep_costs
from blindfair.blind.measure_costs import machine_name
from blindfair.blind.reference_costs import REFERENCE
from blindfair.influence.architecture import Mlp
from blindfair.influence.models import LogisticRegression
from blindfair.influence.network import NetworkModel
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import quantise_rows
from blindfair.pricing.learners import MlpLearner
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import FieldMismatch
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Message, Request
from blindfair.protocol.quantities import ETHER, Address, Secret, Timestamp, Wei
from blindfair.protocol.signing import Domain
from blindfair.studies.theft.chosen import Encoded, by_network, by_projection

SCHEMA = feature_schema()
K = SCHEMA.width
SCALE = 2047 / 4
PRESCRIBED = HandValuer(changes={"row_scale": SCALE})
NOW, BUYER = Timestamp(1_800_000_000), Address("0x" + "b0" * 20)
SEALING_KEY = bytes.fromhex("09" + 31 * "00")


def model(made: LogisticRegression | NetworkModel) -> Change:
    config, weights = made.to_parts()
    return {"model_name": made.name, "model_config": config, "weights": weights}


def network() -> NetworkModel:
    shape = Mlp(inputs=K - 1, hidden=(3,), classes=2)
    return NetworkModel(SCHEMA, shape, np.random.default_rng(3).normal(size=shape.parameters))


OWN_MODELS: Mapping[str, Change] = {
    "trained weights": model(LogisticRegression(SCHEMA, np.eye(K)[3] * 1e-300)),
    "a network": model(network()),
    "a projection": projected(Projection.matrix(np.eye(K))),
    "signs": projected(Projection.signs(K, bytes(32))),
    "twice the scale": {"row_scale": 2 * SCALE},
    "a scale nearby": {"row_scale": SCALE * (1 + 1e-8)},
    "exponents": {"exponent_bits": 1},
}


def manifest(**terms: Any) -> Manifest:
    goods = listing_spec(**terms)
    dataset = ChunkedDataset.build(goods.records, goods.chunk_size, Secret(bytes(32)))
    return goods.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=SEALING_KEY)


def request(question: Question, listing: Manifest) -> Request:
    expiry = Timestamp(NOW + 1000)
    return ask(question, listing, buyer=BUYER, buyer_hpke=SEALING_KEY, expiry=expiry, token=ETHER, fee=Wei(0))[0]


def test_no_measurement_decides_how_a_question_travels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was measured to do what the reference does, but at other speeds, asks in the same way."""
    question, listing = HandValuer().question(manifest()), manifest()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    chosen, size = (request(question, listing).parameters, len(request(question, listing).query))
    for automorphism, encrypt in ((0.0, 50.0), (50.0, 0.0)):
        keep_costs(
            replace(
                REFERENCE,
                machine=machine_name(),
                version=blindfair.__version__,
                operations={
                    name: replace(seconds, automorphism=automorphism, encrypt=encrypt)
                    for name, seconds in REFERENCE.operations.items()
                },
            )
        )
        assert cached_costs() is not None
        asked = request(question, listing)
        assert (asked.parameters, len(asked.query)) == (chosen, size)


def test_what_an_unnamed_buyer_brings_is_refused_and_costs_nothing(world: World) -> None:
    parties = make_parties(world, goods=listing_spec(own_models=False), valuer=PRESCRIBED)
    while "request" not in parties.buyer.sizes():
        parties.seller.step()
        assert parties.buyer.outcome is None
        parties.buyer.step()
    asked = taken_out(parties)
    messages: dict[str, Message] = {name: replace(asked, **change) for name, change in OWN_MODELS.items()}
    assert said_to(parties, parties.buyer, messages) == dict.fromkeys(OWN_MODELS, "FieldMismatch")
    assert list(parties.seller.journal.done(StepKind[str]("evaluation-of"))) == []
    assert list(parties.seller.journal.done(StepKind[str]("request"))) == []
    assert not (parties.seller.directory / "rows").exists()
    assert said_to(parties, parties.buyer, {"prescribed": asked}) == {"reply": "reply"}


@pytest.mark.parametrize("name", [name for name in OWN_MODELS if name not in ("a network", "exponents")])
def test_a_named_buyer_may_bring_its_own(name: str) -> None:
    listing = manifest(own_models=False)
    brought = replace(request(PRESCRIBED.question(listing), listing), **OWN_MODELS[name])
    check_request(brought, listing, SellerPolicy(buyers=frozenset({BUYER})), NOW)
    for policy in (SELLER_POLICY, SellerPolicy(buyers=frozenset({ETHER}))):
        with pytest.raises(FieldMismatch, match="of an unnamed buyer's own"):
            check_request(brought, listing, policy, NOW)


@pytest.mark.parametrize("name", OWN_MODELS)
def test_a_buyer_does_not_ask_what_would_be_refused(name: str) -> None:
    listing = manifest(own_models=False)
    with pytest.raises(FieldMismatch, match="of an unnamed buyer's own") as caught:
        request(replace(PRESCRIBED.question(listing), **OWN_MODELS[name]), listing)
    assert "`own_models=True`" in str(caught.value.hint)


@pytest.mark.parametrize("disclosure", ["per-record", "per-group-2", "per-group-10", "total"])
def test_the_default_buyer_chooses_nothing_but_its_direction(disclosure: str) -> None:
    listing, rows = manifest(own_models=False, disclosures=(disclosure,)), table()[-OWN:]

    def question(learner: MlpLearner | None = None) -> Question:
        columns = (*COLUMNS, LABEL)
        return TabularValuer(
            rows[:-40], rows[-40:], columns, LABEL, pricing=UNIFORM, seed=0, disclosure=disclosure, learner=learner
        ).question(listing)

    check_prescribed_model(question(), listing)
    with pytest.raises(FieldMismatch, match="scoring model"):
        check_prescribed_model(question(MlpLearner(hidden=3, steps=30, entries=12)), listing)


def test_a_projection_that_lets_all_but_one_record_vanish_needs_a_listing_that_takes_it() -> None:
    """The thief knows two numbers of a person. Every other row is +-2047: times a multiple of t / 2047, nothing."""
    records = table()[:OFFERED]
    person, gains = SCHEMA.encode(records[5:6])[0][0], np.array([1e6, 3.3e6])
    # Each direction reads one feature of whoever has these numbers.
    aim = 1e-6 + 100.0 * np.eye(K)
    aim[:2] += gains[:, np.newaxis]
    aim[-1] -= gains @ person[:2]
    thief = Projection.matrix(aim)
    rows = np.abs(quantise_rows(LogisticRegression.untrained(SCHEMA).rows(records, thief), 2.0).entries)
    assert np.flatnonzero((rows < 2047).any(axis=1)).tolist() == [5]
    assert (rows[5] < 2047).all()

    changes = {**projected(thief), "row_scale": 2.0, "queries": np.full((1, K), 1000, dtype=np.int64)}
    takes, refuses = manifest(own_models=True), manifest(own_models=False)
    asked = request(HandValuer(changes=changes).question(takes), takes)
    check_request(asked, takes, SELLER_POLICY, NOW)
    with pytest.raises(FieldMismatch, match="takes no projection of an unnamed buyer's own"):
        check_request(replace(asked, listing=refuses.listing), refuses, SELLER_POLICY, NOW)


@pytest.mark.parametrize("thief", ["a projection", "a network"])
def test_the_models_by_which_the_study_reads_chosen_people_are_refused_unless_a_listing_takes_them(thief: str) -> None:
    """docs/studies/theft.md: what they read where they are taken."""
    listed = Encoded(SCHEMA, *SCHEMA.encode(table()[:OFFERED]))
    known = tuple(SCHEMA.names[:2])
    aim = (
        by_projection(listed, np.array([5]), known)
        if thief == "a projection"
        else by_network(listed, listed.X[5:8], known)
    )
    others = np.delete(np.abs(aim.rows(listed)), [5, 6, 7], axis=0)
    assert (others == 2047).all() if aim.clipped else not others[:, : 3 * K].any()

    queries = np.full((1, aim.projection.k), 1000, dtype=np.int64)
    changes = {**model(aim.model), **projected(aim.projection), "row_scale": aim.row_scale, "queries": queries}
    takes, refuses = manifest(own_models=True), manifest(own_models=False)
    asked = request(HandValuer(changes=changes).question(takes), takes)
    check_request(asked, takes, SELLER_POLICY, NOW)
    unnamed = replace(asked, listing=refuses.listing)
    check_request(unnamed, refuses, SellerPolicy(buyers=frozenset({BUYER})), NOW)
    with pytest.raises(FieldMismatch, match="of an unnamed buyer's own"):
        check_request(unnamed, refuses, SELLER_POLICY, NOW)
