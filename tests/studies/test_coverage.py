"""Intervals widened by what other groups need: exact on an example by hand, and a group never calibrates itself."""

import numpy as np
import pytest

from blindfair.studies.coverage import LEVEL, Intervals, held_out_factors


def test_a_truth_lies_so_many_halves_off() -> None:
    intervals = Intervals(np.zeros(4), np.array([-1.0, -1.0, -2.0, 0.0]), np.array([2.0, 2.0, 1.0, 0.0]))
    truth = np.array([3.0, -2.0, 0.5, 0.0])
    np.testing.assert_allclose(intervals.errors(truth), [1.5, 2.0, 0.5, 0.0])
    np.testing.assert_array_equal(intervals.holds(truth), [False, False, True, True])
    wide = intervals.widened(np.full(4, 2.0))
    np.testing.assert_allclose(wide.low[:3], [-2.0, -2.0, -4.0])
    np.testing.assert_allclose(wide.high[:3], [4.0, 4.0, 2.0])
    assert wide.holds(truth).all()


def test_a_group_is_widened_by_the_others_alone() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c"], 100)
    intervals = Intervals(np.zeros(300), np.full(300, -1.0), np.ones(300))
    truth = rng.normal(0.0, 1.0, 300)
    before = held_out_factors(intervals, truth, groups)
    truth[:100] *= 50
    after = held_out_factors(intervals, truth, groups)
    assert before is not None and after is not None
    np.testing.assert_array_equal(before[:100], after[:100])
    assert (after[100:] > before[100:]).all()
    # By hand: of 200 others the 191st smallest, ceil(201 x 0.95).
    assert before[0] == np.sort(np.abs(truth[100:]))[190]


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_new_groups_are_covered_whatever_the_interval_was(scale: float) -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat([str(number) for number in range(10)], 200)
    truth, half = rng.standard_t(4, groups.size), np.full(groups.size, scale)
    intervals = Intervals(np.zeros(groups.size), -half, half)
    factors = held_out_factors(intervals, truth, groups)
    assert factors is not None
    assert intervals.widened(factors).holds(truth).mean() == pytest.approx(LEVEL, abs=0.015)


def test_one_group_alone_or_no_width_is_no_calibration() -> None:
    flat = Intervals(np.zeros(6), np.zeros(6), np.zeros(6))
    assert held_out_factors(flat, np.ones(6), np.repeat("a", 6)) is None
    factors = held_out_factors(flat, np.ones(6), np.repeat(["a", "b"], 3))
    assert factors is not None and flat.widened(factors).holds(np.ones(6)).all()
