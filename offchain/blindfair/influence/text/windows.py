"""The rule by which a document becomes windows of tokens that a model reads, and what its loss is a mean of.

    a b c d e f g h i j k     window 4:   a b c d | e f g h | i j k          max_windows 2:   a b c d | e f g h

A language model predicts every token of a window but the first from those before it; a record's loss is the mean over
all its predicted tokens. A classifier reads a window between its special tokens; a record's loss is the mean over its
windows. Not here: which tokenizers are taken (`tokenizer_file`), and the model (`model`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import UnusableModel, UnusableText
from blindfair.protocol.fields import Fields

MODEL_WINDOW_LIMIT = 2**13
MODEL_WINDOWS_LIMIT = 2**10
"""What a model may read at most, with a listing or without one. A listing allows less (`corpus.text_preprocessing`)."""

PREDICTED = 2
"""A last window of fewer predicted tokens than this is left out."""


@dataclass(frozen=True, slots=True)
class TextWindows:
    """Consecutive windows of `window` tokens without overlap, the last one shorter, at most `max_windows` of them.

    Raises UnusableModel for sizes out of range.
    """

    window: int
    max_windows: int

    def __post_init__(self) -> None:
        if not (PREDICTED < self.window <= MODEL_WINDOW_LIMIT and 1 <= self.max_windows <= MODEL_WINDOWS_LIMIT):
            raise UnusableModel(
                "The windows of a text model are out of range",
                expected=f"{PREDICTED + 1} ... {MODEL_WINDOW_LIMIT} tokens, 1 ... {MODEL_WINDOWS_LIMIT} windows",
                found=f"{self.window} tokens, {self.max_windows} windows",
            )

    def cut(self, tokens: Sequence[int], *, causal: bool, record: int = 0) -> list[Sequence[int]]:
        """The windows of one document of at least one token.

        The last one is left out if it has fewer than `PREDICTED` predicted tokens, unless it is the only one. `record`
        is named in errors. Raises UnusableText for a single token of a language model, which predicts nothing.
        """
        starts = range(0, min(len(tokens), self.window * self.max_windows), self.window)
        found = [tokens[start : start + self.window] for start in starts]
        first = 1 if causal else 0
        if len(found) > 1 and len(found[-1]) - first < PREDICTED:
            found.pop()
        if len(found[0]) <= first:
            raise UnusableText(
                f"The text of record {record} is too short for a language model",
                expected="2 tokens",
                found=1,
                hint="leave the record out; records are counted from 0",
            )
        return found

    def to_document(self) -> Document:
        """A field of a scoring model's config."""
        return {"max_windows": self.max_windows, "window": self.window}

    @classmethod
    def from_fields(cls, fields: Fields) -> "TextWindows":
        """A counterparty's windows. Raises MalformedMessage, UnusableModel."""
        window = fields.integer("window", PREDICTED + 1, MODEL_WINDOW_LIMIT)
        max_windows = fields.integer("max_windows", 1, MODEL_WINDOWS_LIMIT)
        fields.done()
        return cls(window, max_windows)
