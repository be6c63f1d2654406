"""The demo of texts: five endings, what was bought by source, and the truth about what buying by score was worth."""

import csv
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Inside
from rich.console import Console
from whole_demo import ENDINGS

from blindfair.api.amounts import parse_ether
from blindfair.cli.demo.options import BUDGETS, DIVISIONS, PRICE_PER_RECORD, TEXT, DemoOptions
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.demo.texts.prepared import (
    NONSENSE,
    WANTED,
    PreparedTexts,
    SourcedText,
    prepare_texts,
    without_copies,
)
from blindfair.cli.demo.texts.report import CHARACTERS
from blindfair.protocol.errors import InvalidOption, MissingPackage
from blindfair.protocol.quantities import Wei

STEPS = 3
"""Steps of fine-tuning of the small demo."""

WANTED_TEXTS, NONSENSE_TEXTS, OTHER_TEXTS = 90, 15, 55
"""With 30 texts of nonsense, one run in which their scores were inflated chose too few texts to audit."""

OFFERED = WANTED_TEXTS + NONSENSE_TEXTS + OTHER_TEXTS

BUDGET = 80
"""Texts that the small demo's buyer can pay. Half of the chosen ones are a sample bought first, of 30 at least.

Noise decides how many are chosen: there are more wanted ones than the buyer can pay, so that 60 are surely chosen.
"""


@dataclass(frozen=True)
class TextDemo:
    """A small demo of texts that came to its end: fewer texts, and less fine-tuning."""

    job: PreparedTexts
    document: Mapping[str, Any]
    files: Mapping[str, bytes]
    progress: str
    shown: str

    def trade(self, case: str) -> Mapping[str, Any]:
        (found,) = (trade for trade in self.document["trades"] if trade["case"] == case)
        return dict(found)


def few() -> PreparedTexts:
    options = DemoOptions(modality=TEXT, budget=Wei(BUDGET * PRICE_PER_RECORD), divisions=2)
    whole = prepare_texts(options)
    wanted = [each for each in whole.offer if each.source == WANTED][:WANTED_TEXTS]
    nonsense = [each for each in whole.offer if each.source in NONSENSE][:NONSENSE_TEXTS]
    others = [each for each in whole.offer if each.kind == "Brown"][:OTHER_TEXTS]
    offer = [*wanted, *nonsense, *others]
    mixed = np.random.default_rng(0).permutation(OFFERED)
    return replace(whole, offer=tuple(offer[place] for place in mixed), own=whole.own, test=whole.test[:20])


@pytest.fixture(scope="module")
def text_demo(tmp_path_factory: pytest.TempPathFactory) -> TextDemo:
    pytest.importorskip("transformers")
    from blindfair.cli.demo.texts.demo import run_text_demo
    from blindfair.pricing.texts.directions import choose_direction

    job, told, shown = few(), io.StringIO(), io.StringIO()
    screen = DemoScreen(Console(file=told, width=300))
    screen.texts(job)
    home = tmp_path_factory.mktemp("texts")
    with pytest.MonkeyPatch.context() as patch:
        quick = partial(choose_direction, strengths=(STEPS,))
        patch.setattr("blindfair.pricing.texts.valuation.choose_direction", quick)
        done = run_text_demo(job, home, screen, report=True, steps=STEPS)
    done.show(Console(file=shown, width=300))
    return TextDemo(job, done.document, done.files, told.getvalue(), shown.getvalue())


@pytest.mark.deep
@pytest.mark.parametrize("case", ENDINGS)
def test_each_case_ends_as_that_of_a_table(case: str, text_demo: TextDemo) -> None:
    trade, fee = text_demo.trade(case), text_demo.document["scores"]["fee_wei"]
    price, bond = trade["price_wei"], trade["bond_wei"]
    assert trade["final"] == ENDINGS[case], trade["error"]
    # An evaluation of texts is free of charge: its six bits are within what is told free.
    assert fee == 0 < bond
    gain = bond if trade["final"] == "Refunded" else -price
    assert (trade["buyer_delta_wei"], trade["seller_delta_wei"]) == (gain, -gain)
    is_caught = trade["error"] in ("ScoresDisagree", "RowsDisagree")
    # Noise decides how many of the inflated are chosen, and the draw which are audited: a miss is told as one.
    is_told = "The audit missed the seller that inflated scores" in " ".join(text_demo.shown.split())
    assert is_caught != is_told if case == "inflated_scores" else not is_caught


@pytest.mark.deep
def test_all_buyers_ask_the_same(text_demo: TextDemo) -> None:
    asked = [line.strip() for line in text_demo.progress.splitlines() if "asks by the" in line]
    assert len(asked) == 5 and len(set(asked)) == 1
    assert "asks by the" in text_demo.shown
    # The query is one of the projection's directions: a seller of texts is not said to learn nothing of it.
    told = "before the selection, of the query only the space of directions in which it lies"
    assert told in " ".join(text_demo.shown.split())


@pytest.mark.deep
def test_neither_party_sees_a_source(text_demo: TextDemo) -> None:
    from blindfair.cli.demo.texts.goods import text_listing_spec
    from blindfair.cli.demo.texts.prepared import MODEL
    from blindfair.influence.text import BaseModel

    spec = text_listing_spec(text_demo.job, BaseModel.load(MODEL))
    assert [column.name for column in spec.schema.columns] == ["text"]
    assert [spec.decode(record) for record in spec.records] == [(each.text,) for each in text_demo.job.offer]


@pytest.mark.deep
def test_what_was_bought_is_counted_by_source(text_demo: TextDemo) -> None:
    sources = text_demo.document["sources"]
    assert (sources["offered"][WANTED], sources["offered"]["Brown"]) == (WANTED_TEXTS, OTHER_TEXTS)
    assert sum(sources["offered"].values()) == OFFERED
    bought = [json.loads(line) for line in text_demo.files["bought.jsonl"].decode().splitlines()]
    assert sum(sources["bought"].values()) == len(bought) == text_demo.trade("honest")["price_wei"] // PRICE_PER_RECORD
    assert {each["record"]: each["text"] for each in bought} == {
        each["record"]: text_demo.job.offer[each["record"]].text for each in bought
    }
    for source, count in sources["offered"].items():
        assert f"{source:<{max(map(len, sources['offered']))}}" in text_demo.shown
        assert sources["bought"].get(source, 0) <= count


@pytest.mark.deep
def test_scores_are_those_of_the_rows(text_demo: TextDemo) -> None:
    scores = text_demo.document["scores"]
    assert scores["as_committed"] is True
    assert scores["records"] == OFFERED and 5.99 < scores["bits_per_record"] <= 6
    assert 0.8 < scores["spearman_float64"] < 1
    assert text_demo.document["audit"]["passed"] is True


@pytest.mark.deep
def test_the_worth_is_a_loss_of_each_way_of_buying(text_demo: TextDemo) -> None:
    utility = text_demo.document["utility"]
    assert (utility["seeds"], utility["texts_affordable"], utility["wanted_texts"]) == (2, BUDGET, WANTED_TEXTS)
    assert 0 < utility["texts_bought"] <= BUDGET
    losses = {arm: utility[f"test_loss_{arm}"] for arm in ("base", "own", "random", "by_score", "wanted")}
    assert all(0 < loss < 12 for loss in losses.values())
    for over in ("random", "own"):
        low, high = utility[f"gain_over_{over}_ci95"]
        assert (low + high) / 2 == pytest.approx(losses[over] - losses["by_score"])
        assert f"95 % interval {low:+.4f} to {high:+.4f}" in text_demo.shown
    assert utility["wanted_share_offered"] == pytest.approx(WANTED_TEXTS / OFFERED)


@pytest.mark.deep
def test_the_report_shows_the_best_and_the_worst_bought_texts(text_demo: TextDemo) -> None:
    files = text_demo.files
    pictures = {"scores.png", "sources.png", "value.png", "worth.png", "gas.png"}
    assert {name for name in files if name.endswith(".png")} == pictures
    rows = list(csv.DictReader(io.StringIO(files["scores.csv"].decode())))
    assert [row["source"] for row in rows] == [each.source for each in text_demo.job.offer]
    bought = sorted((float(row["score_positive_is_helpful"]) for row in rows if row["bought"] == "1"), reverse=True)
    page = files["texts.md"].decode()
    assert f"**{bought[0]:+.4f}**" in page and f"**{bought[-1]:+.4f}**" in page
    quoted = [line.removeprefix("> ") for line in page.splitlines() if line.startswith("> ")]
    assert len(quoted) == 20 and all(len(text.removesuffix("...")) <= CHARACTERS for text in quoted)
    assert json.loads(files["receipt.json"])["disclosed"]["records_delivered"] == len(bought)


@pytest.mark.deep
def test_the_whole_demo_of_texts(tmp_path: Path, inside: Inside) -> None:
    ended = inside("demo", "--modality", "text", "--json", tmp_path / "r.json", "--report", tmp_path / "report")
    assert ended.code == 0, ended.err
    result = json.loads((tmp_path / "r.json").read_text())
    assert {trade["case"]: trade["final"] for trade in result["trades"]} == ENDINGS
    assert result["utility"]["seeds"] == DIVISIONS[TEXT]
    assert result["scores"]["as_committed"] is True
    assert result["utility"]["wanted_share_bought"] > result["utility"]["wanted_share_offered"]
    assert (tmp_path / "report" / "texts.md").exists()


def test_without_the_extra_nothing_is_begun(tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    ended = inside("demo", "--modality", "text", "--directory", tmp_path / "home")
    assert ended.code == MissingPackage.exit_code, ended.err
    assert "pip install 'blindfair[text]'" in ended.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--modality", "image"), "names nothing that the demo trades"),
        (("--modality", "text", "--flipped", "0.1"), "about tables"),
        (("--modality", "text", "--model", "mlp"), "about tables"),
        (("--modality", "labelled-text", "--duplicates", "0.1"), "about tables"),
        (("--modality", "text", "--divisions", "1"), "--divisions is out of range"),
    ],
)
def test_what_texts_have_not_is_refused(arguments: tuple[str, ...], said: str, inside: Inside) -> None:
    ended = inside("demo", *arguments)
    assert ended.code == InvalidOption.exit_code
    assert said in ended.err


def test_a_copy_that_is_listed_first_has_the_source_of_its_original() -> None:
    texts = [SourcedText("A b", "exact copy"), SourcedText("c", "Brown: humor"), SourcedText("a  b", WANTED)]
    assert without_copies(texts) == (SourcedText("A b", WANTED), SourcedText("c", "Brown: humor"))


def test_the_budget_pays_for_as_many_texts_as_there_are_of_the_buyers_domain() -> None:
    affordable = parse_ether(BUDGETS[TEXT], "budget") // PRICE_PER_RECORD
    assert prepare_texts(DemoOptions(modality=TEXT)).wanted.sum() == affordable
