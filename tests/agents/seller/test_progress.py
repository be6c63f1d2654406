"""How far a long work is, is told with the rate in records and what is left, of the latest steps alone."""

from collections.abc import Callable, Iterator

import pytest

from blindfair.agents.seller.progress import PROGRESS, Progress


def ticking(*moments: float) -> Callable[[], float]:
    left: Iterator[float] = iter(moments)
    return lambda: next(left)


def told_by(moments: list[float], done: list[int], of: int, records: int) -> list[str]:
    told: list[str] = []

    def tell(step: str, text: str) -> None:
        assert step == PROGRESS
        told.append(text)

    progress = Progress(tell, "scores", records, clock=ticking(*moments))
    for number in done:
        progress(number, of)
    return told


def test_rate_and_rest_are_those_of_what_was_done_while_it_was_watched() -> None:
    # Three of ten blocks were finished in an earlier life; the fourth is the first that is told of.
    assert told_by([100, 102, 110], [4, 5, 10], 10, 81_000) == [
        "scores: 4 of 10 blocks",
        "scores: 5 of 10 blocks, 4,050 records a second, about 10 s left",
        "scores: 10 of 10 blocks, 4,860 records a second",
    ]


def test_what_went_by_at_once_is_soon_forgotten() -> None:
    """Sixty blocks that the disk had already, a millisecond each, and then new ones of two seconds each."""
    moments = [number / 1000 for number in range(60)] + [2.0 * number for number in range(1, 21)]
    told = told_by(moments, [*range(1, 81)], 100, 100_000)
    assert told[-1] == "scores: 80 of 100 blocks, 500 records a second, about 40 s left"


@pytest.mark.parametrize(("moments", "done"), [([5, 5], [1, 2]), ([5, 6], [2, 2])])
def test_a_clock_or_a_work_that_stands_gives_no_rate(moments: list[float], done: list[int]) -> None:
    assert told_by(moments, done, 3, 30)[-1] == "scores: 2 of 3 blocks"
