"""How a listing's texts are read, as its owner states it, and what an agent lists of them.

Not here: terms and prices (`listing_options`), and reading the texts (`influence.corpus`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blindfair.agents.evaluation.rows import BaseModels
from blindfair.agents.policy import SellerPolicy
from blindfair.api.base_models import check_folder, check_label_fits, check_readable, load_base
from blindfair.api.checked_options import NOT_TEXTS
from blindfair.api.copies import correct_first, other_labels_said
from blindfair.api.defaults import MAX_WINDOWS, WINDOW
from blindfair.influence.corpus.copies import copies_of_texts
from blindfair.influence.corpus.corpus import TEXT_COLUMN, Corpus, read_corpus
from blindfair.influence.corpus.near_duplicates import near_duplicates_of_texts
from blindfair.influence.corpus.text_folder import read_folder
from blindfair.influence.corpus.text_preprocessing import (
    BASE_LIMIT,
    LISTED_CLASS_LIMIT,
    WINDOW_LIMIT,
    WINDOWS_LIMIT,
    TextPreprocessing,
)
from blindfair.influence.frames import Frame
from blindfair.influence.label import read_classes
from blindfair.influence.projection import K_LIMIT
from blindfair.pricing.information import check_record_bits, measure_bytes
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidListing, InvalidOption, LabelUnusable
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import RecordIndex
from blindfair.protocol.records import PlainCell
from blindfair.protocol.sealed_message import HEAD_SIZE
from blindfair.protocol.sealing import sealed_size

SEALED_REQUEST = HEAD_SIZE + sealed_size(Request.LIMIT)
"""Bytes of the largest request that there may be, sealed."""


@dataclass(frozen=True, slots=True)
class TextOptions:
    """`column` holds the texts, `base_models` are the folders of the base models that buyers may score with; with
    `any_base_model` they may send others."""

    column: str
    base_models: list[str]
    window: int = WINDOW
    max_windows: int = MAX_WINDOWS
    any_base_model: bool = False

    def read(self, source: Path | str | Frame, label: str | None, exclude: Sequence[str]) -> Corpus:
        """Read the texts. Raises what `read_corpus` raises."""
        return read_corpus(source, text=self.column, label=label, exclude=exclude)

    def check(self, *, takes_models: bool) -> None:
        """Check what needs no text: the number of base models, their folders, and who may bring models.

        Raises InvalidOption and FileMissing.
        """
        self._check_number()
        for folder in self.base_models:
            check_folder(Path(folder))
        _check_models_are_taken(takes_models)
        self._check_windows()

    def bases(self) -> BaseModels:
        """Load the base models, by digest. Raises InvalidOption for none or too many, and what loading raises."""
        self._check_number()
        loaded = [load_base(Path(folder)) for folder in self.base_models]
        return {base.digest: base for base in loaded}

    def _check_number(self) -> None:
        if not 1 <= len(self.base_models) <= BASE_LIMIT:
            raise InvalidOption(
                "Texts are scored with a base model that both parties hold",
                expected=f"1 ... {BASE_LIMIT} folders as `base_models`",
                found=len(self.base_models),
                hint="name the folder of its config.json, model.safetensors and tokenizer.json",
            )

    def _check_windows(self) -> None:
        for name, value, low, high in (
            ("window", self.window, 8, WINDOW_LIMIT),
            ("max_windows", self.max_windows, 1, WINDOWS_LIMIT),
        ):
            if not low <= value <= high:
                raise InvalidOption(f"`{name}` is out of range", expected=f"{low} ... {high}", found=value)

    @property
    def max_sealed_message(self) -> int:
        """Bytes of a message that the seller reads: one that holds a base model is larger than others."""
        return SEALED_REQUEST if self.any_base_model else SellerPolicy().max_sealed_message

    def products(self, bases: BaseModels, records: int) -> int:
        """Multiplications that an evaluation by the largest of the base models takes at most.

        Naming a base model allows what scoring with it takes: a general limit would refuse every buyer of a large one.
        Each number of it is used three times a token, and once for each entry of a projection.
        """
        numbers = max(sum(tensor.numel() for tensor in base.tensors.values()) for base in bases.values())
        return 2 * records * numbers * (3 * self.window * self.max_windows + K_LIMIT)

    def preprocessing(self, corpus: Corpus, bases: BaseModels) -> TextPreprocessing:
        """How scoring models read the listed texts, for the manifest.

        Raises InvalidOption for windows out of range, LabelUnusable for a label of one class or of too many, or that a
        base model cannot learn, and UnusableText for a text in which a base model finds nothing to score: all of them
        before near-duplicates are looked for, which takes minutes.
        """
        self._check_windows()
        found = TextPreprocessing(
            corpus.text,
            corpus.label,
            classes_of(corpus),
            self.window,
            self.max_windows,
            tuple(sorted(bases)),
            any_base_model=self.any_base_model,
        )
        # Read as a buyer will: a label that is no class is told now.
        TextPreprocessing.from_document(found.to_document())
        from blindfair.influence.text.scoring import windows_of

        for base in bases.values():
            check_label_fits(base, found.label)
            check_readable(base, corpus.texts(), windows_of(found, base))
        return replace(found, near_duplicates=near_duplicates_of(corpus, found.compared_runs))


def text_options(
    column: str | None,
    base_models: Sequence[Path | str],
    window: int = WINDOW,
    max_windows: int = MAX_WINDOWS,
    codes: Sequence[str] = (),
    *,
    any_base_model: bool = False,
) -> TextOptions | None:
    """How the owner's texts are read; None for a table, with its columns of codes. Raises InvalidOption for a table
    with options of texts."""
    if column is not None:
        folders = [str(Path(folder).resolve()) for folder in base_models]
        return TextOptions(column, folders, window, max_windows, any_base_model)
    given = {
        "base_model": base_models,
        "window": window != WINDOW,
        "max_windows": max_windows != MAX_WINDOWS,
        "any_base_model": any_base_model,
    }
    for name, is_given in given.items():
        if is_given:
            raise InvalidOption(
                f"`{name}` is for texts, and this is a table",
                expected="`text_column`, the column of the texts",
                found="none",
                hint=f"name that column: {NOT_TEXTS}" if codes else "name that column, or leave the option out",
            )
    return None


def listed_preprocessing(
    options: TextOptions | None, corpus: Corpus, bases: BaseModels | None, *, takes_models: bool
) -> Document:
    """How the texts of a listing are read, as a document; `takes_models` says whether buyers may bring models.

    Raises InvalidOption where they may not, and as `TextOptions.preprocessing`.
    """
    if options is None:
        raise InvalidOption("A listing of texts says how they are read", expected="`texts`", found="nothing")
    _check_models_are_taken(takes_models)
    return options.preprocessing(corpus, options.bases() if bases is None else bases).to_document()


def _check_models_are_taken(takes_models: bool) -> None:
    if not takes_models:
        raise InvalidOption(
            "Texts are scored by models that buyers bring",
            expected="named `buyers`, or `own_models`",
            found="neither",
            hint="name your buyers: with a model of its own anybody can aim all bits of an evaluation at few texts",
        )


def measured_text_bits(corpus: Corpus) -> int:
    """How many bits a text holds; copies are measured once.

    Raises InvalidListing where that is too little, and where most texts are copies: that is no column of texts.
    """
    copies = len(copies_of_texts(corpus.texts()))
    if 2 * copies > len(corpus.rows):
        raise InvalidListing(
            "More than half of the texts are copies",
            expected="different texts",
            found=f"{copies:,} copies among {len(corpus.rows):,} records of column {corpus.text!r}",
            hint="check `text_column`: it names the column of the texts. If it does, remove the copies from the file. "
            "A table's column of codes is named by `text` instead",
        )
    held = measure_bytes([text.encode() for text in dict.fromkeys(corpus.texts())]).bits
    check_record_bits(held)
    return held


def classes_of(corpus: Corpus) -> tuple[PlainCell, ...]:
    """The values of the label, ascending, of texts that differ; none without a label.

    Raises LabelUnusable for one, for too many, and for those of few texts: the manifest makes them public.
    """
    labels = corpus.labels()
    if labels is None or corpus.label is None:
        return ()
    copies = {number for number, _ in copies_of_texts(corpus.texts())}
    listed = [label for number, label in enumerate(labels) if number not in copies]
    found = set(listed)
    if not 2 <= len(found) <= LISTED_CLASS_LIMIT:
        raise LabelUnusable(
            f"Column {corpus.label!r} is no label of texts",
            expected=f"2 ... {LISTED_CLASS_LIMIT} different values",
            found=len(found),
            hint="name another column, or none: texts can be scored without a label",
        )
    return read_classes(listed, corpus.label)


def near_duplicates_of(corpus: Corpus, runs: int) -> tuple[RecordIndex, ...]:
    """The listed records that are near-duplicates of an earlier one by so many runs, ascending: copies are not counted
    as listed."""
    texts = corpus.texts()
    copies = {number for number, _ in copies_of_texts(texts)}
    listed = [text for number, text in enumerate(texts) if number not in copies]
    return tuple(RecordIndex(later) for later, _ in near_duplicates_of_texts(listed, runs))


def listed_texts(corpus: Corpus, chunk_size: int, *, without_copies: bool) -> tuple[bytes, ...]:
    """The records of a corpus as they are listed, with the first of equal texts alone if told so.

    Texts are equal that differ in case and blanks alone, whatever their labels. Raises InvalidListing for equal texts
    otherwise: a model learns nothing from a copy, and would pay for it.
    """
    copies = dict(copies_of_texts(corpus.texts()))
    if copies and not without_copies:
        number, first = next(iter(copies.items()))
        others = other_labels_of_texts(corpus)
        raise InvalidListing(
            "Some texts are the same but for case and blanks",
            expected="different texts",
            found=f"{len(copies)} copies; record {number} is record {first}, for example"
            + ("" if others is None else f"; {others}"),
            hint="remove them, or list the first of equal texts alone: `without_copies`"
            + ("" if others is None else correct_first("text")),
        )
    return tuple(record for number, record in enumerate(corpus.encoded(chunk_size)) if number not in copies)


def other_labels_of_texts(corpus: Corpus) -> str | None:
    """How many copies have another label than the text that they repeat, as `other_labels_said` says it."""
    return other_labels_said(corpus.labels(), dict(copies_of_texts(corpus.texts())), "text")


def kept_file(source: Path) -> bytes:
    """The bytes to keep of a file; of a folder, its texts as JSON Lines. Raises as `read_folder`."""
    if not source.is_dir():
        return source.read_bytes()
    return "".join(json.dumps({TEXT_COLUMN: text}) + "\n" for text in read_folder(source)).encode()
