"""The query within a space that does not hold it: unknown rows score more nearly as by the whole query."""

import numpy as np
import pytest

from blindfair.influence.arrays import Floats
from blindfair.influence.text.scoring import unit_rows
from blindfair.pricing.ranks import rank_correlation
from blindfair.pricing.texts.within import query_within
from blindfair.protocol.errors import ShapeMismatch

K, OUTSIDE = 40, 60


def world(count: int, seed: int) -> tuple[Floats, Floats]:
    """Rows whose entries outside of the space follow from those inside, in part; and the scores by the whole query."""
    fixed, rng = np.random.default_rng(0), np.random.default_rng(seed)
    tied, query = fixed.normal(size=(K, OUTSIDE)) / np.sqrt(K), fixed.normal(size=K + OUTSIDE)
    inside = rng.normal(size=(count, K))
    rows = np.hstack([inside, inside @ tied + 0.5 * rng.normal(size=(count, OUTSIDE))])
    return rows[:, :K], rows @ query


PART = np.random.default_rng(0).normal(size=K * OUTSIDE + K + OUTSIDE)[K * OUTSIDE : K * OUTSIDE + K]
"""The same query's part in the space."""


def test_unknown_rows_score_more_nearly_as_by_the_whole_query() -> None:
    rows, scores = world(240, 1)
    unseen, wanted = world(300, 2)
    wanted = wanted / np.linalg.norm(unseen, axis=1)
    agreed = [rank_correlation(unit_rows(unseen) @ query, wanted) for query in (PART, query_within(PART, rows, scores))]
    assert None not in agreed
    before, after = (float(each or 0) for each in agreed)
    assert before < 0.8 < 0.85 < after, agreed


def test_few_rows_leave_the_querys_part_nearly_as_it_is() -> None:
    """A known row moves the query along itself alone."""
    rows, scores = world(1, 3)
    moved = query_within(PART, rows, scores) - PART
    direction = rows[0] / np.linalg.norm(rows[0])
    assert np.linalg.norm(moved - (moved @ direction) * direction) < 1e-9 * np.linalg.norm(moved)


def test_a_query_that_lies_inside_stays() -> None:
    rows, _ = world(100, 4)
    assert np.allclose(query_within(PART, rows, rows @ PART), PART)


def test_rows_of_zeros_do_not_count() -> None:
    rows, scores = world(100, 5)
    more = np.vstack([rows, np.zeros((3, K))])
    assert np.allclose(query_within(PART, more, np.append(scores, [1.0, 0.0, 9.0])), query_within(PART, rows, scores))
    assert np.allclose(query_within(PART, np.zeros((2, K)), np.ones(2)), PART)


@pytest.mark.parametrize(("part", "scores"), [(np.ones(K - 1), np.ones(100)), (np.ones(K), np.ones(99))])
def test_what_does_not_fit_is_refused(part: Floats, scores: Floats) -> None:
    with pytest.raises(ShapeMismatch):
        query_within(part, world(100, 6)[0], scores)
