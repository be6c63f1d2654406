"""The study of labels that are not of two classes: it is repeatable, and its page has the table."""

from pathlib import Path

import numpy as np
import pytest

from blindfair.studies import labels
from blindfair.studies.labels import DATA, WRONG_SHARE, run, write_labels


@pytest.mark.parametrize("name", ["wine", "diabetes", "visits"])
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


def test_the_page_has_a_line_for_each_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "DATA", {name: DATA[name] for name in ("wine", "diabetes")})
    monkeypatch.setattr(labels, "QUICK_SEEDS", 2)
    found = write_labels(tmp_path, quick=True)
    page = (tmp_path / "labels.md").read_text()
    assert found["seeds"] == 2 and "| wine, 3 kinds of wine | accuracy |" in page and "| diabetes, " in page
