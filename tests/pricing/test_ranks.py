"""Ranks, AUC and rank correlation are those of scikit-learn and SciPy, ties included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr, t
from sklearn.metrics import roc_auc_score

from blindfair.pricing.ranks import auc, average_ranks, rank_correlation
from blindfair.pricing.utility import mean_and_margin
from blindfair.protocol.errors import LabelUnusable

# Few values, so that most samples hold ties.
VALUES = st.lists(st.sampled_from([-2.5, -1.0, 0.0, 0.5, 7.0]), min_size=2, max_size=40)


@given(VALUES)
def test_ranks_are_scipys(values: list[float]) -> None:
    np.testing.assert_array_equal(average_ranks(np.array(values)), rankdata(values))


@given(VALUES, st.randoms(use_true_random=False))
def test_auc_is_scikit_learns(values: list[float], chance: object) -> None:
    positive = np.array([chance.random() < 0.5 for _ in values])  # type: ignore[attr-defined]
    if positive.all() or not positive.any():
        with pytest.raises(LabelUnusable):
            auc(positive, np.array(values))
    else:
        assert auc(positive, np.array(values)) == pytest.approx(roc_auc_score(positive, values), abs=1e-12)


@given(VALUES, st.randoms(use_true_random=False))
def test_rank_correlation_is_scipys(values: list[float], chance: object) -> None:
    other = np.array([chance.choice((1.0, 2.0, 3.0)) for _ in values])  # type: ignore[attr-defined]
    found = rank_correlation(np.array(values), other)
    if len(set(values)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(values, other).statistic, abs=1e-12)


@pytest.mark.parametrize("seeds", [2, 3, 10, 40])
def test_the_interval_is_students(seeds: int) -> None:
    samples = np.random.default_rng(0).normal(3.0, 2.0, (seeds, 4))
    mean, margin = mean_and_margin(samples)
    low, high = t.interval(0.95, seeds - 1, samples.mean(axis=0), samples.std(axis=0, ddof=1) / seeds**0.5)
    np.testing.assert_allclose(mean - margin, low)
    np.testing.assert_allclose(mean + margin, high)
