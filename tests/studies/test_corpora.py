"""Documents for the studies of texts: written and read, missing with a command that makes them, cut into texts."""

import gzip
import json
from pathlib import Path

import pytest

import blindfair
from blindfair.protocol.errors import FileMissing
from blindfair.studies.texts.corpora import DEFAULT_FOLDER, FILE_NAME, CorpusDocument, load_documents, write_documents
from blindfair.studies.texts.passages import MAX_TOKENS, MIN_TOKENS, passages, sentences, word_runs

TEXTS = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "text"
SENTENCE = "The quick brown fox jumps over the lazy dog and runs away."


def count_words(text: str) -> int:
    return len(text.split())


def test_documents_come_back_as_they_were_written(tmp_path: Path) -> None:
    documents = (
        CorpusDocument("sotu-1790", "State of the Union", "1790-1860", False, "One.\nTwo é."),
        CorpusDocument("mail-1", "mails", "spam", True, "Buy."),
    )
    path = write_documents(tmp_path / "new", documents)
    first = path.read_bytes()
    assert load_documents(tmp_path / "new") == documents
    assert write_documents(tmp_path / "new", documents).read_bytes() == first


def test_missing_documents_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(FileMissing) as caught:
        load_documents(tmp_path)
    assert f"scripts/text_assets/make.py --study {tmp_path}" in str(caught.value.hint)
    assert (Path(__file__).parents[2] / "scripts" / "text_assets" / "make.py").is_file()


def test_sentences_end_where_a_reader_sees_it() -> None:
    text = 'Mr. Smith of the U.S. Navy came. "Who?" asked J. Doe. It was No. 5 that won!'
    assert sentences(text) == ["Mr. Smith of the U.S. Navy came.", '"Who?" asked J. Doe.', "It was No. 5 that won!"]


def test_a_passage_is_of_whole_sentences_and_the_right_size() -> None:
    cut = list(passages(" ".join([SENTENCE] * 40), count_words))
    assert cut == [" ".join([SENTENCE] * 5)] * 8
    assert all(MIN_TOKENS <= count_words(text) <= MAX_TOKENS for text in cut)


def test_a_sentence_that_is_too_long_is_in_no_passage() -> None:
    long = "Word " * MAX_TOKENS + "end."
    cut = list(passages(f"{SENTENCE} {long} " + " ".join([SENTENCE] * 5), count_words))
    assert cut == [" ".join([SENTENCE] * 5)]


def test_runs_of_words_ignore_case_and_marks() -> None:
    assert word_runs(SENTENCE) == word_runs(SENTENCE.upper().replace(" ", ", ")) != set()
    assert word_runs("Too short.") == set()


@pytest.mark.skipif(not (DEFAULT_FOLDER / FILE_NAME).is_file(), reason="the developer has not made the documents")
def test_no_traded_text_occurs_in_a_training_document() -> None:
    documents = load_documents()
    assert len(documents) >= 1_000
    listed = json.loads((TEXTS / "documents.json").read_text())
    trained = [document for document in documents if not document.held_out]
    assert [document.name for document in trained] == listed["training"]
    taken = set().union(*(word_runs(document.text) for document in trained))
    for name in ("offer", "own", "test"):
        with gzip.open(TEXTS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
            for line in stream:
                assert not word_runs(json.loads(line)["text"]) & taken
