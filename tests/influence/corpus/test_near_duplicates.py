"""Near-duplicates among texts: the search finds what a comparison of all pairs finds, whatever it leaves out."""

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

import blindfair
from blindfair.influence.corpus import near_duplicates
from blindfair.influence.corpus.near_duplicates import PairsOfWords, alike, near_duplicates_of_texts

OFFER = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "text" / "offer.jsonl.gz"


def by_all_pairs(texts: list[str]) -> list[tuple[int, int]]:
    words = PairsOfWords()
    pairs = [words.of(text) for text in texts]
    first = list(range(len(texts)))
    for one in range(len(texts)):
        for other in range(one):
            if alike(pairs[one], pairs[other]) and first[one] != first[other]:
                low, high = sorted((first[one], first[other]))
                first = [low if each == high else each for each in first]
    return [(place, found) for place, found in enumerate(first) if found != place]


@pytest.mark.parametrize("seed", range(20))
def test_no_pair_is_missed(seed: int) -> None:
    draw = random.Random(seed)
    texts = [" ".join(draw.choices("abcdefgh", k=draw.randrange(0, 12))) for _ in range(60)]
    texts += [" ".join(text.split()[: draw.randrange(1, 12)]) + " z" for text in draw.sample(texts, 20)]
    assert near_duplicates_of_texts(texts) == by_all_pairs(texts)


def test_of_the_demo_forms_and_near_copies_are_found_and_prose_is_not() -> None:
    with gzip.open(OFFER, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["source"] != "exact copy"]
    texts, sources = [row["text"] for row in rows], [row["source"] for row in rows]
    pairs = near_duplicates_of_texts(texts)
    assert pairs == by_all_pairs(texts)
    copied = [(later, first) for later, first in pairs if "form text" not in (sources[later], sources[first])]
    assert all("near copy" in (sources[later], sources[first]) for later, first in copied)
    assert len(copied) == Counter(sources)["near copy"]
    forms = [sources[later] for later, _ in pairs].count("form text")
    assert forms == 44 and Counter(sources)["form text"] == 50


def test_a_form_that_is_filled_in_more_often_than_texts_are_held_is_one_cluster() -> None:
    texts = [f"Dear {name}, you owe us {name} dollars since last year." for name in map(chr, range(192, 592))]
    found = near_duplicates_of_texts(["Call me Ishmael.", *texts])
    assert found == [(place, 1) for place in range(2, len(texts) + 1)]


def test_case_digits_and_punctuation_make_no_difference_and_texts_without_words_are_like_none() -> None:
    assert near_duplicates_of_texts(["You owe 5", "YOU, owe: 77!", "1 2 3", "", "4", "yes", "Yes."]) == [(1, 0), (6, 5)]


def test_a_form_does_not_hide_before_words_that_are_not_scored() -> None:
    form = " ".join(f"w{chr(97 + place)}" for place in range(20))
    # Two texts that begin alike, each with a tail of its own: of words, of digits, and of marks.
    texts = [f"{form} 7 ! " + " ".join(f"{chr(192 + place)}{name}" for place in range(80)) for name in "ab"]
    assert near_duplicates_of_texts(texts) == []
    assert near_duplicates_of_texts(texts, 22) == [(1, 0)]
    numbers = ["1 2 3 4 5 " + text for text in texts]
    assert near_duplicates_of_texts(numbers, 27) == [(1, 0)] and near_duplicates_of_texts(numbers, 5) == []


def test_texts_that_share_rare_words_on_purpose_are_not_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [f"one two {chr(192 + place)} {chr(256 + place)} {chr(320 + place)}" for place in range(12)]
    texts = ["one two same same words here", *others, "one two same same words there"]
    assert (13, 0) in near_duplicates_of_texts([texts[0], *others[::-1], texts[-1]])
    monkeypatch.setattr(near_duplicates, "_COMPARED", 0)
    assert near_duplicates_of_texts(texts) == []
