"""What cannot be listed is told before near-duplicates are looked for: of many texts that takes minutes."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
import tiny_bases
from tiny_bases import build, write

from blindfair.api.text_options import TextOptions
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.corpus.near_duplicates import near_duplicates_of_texts
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.protocol.errors import BlindfairError, LabelUnusable, UnusableText

TEXTS = tiny_bases.texts(30, 1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: write(build(kind), tmp_path_factory.mktemp(kind)) for kind in ("bert", "gpt2")}


def labelled(count: int) -> Corpus:
    return Corpus(("text", "kind"), tuple((text, n % count) for n, text in enumerate(TEXTS)), "text", "kind")


def searched(action: Callable[[], object]) -> bool:
    """Whether near-duplicates are looked for. Only watches: all of the program is as it is."""
    found = False

    def watch(frame: FrameType, event: str, _: object) -> None:
        nonlocal found
        found = found or (event == "call" and frame.f_code is near_duplicates_of_texts.__code__)

    sys.setprofile(watch)
    try:
        action()
    finally:
        sys.setprofile(None)
    return found


WRONG: dict[str, tuple[str, Corpus, type[BlindfairError]]] = {
    "a label that a language model cannot learn": ("gpt2", labelled(2), LabelUnusable),
    "no label for a classifier": ("bert", Corpus(("text",), tuple((text,) for text in TEXTS), "text"), LabelUnusable),
    "a label of one class": ("bert", labelled(1), LabelUnusable),
    "a text of one token": ("gpt2", Corpus(("text",), (*((text,) for text in TEXTS), ("a",)), "text"), UnusableText),
}


@pytest.mark.parametrize("case", WRONG)
def test_texts_that_cannot_be_listed_are_refused_before_near_duplicates_are_sought(
    case: str, folders: dict[str, Path]
) -> None:
    kind, corpus, error = WRONG[case]
    options = TextOptions("text", [str(folders[kind])])
    bases = options.bases()

    def refused() -> None:
        with pytest.raises(error):
            options.preprocessing(corpus, bases)

    assert not searched(refused)


def test_near_duplicates_are_named_all_the_same(folders: dict[str, Path]) -> None:
    options = TextOptions("text", [str(folders["bert"])])
    twice = labelled(2)
    rows = (*twice.rows, (f"{TEXTS[4]} moon", 0))
    found: list[TextPreprocessing] = []
    corpus = Corpus(twice.columns, rows, "text", "kind")
    assert searched(lambda: found.append(options.preprocessing(corpus, options.bases())))
    assert found[0].near_duplicates[-1] == len(TEXTS) and len(found[0].classes) == 2
