"""Bits of exponent are taken where ranks need them, and nowhere else (SCORING requirement 6)."""

import numpy as np
import pytest

from blindfair.influence.arrays import Floats
from blindfair.pricing.rounding import FAITHFUL, faithful_rounding
from blindfair.protocol.errors import UnusableModel


def heavy(tail: float) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(2000, 128)) * rng.lognormal(0, tail, size=(2000, 1)), rng.normal(size=128)


def test_rows_of_like_sizes_need_no_exponent() -> None:
    found = faithful_rounding(*heavy(0.1))
    assert found.exponent_bits == 0 and found.spearman is not None and found.spearman >= FAITHFUL


def test_heavier_tails_take_no_more_bits_than_they_need() -> None:
    taken = [faithful_rounding(*heavy(tail)) for tail in (0.1, 1.5, 2.5)]
    assert [found.exponent_bits for found in taken] == sorted({found.exponent_bits for found in taken})
    assert all(found.spearman is not None and found.spearman >= FAITHFUL for found in taken)


def test_where_nothing_is_enough_the_best_is_taken_and_its_loss_is_known() -> None:
    rows = np.ones((300, 2)) + np.linspace(0, 1e-6, 300)[:, np.newaxis]
    found = faithful_rounding(rows, np.array([1.0, -1.0]) + np.array([0.0, 1e-3]))
    assert found.spearman is None or found.spearman < FAITHFUL


def test_rows_without_a_scale_are_refused() -> None:
    with pytest.raises(UnusableModel):
        faithful_rounding(np.zeros((10, 3)), np.ones(3))
