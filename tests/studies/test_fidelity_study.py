"""The study of fidelity: scores are exact, a query in the basis loses nothing, the page is the document's."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_pages import PAGES

pytest.importorskip("transformers", reason="language models need the extra `text`")

from blindfair.studies.fidelity.measures import agreement, scored_blind
from blindfair.studies.fidelity.report import GOAL, page, write_fidelity
from blindfair.studies.fidelity.worlds import WORLDS, ImageWorld, World, small_gpt2


def committed() -> Any:
    return json.loads((PAGES / "fidelity.json").read_text(encoding="utf-8"))


@pytest.mark.deep
def test_a_tiny_run_is_exact_under_encryption_and_loses_nothing_with_the_query_in_the_basis(tmp_path: Path) -> None:
    def tiny(share: float) -> World:
        return ImageWorld.make(60, 40, hidden=4)

    def tiny_with_query(share: float) -> World:
        return ImageWorld.make(60, 40, hidden=4, query_in_basis=True)

    worlds = {"main directions": tiny, "query too": tiny_with_query}
    found: Any = write_fidelity(tmp_path, worlds=worlds, entries=(4,))
    assert len(found["lines"]) == 4
    for line in found["lines"]:
        assert line["equal"] == line["records"] == 40 and line["k"] == 4
        assert line["few bits"]["spearman"] < line["unrounded"]["spearman"] > 0.99
    by_world = {(line["world"], line["query"]): line["whole"]["spearman"] for line in found["lines"]}
    assert by_world["query too", "displacement"] > 0.999 > by_world["main directions", "displacement"]
    assert (tmp_path / "fidelity.md").read_text(encoding="utf-8") == page(found)
    assert write_fidelity(tmp_path, so_far=True, worlds=worlds, entries=(4,)) == found


@pytest.mark.deep
def test_a_text_worlds_projected_scores_are_those_of_whole_gradients() -> None:
    world = small_gpt2(0.06)
    found = world.projected("displacement", 16)
    whole = agreement(found.offered @ found.query, world.exact("displacement"))
    assert whole.spearman > 0.99 and whole.error < 0.01
    assert (np.linalg.norm(found.offered, axis=1) <= 1.01 * world.lengths()).all()


def test_scores_of_repeated_rows_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    rows, query = rng.integers(-2047, 2048, (5, 3)).astype(np.int16), rng.integers(-99, 99, 3)
    assert (scored_blind(rows, query, full=False).scores == rows.astype(np.int64) @ query).all()


def test_the_committed_page_is_made_of_the_committed_document() -> None:
    assert (PAGES / "fidelity.md").read_text(encoding="utf-8") == page(committed())


def test_the_committed_run_is_whole_and_exact() -> None:
    found = committed()
    assert list(found["worlds"]) == list(WORLDS)
    assert all(sum(line["world"] == name for line in found["lines"]) >= 4 for name in WORLDS)
    assert all(line["equal"] == line["records"] for line in found["lines"])
    assert sum(line["whole"]["spearman"] >= GOAL for line in found["lines"]) > len(found["lines"]) / 2
