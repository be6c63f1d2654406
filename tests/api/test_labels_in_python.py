"""Labels of more classes, numbers and counts from Python: listed, traded in one process, and refused by name."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.datasets import load_diabetes, load_wine

import blindfair as bf
from blindfair.api.amounts import IN_ETHER
from blindfair.api.listing_text import columns_document, label_text
from blindfair.api.own_records import OWN, TableOptions
from blindfair.cli.buyer.report import show_evaluation
from blindfair.cli.lines import Lines
from blindfair.cli.seller.report import preprocessing_text
from blindfair.influence.label import LabelKind
from blindfair.protocol.errors import ClassesDiffer, InvalidOption, KindsDiffer, LabelUnusable

pd = pytest.importorskip("pandas")

TERMS: dict[str, Any] = {"label": "y", "price_per_record": "0.0001", "licence": "research", "consent": "given"}


def frames(kind: LabelKind) -> tuple[Any, Any]:
    """What is offered, and the buyer's own."""
    data = load_wine(as_frame=True) if kind is LabelKind.CLASSES else load_diabetes(as_frame=True, scaled=False)
    frame = data.data.assign(y=data.target // 10 if kind is LabelKind.COUNT else data.target)
    if kind is LabelKind.CLASSES:
        frame["y"] = frame["y"].map({0: "red", 1: "white", 2: "rosé"})
    frame = frame.sample(frac=1.0, random_state=0).reset_index(drop=True)
    return frame[:100], frame[100:]


UNITS = {
    LabelKind.CLASSES: "nats",
    LabelKind.NUMBER: "squared error / 2, label in standard deviations",
    LabelKind.COUNT: "nats of the count in the label's unit",
}
"""Units of scores, on the screen of `buyer evaluate`."""


def told(kind: LabelKind) -> str:
    return {
        LabelKind.CLASSES: "y, 'red' or 'rosé' or 'white'",
        LabelKind.NUMBER: "y, a number",
        LabelKind.COUNT: "y, a count",
    }[kind]


@pytest.mark.deep
@pytest.mark.parametrize("kind", LabelKind)
def test_a_data_frame_is_listed_evaluated_and_bought(kind: LabelKind) -> None:
    offered, own = frames(kind)
    listing = bf.make_listing(offered, **TERMS, label_kind=kind.value)
    with bf.LocalMarket() as market:
        seller = market.sell(listing)
        manifest = seller.agent.manifest
        assert label_text(manifest) == told(kind)
        document = columns_document(manifest)
        assert document["label_kind"] == kind.value
        assert document["classes"] == (["red", "rosé", "white"] if kind is LabelKind.CLASSES else None)
        assert "the manifest tells everybody the " in preprocessing_text(manifest)
        buyer = market.buyer(seller, bf.make_purchase(own, label="y", budget="0.01", fee="0.01", min_audit_rows=30))
        choice = buyer.evaluate()
        assert buyer.scores.shape == (100,) and buyer.scores.mean() > 0 and choice.records
        screen = io.StringIO()
        lines = Lines(Console(file=screen, width=300))
        show_evaluation(lines, buyer.agent.review(), choice, buyer.scores, None, IN_ETHER)
        assert f"of 100 records, positive = helpful, in {UNITS[kind]}: " in " ".join(screen.getvalue().split())
        # A bootstrap of nothing but good records has no width: no more is said than so many scores can show.
        all_good = {"clean_share": 1.0, "clean_share_low": 0.9705, "clean_share_high": 1.0, "clean_expected": 0.999}
        faultless = replace(choice, numbers={**choice.numbers, **all_good})
        show_evaluation(lines, buyer.agent.review(), faultless, buyer.scores, None, IN_ETHER)
        assert "looks as good as your own records, at least 97%" in screen.getvalue()
        assert "at least 97% of these are expected to be good" in screen.getvalue()
        assert (buyer.buy().final, buyer.buy().error) == ("Released", None)
        bought = buyer.records()
        pd.testing.assert_frame_equal(bought, offered.iloc[bought.index], check_dtype=False, check_names=False)


def test_a_number_is_found_without_being_told() -> None:
    listing = bf.make_listing(frames(LabelKind.NUMBER)[0], **TERMS)
    preprocessing = listing.spec.preprocessing
    assert preprocessing is not None and preprocessing["classes"] is None
    with pytest.raises(InvalidOption, match="`label_kind` names no kind"):
        bf.make_listing(frames(LabelKind.NUMBER)[0], **TERMS, label_kind="amount")
    with pytest.raises(LabelUnusable, match="label_kind='number'"):
        bf.make_listing(frames(LabelKind.NUMBER)[0], **TERMS, label_kind="classes")
    with pytest.raises(LabelUnusable):
        bf.make_listing(frames(LabelKind.CLASSES)[0], **TERMS, label_kind="number")


@pytest.mark.parametrize(
    ("kind", "changed", "error"),
    [
        (LabelKind.CLASSES, lambda y: y.str.upper(), ClassesDiffer),
        (LabelKind.NUMBER, lambda y: np.where(y > 150, "high", "low"), KindsDiffer),
        (LabelKind.COUNT, lambda y: y - 20, KindsDiffer),
    ],
)
def test_a_buyer_of_another_kind_of_label_spends_nothing(kind: LabelKind, changed: Any, error: type[Exception]) -> None:
    offered, own = frames(kind)
    with bf.LocalMarket() as market:
        seller = market.sell(bf.make_listing(offered, **TERMS, label_kind=kind.value))
        wanted = bf.make_purchase(own.assign(y=changed(own["y"])), label="y", budget="0.01", min_audit_rows=30)
        buyer = market.buyer(seller, wanted)
        with pytest.raises(error):
            buyer.evaluate()
        assert len(buyer.agent.transactions()) == 0


@pytest.mark.parametrize("kind", LabelKind)
def test_own_records_are_divided_by_a_third(kind: LabelKind) -> None:
    _, own = frames(kind)
    read = TableOptions("y", [], 3).read({OWN: own})
    assert len(read.train) == pytest.approx(len(own) / 3, abs=10)
    assert len({*read.train, *read.validation}) == len(own)
    assert TableOptions("y", [], 3).read({OWN: own}).train == read.train
