"""What a listing of texts says of how scoring models read them: its manifest's `preprocessing` (PROTOCOL 2).

A text becomes windows of at most `window` tokens, one after another, and at most `max_windows` of them are scored. The
tokenizer is the base model's. Base models are named by their digests: a seller scores with those that it holds, or with
any that a buyer sends.
Near-duplicates are named too, so that a buyer need not pay for two of them; opened texts show whether all were.

Not here: tokens and windows themselves (package `influence.text`).
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Integers
from blindfair.influence.features import category_values
from blindfair.influence.refusal import unusable
from blindfair.protocol.chunks import CHUNK_COUNT_LIMIT
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import MalformedMessage, UnusableModel
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.quantities import Digest, RecordIndex
from blindfair.protocol.records import PlainCell
from blindfair.protocol.schema import NAME_LIMIT

KIND = "text"
LISTED_CLASS_LIMIT = 64
"""Values of a listing's label, at most: the manifest names them all."""

BASE_LIMIT = 16
WINDOW_LIMIT = 2048
"""Tokens of a window, at most."""

WINDOWS_LIMIT = 64
"""Windows of a text that are scored, at most."""


@dataclass(frozen=True, slots=True)
class TextPreprocessing:
    """How the texts of a listing are read. `classes` are the values of `label`, ascending, where there is one."""

    column: str
    """The column of the texts."""

    label: str | None
    """The column that a model predicts, or nothing: then models predict the text itself."""

    classes: tuple[PlainCell, ...]
    """2 to 64 values of the label; none without a label."""

    window: int
    """Tokens of a window at most, besides special ones, from 8."""

    max_windows: int
    """Windows of a text that are scored at most, from 1."""

    base_models: tuple[Digest, ...]
    """Base models that the seller holds, 1 to 16 digests, ascending."""

    near_duplicates: tuple[RecordIndex, ...] = ()
    """Records, ascending, that are near-duplicates of an earlier one: a buyer need not want them."""

    any_base_model: bool = False
    """Whether a buyer may send a base model that the seller does not hold."""

    @property
    def compared_runs(self) -> int:
        """Runs of a text that near-duplicates are compared by: no fewer than its scored tokens have, as a rule."""
        return self.window * self.max_windows

    def distinct(self, count: int) -> Integers:
        """The others of `count` records, ascending.

        >>> TextPreprocessing("text", None, (), 128, 4, (), near_duplicates=(1, 3)).distinct(5).tolist()
        [0, 2, 4]
        """
        return np.setdiff1d(np.arange(count, dtype=np.int64), self.near_duplicates)

    def to_document(self) -> Document:
        """The manifest's `preprocessing`."""
        classes: list[JsonValue] = list(self.classes)
        bases: list[JsonValue] = [hex_text(base) for base in self.base_models]
        return {
            "any_base_model": self.any_base_model,
            "base_models": bases,
            "classes": classes,
            "column": self.column,
            "kind": KIND,
            "label": self.label,
            "max_windows": self.max_windows,
            "near_duplicates": list(self.near_duplicates),
            "window": self.window,
        }

    @classmethod
    def from_document(cls, document: Document) -> "TextPreprocessing":
        """A counterparty's preprocessing, checked in full. Raises UnusableModel."""
        with unusable("The preprocessing of the texts cannot be used"):
            return cls.from_fields(Fields(document, "preprocessing"))

    @classmethod
    def from_fields(cls, fields: Fields) -> "TextPreprocessing":
        """The same, as a part of a greater document. Raises MalformedMessage, UnusableModel."""
        fields.choice("kind", (KIND,))
        bases = tuple(Digest(data) for data in fields.datas("base_models", 32, BASE_LIMIT))
        alike = fields.integers("near_duplicates", 1, CHUNK_COUNT_LIMIT - 1, CHUNK_COUNT_LIMIT)
        found = cls(
            column=fields.text("column", NAME_LIMIT),
            label=fields.optional_text("label", NAME_LIMIT),
            classes=category_values(fields.items("classes", LISTED_CLASS_LIMIT)),
            window=fields.integer("window", 8, WINDOW_LIMIT),
            max_windows=fields.integer("max_windows", 1, WINDOWS_LIMIT),
            base_models=bases,
            near_duplicates=tuple(map(RecordIndex, alike)),
            any_base_model=fields.flag("any_base_model"),
        )
        fields.done()
        if not bases or list(bases) != sorted(set(bases)):
            raise MalformedMessage("base models are not named once each, in order", expected=f"1 ... {BASE_LIMIT}")
        if found.label == found.column:
            raise MalformedMessage("the label is the column of the texts")
        if alike != sorted(set(alike)):
            raise MalformedMessage("near-duplicates are not named once each, in order", expected="ascending records")
        if (found.label is None) != (not found.classes) or len(found.classes) == 1 or None in found.classes:
            raise MalformedMessage("label and classes do not fit", expected="both, with 2 ... 64 classes, or neither")
        return found

    def check_base(self, base: Digest) -> None:
        """Raises UnusableModel for a base model that the seller neither names nor takes."""
        if base not in self.base_models and not self.any_base_model:
            raise UnusableModel(
                "The seller does not hold this base model",
                expected=" or ".join(each.hex() for each in self.base_models),
                found=base.hex(),
                hint="score with a base model that the listing names",
            )


def is_text_preprocessing(document: Document | None) -> bool:
    """Whether a manifest's preprocessing is one of texts; a table's has no `kind`."""
    return document is not None and document.get("kind") == KIND
