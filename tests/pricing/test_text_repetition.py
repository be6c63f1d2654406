"""Opened texts that repeat one another, on the demo's texts: forms that are filled in, near copies, and real prose."""

import gzip
import json
from pathlib import Path

import pytest

import blindfair
from blindfair.pricing.texts.repetition import check_repetition, repeated_texts
from blindfair.protocol.errors import DuplicatesOpened

DATA = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "text"


def demo_texts(name: str, *sources: str) -> list[str]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [each["text"] for each in map(json.loads, lines) if not sources or each["source"] in sources]


OWN, FORMS = demo_texts("own"), demo_texts("offer", "form text")
PROSE = demo_texts("test")


def test_prose_of_different_documents_repeats_nothing() -> None:
    assert repeated_texts(PROSE) == []
    assert check_repetition(PROSE, OWN) == ()


def test_shuffled_words_repeat_nothing_which_their_contrast_tells() -> None:
    assert repeated_texts(demo_texts("offer", "shuffled words")) == []


def test_a_form_that_is_filled_in_again_is_found() -> None:
    assert repeated_texts(FORMS) == list(range(len(FORMS)))


def test_a_few_that_the_listing_does_not_name_are_told_of_and_more_are_refused() -> None:
    (warning,) = check_repetition([*PROSE[:57], FORMS[0], FORMS[0]], ())
    assert warning.startswith("2 of 59") and "does not name" in warning
    with pytest.raises(DuplicatesOpened, match="4 of 60") as caught:
        check_repetition([*PROSE[:56], FORMS[0], FORMS[0], FORMS[0], FORMS[0]], ())
    assert "another seller" in str(caught.value.hint)
    # Three of sixty are exactly a twentieth; two are too few to refuse anything, whatever their share.
    assert len(check_repetition([*PROSE[:57], FORMS[0], FORMS[0], FORMS[0]], ())) == 1
    assert len(check_repetition([FORMS[0], FORMS[0]], ())) == 1


def test_texts_like_the_buyers_own_are_told_of_and_more_than_half_are_refused() -> None:
    changed = [text.replace(" the ", " that ", 2) for text in OWN[:5]]
    (warning,) = check_repetition([*PROSE[:10], *changed], OWN)
    assert warning.startswith("5 of 15 opened texts repeat the buyer's own")
    with pytest.raises(DuplicatesOpened, match="5 of 9"):
        check_repetition([*PROSE[:4], *changed], OWN)


def test_a_form_with_a_tail_that_nobody_scores_is_found() -> None:
    tails = [" ".join(f"{name}{chr(192 + place)}" for place in range(400)) for name in "abc"]
    hidden = [f"{FORMS[0]} {tail}" for tail in tails]
    assert check_repetition(hidden, ()) == ()
    with pytest.raises(DuplicatesOpened, match="3 of 3"):
        check_repetition(hidden, (), 64)


def test_texts_of_one_word_or_none() -> None:
    assert repeated_texts(["yes", "no", "Yes.", "", "", "123"]) == [0, 2]
    assert repeated_texts([]) == []
