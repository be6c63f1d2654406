"""The texts that come with the demo: of the stated sizes and kinds, from held-out documents, copied where declared."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

import blindfair

TEXTS = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "text"
SETS = ("offer", "own", "test")
RUN = 12
"""Words in a row that no two texts share unless one is a copy."""

DERIVED = ("exact copy", "near copy", "shuffled words")
"""Made of another text of the same document."""


def read(name: str) -> list[dict[str, str]]:
    with gzip.open(TEXTS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def runs(texts: list[dict[str, str]]) -> set[tuple[str, ...]]:
    """All runs of `RUN` words of some texts."""
    split = [words(text["text"]) for text in texts]
    return {tuple(found[start : start + RUN]) for found in split for start in range(len(found) - RUN + 1)}


def test_the_data_are_small() -> None:
    files = [path for path in TEXTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000
    assert {path.suffix for path in files} <= {".gz", ".json", ".md", ".safetensors", ".LICENSE"}


@pytest.mark.parametrize("name", SETS)
def test_each_text_is_one_paragraph_of_plain_characters(name: str) -> None:
    for text in read(name):
        assert text.keys() == {"text", "source", "document"}
        assert text["text"].isascii() and text["text"] == " ".join(text["text"].split())
        assert 15 <= len(text["text"].split()) <= 120


def test_the_offer_is_a_mixture_and_the_buyer_wants_one_part_of_it() -> None:
    kinds = Counter(text["source"].partition(":")[0] for text in read("offer"))
    assert kinds == {
        "State of the Union": 120,
        "Brown": 165,
        "Moby Dick": 50,
        "shuffled words": 50,
        "form text": 50,
        "near copy": 25,
        "exact copy": 25,
    }
    assert len({text["source"] for text in read("offer") if text["source"].startswith("Brown")}) == 15
    for name, count in (("own", 180), ("test", 150)):
        assert Counter(text["source"] for text in read(name)) == {"State of the Union": count}


def test_no_document_of_a_traded_text_was_trained_on() -> None:
    documents = json.loads((TEXTS / "documents.json").read_text())
    held_out, training = set(documents["held_out"]), set(documents["training"])
    assert len(held_out) + len(training) == 500 + 233 + 135 and not held_out & training
    for name in SETS:
        used = {text["document"] for text in read(name) if text["source"] != "form text"}
        assert used <= held_out


def test_addresses_of_one_year_are_in_one_set() -> None:
    years = {name: {text["document"][:9] for text in read(name) if text["document"][:4] == "sotu"} for name in SETS}
    assert not years["offer"] & years["own"] and not years["offer"] & years["test"] and not years["own"] & years["test"]
    documents = json.loads((TEXTS / "documents.json").read_text())
    training = {name[:9] for name in documents["training"]}
    assert not training & {name[:9] for name in documents["held_out"] if name.startswith("sotu")}
    assert min(set.union(*years.values())) > "sotu-1945" > max(name for name in training if name.startswith("sotu"))


def test_only_declared_copies_repeat_a_text() -> None:
    offer = read("offer")
    texts = Counter(text["text"] for text in offer if text["source"] != "exact copy")
    assert set(texts.values()) == {1}
    by_text = {text["text"]: text for text in offer if text["source"] not in DERIVED}
    copies = [text for text in offer if text["source"] == "exact copy"]
    assert len({text["text"] for text in copies}) == len(copies)
    for text in copies:
        assert by_text[text["text"]]["document"] == text["document"]


def test_a_near_copy_is_near_and_no_copy() -> None:
    offer = read("offer")
    for copy in (text for text in offer if text["source"] == "near copy"):
        originals = [text for text in offer if text["document"] == copy["document"] and text["source"] not in DERIVED]
        shared = max(len(set(words(copy["text"])) & set(words(text["text"]))) for text in originals)
        assert shared > 0.85 * len(set(words(copy["text"])))
        assert copy["text"] not in {text["text"] for text in offer if text is not copy}


def test_sets_do_not_quote_each_other() -> None:
    found = {name: runs(read(name)) for name in SETS}
    assert not found["offer"] & found["test"] and not found["own"] & found["test"] and not found["offer"] & found["own"]


def test_shuffled_words_are_not_those_of_an_offered_text() -> None:
    offer = read("offer")
    bags = {tuple(sorted(text["text"].split())) for text in offer if text["source"] not in DERIVED}
    shuffled = [text for text in offer if text["source"] == "shuffled words"]
    assert not bags & {tuple(sorted(text["text"].split())) for text in shuffled}
