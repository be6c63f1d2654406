"""The study of the corpus market: its arithmetic by hand, a tiny market from end to end, and its committed page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_pages import PAGES, missing_lines

pytest.importorskip("transformers", reason="language models need the extra `text`")

from blindfair.influence.text import BaseModel
from blindfair.pricing.value_shape import value_shape
from blindfair.studies.corpus import market as markets
from blindfair.studies.corpus import report
from blindfair.studies.corpus.market import BAD, BUYERS, EXACT, NEAR, SHUFFLED, CorpusBuyer, MarketSize, make_market
from blindfair.studies.corpus.report import gain_of, page, tables, write_corpus
from blindfair.studies.corpus.shape import fit_tail, gini
from blindfair.studies.corpus.values import ARMS, BY_VALUE, FLAT, PAYS, CorpusPlan
from blindfair.studies.texts.corpora import CorpusDocument
from blindfair.studies.texts.domains import DEMO_TEXTS

WORDS = ("the ship", "a word", "our union", "some people", "this year", "every state", "the sea", "no man")
TINY = MarketSize(16, 40, 6, {"State of the Union": 3, "Brown": 4, "Moby Dick": 4, "ham": 4, "spam": 4}, 2)


def document(name: str, source: str, part: str, seed: int) -> CorpusDocument:
    rng = np.random.default_rng(seed)
    sentences = (" ".join(rng.choice(WORDS, 8)).capitalize() + f" {seed}." for _ in range(60))
    return CorpusDocument(name, source, part, True, " ".join(sentences))


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> tuple[CorpusDocument, ...]:
    parts = (
        ("State of the Union", "1946-2021"),
        ("State of the Union", "1790-1860"),
        ("Brown", "fiction"),
        ("Moby Dick", ""),
        ("mails", "ham"),
        ("mails", "spam"),
    )
    made = tuple(
        document(f"{source}-{part}-{number}", source, part, 100 * place + number)
        for place, (source, part) in enumerate(parts)
        for number in range(12)
    )
    monkeypatch.setattr(markets, "_documents", lambda: made)
    return made


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return BaseModel.load(DEMO_TEXTS / "model")


def test_shares_of_value_by_hand() -> None:
    # 10 of positive value in all: 5 and 3 are 80 % of it, two of eight texts.
    shape = value_shape(np.array([3.0, -2.0, 5.0, 1.0, 1.0, 0.0, -1.0, -9.0]))
    assert (shape.carries, shape.hurts, shape.top_tenth) == (0.25, 0.375, 0.5)
    even = value_shape(np.ones(100))
    assert even.carries == pytest.approx(0.8) and even.top_tenth == pytest.approx(0.1)


def test_the_gini_coefficient_is_that_of_all_pairs() -> None:
    amounts = np.random.default_rng(0).exponential(size=50)
    pairs = np.abs(amounts[:, None] - amounts[None, :]).sum() / (2 * 50**2 * amounts.mean())
    assert gini(amounts) == pytest.approx(pairs)
    assert gini(np.zeros(4)) == 0.0


@pytest.mark.deep
def test_a_power_law_is_found_and_other_tails_are_refused() -> None:
    rng = np.random.default_rng(0)
    true = fit_tail((1 - rng.random(1500)) ** (-1 / 1.5), rng, 100)
    assert true is not None and true.holds and true.low < 2.5 < true.high and true.preference > 2
    thin = fit_tail(rng.exponential(size=1500), rng, 100)
    half_normal = fit_tail(np.abs(rng.normal(size=1500)), rng, 100)
    assert thin is not None and half_normal is not None and not half_normal.holds
    assert thin.exponent > 3.5 and thin.preference < true.preference
    assert fit_tail(-np.ones(100), rng) is None and fit_tail(np.ones(50), rng) is None


@pytest.mark.deep
def test_a_market_divides_documents_and_bad_sellers_sell_what_they_are_called(
    base: BaseModel, documents: tuple[CorpusDocument, ...]
) -> None:
    found = make_market(base, BUYERS[0], 1, TINY)
    assert (len(found.train), len(found.validation), len(found.test)) == (16, 40, 6)
    own = {*found.train, *found.validation, *found.test}
    honest = [text for text, seller in zip(found.offer, found.sellers, strict=True) if seller not in BAD]
    assert not own & set(found.offer) and len(own) == 62 and len(set(honest)) == len(honest)
    by_seller: dict[str, list[str]] = {name: [] for name in found.sellers}
    for text, seller in zip(found.offer, found.sellers, strict=True):
        by_seller[seller].append(text)
    assert set(BAD) < set(by_seller) and set(by_seller[EXACT]) <= set(honest)
    words = [sorted(text.split()) for text in honest]
    assert all(sorted(text.split()) in words and text not in honest for text in by_seller[SHUFFLED])
    assert not set(by_seller[NEAR]) & set(honest)
    assert {seller for seller, wanted in zip(found.sellers, found.wanted, strict=True) if wanted} == {
        "State of the Union: 1946-2021"
    }
    assert found.offer != make_market(base, BUYERS[0], 2, TINY).offer
    assert found.offer == make_market(base, BUYERS[0], 1, TINY).offer


@pytest.mark.deep
def test_a_tiny_run_is_kept_and_its_page_is_of_its_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, documents: tuple[CorpusDocument, ...]
) -> None:
    monkeypatch.setattr(report, "QUICK", CorpusPlan(0.4, 1, 3))

    def make(base: BaseModel, buyer: CorpusBuyer, seed: int, size: MarketSize) -> Any:
        return make_market(base, buyer, seed, TINY)

    found: Any = write_corpus(tmp_path, quick=True, buyers=BUYERS[:1], make=make)
    (line,) = found["lines"]
    assert line["offered"] == sum(each["texts"] for each in line["sellers"].values()) > 20
    assert sum(each["bought"] for each in line["sellers"].values()) == line["bought"] <= round(0.4 * line["offered"])
    assert set(line["pay"]) == set(PAYS)
    for rule in PAYS:
        assert sum(line["pay"][rule]["parts"].values()) == pytest.approx(1.0)
    assert line["pay"][FLAT]["texts"] < line["pay"][BY_VALUE]["texts"]
    assert set(line["training"]) <= {"base", *ARMS} and line["training"]["all"]["texts"] == line["offered"]
    tokens = [line["training"][arm]["tokens"] for arm in ("all", "own", "random")]
    assert max(tokens) < 2 * min(tokens)
    assert (tmp_path / "corpus.md").read_text(encoding="utf-8") == page(found)
    # What is in the ledger is not measured again, and needs no market.
    assert write_corpus(tmp_path, quick=True, so_far=True, buyers=BUYERS[:1]) == found
    assert missing_lines("corpus.md", tables(found)) == []


def test_a_gain_has_no_interval_of_one_division() -> None:
    assert str(gain_of([0.5])) == "+0.5000" and gain_of([0.5, 0.7]).margin is not None


def test_the_committed_page_is_made_of_the_committed_document() -> None:
    found = json.loads((PAGES / "corpus.json").read_text(encoding="utf-8"))
    assert (PAGES / "corpus.md").read_text(encoding="utf-8") == page(found)
    lines = found["lines"]
    assert len(lines) == found["asked"] and {line["buyer"] for line in lines} == {buyer.name for buyer in BUYERS}
    assert all(line["documents"] >= 1000 and line["offered"] >= 1000 for line in lines)
