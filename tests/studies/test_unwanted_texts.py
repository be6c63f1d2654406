"""The study of unwanted texts: kept line by line, and the page is the document's."""

import json
from typing import Any

import pytest
from study_pages import PAGES

pytest.importorskip("transformers", reason="language models need the extra `text`")

from blindfair.studies.texts.unwanted import NAMED, page


def test_shares_are_counted_over_all_purchasers() -> None:
    def line(bought: int) -> dict[str, Any]:
        return {"model": "m", "offered": {"target": 10, "spam": 30}, NAMED: {"target": 0, "spam": 6},
                "bought": {"20%": {"target": bought, "spam": 3}}}  # fmt: skip

    told = page({"asked": 4, "lines": [line(5), line(7)]})
    assert "Measured are 2 of 4 purchasers" in told
    assert "| target | 20 | 0% | 60% |" in told
    assert "| spam | 60 | 20% | 10% |" in told
    assert "| all texts | 80 | 15% | 22% |" in told


def test_the_committed_page_is_of_the_committed_figures() -> None:
    document: Any = json.loads((PAGES / "unwanted.json").read_text(encoding="utf-8"))
    assert document["lines"]
    assert (PAGES / "unwanted.md").read_text(encoding="utf-8") == page(document)
