"""The demo of texts with labels: whose text is whose, which labels are wrong, and which base model is taken."""

import json
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from command import Inside
from whole_demo import ENDINGS

from blindfair.api.amounts import parse_ether
from blindfair.cli.demo.options import BUDGETS, LABELLED_TEXT, PRICE_PER_RECORD, DemoOptions
from blindfair.cli.demo.texts.labelled import EARLY, LATE, OFF_TOPIC, OWN, PACKAGE, RIGHT, WRONG_LABEL
from blindfair.cli.demo.texts.prepared import PreparedTexts, prepare_texts, read_texts
from blindfair.protocol.errors import MissingPackage, UnusableModel

needs_minilm = pytest.mark.skipif(find_spec(PACKAGE) is None, reason="needs the package of MiniLM")

YEARS = {
    each["text"]: int(each["document"].split("-")[1])
    for name in ("offer", "own", "test")
    for each in read_texts(name)
    if each["document"].startswith("sotu")
}


@pytest.fixture
def job() -> PreparedTexts:
    pytest.importorskip("transformers")
    pytest.importorskip("tokenizers")
    from blindfair.cli.demo.texts.labelled import prepare_labelled_texts

    return prepare_labelled_texts(DemoOptions(modality=LABELLED_TEXT))


def period(text: str) -> str:
    return EARLY if YEARS[text] < 1970 else LATE


@needs_minilm
def test_labels_of_the_buyer_are_right_and_some_of_the_sellers_are_wrong(job: PreparedTexts) -> None:
    assert [period(text) for text in job.own] == list(job.own_labels) and len(job.own) == OWN
    assert [period(text) for text in job.test] == list(job.test_labels)
    for each in job.offer:
        if each.source != OFF_TOPIC:
            assert (each.label == period(each.text)) == (each.source == RIGHT)
    found = Counter(each.source for each in job.offer)
    assert found[WRONG_LABEL] == round(0.3 * (found[RIGHT] + found[WRONG_LABEL])) and found[OFF_TOPIC] == 30
    assert {label for part in (job.own_labels, job.test_labels) for label in part} == {EARLY, LATE}


@needs_minilm
def test_no_text_is_of_two_parties_and_test_texts_are_of_other_years(job: PreparedTexts) -> None:
    texts = [*job.own, *job.test, *(each.text for each in job.offer)]
    assert len(set(texts)) == len(texts)
    others = {YEARS[text] for text in (*job.own, *(each.text for each in job.offer)) if text in YEARS}
    assert not {YEARS[text] for text in job.test} & others


@needs_minilm
def test_neither_party_sees_which_labels_are_wrong(job: PreparedTexts) -> None:
    assert job.corpus.columns == ("text", "period")
    assert job.corpus.rows == tuple((each.text, each.label) for each in job.offer)
    train, validation = job.divided(0)
    assert train[1] is not None and len(train[0]) == len(train[1]) == OWN // 2 == len(validation[0])


@needs_minilm
def test_the_budget_pays_for_fewer_texts_than_have_the_right_label(job: PreparedTexts) -> None:
    affordable = parse_ether(BUDGETS[LABELLED_TEXT], "budget") // PRICE_PER_RECORD
    assert 0.6 * job.wanted.sum() < affordable < job.wanted.sum()


def test_without_the_package_of_the_model_nothing_is_begun(
    tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setattr("blindfair.cli.demo.texts.labelled.PACKAGE", "no_such_package_of_models")
    ended = inside("demo", "--modality", "labelled-text", "--directory", tmp_path / "home")
    assert ended.code == MissingPackage.exit_code, ended.err
    assert "pip install 'blindfair[minilm]'" in ended.err
    assert not (tmp_path / "home").exists()


def test_another_model_in_the_package_is_refused() -> None:
    pytest.importorskip("transformers")
    from blindfair.cli.demo.texts.demo import check_base
    from blindfair.influence.text import BaseModel

    texts = prepare_texts(DemoOptions())
    base = BaseModel.load(texts.model)
    check_base(texts, base)
    with pytest.raises(UnusableModel, match="another model"):
        check_base(replace(texts, label="period"), base)


@needs_minilm
@pytest.mark.deep
def test_the_whole_demo_of_labelled_texts(tmp_path: Path, inside: Inside) -> None:
    ended = inside(
        "demo", "--modality", "labelled-text", "--json", tmp_path / "r.json", "--report", tmp_path / "report"
    )
    assert ended.code == 0, ended.err
    result = json.loads((tmp_path / "r.json").read_text())
    assert {trade["case"]: trade["final"] for trade in result["trades"]} == ENDINGS
    assert result["scores"]["as_committed"] is True and result["modality"] == "labelled-text"
    assert result["utility"]["wanted_share_bought"] > result["utility"]["wanted_share_offered"]
    assert 0.5 < result["utility"]["test_accuracy_own"] < 1
    first = json.loads((tmp_path / "report" / "bought.jsonl").read_text().splitlines()[0])
    assert first["period"] in (EARLY, LATE)
