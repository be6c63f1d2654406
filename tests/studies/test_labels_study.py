"""The study of labels that are not of two classes: it is repeatable, and its page has the table."""

from pathlib import Path

import numpy as np
import pytest

from blindfair.pricing.learners import CnnLearner
from blindfair.studies import labels
from blindfair.studies.labels import DATA, TABLES, WRONG_SHARE, run, write_labels
from deep import deep


@pytest.mark.parametrize("name", ["wine", "diabetes", "visits", *deep("images")])
def test_a_seed_gives_the_same_outcome_again(name: str) -> None:
    data = DATA[name]()
    one = run(data, 3)
    assert one == run(data, 3) != run(data, 4)
    assert 0 <= one.wrong_bought <= 1 and 0.4 < one.telling <= 1


def test_wrong_labels_are_wrong_and_as_many_as_said() -> None:
    data = DATA["wine"]()
    found, wrong = labels._spoilt(data.rows, data, np.random.default_rng(0))
    changed = [row != other for row, other in zip(data.rows, found, strict=True)]
    assert changed == wrong.tolist() and sum(changed) == round(WRONG_SHARE * len(data.rows))
    assert all(row[:-1] == other[:-1] for row, other in zip(data.rows, found, strict=True))


def test_images_are_scored_and_judged_by_networks() -> None:
    """As a seller lists them: bytes of one form, which a linear learner's line of the page does not cover."""
    data = DATA["images"]()
    schema = data.schema(data.rows)
    assert schema.image is not None and len(schema.classes) == 10 and len(data.rows) == 1797
    scoring, judge = data.learner.for_label(schema), data.judge.for_label(schema)
    assert isinstance(scoring, CnnLearner) and isinstance(judge, CnnLearner)
    assert judge.network(64).parameters > 2 * scoring.network(64).parameters
    assert "images" not in TABLES and set(TABLES) < set(DATA)


@pytest.mark.deep
def test_the_page_has_a_line_for_each_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: DATA[name] for name in ("wine", "diabetes")}
    monkeypatch.setattr(labels, "DATA", few)
    monkeypatch.setattr(labels, "TABLES", few)
    monkeypatch.setattr(labels, "QUICK_SEEDS", 2)
    found = write_labels(tmp_path, quick=True)
    page = (tmp_path / "labels.md").read_text()
    assert found["seeds"] == 2 and "| wine, 3 kinds of wine | accuracy |" in page and "| diabetes, " in page
