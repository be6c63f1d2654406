"""Texts are read from files, frames and folders, and what is no text is refused by name."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from blindfair.influence.corpus.copies import copies_of_texts
from blindfair.influence.corpus.corpus import Corpus, read_corpus
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing, is_text_preprocessing
from blindfair.influence.csv_file import BYTE_LIMIT, CELL_LENGTH
from blindfair.protocol.errors import (
    BlindfairError,
    FileMissing,
    InvalidOption,
    LabelMissing,
    MalformedTable,
    NoRecords,
    TooLarge,
    UndecodableBytes,
    UnusableModel,
)
from blindfair.protocol.quantities import Digest
from blindfair.protocol.records import RecordEncoding

TEXTS = ["The whale is a fish, he said.\nNo more.", "Mr. Speaker, the state of the union is strong.", "Buy now!"]


def written(path: Path, form: str) -> Path:
    if form == "jsonl":
        path.write_text(
            "".join(json.dumps({"text": text, "kind": kind}) + "\n" for text, kind in zip(TEXTS, "abb", strict=True))
        )
    elif form == "gz":
        path.write_bytes(
            gzip.compress(
                "".join(json.dumps({"text": t, "kind": k}) + "\n" for t, k in zip(TEXTS, "abb", strict=True)).encode()
            )
        )
    else:
        frame = pd.DataFrame({"text": TEXTS, "kind": list("abb")})
        frame.to_parquet(path) if form == "parquet" else frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("form", ["jsonl", "gz", "parquet", "csv"])
def test_every_form_of_file_holds_the_same_texts(tmp_path: Path, form: str) -> None:
    found = read_corpus(written(tmp_path / "texts", form), label="kind")
    assert found == Corpus(("text", "kind"), tuple(zip(TEXTS, "abb", strict=True)), "text", "kind")
    assert found.encoding is RecordEncoding.CBOR_ROW
    schema = found.schema()
    assert [schema.decode(found.encoding, record) for record in found.encoded(1024)] == list(found.rows)


def test_a_frame_holds_the_same_texts() -> None:
    frame = pd.DataFrame({"body": TEXTS, "year": [1851, 1990, 2001]})
    found = read_corpus(frame, text="body")
    assert (found.texts(), found.labels()) == (TEXTS, None)
    assert found.schema().unscored == ("year",)


def test_a_link_to_nothing_is_no_text_that_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("A text.")
    (tmp_path / "kept.txt").symlink_to(tmp_path / "one.txt")
    assert len(read_corpus(tmp_path).rows) == 2
    (tmp_path / "lost.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(FileMissing, match="a link to a file that is not there"):
        read_corpus(tmp_path)


def test_a_folder_is_texts_alone(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name, text in zip(("a.txt", "b.txt", "more/c.txt"), TEXTS, strict=True):
        (tmp_path / name).write_text(text)
    (tmp_path / "notes.md").write_text("not one of them")
    found = read_corpus(tmp_path)
    assert (found.texts(), found.encoding) == (TEXTS, RecordEncoding.TEXT)
    assert [found.schema().decode(found.encoding, record) for record in found.encoded(1024)] == list(found.rows)


def test_a_delivery_tells_no_more_of_a_length_than_its_chunks(tmp_path: Path) -> None:
    for number, length in enumerate((3, 900, 1008, 1009)):
        (tmp_path / f"{number}.txt").write_text("x" * length)
    assert [len(record) for record in read_corpus(tmp_path).encoded(1024)] == [1008, 1008, 1008, 2016]


@pytest.mark.parametrize(
    ("made", "options", "error"),
    [
        ({"a.csv": "text,kind\n,b\n"}, {}, MalformedTable),
        ({"a.csv": 'text,kind\n"  ",b\n'}, {}, MalformedTable),
        ({"a.csv": "text,kind\nx,\n"}, {"label": "kind"}, LabelMissing),
        ({"a.csv": "text,kind\nx,b\n"}, {"label": "sort"}, LabelMissing),
        ({"a.csv": "text,kind\nx,b\n"}, {"label": "text"}, LabelMissing),
        ({"a.csv": "text,kind\nx,b\n"}, {"text": "body"}, InvalidOption),
        ({"a.csv": "text,kind\nx,b\n"}, {"exclude": ["text"]}, InvalidOption),
        ({"a.csv": "text,kind\nx,b\n"}, {"exclude": ["sort"]}, InvalidOption),
        ({"f/a.md": "x"}, {}, NoRecords),
        ({"f/a.txt": " \n"}, {}, MalformedTable),
        ({"f/a.txt": "ends\0"}, {}, MalformedTable),
        ({"f/a.txt": b"\xff\xfe\x00"}, {}, UndecodableBytes),
        ({"a.csv": b"text\n\xff\xfe\x41\n"}, {}, UndecodableBytes),
    ],
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, made: dict[str, str | bytes], options: dict[str, object], error: type[BlindfairError]
) -> None:
    for name, content in made.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    source = tmp_path / ("f" if (tmp_path / "f").exists() else "a.csv")
    with pytest.raises(error):
        read_corpus(source, **options)  # type: ignore[arg-type]


def test_a_text_file_that_is_too_large_is_refused_with_the_limit_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("🐕" * CELL_LENGTH)
    assert len(read_corpus(tmp_path).texts()[0]) == CELL_LENGTH
    (tmp_path / "b.txt").write_text("x" * (CELL_LENGTH + 1))
    with pytest.raises(MalformedTable, match=r"b\.txt holds a text that is too long"):
        read_corpus(tmp_path)
    # Refused by its size: no memory holds it.
    with (tmp_path / "b.txt").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(TooLarge, match=r"b\.txt holds a text that is too long") as told:
        read_corpus(tmp_path)
    assert told.value.expected == "at most 131,072 characters" and str(told.value.found) == f"{2**40:,} bytes"


def test_a_folder_of_too_many_texts_is_refused_before_one_is_read(tmp_path: Path) -> None:
    """Files of zeros: read, the first one would be refused as no text."""
    for number in range(BYTE_LIMIT // 2**19 + 1):
        with (tmp_path / f"{number}.txt").open("wb") as file:
            file.truncate(2**19)
    with pytest.raises(TooLarge, match="holds too many texts") as told:
        read_corpus(tmp_path)
    assert told.value.expected == f"at most {BYTE_LIMIT:,} bytes in all"


def test_a_misspelt_column_to_leave_out_is_named_with_one_that_is_spelt_like_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,source\nx,b\n")
    with pytest.raises(InvalidOption, match="There is no column 'sorce'") as told:
        read_corpus(tmp_path / "a.csv", exclude=["sorce"])
    assert "is it 'source'?" in told.value.hint
    with pytest.raises(LabelMissing) as missing:
        read_corpus(tmp_path / "a.csv", label="sorce")
    assert "is it 'source'?" in missing.value.hint
    with pytest.raises(InvalidOption, match="The texts and the label cannot be left out"):
        read_corpus(tmp_path / "a.csv", exclude=["text"])


def test_copies_are_found_whatever_their_case_and_blanks() -> None:
    texts = ["One  text.", "another", "one\ntext. ", "ONE TEXT.", "another one"]
    assert copies_of_texts(texts) == [(2, 0), (3, 0)]


def preprocessing(**changed: object) -> TextPreprocessing:
    fields: dict[str, object] = {
        "column": "text",
        "label": None,
        "classes": (),
        "window": 128,
        "max_windows": 4,
        "base_models": (Digest(bytes(32)), Digest(bytes([1] * 32))),
    }
    return TextPreprocessing(**{**fields, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed", [{}, {"label": "kind", "classes": ("ham", "spam")}, {"near_duplicates": (1, 2**20 - 1)}]
)
def test_preprocessing_goes_through_a_manifest(changed: dict[str, object]) -> None:
    found = preprocessing(**changed)
    assert is_text_preprocessing(found.to_document())
    assert TextPreprocessing.from_document(found.to_document()) == found


@pytest.mark.parametrize(
    "changed",
    [
        {"label": "kind"},
        {"classes": ("ham", "spam")},
        {"label": "kind", "classes": ("ham",)},
        {"label": "kind", "classes": ("ham", None)},
        {"label": "text", "classes": ("ham", "spam")},
        {"window": 7},
        {"window": 4096},
        {"max_windows": 0},
        {"base_models": ()},
        {"base_models": (Digest(bytes([1] * 32)), Digest(bytes(32)))},
        {"base_models": (Digest(bytes(31)),)},
        {"near_duplicates": (0,)},
        {"near_duplicates": (2, 1)},
        {"near_duplicates": (2, 2)},
        {"near_duplicates": (2**20,)},
    ],
)
def test_preprocessing_of_a_stranger_is_checked(changed: dict[str, object]) -> None:
    with pytest.raises(UnusableModel):
        TextPreprocessing.from_document(preprocessing(**changed).to_document())


def test_a_base_model_that_the_seller_does_not_hold_is_refused() -> None:
    preprocessing().check_base(Digest(bytes(32)))
    with pytest.raises(UnusableModel, match="base model"):
        preprocessing().check_base(Digest(bytes([2] * 32)))
