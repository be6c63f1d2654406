"""Texts made of pieces of a buyer's own: none of these is in one of them, however short, in whatever script."""

from collections.abc import Sequence

import numpy as np
import pytest

from blindfair.pricing.texts.pieces import LONG_PIECES, SHORT_PIECES, recombined

WORDS = [f"w{number:03}" for number in range(200)]
LONG = [" ".join(WORDS[start : start + 40]) for start in range(0, 160, 40)]
SHORT = [" ".join(WORDS[start : start + 3]) for start in range(0, 60, 3)]
UNSPACED = ["".join(chr(0x4E00 + 50 * number + place) for place in range(30)) for number in range(4)]
"""Chinese characters, without blanks."""


@pytest.mark.parametrize("own", [LONG, SHORT, UNSPACED], ids=["long", "short", "no blanks"])
@pytest.mark.parametrize("sizes", [LONG_PIECES, SHORT_PIECES])
def test_no_own_text_is_in_a_made_one(own: Sequence[str], sizes: tuple[int, int]) -> None:
    made = recombined(own, 200, np.random.default_rng(1), sizes)
    assert len(made) == 200
    assert not [text for text in own if any(text in each for each in made)]


@pytest.mark.parametrize("sizes", [LONG_PIECES, SHORT_PIECES])
def test_a_piece_is_short_and_drawn_anew_each_time(sizes: tuple[int, int]) -> None:
    made = recombined(LONG, 500, np.random.default_rng(1), sizes)
    numbers = [[WORDS.index(word) for word in text.split()] for text in made]
    assert {len(each) for each in numbers} == {40}
    starts = {each[0] for each in numbers}
    # At any word but those near an end; always cut alike, they would begin at four of each text.
    assert len(starts) > 100
    longest = max(len(run) for each in numbers for run in np.split(each, np.flatnonzero(np.diff(each) != 1) + 1))
    assert sizes[1] <= longest <= 3 * sizes[1]


def test_texts_of_nothing_make_nothing() -> None:
    assert recombined([" ", ""], 3, np.random.default_rng(1)) == []
    assert recombined([], 3, np.random.default_rng(1)) == []
