"""Near-duplicates among delivered texts, on the demo's forms and prose."""

import pytest
from test_text_repetition import FORMS, OWN, PROSE

from blindfair.influence.corpus.near_duplicates import PairsOfWords, alike
from blindfair.pricing.texts import delivered
from blindfair.pricing.texts.delivered import compared_places, delivered_repetition
from blindfair.protocol.errors import DuplicatesOpened
from blindfair.protocol.quantities import RecordIndex

# Fillings of one form with other names and numbers.
WORDS = PairsOfWords()
FILLINGS = [form for form in FORMS if alike(WORDS.of(form), WORDS.of(FORMS[0]))]


def numbers(count: int) -> list[RecordIndex]:
    return [RecordIndex(2 * place) for place in range(count)]


def test_prose_of_different_documents_is_no_near_duplicate() -> None:
    found = delivered_repetition(numbers(len(PROSE)), PROSE, OWN, len(PROSE))
    assert (found.clusters, found.like_own, found.warnings(), found.is_false_list) == ((), (), (), False)
    found.check()


def test_forms_that_the_listing_does_not_name_show_that_its_list_is_false() -> None:
    texts = [*PROSE[:20], *FILLINGS[:4]]
    found = delivered_repetition(numbers(24), texts, OWN, 24)
    assert (found.unnamed, found.superfluous, found.share) == (4, 3, 4 / 24)
    assert found.clusters == ((RecordIndex(40), RecordIndex(42), RecordIndex(44), RecordIndex(46)),)
    with pytest.raises(DuplicatesOpened, match=r"4 of 24 delivered texts.*records 40, 42, 44"):
        found.check()
    assert found.to_document()["list_is_false"] is True


@pytest.mark.parametrize(("prose", "forms"), [(10, 2), (57, 3)])
def test_a_few_that_a_search_may_miss_are_told_of_and_accuse_nobody(prose: int, forms: int) -> None:
    found = delivered_repetition(numbers(prose + forms), [*PROSE[:prose], *FILLINGS[:forms]], (), prose + forms)
    found.check()
    (told,) = found.warnings()
    assert told.startswith(f"{forms} of {prose + forms} delivered texts")


def test_texts_like_the_buyers_own_are_told_of_and_accuse_nobody() -> None:
    found = delivered_repetition(numbers(4), [PROSE[0], *OWN[:3]], OWN, 4)
    assert found.like_own == (2, 4, 6) and found.clusters == ()
    found.check()
    assert found.warnings()[0].startswith("3 of 4 delivered texts repeat the buyer's own")


def test_of_very_many_texts_those_that_are_alike_are_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each prose text comes twice with changes, among four times as many texts as are compared."""
    changed = [text.replace(" the ", " that ", 2) for text in PROSE]
    texts = [*PROSE, *changed]
    monkeypatch.setattr(delivered, "COMPARED_LIMIT", len(texts) // 4)
    places = compared_places(texts, len(texts), 3)
    assert len(set(places)) == len(texts) // 4 and places == sorted(places)
    assert places == compared_places(iter(texts), len(texts), 3) != compared_places(texts, len(texts), 4)
    drawn = [texts[place] for place in places]
    found = delivered_repetition([RecordIndex(place) for place in places], drawn, (), len(texts))
    # By an even draw a quarter of them would have their twin beside them.
    assert found.share > 0.5 and found.is_false_list and found.delivered == len(texts)


def test_texts_that_are_alike_and_like_the_buyers_own_are_counted_as_both() -> None:
    found = delivered_repetition(numbers(5), [PROSE[0], *FILLINGS[:3], PROSE[1]], [FILLINGS[4]], 5)
    assert found.like_own == (2, 4, 6) and found.clusters == ((2, 4, 6),)
