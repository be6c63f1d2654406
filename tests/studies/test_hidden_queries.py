"""The study of hidden queries: kept line by line, and the page is the document's."""

import json
from pathlib import Path
from typing import Any

import pytest
from study_pages import PAGES

pytest.importorskip("transformers", reason="language models need the extra `text`")

from blindfair.studies.texts.hidden import page, write_hidden
from blindfair.studies.texts.hidden_losses import HIDDEN, SHARES, SHOWN
from blindfair.studies.texts.purchases import ORACLE, RANDOM
from blindfair.studies.texts.report import GPT2, restore_texts


@pytest.mark.deep
def test_a_tiny_run_compares_both_queries_and_is_not_measured_twice(tmp_path: Path) -> None:
    from test_purchases_of_texts import short

    domains = {GPT2: {"short": short}}
    found: Any = write_hidden(tmp_path, quick=True, domains=domains)
    first, second = found["lines"]
    for line in (first, second):
        assert -1 <= line["agreement"] < 1
        assert all(-1 <= each["cosine"] <= 1 for each in line["guesses"].values())
        assert set(line[SHOWN]) == set(line[HIDDEN]) == {"10%", "20%", "40%"}
    assert [line["key"] for line in found["losses"]] == [f"{line['key']}, losses" for line in (first, second)]
    for line in found["losses"]:
        arms = {(each["arm"], each["share"]) for each in line["purchases"]}
        assert arms == {(arm, share) for arm in (SHOWN, HIDDEN, RANDOM, ORACLE) for share in SHARES}
    assert (tmp_path / "hidden.md").read_text(encoding="utf-8") == page(found)
    assert write_hidden(tmp_path, quick=True, so_far=True, domains=domains) == found
    restore_texts(tmp_path / "other", found)
    assert write_hidden(tmp_path / "other", quick=True, so_far=True, domains=domains) == found


def test_differences_are_told_pair_by_pair() -> None:
    def line(seed: int, shown: float, hidden: float) -> dict[str, Any]:
        return {"model": "m", "seed": seed, "offered": 0.5, "agreement": 0.9 - seed / 10,
                SHOWN: {"20%": shown}, HIDDEN: {"20%": hidden},
                "guesses": {"mean row": {"cosine": 0.1 + seed, "ranks": -0.5}}}  # fmt: skip

    told = page({"asked": 4, "lines": [line(0, 0.9, 0.8), line(1, 0.5, 0.4)]})
    assert "Measured are 2 of 4 purchasers" in told
    assert "| m | 2 | 0.85, 0.80 | 20% | 50% | 70% | 60% | -10.0 ± 0.0 points |" in told
    assert "| m | 2 | mean row | 0.60 | 0.50 |" in told


def test_losses_are_told_as_the_way_from_random_to_the_oracle() -> None:
    def line(seed: int) -> dict[str, Any]:
        found = {RANDOM: 1.0, ORACLE: 0.9, SHOWN: 0.92 + seed / 100, HIDDEN: 0.98 - seed / 100}
        purchases = [{"arm": arm, "share": share, "loss": loss} for arm, loss in found.items() for share in SHARES]
        return {"model": "m", "seed": seed, "purchases": purchases}

    told = page({"asked": 4, "lines": [], "losses": [line(0), line(1)]})
    assert "| m | 2 | 20% | +0.1000 ± 0.0000 | 75% ± 64% | 25% ± 64% |" in told


def test_the_committed_page_is_of_the_committed_figures() -> None:
    document: Any = json.loads((PAGES / "hidden.json").read_text(encoding="utf-8"))
    assert document["lines"]
    assert (PAGES / "hidden.md").read_text(encoding="utf-8") == page(document)
