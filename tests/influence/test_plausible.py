"""Questions that read or pack entries of a row are refused where they can be seen; honest ones are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.influence.bases import principal_directions
from blindfair.influence.plausible import MIN_ENTRIES, check_projection, check_query, is_packing, participation
from blindfair.influence.projection import Projection
from blindfair.protocol.errors import QueryOutOfBounds, UnusableModel


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30).filter(any))
def test_participation_lies_between_one_entry_and_all(weights: list[int]) -> None:
    found = participation(np.array(weights, dtype=np.float64))
    assert 1 - 1e-9 <= found <= np.count_nonzero(weights) + 1e-9
    assert participation(1e-150 * np.array(weights)) == pytest.approx(found)


def test_weights_alike_all_have_a_part_and_zeros_none() -> None:
    assert participation(np.ones(7)) == pytest.approx(7)
    assert participation(np.zeros(3)) == 0


@pytest.mark.parametrize("place", [0, 11, 23])
def test_one_coordinate_is_refused(place: int) -> None:
    query = np.eye(24)[place] * 500
    with pytest.raises(QueryOutOfBounds, match="one entry"):
        check_query(query)
    nearly = query + 3 * np.random.default_rng(1).standard_normal(24)
    with pytest.raises(QueryOutOfBounds, match="one entry"):
        check_query(nearly)


@pytest.mark.parametrize("sizes", [[2] * 24, [3] * 10, [2, 20, 5, 9], [40, 2, 2, 6]])
def test_a_mixed_radix_packing_is_refused(sizes: list[int]) -> None:
    """The places of the digits: 1, n_1, n_1 n_2, ... in any order, of any sign."""
    rng = np.random.default_rng(2)
    places = np.cumprod([1, *sizes]).astype(np.float64)
    query = rng.permutation(np.concatenate([places * rng.choice([-1, 1], places.size), np.zeros(5)]))
    assert is_packing(query)
    with pytest.raises(QueryOutOfBounds):
        check_query(query)


def test_honest_queries_pass() -> None:
    """Weights of 2,000 made-up models, some ten times as large as others: none is taken for a packing."""
    rng = np.random.default_rng(3)
    for _ in range(2000):
        check_query(rng.standard_t(10, size=int(rng.integers(MIN_ENTRIES, 60))))


def test_rows_of_a_few_entries_are_not_judged() -> None:
    check_query(np.array([5.0]))
    check_query(np.array([1.0, 3.0]))
    check_query(np.array([1.0, 20.0, 400.0, 8000.0]))


def test_a_projection_to_one_direction_or_of_packings_is_refused() -> None:
    places = 3.0 ** np.arange(10)
    for entries in (np.asarray(places[:, None], dtype=np.float64), np.ones((10, 1))):
        with pytest.raises(UnusableModel, match="too few"):
            check_projection(Projection.matrix(entries), 10)
    rng = np.random.default_rng(4)
    packed = np.column_stack([rng.standard_normal((10, 8)), places])
    with pytest.raises(UnusableModel, match="packs"):
        check_projection(Projection.matrix(packed), 10)


def test_honest_projections_pass() -> None:
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((200, 30)) * np.geomspace(1, 100, 30)
    check_projection(principal_directions(rows, 12), 30)
    check_projection(Projection.signs(MIN_ENTRIES, bytes(32)), 500)
    check_projection(Projection.identity(3), 3)
