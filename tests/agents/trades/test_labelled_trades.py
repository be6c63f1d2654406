"""Trades of tables whose label has more classes, is a number or a count: real encryption, real blocks, real records.

Buyers are unnamed, so that they bring the untrained model of the label and the prescribed scale.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from trade import (
    BUYER_POLICY,
    PER_RECORD,
    TERMS,
    UNIFORM,
    HandValuer,
    Parties,
    World,
    assert_scores_of,
    make_parties,
)

from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.evaluation.own_models import check_prescribed_model
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.seller import Seller
from blindfair.blind.parameters import DEFAULT
from blindfair.cli.buyer.forecast_text import forecast_document, forecast_text
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.models import LogisticRegression
from blindfair.influence.quantise import QuantisedRows
from blindfair.pricing.learners import MlpLearner
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import BlindfairError, ClassesDiffer, FieldMismatch, InvalidOption, KindsDiffer
from blindfair.protocol.manifest import Column, ColumnKind, Manifest, Schema
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import ETHER, Digest, Secret, Wei
from blindfair.protocol.records import RecordEncoding, Row, encode_row
from blindfair.protocol.signing import Domain
from deep import deep

LABEL = "y"
COLUMNS = (*(f"x{number}" for number in range(8)), LABEL)
OFFERED = 100
KINDS = tuple(LabelKind)
MODELS = {
    LabelKind.CLASSES: "softmax-regression",
    LabelKind.NUMBER: "linear-regression",
    LabelKind.COUNT: "poisson-regression",
}


@cache
def table(kind: LabelKind) -> tuple[Row, ...]:
    """Kinds of wine, the progress of diabetes, and that progress counted in units of ten; in a fixed random order."""
    data = load_wine() if kind is LabelKind.CLASSES else load_diabetes()
    labels = data.target // 10 if kind is LabelKind.COUNT else data.target
    cast = float if kind is LabelKind.NUMBER else int
    order = np.random.default_rng(1).permutation(len(labels))
    return tuple(
        (*(float(cell) for cell in data.data[place, -8:]), ["red", "white", "rosé"][int(labels[place])])
        if kind is LabelKind.CLASSES
        else (*(float(cell) for cell in data.data[place, -8:]), cast(labels[place]))
        for place in order
    )


def schema(kind: LabelKind) -> FeatureSchema:
    return FeatureSchema.infer(table(kind)[:OFFERED], COLUMNS, LABEL, label_kind=kind)


def goods(kind: LabelKind) -> ListingSpec:
    is_class = kind is LabelKind.CLASSES
    columns = (
        *(Column(name, ColumnKind.NUMBER) for name in COLUMNS[:-1]),
        Column(LABEL, ColumnKind.CATEGORY if is_class else ColumnKind.NUMBER),
    )
    return ListingSpec(
        name="measurements",
        description=kind.value,
        licence="BSD-3-Clause",
        consent="public data",
        encoding=RecordEncoding.CBOR_ROW,
        schema=Schema(columns, LABEL),
        preprocessing=schema(kind).to_document(),
        records=tuple(encode_row(row) for row in table(kind)[:OFFERED]),
        terms=replace(TERMS, own_models=False),
    )


def valuer(kind: LabelKind, own: tuple[Row, ...] | None = None, **changes: Any) -> TabularValuer:
    rows = table(kind)[OFFERED:] if own is None else own
    third = len(rows) // 3
    return TabularValuer(rows[:third], rows[third:], COLUMNS, LABEL, pricing=UNIFORM, seed=0, **changes)


def manifest(kind: LabelKind) -> Manifest:
    spec = goods(kind)
    dataset = ChunkedDataset.build(spec.records, spec.chunk_size, Secret(bytes(32)))
    return spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))


def parties_of(kind: LabelKind, directory: Path, seller_type: Callable[..., Seller] = Seller) -> tuple[World, Parties]:
    world = World(directory / "world")
    policy = replace(BUYER_POLICY, budget=Wei(30 * PER_RECORD))
    return world, make_parties(
        world, seller_type=seller_type, goods=goods(kind), valuer=valuer(kind), buyer_policy=policy
    )


@pytest.mark.parametrize("kind", [*KINDS[:2], *deep(*KINDS[2:])])
def test_a_trade_passes_its_audit_and_its_scores_are_those_in_the_clear(kind: LabelKind, tmp_path: Path) -> None:
    world, parties = parties_of(kind, tmp_path)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error, parties.seller.ending) == ("Released", None, "Released")
    bought, records = parties.buyer.bought(), goods(kind).records
    assert 10 <= len(bought) <= 30 and all(data == records[number] for number, data in bought)
    assert parties.deltas() == (-len(bought) * PER_RECORD, len(bought) * PER_RECORD)
    assert parties.buyer.audited_rows == 10
    evaluated = parties.buyer.review()
    assert (evaluated.request.model_name, evaluated.request.bits) == (MODELS[kind], (3,))
    assert evaluated.request.dimension == schema(kind).row_width
    made = valuer(kind).valuation(parties.seller.manifest)
    rows = made.rounding.apply(made.model.rows(table(kind)[:OFFERED]))
    assert_scores_of(parties, rows)
    assert rows.clipped == 0 and made.rounding.spearman is not None and made.rounding.spearman > 0.999
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    parties.close()
    world.close()


class FlatteringSeller(Seller):
    """Commits to, and scores, rows of other records than it delivers."""

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        rows = super()._rows(digest, request)
        return replace(rows, entries=np.roll(rows.entries, 1, axis=0))


@pytest.mark.parametrize("kind", [*KINDS[:1], *deep(*KINDS[1:])])
def test_rows_of_other_records_fail_the_audit(kind: LabelKind, tmp_path: Path) -> None:
    world, parties = parties_of(kind, tmp_path, FlatteringSeller)
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error == "RowsDisagree"
    assert parties.deltas() == (0, 0)
    parties.close()
    world.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_unnamed_buyer_brings_the_untrained_model_of_the_label_and_no_other(kind: LabelKind) -> None:
    listing, question = manifest(kind), valuer(kind).question(manifest(kind))
    check_prescribed_model(question, listing)
    for change in ({"row_scale": 2 * question.row_scale}, {"exponent_bits": 1}, {"model_name": "logistic-regression"}):
        with pytest.raises(FieldMismatch, match="unnamed buyer"):
            check_prescribed_model(replace(question, **change), listing)
    for other in KINDS:
        if other is not kind:
            with pytest.raises(FieldMismatch, match="scoring model"):
                check_prescribed_model(valuer(other).question(manifest(other)), listing)


def test_the_old_model_is_refused_for_a_label_of_three_classes(tmp_path: Path) -> None:
    two = FeatureSchema.infer([row for row in table(LabelKind.CLASSES) if row[-1] != "red"], COLUMNS, LABEL)
    config, weights = LogisticRegression.untrained(two).to_parts()
    asked = HandValuer(changes={"model_config": config, "weights": weights}).question(manifest(LabelKind.CLASSES))
    with pytest.raises(FieldMismatch, match="softmax-regression"):
        check_prescribed_model(asked, manifest(LabelKind.CLASSES))


@pytest.mark.parametrize("kind", KINDS)
def test_a_choice_forecasts_its_gain_in_the_unit_of_the_label(kind: LabelKind) -> None:
    asking, listing = valuer(kind), manifest(kind)
    scores = asking.valuation(listing).seen_scores(table(kind)[:OFFERED], np.random.default_rng(0))
    choice = asking.choose(scores, listing, Wei(30 * PER_RECORD))
    found = choice.forecast
    assert choice.records and found is not None and found.auc is None
    assert found.records == len(choice.records) and found.loss.low < found.loss.mean < found.loss.high
    text, document = forecast_text(found), forecast_document(found)
    assert f" {found.unit} [" in text and "AUC" not in text
    assert document is not None and document["auc_change"] is None and document["loss_unit"] == found.unit


MISFITS: list[tuple[LabelKind, Callable[[Row], Any], type[BlindfairError], str]] = [
    (LabelKind.CLASSES, lambda row: str(row[-1]) + " wine", ClassesDiffer, "other classes"),
    (LabelKind.CLASSES, lambda row: row[0], ClassesDiffer, "other classes"),
    (LabelKind.NUMBER, lambda row: "high" if float(str(row[-1])) > 150 else "low", KindsDiffer, "is a number"),
    (LabelKind.NUMBER, lambda row: None, KindsDiffer, "is a number"),
    (LabelKind.COUNT, lambda row: -int(str(row[-1])), KindsDiffer, "is a count"),
    (LabelKind.COUNT, lambda row: int(str(row[-1])) + 0.5, KindsDiffer, "is a count"),
]


@pytest.mark.parametrize("case", range(len(MISFITS)))
def test_a_buyer_whose_label_is_of_another_kind_is_told_before_it_asks(case: int) -> None:
    kind, changed, error, told = MISFITS[case]
    own = tuple((*row[:-1], changed(row)) for row in table(kind)[OFFERED:])
    with pytest.raises(error, match=told) as caught:
        valuer(kind, own).check_fits(manifest(kind))
    assert "nothing was asked" in str(caught.value.hint)


@pytest.mark.parametrize("kind", [LabelKind.NUMBER, LabelKind.COUNT])
def test_labels_in_another_unit_are_told_before_the_buyer_asks(kind: LabelKind) -> None:
    rows = table(kind)[OFFERED:]
    own = tuple((*row[:-1], int(str(row[-1]).partition(".")[0]) * (1000 if number % 3 else 1))
                for number, row in enumerate(rows))  # fmt: skip
    (warning,) = valuer(kind, own).check_fits(manifest(kind))
    assert "in the same unit?" in warning
    assert valuer(kind).check_fits(manifest(kind)) == ()


def test_a_buyer_with_some_of_the_classes_asks_all_the_same() -> None:
    own = tuple(row for row in table(LabelKind.CLASSES)[OFFERED:] if row[-1] != "red")
    question = valuer(LabelKind.CLASSES, own).question(manifest(LabelKind.CLASSES))
    assert question.queries.shape == (1, schema(LabelKind.CLASSES).row_width)


def test_a_network_learns_classes_and_no_numbers() -> None:
    learner = MlpLearner(hidden=4, steps=20, entries=8)
    made = valuer(LabelKind.CLASSES, learner=learner).valuation(manifest(LabelKind.CLASSES))
    assert (made.model.name, made.projection.k, len(made.queries)) == ("mlp", 8, 1)
    for kind in (LabelKind.NUMBER, LabelKind.COUNT):
        with pytest.raises(InvalidOption, match="model='mlp'"):
            valuer(kind, learner=learner).check_fits(manifest(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_scored_too(kind: LabelKind) -> None:
    spec = goods(kind)
    listing = replace(manifest(kind), terms=replace(spec.terms, disclosures=("per-group-10",)))
    asking = valuer(kind, disclosure="per-group-10")
    question = asking.question(listing)
    check_prescribed_model(question, listing)
    made = asking.valuation(listing)
    scores = made.seen_scores(table(kind)[:OFFERED], np.random.default_rng(0))
    assert scores.shape == (1, 10) and made.group_size == 10
    choice = asking.choose(scores, listing, Wei(50 * PER_RECORD))
    assert choice.numbers["clean_share"] > 0.5
    # Honest groups bear out their scores.
    asking.check_opened((0, 3), [*table(kind)[:10], *table(kind)[30:40]], scores, listing)
    assert DEFAULT.plain_modulus == made.plain_modulus
