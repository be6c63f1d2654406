"""The study of unwanted texts: kept line by line, and the page is the document's."""

import json
from typing import Any

import pytest
from study_pages import PAGES

pytest.importorskip("transformers", reason="language models need the extra `text`")

from blindfair.studies.texts.kept_out import NAMED, counted
from blindfair.studies.texts.unwanted import page


def test_shares_are_counted_over_all_purchasers() -> None:
    def line(bought: int) -> dict[str, Any]:
        return {"model": "m", "domain": "d", "offered": {"target": 10, "spam": 30}, NAMED: {"target": 0, "spam": 6},
                "bought": {"20%": {"target": bought, "spam": 3}}}  # fmt: skip

    told = page({"asked": 4, "lines": [line(5), line(7)]})
    assert "Measured are 2 of 4 purchasers" in told
    assert "| target | 20 | 0% | 60% |" in told
    assert "| spam | 60 | 20% | 10% |" in told
    assert "| all texts | 80 | 15% | 22% |" in told


def purchaser(seed: int, domain: str, **bought: int) -> dict[str, Any]:
    offered = {"forms": 100, "shuffled words": 100, "spam": 100, "target": 200}
    return {"model": "m", "domain": domain, "seed": seed, "offered": offered, NAMED: {"forms": 90},
            "bought": {"20%": {"forms": 0, "shuffled words": 10, "spam": 20, "target": 70, **{
                name.replace("_", " "): number for name, number in bought.items()}}}}  # fmt: skip


def test_a_kind_that_one_domain_lets_through_is_not_kept_out_whatever_the_mean() -> None:
    lines: Any = [purchaser(0, "b", spam=22, target=68), purchaser(0, "a", shuffled_words=60, target=20)]
    lines += [purchaser(0, name, shuffled_words=0, target=80) for name in "cdefgh"]
    told = page({"asked": 8, "lines": lines})
    assert "- Kept out: forms.\n" in told
    assert "- Undecided: spam.\n" in told
    assert "- Not kept out: shuffled words.\n" in told
    # Of all purchases together less than the offer's fifth is shuffled.
    assert sum(line["bought"]["20%"]["shuffled words"] for line in lines) < 100 * len(lines) / 5
    worst = told[told.index("- **Shuffled words**") :]
    assert "above the offer's in 1 of 8 purchases, and beyond chance in 1." in worst
    assert "The worst is a, m, at 20%.\n  There it is 60% of the purchase, and 20% of the offer." in worst
    assert "Bought are 60 of 100 such texts (60%), and 20% of all texts." in worst
    assert "| shuffled words | a | 20% | **60%** |" in told and "| spam | b | 20% | 22% |" in told
    assert "It names 90%, and the buyer leaves these out." in told


def test_chance_is_that_of_a_draw_without_replacement_over_all_seeds() -> None:
    (one,) = counted([purchaser(0, "a"), purchaser(1, "a")], "shuffled words")
    assert (one.bought, one.of_bought, one.offered, one.of_offer) == (20, 200, 200, 1000)
    assert one.expected == 40 and not one.is_above
    assert one.deviation**2 == pytest.approx(2 * 100 * 0.2 * 0.8 * 400 / 499)


def test_the_committed_page_is_of_the_committed_figures() -> None:
    document: Any = json.loads((PAGES / "unwanted.json").read_text(encoding="utf-8"))
    assert document["lines"]
    assert (PAGES / "unwanted.md").read_text(encoding="utf-8") == page(document)
