"""The study of purchases of texts: its domains are what they say, and the page is the document's."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from study_pages import PAGES

pytest.importorskip("transformers", reason="language models need the extra `text`")

from blindfair.influence.text import BaseModel
from blindfair.studies.statistics import SharePart
from blindfair.studies.texts import report
from blindfair.studies.texts.corpora import CorpusDocument
from blindfair.studies.texts.domains import DEMO_TEXTS, KINDS, TARGET, TEST, TRAIN, VALIDATION, TextDomain, demo_domain
from blindfair.studies.texts.forecasts import forecast_table
from blindfair.studies.texts.labelled import LABELLED_KINDS, OFF_TOPIC, RIGHT, TASKS, Filter, labelled_domain
from blindfair.studies.texts.purchases import ARMS, ORACLE, RANDOM, SCORE, PurchasePlan
from blindfair.studies.texts.report import page, restore_texts, told_of_bar, write_texts
from blindfair.studies.texts.tables import way


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return BaseModel.load(DEMO_TEXTS / "model")


def short(base: BaseModel, seed: int) -> TextDomain:
    """A part of the demo's domain, for a quick run."""
    domain = demo_domain(base, seed)
    return replace(
        domain,
        train=domain.train[:12],
        validation=domain.validation[:40],
        test=domain.test[:4],
        offer=domain.offer[:40],
        kinds=domain.kinds[:40],
    )


def test_the_demos_domain_has_no_copies_and_no_text_twice(base: BaseModel) -> None:
    domain = demo_domain(base, 1)
    own = {*domain.train, *domain.validation}
    assert (len(domain.train), len(domain.validation), len(domain.test)) == (TRAIN, VALIDATION, TEST)
    assert len(own) == TRAIN + VALIDATION and len(set(domain.offer)) == len(domain.offer) == len(domain.kinds)
    assert not own & {*domain.test, *domain.offer} and not set(domain.test) & set(domain.offer)
    assert set(domain.kinds) == set(KINDS) and domain.kinds.count(TARGET) == 120
    assert demo_domain(base, 2).train != domain.train == demo_domain(base, 1).train


@pytest.mark.deep
def test_a_tiny_run_is_kept_and_its_page_is_of_its_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "QUICK", PurchasePlan((0.2,), 2))
    monkeypatch.setattr(report, "QUICK_SEEDS", 1)
    found: Any = write_texts(tmp_path, quick=True, domains={"short": short})
    (line,) = found["lines"]
    assert {each["arm"] for each in line["purchases"]} == set(ARMS)
    bought = {each["arm"]: each["bought"] for each in line["purchases"]}
    assert sum(bought[RANDOM].values()) == 8 >= sum(bought[SCORE].values())
    assert bought[ORACLE][TARGET] == min(8, line["offered"][TARGET])
    assert (tmp_path / "texts.md").read_text(encoding="utf-8") == page(found)
    # What is in the ledger is not measured again, and needs no domain.
    assert write_texts(tmp_path, quick=True, so_far=True, domains={"short": short}) == found
    restore_texts(tmp_path / "other", found)
    assert write_texts(tmp_path / "other", quick=True, so_far=True, domains={"short": short}) == found


def test_the_share_of_the_way_is_of_the_mean_gains() -> None:
    def line(score: float, random: float, oracle: float) -> Any:
        losses = {SCORE: score, RANDOM: random, ORACLE: oracle}
        return {"purchases": [{"arm": arm, "share": 0.2, "loss": loss} for arm, loss in losses.items()]}

    gain, limit, part = way([line(5.0, 6.0, 4.0), line(5.0, 7.0, 3.0)], SCORE, 0.2)
    assert (gain.mean, limit.mean) == (1.5, 3.0) and part is not None and part.mean == 0.5 and part.margin == 0.0
    assert way([line(5.0, 6.0, 6.5)], SCORE, 0.2)[2] is None
    single = way([line(5.0, 6.0, 4.0)], SCORE, 0.2)[2]
    assert single is not None and single.margin is None


def test_a_bar_that_is_reached_within_chance_alone_is_told_so() -> None:
    assert told_of_bar(SharePart(0.95, 0.1)) == "it reaches 80%."
    assert told_of_bar(SharePart(0.98, 1.21)) == "it reaches 80% on average.\nLess is within chance."
    assert told_of_bar(SharePart(0.68, 0.51)) == "it misses 80% on average.\nMore is within chance."
    assert told_of_bar(SharePart(0.5, 0.1)) == "it misses 80%." and "average" in told_of_bar(SharePart(0.98, None))


def test_the_committed_page_is_made_of_the_committed_document() -> None:
    found = json.loads((PAGES / "texts.json").read_text(encoding="utf-8"))
    assert (PAGES / "texts.md").read_text(encoding="utf-8") == page(found)


def test_the_head_says_how_few_tasks_labelled_texts_are() -> None:
    told = page({"steps": 36, "asked": {"texts": 96, "labelled": 48}, "lines": []})
    assert f"They are of {len(TASKS)} topics alone, *{'* and *'.join(TASKS)}*, each with two classes." in told
    assert "So 48 purchasers of labelled texts are 2 topics, 3 shares of wrong labels and 8 seeds." in told
    assert "topics" not in page({"steps": 36, "asked": {"texts": 9}, "lines": []})


@pytest.mark.deep
def test_labelled_texts_are_wrong_as_often_as_is_said_and_of_no_document_twice(base: BaseModel) -> None:
    documents = [
        CorpusDocument(f"{source}-{number}", source, "", True, prose(source, number))
        for source in ("first", "second", "other")
        for number in range(40)
    ]
    filters: list[tuple[str, Filter]] = [
        ("a", lambda document: document.source == "first"),
        ("b", lambda document: document.source == "second"),
    ]
    made = labelled_domain(filters, lambda document: document.source == "other", 0.3, base, 1, documents=documents)
    kinds = dict(zip(made.offer, made.kinds, strict=True))
    assert [made.kinds.count(kind) for kind in LABELLED_KINDS] == [140, 60, 40]
    assert not {*made.train, *made.validation} & {*made.test, *made.offer} and not set(made.test) & set(made.offer)
    assert made.labels.offer is not None and made.labels.test is not None
    for text, label in zip(made.offer, made.labels.offer, strict=True):
        true = 0 if "first" in text else 1
        assert kinds[text] == OFF_TOPIC if "other" in text else (label == true) == (kinds[text] == RIGHT)
    assert all(("first" in text) == (label == 0) for text, label in zip(made.test, made.labels.test, strict=True))


def prose(source: str, number: int) -> str:
    """A document of several passages, unlike any other."""
    return " ".join(f"The {source} book {number} says {part} things about the {source} of men." for part in range(60))


def test_a_forecast_is_fitted_on_other_domains_alone() -> None:
    """Gains that follow from the share of the offer in one way in all domains but one: only there a guess errs."""

    def line(domain: str, slope: float) -> dict[str, Any]:
        purchases = [
            {"arm": arm, "share": share, "loss": 1.0 - slope * share, "bought": {"target": round(100 * share)}}
            for share in (0.1, 0.2, 0.4)
            for arm in ("score", "random")
        ]
        offered = {"target": 100}
        own, base = {"loss": 1.0}, {"loss": 2.0}
        return {
            "section": "texts",
            "domain": domain,
            "own": own,
            "base": base,
            "offered": offered,
            "purchases": purchases,
        }

    alike = [line(name, 0.5) for name in "abcd"]
    told = forecast_table(alike)
    assert told is not None
    rows: Any = told.to_document()["rows"]
    (found,) = rows
    assert (found["number"], found["gain"], found["above zero"]) == ("12", "+0.1167 ± 0.0624", "100%")
    assert (found["error: nothing"], found["mean"], found["size"]) == ("0.1323", "0.0624", "0.0000")
    other: Any = forecast_table([*alike, line("e", -0.5)])
    assert float(other.to_document()["rows"][0]["size"]) > 0.05
    assert forecast_table(alike[:2]) is None
    # The same texts with other wrong labels are no further domain.
    assert forecast_table([line(f"a, {share}% wrong", 0.5) for share in (10, 30, 50)]) is None
