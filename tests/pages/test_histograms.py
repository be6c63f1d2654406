"""The drawing of scores shows each one once, whatever they are."""

import numpy as np
import pytest

from blindfair.influence.arrays import Floats
from blindfair.pages.histogram import BARS, HEIGHT, WIDTH, histogram

RNG = np.random.default_rng(5)

DRAWN = {
    "normal": RNG.normal(size=1000),
    "two": np.array([-1.0, 1.0]),
    "mostly one": np.array([0.0] * 999 + [5.0]),
    "outlier": np.concatenate([RNG.normal(size=500), [1e6]]),
    "all positive": RNG.uniform(1, 2, size=300),
    "tiny": RNG.normal(size=200) * 1e-12,
}


@pytest.mark.parametrize("name", DRAWN)
def test_each_score_is_in_one_bar(name: str) -> None:
    scores: Floats = DRAWN[name]
    chosen = scores > np.median(scores)
    drawn = histogram(scores, chosen, "record")
    assert drawn is not None
    assert len(drawn.bars) == BARS
    assert sum(bar.count for bar in drawn.bars) == len(scores)
    assert sum(bar.chosen for bar in drawn.bars) == chosen.sum()
    assert max(bar.height for bar in drawn.bars) == drawn.bottom - drawn.top
    for bar in drawn.bars:
        assert 0 <= bar.chosen <= bar.count
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= bar.chosen_y <= HEIGHT
    assert f"{(scores > 0).sum():,} have a positive score" in drawn.words


def test_what_is_bought_is_said_in_words() -> None:
    scores: Floats = np.array([-2.0, -1.0, 1.0, 3.0])
    drawn = histogram(scores, np.array([False, False, True, True]), "group")
    assert drawn is not None
    assert drawn.words == (
        "Of 4 groups, 2 have a positive score. 2 are chosen: their scores go from +1 to +3, with a median of +2; "
        "the median of all is +0."
    )
    none = histogram(scores, np.zeros(4, dtype=np.bool_), "record")
    assert none is not None and none.words.endswith("None is chosen.")


@pytest.mark.parametrize("scores", [[], [1.0], [2.0, 2.0, 2.0]])
def test_scores_that_are_one_are_not_drawn(scores: list[float]) -> None:
    assert histogram(np.array(scores), np.zeros(len(scores), dtype=np.bool_), "record") is None
