"""Simulations find faults: each bug that is put into the agents on purpose is found by one of the first seeds."""

import pytest
from seeded_bugs import BUGS
from simulate import play_seed

MOST = 1000
"""Seeds that are tried before a bug counts as not found."""

OFTEN = ("forgets_disputes", "releases_without_looking", "believes_every_block_final")
"""Bugs that hardly any seed overlooks."""


def finds(bug: str, most: int) -> str:
    """What the first seed that finds a bug says; empty if none of the first `most` does."""
    return next((found.violation for seed in range(most) if (found := play_seed(seed, bug)).violation), "")


@pytest.mark.parametrize("bug", OFTEN)
def test_a_common_bug_is_found_soon(bug: str) -> None:
    assert finds(bug, 10)


@pytest.mark.deep
@pytest.mark.parametrize("bug", sorted(BUGS))
def test_every_bug_is_found(bug: str) -> None:
    assert finds(bug, MOST)


def test_there_are_at_least_twenty_bugs() -> None:
    assert len(BUGS) >= 20
