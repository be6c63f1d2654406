"""Calibrated trust on offers whose truth is known: it finds the bad share, and leaves a clean offer alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats
from blindfair.pricing.trust import BINS, calibrated_trust, clean_share_interval
from blindfair.protocol import errors


def scores(rng: np.random.Generator, n: int, bad: float = 0.0) -> tuple[Floats, NDArray[np.bool_]]:
    """Good records score around +1, bad ones around -1."""
    is_bad = np.arange(n) < round(bad * n)
    return np.where(is_bad, rng.normal(-1, 1, n), rng.normal(1, 1, n)), is_bad


@pytest.mark.parametrize("bad", [0.1, 0.3, 0.5])
def test_the_bad_share_is_found(bad: float) -> None:
    rng = np.random.default_rng(1)
    offered, is_bad = scores(rng, 4000, bad)
    trust = calibrated_trust(offered, scores(rng, 1000)[0])
    assert trust.bad_share == pytest.approx(bad, abs=0.06)
    assert trust.clean_share + trust.bad_share == 1
    # The trust of a record is a probability: of those trusted c, about c are good.
    for low in (0.0, 0.5, 0.9):
        group = (trust.clean >= low) & (trust.clean <= low + 0.5)
        if group.sum() > 200:
            assert (~is_bad[group]).mean() == pytest.approx(trust.clean[group].mean(), abs=0.08)


def test_a_clean_offer_is_trusted_throughout_so_that_the_purchase_is_random() -> None:
    rng = np.random.default_rng(2)
    trust = calibrated_trust(scores(rng, 4000)[0], scores(rng, 1000)[0])
    assert trust.clean_share > 0.95
    assert trust.weights.min() > 0.6 and trust.weights.mean() > 0.9


def test_bad_records_are_left_out_and_good_ones_kept() -> None:
    rng = np.random.default_rng(3)
    offered, is_bad = scores(rng, 4000, 0.3)
    weights = calibrated_trust(offered, scores(rng, 1000)[0]).weights
    assert weights[is_bad].sum() / weights.sum() < 0.1
    assert (weights[~is_bad] > 0).mean() > 0.7


def test_an_offer_unlike_anything_trusted_is_not_trusted() -> None:
    rng = np.random.default_rng(4)
    trust = calibrated_trust(np.full(500, -100.0), scores(rng, 300)[0])
    assert trust.clean_share == 0 and trust.bad_share == 1 and not trust.weights.any()


finite = st.floats(-1e6, 1e6)


@given(st.lists(finite | st.sampled_from([0.0, 1.0]), min_size=1, max_size=60),
       st.lists(finite | st.sampled_from([0.0, 1.0]), min_size=10, max_size=60), st.integers(2, 12))  # fmt: skip
def test_trust_is_a_probability_for_any_scores_ties_included(offered: list[float], own: list[float], bins: int) -> None:
    trust = calibrated_trust(np.array(offered), np.array(own), bins)
    assert trust.clean.shape == trust.weights.shape == (len(offered),)
    assert (trust.clean >= 0).all() and (trust.clean <= 1).all() and np.isfinite(trust.clean).all()
    assert (trust.weights == np.maximum(0, 2 * trust.clean - 1)).all()
    assert 0 <= trust.clean_share <= 1 and trust.bins <= bins
    by_score = dict(zip(offered, trust.clean.tolist(), strict=True))
    assert [by_score[score] for score in offered] == trust.clean.tolist()


@given(st.lists(finite, min_size=10, max_size=50), st.randoms(use_true_random=False))
def test_an_offer_equal_to_the_trusted_records_is_trusted_whole(own: list[float], chance: object) -> None:
    trust = calibrated_trust(np.array(own), np.array(own))
    assert trust.clean_share == 1 and (trust.clean == 1).all()


def test_neither_order_nor_unit_of_the_scores_matters() -> None:
    rng = np.random.default_rng(5)
    offered, own = scores(rng, 500, 0.3)[0], scores(rng, 200)[0]
    trust = calibrated_trust(offered, own)
    turned = calibrated_trust(offered[::-1] * 1024, own[::-1] * 1024)
    assert turned.clean_share == trust.clean_share and (turned.clean[::-1] == trust.clean).all()


def test_equal_trusted_scores_say_nothing_and_that_is_trust_in_all() -> None:
    trust = calibrated_trust(np.array([-1.0, 5.0]), np.zeros(50))
    assert trust.bins == 1 and trust.clean.tolist() == [1, 1]


def test_no_bin_is_without_trusted_records_however_they_are_tied() -> None:
    own = np.repeat([0.0, 1.0], [5, 15])
    trust = calibrated_trust(np.repeat([0.0, 0.8, 1.0], [3, 10, 2]), own, bins=4)
    # One edge, at 1: above it lie 3/4 of the trusted records and 2/15 of the offered ones.
    assert trust.bins == 2
    assert trust.clean_share == pytest.approx((2 / 15) / (3 / 4))


def test_small_trusted_sets_make_fewer_bins_and_tiny_ones_are_refused() -> None:
    offered = np.linspace(-1, 1, 50)
    assert calibrated_trust(offered, np.linspace(-1, 1, 400)).bins == BINS
    assert calibrated_trust(offered, np.linspace(-1, 1, 20)).bins == 4
    for size in (0, 1, 9):
        with pytest.raises(errors.OfferTooSmall):
            calibrated_trust(offered, np.linspace(-1, 1, size))
    with pytest.raises(errors.OfferTooSmall):
        calibrated_trust(np.empty(0), np.linspace(-1, 1, 50))


def test_the_interval_holds_the_truth_and_narrows_with_more_trusted_records() -> None:
    rng = np.random.default_rng(6)
    offered = scores(rng, 3000, 0.3)[0]
    widths = []
    for size in (100, 1000):
        low, high = clean_share_interval(offered, scores(rng, size)[0], rng)
        assert 0 <= low <= 0.7 <= high <= 1
        widths.append(high - low)
    assert widths[1] < widths[0]
