"""The study of hospitals: sellers share no record, a table gives the same again, and the page has every guess."""

import json
from pathlib import Path

import numpy as np
import pytest
from study_pages import PAGES

from blindfair.studies import hospitals, hospitals_report
from blindfair.studies.hospitals import MARKETS, TABLES, Market, make_hospitals, run_table
from blindfair.studies.hospitals_report import page, write_hospitals


def test_the_committed_page_is_made_of_the_committed_document() -> None:
    found = json.loads((PAGES / "hospitals.json").read_text(encoding="utf-8"))
    assert (PAGES / "hospitals.md").read_text(encoding="utf-8") == page(found)
    assert list(found["tables"]) == list(MARKETS)
    assert {name: table["sellers"] for name, table in found["tables"].items()} == {
        name: market.sellers for name, market in MARKETS.items()
    }


@pytest.mark.deep
def test_there_are_as_many_sellers_as_promised_and_no_record_is_in_two_places() -> None:
    assert sum(market.sellers for market in MARKETS.values()) >= 24
    numbers = np.arange(1000, dtype=np.float64)
    X = np.column_stack([numbers, np.random.default_rng(0).standard_normal(1000)])
    world = make_hospitals(X, (numbers % 2).astype(np.int64), Market(5, 0.05, 0.2), np.random.default_rng(0))
    parts = [world.train[0], world.validation[0], world.test[0], *(seller.X for seller in world.sellers)]
    seen = np.concatenate([part[:, 0] for part in parts])
    seen = seen[~np.isnan(seen)]
    assert len(seen) == len(np.unique(seen))
    for seller in world.sellers:
        if not np.isnan(seller.X[:, 0]).any():
            assert ((seller.X[:, 0] % 2) != seller.y).mean() == seller.wrong


@pytest.mark.deep
def test_a_table_gives_the_same_sellers_again() -> None:
    assert run_table("diabetes", 1) == run_table("diabetes", 1) != run_table("diabetes", 2)
    assert {one.table for one in run_table("diabetes", 1)} == {"diabetes"} and set(TABLES) == set(MARKETS)


@pytest.mark.deep
def test_the_page_has_a_line_for_each_guess_and_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = {name: MARKETS[name] for name in ("cancer", "diabetes")}
    monkeypatch.setattr(hospitals, "MARKETS", some)
    monkeypatch.setattr(hospitals_report, "MARKETS", some)
    monkeypatch.setattr(hospitals_report, "QUICK_REPETITIONS", 2)
    found = write_hospitals(tmp_path, quick=True)
    text = (tmp_path / "hospitals.md").read_text(encoding="utf-8")
    assert text == page(json.loads(json.dumps(found)))
    assert (found["repetitions"], found["sellers"]) == (2, 8)
    for guess in ("forecast", "records seen", "gradient cosine", "data likeness", "records", "random", "limit"):
        assert text.count(f"\n| {guess}") >= 2
    assert "| cancer | 4 |" in text and "| diabetes | 4 |" in text
