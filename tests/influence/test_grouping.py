"""A group's row is the sum of its records' rows, however they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.influence.grouping import group_rows
from blindfair.influence.quantise import choose_row_scale, quantise_rows
from blindfair.protocol.disclosure_policy import DisclosurePolicy
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.rows import ROW_LIMIT


@given(n=st.integers(1, 50), size=st.integers(1, 60), cuts=st.lists(st.integers(0, 50)), seed=st.integers(0, 99))
def test_sums_do_not_depend_on_batches(n: int, size: int, cuts: list[int], seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(n, 3)) * 10.0 ** np.random.default_rng(seed).integers(-9, 9, (n, 1))
    policy = DisclosurePolicy(size)
    groups = [policy.members(group, n) for group in range(policy.groups(n))]
    at_once = np.vstack(list(group_rows([rows], policy.group_size(n))))
    in_parts = np.vstack(list(group_rows(np.split(rows, sorted(min(cut, n) for cut in cuts)), policy.group_size(n))))
    np.testing.assert_array_equal(at_once, in_parts)
    expected = np.stack([rows[group.start : group.stop].sum(0) for group in groups])
    np.testing.assert_allclose(at_once, expected, rtol=1e-9, atol=1e-12 * abs(rows).max())


def test_no_records_are_no_groups() -> None:
    assert list(group_rows([], 3)) == list(group_rows([np.empty((0, 2))], 3)) == []


def test_a_group_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidOption):
        list(group_rows([np.zeros((2, 2))], 0))


def test_a_group_has_the_bounds_of_a_record() -> None:
    """A hundred rows in one direction: their sum is rounded with a scale for sums, and stays within twelve bits."""
    rows = np.full((1000, 4), 0.5)
    sums = np.vstack(list(group_rows([rows], 100)))
    assert abs(quantise_rows(sums, choose_row_scale(sums)).entries).max() == ROW_LIMIT
    # At the scale of single rows they are clipped, which the reply says.
    assert quantise_rows(sums, choose_row_scale(rows)).clipped == 1.0
