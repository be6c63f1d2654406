"""A buyer's own texts are divided into training and validation: no text is on both sides, and no class misses one."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny_bases
from tiny_bases import build, write

from blindfair.api.buying import make_purchase
from blindfair.api.divided_texts import DividedTexts
from blindfair.api.listing import make_listing
from blindfair.api.own_records import chosen_tables
from blindfair.api.own_texts import OwnTexts
from blindfair.influence.corpus.copies import normalised
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import NoRecords
from blindfair.protocol.quantities import ETHER, Secret
from blindfair.protocol.signing import Domain

TEXTS = [f"this is text number {number}" for number in range(90)]
TWICE = [*TEXTS[:45], *(f"  {text.upper()}\n" for text in TEXTS[:45])]


def divided(own: list[str], labels: list[Any] | None = None, seed: int = 3) -> DividedTexts:
    return given(seed, labelled=labels is not None, own=frame(own, labels))


def given(seed: int, *, labelled: bool, **sources: pd.DataFrame) -> DividedTexts:
    tables = chosen_tables(*(sources.get(name) for name in ("own", "train", "validation")))
    return OwnTexts("text", "y" if labelled else None, "unused", seed).read(tables)


def frame(texts: list[str], labels: list[Any] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"text": texts} if labels is None else {"text": texts, "y": labels})


@pytest.mark.parametrize("labels", [None, [number % 2 for number in range(135)]], ids=["plain", "labelled"])
def test_a_text_that_is_there_twice_is_on_one_side_once(labels: list[Any] | None) -> None:
    own = [*TEXTS, *TWICE[45:]]
    found = divided(own, labels)
    train, validation = ([normalised(text) for text in side[0]] for side in (found.train, found.validation))
    assert sorted(train + validation) == sorted(map(normalised, TEXTS))
    assert len(train) == len(validation) == 45
    assert "45 of 135 own texts are left out" in found.notes[0]


def test_texts_that_are_too_few_without_their_copies_are_refused() -> None:
    with pytest.raises(NoRecords, match="too few") as caught:
        divided(TWICE)
    assert caught.value.found == 45 and "without 45 copies" in str(caught.value.expected)


def test_a_training_text_does_not_validate_where_two_sources_are_given() -> None:
    train, validation = frame(TEXTS[:45]), frame([*TEXTS[45:], TEXTS[7].upper(), TEXTS[45]])
    found = given(0, labelled=False, train=train, validation=validation)
    assert (list(found.train[0]), list(found.validation[0])) == (TEXTS[:45], TEXTS[45:])
    assert "2 of 92 own texts are left out" in found.notes[0] and len(found.notes) == 1
    with pytest.raises(NoRecords, match="too few"):
        given(0, labelled=False, train=train, validation=frame([*TEXTS[45:80], *TEXTS[:10]]))


def test_copies_with_another_label_are_told_with_an_example() -> None:
    own, labels = [*TEXTS, TEXTS[4].upper(), TEXTS[6].upper()], [*(["a", "b"] * 45), "b", "a"]
    found = divided(own, labels)
    assert "1 of the texts left out has another label" in found.notes[1] and "text 90 and text 4" in found.notes[1]
    pairs = [pair for texts, kept in (found.train, found.validation) for pair in zip(texts, kept or (), strict=True)]
    assert sorted(pairs) == sorted(zip(TEXTS, labels[:90], strict=True))
    both = given(
        0, labelled=True, train=frame(TEXTS[:45], labels[:45]),
        validation=frame([*TEXTS[45:90], TEXTS[4]], [*labels[45:90], "b"]),
    )  # fmt: skip
    assert "validation text 45 and training text 4" in both.notes[1]


def test_texts_without_copies_are_told_nothing() -> None:
    assert divided(TEXTS).notes == ()


@pytest.mark.parametrize("seed", range(20))
def test_a_rare_class_is_on_both_sides(seed: int) -> None:
    labels = ["rare", "rare", "once", *(["a"] * 30), *(["b"] * 57)]
    found = divided(TEXTS, labels, seed)
    train, validation = Counter(found.train[1]), Counter(found.validation[1])
    assert train == {"rare": 1, "once": 1, "a": 15, "b": 28} and validation == {"rare": 1, "a": 15, "b": 29}
    assert found == divided(TEXTS, labels, seed)
    of_text = dict(zip(TEXTS, labels, strict=True))
    for texts, kept in (found.train, found.validation):
        assert [of_text[text] for text in texts] == kept


def test_the_seed_chooses_the_division_and_halves_it() -> None:
    found = [divided(TEXTS, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    # As many of odd classes as of even ones: forty are needed to validate.
    least = divided(TEXTS[:80], [*(["a"] * 19), *(["b"] * 23), *(["c"] * 38)])
    assert (len(least.train[0]), len(least.validation[0])) == (40, 40)


@pytest.mark.deep
def test_who_asks_with_copies_is_told_how_many_there_are(tmp_path: Path) -> None:
    base = write(build("gpt2"), tmp_path / "base")
    listing = make_listing(
        frame(tiny_bases.texts(60, 1, longest=40)), text_column="text", base_models=[base], own_models=True, bits=4,
        price_per_record="0.0001", licence="any", consent="made up",
    )  # fmt: skip
    dataset = ChunkedDataset.build(listing.spec.records, 1024, Secret(bytes(32)))
    manifest = listing.spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))
    own = tiny_bases.texts(80, 2, longest=40)
    purchase = make_purchase(frame([*own, own[3].upper()]), text_column="text", base_model=base, budget="0.01")
    question = purchase.valuer.question(manifest)
    assert question.notes[0].startswith("1 of 81 own texts are left out")
    alone = make_purchase(frame(own), text_column="text", base_model=base, budget="0.01").valuer.question(manifest)
    assert question.notes[1:] == alone.notes and (question.queries == alone.queries).all()
