"""Calibrated trust on offers whose truth is known: it finds the wrong share, and leaves a clean offer alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from blindfair.pricing.label_calibration import Scored, calibrate
from blindfair.pricing.trust import MIN_CLEAN, calibrated_trust, clean_share_interval, weights
from blindfair.protocol import errors

Offer = tuple[Scored, NDArray[np.bool_]]


def records(rng: np.random.Generator, n: int, wrong: float = 0.0, ones: float = 0.5, *, sided: bool = True) -> Offer:
    """Margins of a model that is right on average, `ones` the share of class 1; score and side turn with the label."""
    label = np.where(rng.random(n) < ones, 1.0, -1.0)
    is_wrong = np.arange(n) < round(wrong * n)
    margin = 1.5 * label + 1.2 * rng.standard_normal(n)
    side = np.where(is_wrong, -label, label)
    return Scored(side * margin, side if sided else np.zeros(n)), is_wrong


def turned(scored: Scored) -> Scored:
    return Scored(-scored.scores, -scored.sides)


def own(rng: np.random.Generator, n: int = 1000, *, sided: bool = True) -> tuple[Scored, Scored]:
    right = records(rng, n, sided=sided)[0]
    return right, turned(right)


@pytest.mark.parametrize("sided", [True, False])
@pytest.mark.parametrize("wrong", [0.1, 0.3, 0.5, 0.7])
def test_the_wrong_share_is_found_and_trust_is_a_probability(wrong: float, sided: bool) -> None:
    rng = np.random.default_rng(1)
    offered, is_wrong = records(rng, 4000, wrong, sided=sided)
    trust = calibrated_trust(offered, *own(rng, sided=sided))
    assert trust.bad_share == pytest.approx(wrong, abs=0.04)
    assert trust.clean_share + trust.bad_share == 1
    # Of those trusted c, about c are right.
    for low in (0.0, 0.3, 0.6, 0.9):
        group = (trust.clean >= low) & (trust.clean <= low + 0.3)
        if group.sum() > 200:
            assert (~is_wrong[group]).mean() == pytest.approx(trust.clean[group].mean(), abs=0.08)


def test_a_clean_offer_is_trusted_throughout() -> None:
    rng = np.random.default_rng(2)
    trust = calibrated_trust(records(rng, 4000)[0], *own(rng))
    assert trust.bad_share < 0.03
    assert trust.clean.mean() > 0.97 and (trust.weights > 0).mean() > 0.97


@pytest.mark.parametrize("ones", [0.2, 0.8])
def test_classes_that_are_more_frequent_in_the_offer_are_not_taken_for_wrong_labels(ones: float) -> None:
    rng = np.random.default_rng(3)
    trust = calibrated_trust(records(rng, 4000, 0.0, ones)[0], *own(rng))
    assert trust.bad_share < 0.05
    # Without the sides the same offer is fine, too: it has as many low scores as the buyer's own records.
    assert calibrated_trust(records(rng, 4000, 0.0, ones, sided=False)[0], *own(rng, sided=False)).bad_share < 0.05


def test_wrong_labels_in_an_offer_of_other_classes_are_found_all_the_same() -> None:
    rng = np.random.default_rng(4)
    assert calibrated_trust(records(rng, 6000, 0.3, 0.2)[0], *own(rng)).bad_share == pytest.approx(0.3, abs=0.06)


def test_wrong_records_are_wanted_less_and_both_classes_alike() -> None:
    rng = np.random.default_rng(5)
    offered, is_wrong = records(rng, 4000, 0.3, 0.25)
    wanted = calibrated_trust(offered, *own(rng)).weights
    assert wanted[is_wrong].sum() / wanted.sum() < 0.15
    ones = offered.sides > 0
    assert wanted[ones].sum() == pytest.approx(wanted[~ones].sum())
    assert wanted.min() >= 0 and wanted.max() <= 1


def test_of_records_as_likely_right_the_doubtful_are_wanted_most() -> None:
    odds = np.array([-3.0, 0.0, 0.5, 3.0])
    found = weights(np.full(4, 0.9), odds, np.zeros(4))
    assert found.argmax() == 1 and found[3] == pytest.approx(found[0]) and found[2] > found[3]
    assert found[1] == pytest.approx(0.9**3)
    assert not weights(np.full(4, MIN_CLEAN), odds, np.zeros(4)).any()


def test_of_a_class_alone_nothing_is_wanted() -> None:
    """Whether the other is not there, or there to be seen only, its labels all wrong."""
    clean, sides = np.array([0.9, 0.9, 0.1]), np.array([1.0, 1.0, -1.0])
    assert not weights(clean, np.zeros(3), sides).any()
    assert not weights(clean[:2], np.zeros(2), sides[:2]).any()
    # Where classes are not known there is nothing to even out.
    assert weights(clean, np.zeros(3), np.zeros(3))[0] > 0


def test_listing_each_class_by_itself_earns_a_seller_nothing() -> None:
    rng = np.random.default_rng(11)
    offered, _ = records(rng, 4000, 0.3)
    trusted = own(rng)
    together = calibrated_trust(offered, *trusted).weights.sum()
    for few in (0, 20, 200):
        # All of one class, and so many of the other that it does not look like one alone.
        ones, others = np.flatnonzero(offered.sides > 0), np.flatnonzero(offered.sides < 0)[:few]
        alone = calibrated_trust(offered.at(np.concatenate([ones, others])), *trusted).weights.sum()
        assert 2 * alone < 0.5 * together


def test_an_offer_unlike_anything_trusted_is_not_trusted() -> None:
    rng = np.random.default_rng(6)
    trust = calibrated_trust(Scored(np.full(500, -100.0), np.ones(500)), *own(rng, 300))
    assert trust.clean_share < 0.06 and not trust.weights.any()


finite = st.floats(-1e6, 1e6)
sides = st.sampled_from([-1.0, 0.0, 1.0])


@given(st.lists(st.tuples(finite | st.sampled_from([0.0, 1.0]), sides), min_size=1, max_size=60),
       st.lists(st.tuples(finite | st.sampled_from([0.0, 1.0]), sides), min_size=10, max_size=60))  # fmt: skip
def test_trust_is_a_probability_for_any_scores_ties_included(
    offered: list[tuple[float, float]], trusted: list[tuple[float, float]]
) -> None:
    offer, right = (Scored(*np.array(part, dtype=np.float64).T) for part in (offered, trusted))
    trust = calibrated_trust(offer, right, turned(right))
    assert trust.clean.shape == trust.weights.shape == (len(offered),)
    for found in (trust.clean, trust.weights):
        assert (found >= 0).all() and (found <= 1).all() and np.isfinite(found).all()
    assert 0 <= trust.clean_share <= 1
    same = dict(zip(offered, trust.clean.tolist(), strict=True))
    assert [same[record] for record in offered] == trust.clean.tolist()


def test_neither_order_nor_unit_of_the_scores_matters() -> None:
    rng = np.random.default_rng(7)
    offered, (right, wrong) = records(rng, 500, 0.3)[0], own(rng, 200)
    trust = calibrated_trust(offered, right, wrong)
    back = np.arange(500)[::-1]
    again = calibrated_trust(
        Scored(offered.scores[back] * 1024, offered.sides[back]),
        *(Scored(part.scores * 1024, part.sides) for part in (right, wrong)),
    )
    assert again.clean_share == pytest.approx(trust.clean_share, abs=1e-9)
    np.testing.assert_allclose(again.clean[::-1], trust.clean, atol=1e-9)


def test_equal_trusted_scores_say_nothing_and_that_is_trust_in_half() -> None:
    nothing = Scored(np.zeros(50), np.zeros(50))
    assert calibrate(nothing, nothing).log_odds(Scored(np.array([-1.0, 5.0]), np.zeros(2))).tolist() == [0, 0]


def test_scores_without_error_give_finite_log_odds() -> None:
    right = Scored(np.linspace(1, 2, 40), np.ones(40))
    calibration = calibrate(right, turned(right))
    odds = calibration.log_odds(right)
    assert np.isfinite(odds).all() and odds.min() > 1


def test_too_few_or_unequal_records_are_refused() -> None:
    right = Scored(np.linspace(-1, 2, 50), np.ones(50))
    for size in (0, 1, 9):
        with pytest.raises(errors.OfferTooSmall):
            calibrated_trust(right, right.at(np.arange(size)), right.at(np.arange(size)))
    with pytest.raises(errors.OfferTooSmall):
        calibrated_trust(right.at(np.arange(0)), right, turned(right))
    with pytest.raises(errors.ShapeMismatch):
        calibrate(right, right.at(np.arange(20)))
    with pytest.raises(errors.ShapeMismatch):
        Scored(np.zeros(3), np.zeros(4))


def test_the_interval_holds_the_truth_and_narrows_with_more_trusted_records() -> None:
    rng = np.random.default_rng(8)
    widths = []
    for size in (40, 1000):
        offered = records(rng, 3 * size, 0.3)[0]
        low, high = clean_share_interval(offered, *own(rng, size), rng)
        assert 0 <= low <= 0.7 <= high <= 1
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]
