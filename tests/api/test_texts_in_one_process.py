"""Texts by the Python interface: whole trades of a folder and of a table, and what owners give that cannot be used."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny_bases
from text_models import random_projection
from tiny_bases import build, write

from blindfair.agents.buyer.text_valuer import NO_FORECAST, NO_FORECAST_OF_LABELLED
from blindfair.agents.context import Event
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.checks import RequestCost
from blindfair.agents.seller.progress import PROGRESS
from blindfair.api.buying import make_purchase
from blindfair.api.listing import make_listing
from blindfair.api.listing_text_valuer import ListingTextValuer
from blindfair.api.local_market import LocalMarket
from blindfair.cli.buyer.export import default_export, export_bought
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import Difference, TextModel, TextScoring
from blindfair.influence.text.scoring import windows_of
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import (
    BlindfairError,
    ClassesDiffer,
    ColumnsDiffer,
    FileMissing,
    InvalidListing,
    InvalidOption,
    LabelMissing,
    LabelUnusable,
    MalformedTable,
    MissingPackage,
    NoRecords,
    TooCostly,
    UndecodableBytes,
    UnusableModel,
    UnusableText,
)
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ETHER, Secret
from blindfair.protocol.signing import Domain
from deep import deep

TEXTS = tiny_bases.texts(60, 1, longest=40)
OWN = pd.DataFrame({"text": tiny_bases.texts(90, 2, longest=40)})
ODD = ['the cat\nsat, "on"\r\n\ta mat\n', "a dog 🐕‍🦺 saw e\u0301", "=the moon; ran", "the sun " * 700]
CHEAP: dict[str, Any] = {"price_per_record": "0.0001", "licence": "any", "consent": "made up", "own_models": True}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("bert"), tmp_path_factory.mktemp("classifier"))


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"text": TEXTS, **columns})


def folder_of(texts: list[str], folder: Path) -> Path:
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number:03}.txt").write_bytes(text.encode())
    return folder


@pytest.mark.parametrize("kind", [*deep("folder"), "table"])
def test_bought_texts_are_what_their_seller_had(kind: str, base: Path, tmp_path: Path) -> None:
    texts = [*TEXTS, *ODD]
    codes = [f"{number:03}" if number % 5 else "NA" for number in range(len(texts))]
    beside = {"code": codes, "amount": [number / 2 for number in range(len(texts))]}
    records = folder_of(texts, tmp_path / "texts") if kind == "folder" else pd.DataFrame({"text": texts, **beside})
    listing = make_listing(records, text_column="text", base_models=[base], bits=6, **CHEAP)
    purchase = make_purchase(
        OWN, text_column="text", base_model=base, budget="0.01", fee="0.005", audit_rows=5, sample_share=1.0
    )
    events: list[Event] = []
    with LocalMarket(tmp_path / "market", on_event=events.append) as market:
        buyer = market.buyer(market.sell(listing), purchase)
        assert NO_FORECAST in buyer.evaluate().reasons
        (making,) = (place for place, event in enumerate(events) if "fine-tunes the base model" in event.text)
        assert events[making].step == PROGRESS
        assert not any(event.who == "buyer" and event.step in ("question", "request") for event in events[:making])
        outcome = buyer.buy()
        assert outcome.final == "Released", outcome
        (told_of_rows,) = (event.text for event in events if event.text.startswith("computes gradient rows"))
        (held,) = listing.base_models.values()
        windows = windows_of(TextPreprocessing.from_document(listing.spec.preprocessing or {}), held)
        number = sum(len(windows.cut(tokens, causal=True)) for tokens in held.tokenizer.encode(texts))
        assert number > 1.1 * len(texts)
        assert told_of_rows.endswith(f"for 64 records of {number / len(texts):.1f} windows each")
        bought = buyer.records()
        assert len(bought) >= 1  # how many depends on the noise of encrypted scores
        for number, row in bought.iterrows():
            assert row["text"] == texts[int(str(number))]
            if kind == "table":
                assert row["code"] == codes[int(str(number))]
        lines, table = tmp_path / "bought.jsonl", tmp_path / "bought.csv"
        assert default_export(tmp_path, buyer.agent.review().listing.manifest) == lines
        for path in (lines, table):
            assert export_bought(buyer.agent, path) == len(bought)
            assert path.stat().st_mode & 0o777 == 0o600
        told = [json.loads(line) for line in lines.read_text().splitlines()]
        assert [each["record"] for each in told] == list(bought.index)
        read = pd.read_csv(table, dtype=str, keep_default_na=False, lineterminator="\n")
        for each, text in zip(told, read["text"], strict=True):
            assert each["text"] == texts[each["record"]] == text
            if kind == "table":
                assert (each["code"], each["amount"]) == (codes[each["record"]], each["record"] / 2)


@pytest.mark.deep
def test_a_buyer_hides_its_query_and_is_told_what_that_costs(base: Path) -> None:
    listing = make_listing(frame(), text_column="text", base_models=[base], bits=6, **CHEAP)
    dataset = ChunkedDataset.build(listing.spec.records, 1024, Secret(bytes(32)))
    manifest = listing.spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))
    asked = [
        make_purchase(OWN, text_column="text", base_model=base, budget="0.01", show_query=shown).valuer.question(
            manifest
        )
        for shown in (True, False, False)
    ]
    assert "shows the seller each layer's part of the query" in asked[0].notes[-1]
    assert re.search(r"directions are hidden; rank correlation .*: \d\.\d\d \(1 = no loss\)$", asked[1].notes[-1])
    assert asked[0].basis != asked[1].basis == asked[2].basis
    with pytest.raises(InvalidOption, match="`show_query` is for texts"):
        make_purchase(pd.DataFrame({"x": [1.0, 2.0]}), label="x", budget="0.01", show_query=True)


@pytest.mark.deep
def test_texts_with_a_label_are_traded_by_a_classifier(classifier: Path, tmp_path: Path) -> None:
    def labelled(texts: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"text": texts, "kind": ["cat" if "cat" in text else "none" for text in texts]})

    given: dict[str, Any] = {"text_column": "text", "label": "kind"}
    listing = make_listing(labelled(TEXTS), base_models=[classifier], bits=6, **given, **CHEAP)
    purchase = make_purchase(
        labelled(list(OWN["text"])), base_model=classifier, budget="0.01", fee="0.005", audit_rows=5, sample_share=1.0,
        **given,
    )  # fmt: skip
    with LocalMarket(tmp_path / "market") as market:
        buyer = market.buyer(market.sell(listing), purchase)
        reasons = buyer.evaluate().reasons
        assert NO_FORECAST_OF_LABELLED in reasons and NO_FORECAST not in reasons
        assert buyer.buy().final == "Released"
        bought = buyer.records()
        assert list(bought.columns) == ["text", "kind"] and len(bought)
        for number, row in bought.iterrows():
            assert tuple(row) == tuple(labelled(TEXTS).iloc[int(str(number))])


def test_naming_a_base_model_allows_what_scoring_with_it_takes(base: Path) -> None:
    """The limit for tables is reached by a few texts of a model of a hundred million numbers."""
    texts = pd.DataFrame({"text": tiny_bases.texts(1500, 3, longest=40)})
    listing = make_listing(
        texts, text_column="text", base_models=[base], window=2048, max_windows=64, without_copies=True, bits=4, **CHEAP
    )
    (held,) = listing.base_models.values()
    read = TextPreprocessing.from_document(listing.spec.preprocessing or {})
    scoring = TextScoring(TextModel(held, Difference(), windows_of(read, held)), read, ("text",), normalised=True)
    cost = RequestCost.of(scoring, random_projection(scoring.model), records=len(listing.spec.records), queries=2)
    cost.check(listing.policy)
    with pytest.raises(TooCostly):
        cost.check(SellerPolicy())


def test_copies_with_another_label_are_named_before_the_first_alone_is_listed(classifier: Path) -> None:
    """Only the owner knows which label is right, and of the second nothing would be left."""
    texts, labels = [*TEXTS, TEXTS[4].upper(), TEXTS[6].upper()], [*(["a", "b"] * 30), "b", "a"]
    given: dict[str, Any] = {"text_column": "text", "label": "y", "base_models": [classifier], "bits": 4, **CHEAP}
    with pytest.raises(InvalidListing, match="the same but for case") as caught:
        make_listing(pd.DataFrame({"text": texts, "y": labels}), **given)
    assert "2 copies; record 60 is record 4" in str(caught.value.found)
    assert "1 copy has another label than the first text that is the same: record 60 and record 4" in str(
        caught.value.found
    )
    assert "Correct the labels first" in caught.value.hint
    labels[60] = "a"
    with pytest.raises(InvalidListing) as caught:
        make_listing(pd.DataFrame({"text": texts, "y": labels}), **given)
    assert "another label" not in str(caught.value)


def test_a_listing_names_its_near_duplicates_by_the_numbers_of_listed_records(base: Path) -> None:
    """Copies are left out before records are counted, and a tail that is not scored hides nothing."""
    form = "you owe us some money since the last year"
    tail = " ".join(["sun", "moon", "mat", "cat", "dog"] * 8)
    texts = [form, form.upper(), *TEXTS[:20], "Bob: " + form + "!", f"{form} . {tail}"]
    listing = make_listing(
        pd.DataFrame({"text": texts}), text_column="text", base_models=[base], window=10, max_windows=1,
        without_copies=True, bits=4, **CHEAP,
    )  # fmt: skip
    read = TextPreprocessing.from_document(listing.spec.preprocessing or {})
    listed = [text for place, text in enumerate(texts) if place != 1]
    assert len(listing.spec.records) == len(listed)
    assert {21, 22} <= set(read.near_duplicates) and 0 not in read.near_duplicates


BAD_LISTINGS: dict[str, tuple[dict[str, Any], dict[str, Any], type[BlindfairError], str]] = {
    # case: (columns of the frame, options, error, a word of its message)
    "an empty text": ({"text": [*TEXTS[1:], ""]}, {}, MalformedTable, "no text"),
    "a text of blanks": ({"text": [*TEXTS[1:], " \n\u2003"]}, {}, MalformedTable, "no text"),
    "a text that nobody sees": ({"text": [*TEXTS[1:], " \u200b\u2060\x07"]}, {}, MalformedTable, "no text"),
    "a missing text": ({"text": [*TEXTS[1:], None]}, {}, MalformedTable, "no text"),
    "a zero character": ({"text": [*TEXTS[1:], "the\0cat"]}, {}, MalformedTable, "zero"),
    "a text of one token": ({"text": [*TEXTS[1:], "a"]}, {}, UnusableText, "too short"),
    "copies but for case": ({"text": [*TEXTS[2:], "X y", "x  Y"]}, {}, InvalidListing, "case and blanks"),
    "copies but for Unicode": ({"text": [*TEXTS[2:], "a ﬁne cat", "a fine cat"]}, {}, InvalidListing, "case and"),
    "one text": ({"text": TEXTS[:1]}, {}, InvalidListing, "different"),
    "a text too long": ({"text": [*TEXTS[1:], "the cat " * 20_000]}, {}, MalformedTable, "too long"),
    "no such column": ({}, {"text_column": "body"}, InvalidOption, "no such column"),
    "no base model": ({}, {"base_models": []}, InvalidOption, "base model"),
    "no such folder": ({}, {"base_models": ["nowhere"]}, FileMissing, "config.json"),
    "neither buyers nor own models": ({}, {"own_models": False}, InvalidOption, "models that buyers bring"),
    "windows of nothing": ({}, {"window": 7}, InvalidOption, "`window`"),
    "too many windows": ({}, {"max_windows": 65}, InvalidOption, "`max_windows`"),
    "a label that is not there": ({}, {"label": "y"}, LabelMissing, "label"),
    "the text as label": ({}, {"label": "text"}, LabelMissing, "label"),
    "a label of one class": ({"y": [1] * 60}, {"label": "y"}, LabelUnusable, "2 ... 64"),
    "a label for a language model": ({"y": [0, 1] * 30}, {"label": "y"}, LabelUnusable, "do not fit"),
    "an option of tables": ({"y": [0, 1] * 30}, {"never_score": ["y"]}, InvalidOption, "for tables"),
    "another option of tables": ({}, {"text": ["text"]}, InvalidOption, "for tables"),
}


@pytest.mark.parametrize("case", BAD_LISTINGS)
def test_texts_that_cannot_be_listed_are_refused_by_name(case: str, base: Path) -> None:
    columns, options, error, word = BAD_LISTINGS[case]
    given = {"text_column": "text", "base_models": [base], **CHEAP, **options}
    with pytest.raises(error, match=word) as told:
        make_listing(pd.DataFrame({"text": TEXTS, **columns} if "text" not in columns else columns), **given)
    assert error is not UnusableText or "counted from 0" in told.value.hint


def test_a_classifier_takes_a_label_and_known_words_alone(classifier: Path) -> None:
    given: dict[str, Any] = {"text_column": "text", "base_models": [classifier], "bits": 4, **CHEAP}
    assert make_listing(frame(y=["red", "blue"] * 30), label="y", **given).spec.schema.label == "y"
    with pytest.raises(LabelUnusable, match="do not fit"):
        make_listing(frame(), **given)
    with pytest.raises(LabelMissing, match="no label"):
        make_listing(frame(y=[None, *["red", "blue"] * 29, "red"]), label="y", **given)
    with pytest.raises(UnusableText, match="knows no word of record 59"):
        made = frame(y=["red", "blue"] * 30)
        made.loc[59, "text"] = "私は"
        make_listing(made, label="y", **given)


def test_classes_are_public_so_few_texts_of_one_are_refused(classifier: Path) -> None:
    given: dict[str, Any] = {"text_column": "text", "base_models": [classifier], "bits": 4, "label": "y", **CHEAP}
    listed = make_listing(frame(y=list(range(1, 13)) * 5), **given).spec.preprocessing
    assert listed is not None and listed["classes"] == list(range(1, 13))
    with pytest.raises(LabelUnusable, match="public manifest") as told:
        make_listing(frame(y=["red", "blue"] * 28 + ["Ann Lee"] * 4), **given)
    assert "'Ann Lee' in 4" in str(told.value.found)
    # A copy is not listed, and is not counted.
    rare = frame(y=["red", "blue"] * 27 + ["red", *["Ann Lee"] * 5])
    rare.loc[59, "text"] = rare.loc[58, "text"].upper()
    with pytest.raises(LabelUnusable, match="public manifest"):
        make_listing(rare, without_copies=True, **given)


def test_own_labels_of_other_classes_are_told_before_anything_is_asked(classifier: Path) -> None:
    given: dict[str, Any] = {"text_column": "text", "label": "y"}
    spec = make_listing(frame(y=["red", "blue"] * 30), base_models=[classifier], bits=4, **given, **CHEAP).spec
    dataset = ChunkedDataset.build(spec.records, spec.chunk_size, Secret(bytes(32)))
    manifest = spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))
    told: list[Manifest] = []
    own = OWN.assign(y=["red", "Blue"] * 45)
    prepared = make_purchase(own, base_model=classifier, budget="1", before_asking=told.append, **given)
    with pytest.raises(ClassesDiffer, match="label 'y'") as caught:
        prepared.valuer.question(manifest)
    assert "'blue' for 'Blue'" in caught.value.hint and not told


@pytest.mark.parametrize("label", [None, "y"])
def test_the_scoring_model_of_texts_is_known_before_anything_is_fine_tuned(
    label: str | None, base: Path, classifier: Path
) -> None:
    """So a second evaluation, which the seller would refuse, can be refused before it takes minutes."""
    given: dict[str, Any] = {"text_column": "text", "label": label}
    model, labels = (base, {}) if label is None else (classifier, {"y": ["red", "blue"] * 30})
    spec = make_listing(frame(**labels), base_models=[model], bits=4, **given, **CHEAP).spec
    dataset = ChunkedDataset.build(spec.records, spec.chunk_size, Secret(bytes(32)))
    manifest = spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))
    own = OWN if label is None else OWN.assign(y=["red", "blue"] * 45)
    valuer = make_purchase(own, base_model=model, budget="1", **given).valuer
    assert isinstance(valuer, ListingTextValuer)
    known, question = valuer.known_model(manifest), valuer.question(manifest)
    assert known is not None
    assert (known.name, *known.to_parts()) == (question.model_name, question.model_config, question.weights)


def test_a_table_is_told_that_the_listing_holds_texts(base: Path) -> None:
    spec = make_listing(frame(), text_column="text", base_models=[base], bits=4, **CHEAP).spec
    dataset = ChunkedDataset.build(spec.records, spec.chunk_size, Secret(bytes(32)))
    manifest = spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))
    table = pd.DataFrame({"a": range(60), "b": [number * 7 % 31 for number in range(60)], "y": [0, 1] * 30})
    with pytest.raises(ColumnsDiffer, match="This listing holds texts") as caught:
        make_purchase(table, label="y", budget="1").valuer.question(manifest)
    assert "`text_column` and `base_model`" in caught.value.hint


def test_options_of_texts_are_refused_for_a_table(base: Path) -> None:
    table = pd.DataFrame({"a": range(60), "b": [number * 7 % 31 for number in range(60)], "y": [0, 1] * 30})
    with pytest.raises(InvalidOption, match="`base_model` is for texts"):
        make_listing(table, label="y", base_models=[base], **CHEAP)
    with pytest.raises(InvalidOption, match="`window` is for texts"):
        make_listing(table, label="y", window=64, **CHEAP)
    with pytest.raises(InvalidOption, match="`base_model` is for texts"):
        make_purchase(table, label="y", base_model=base, budget="1")


BAD_PURCHASES: dict[str, tuple[dict[str, Any], type[BlindfairError], str]] = {
    "no base model": ({"base_model": None}, InvalidOption, "base_model"),
    "no such folder": ({"base_model": "nowhere"}, FileMissing, "config.json"),
    "no such column": ({"text_column": "body"}, InvalidOption, "no such column"),
    "a model of tables": ({"model": "mlp"}, InvalidOption, "`model` is for tables"),
    "groups": ({"disclosure": "per-group-10"}, InvalidOption, "`disclosure` is for tables"),
    "bits of a table's score": ({"score_bits": 5}, InvalidOption, "`score_bits` is for tables"),
    "a column of codes": ({"text": ["text"]}, InvalidOption, "`text` is for tables"),
    "too few texts": ({"own": OWN[:79]}, NoRecords, "too few"),
    "too few validation texts": ({"own": None, "train": OWN[39:], "validation": OWN[:39]}, NoRecords, "too few"),
    "trained on as well": ({"own": None, "train": OWN, "validation": OWN[:50]}, NoRecords, "without 50 copies"),
    "an empty text": ({"own": pd.DataFrame({"text": [*OWN["text"], ""]})}, MalformedTable, "no text"),
    "a text of one token": ({"own": pd.DataFrame({"text": [*OWN["text"], "a"]})}, UnusableText, "record 90 is too"),
    "one in a second table": (
        {"own": None, "train": OWN[:40], "validation": pd.DataFrame({"text": [*OWN["text"][40:], "a"]})},
        UnusableText, "record 50 is too",
    ),
    "a label for a language model": ({"own": OWN.assign(y=[0, 1] * 45), "label": "y"}, LabelUnusable, "do not fit"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_PURCHASES)
def test_own_texts_that_cannot_be_used_are_refused_by_name(case: str, base: Path) -> None:
    options, error, word = BAD_PURCHASES[case]
    with pytest.raises(error, match=word) as caught:
        make_purchase(**{"own": OWN, "text_column": "text", "base_model": base, "budget": "1", **options})
    assert caught.value.hint


@pytest.fixture
def texts(tmp_path: Path) -> Iterator[Path]:
    """A folder of texts that can be listed, to be spoilt."""
    yield folder_of(TEXTS, tmp_path / "texts")


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


SPOILT: dict[str, tuple[Callable[[Path], object], type[BlindfairError]]] = {
    "Latin-1": (lambda folder: (folder / "x.txt").write_bytes("größe".encode("latin-1")), UndecodableBytes),
    "half of a character": (lambda folder: (folder / "x.txt").write_bytes(b"the \xed\xa0\x80"), UndecodableBytes),
    "an empty file": (lambda folder: (folder / "x.txt").write_bytes(b""), MalformedTable),
    "a program": (lambda folder: (folder / "x.txt").write_bytes(b"\x7fELF\0\0"), MalformedTable),
    "a book": (lambda folder: (folder / "x.txt").write_bytes(b"the cat " * 20_000), MalformedTable),
    "nothing": (emptied, NoRecords),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_folder_is_refused_by_name(case: str, texts: Path, base: Path) -> None:
    spoil, error = SPOILT[case]
    spoil(texts)
    with pytest.raises(error):
        make_listing(texts, text_column="text", base_models=[base], bits=6, **CHEAP)


def test_a_buyer_with_another_base_model_asks_nothing(base: Path, tmp_path: Path) -> None:
    """The listing names the models that its seller holds; which of them, the buyer is told before any work."""
    other = write(build("gpt2", n_layer=1), tmp_path / "other")
    listing = make_listing(frame(), text_column="text", base_models=[base], bits=6, **CHEAP)
    with LocalMarket(tmp_path / "market") as market:
        buyer = market.buyer(
            market.sell(listing), make_purchase(OWN, text_column="text", base_model=other, budget="0.01", fee="0.005")
        )
        with pytest.raises(UnusableModel, match="does not hold this base model") as caught:
            buyer.evaluate()
        assert "that the listing names" in str(caught.value.hint)
        assert "request" not in buyer.agent.sizes()


def test_without_the_libraries_of_texts_the_extra_is_named(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(MissingPackage) as caught:
        make_listing(frame(), text_column="text", base_models=[base], bits=6, **CHEAP)
    assert caught.value.hint == "pip install 'blindfair[text]'"
