"""Texts to tokens, by a tokenizer whose file was checked (`tokenizer_file`).

Special tokens are never read out of a text: a record that spells one is split as any other text. Not here: windows of
tokens (`windows`).
"""

import json
from collections.abc import Sequence
from typing import Any

from blindfair.influence.text.extra import tokenizers_library
from blindfair.influence.text.tokenizer_file import CheckedTokenizer
from blindfair.protocol.errors import UnusableModel, UnusableText
from blindfair.protocol.quantities import Digest

TEXT_LIMIT = 2**22
"""Characters of a text at most."""


class TextTokenizer:
    """Numbers of tokens for texts. Raises UnusableModel where the library does not take the file, MissingPackage."""

    __slots__ = ("_library", "_unknown", "digest")

    def __init__(self, checked: CheckedTokenizer) -> None:
        self.digest: Digest = checked.digest
        """What the digest of a base model names of it."""

        library = tokenizers_library()
        try:
            self._library: Any = library.Tokenizer.from_str(json.dumps(checked.document))
        except BaseException as error:
            if not _is_of_library(error):
                raise
            raise UnusableModel("The tokenizer cannot be made", found=str(error)[:200]) from error
        self._library.encode_special_tokens = True
        self._unknown = None if checked.unknown is None else checked.tokens[checked.unknown]

    def encode(self, texts: Sequence[str], *, first: int = 0) -> list[list[int]]:
        """The tokens of each text, without special ones around them; `first` is the number of the first in errors.

        Raises UnusableText, naming the record, for a text that is too long, gives no token, or only unknown ones.
        """
        for number, text in enumerate(texts, first):
            if len(text) > TEXT_LIMIT:
                raise UnusableText(
                    f"The text of record {number} is too long",
                    expected=f"at most {TEXT_LIMIT} characters",
                    found=len(text),
                    hint="cut it into parts; records are counted from 0",
                )
            try:
                text.encode("utf-8")
            except UnicodeError as error:
                raise UnusableText(
                    f"The text of record {number} is not Unicode",
                    expected="text that UTF-8 can hold",
                    found=type(error).__name__,
                    hint="read it again with the encoding that it was written in; records are counted from 0",
                ) from error
        try:
            encoded = self._library.encode_batch(list(texts), add_special_tokens=False)
        except BaseException as error:
            if not _is_of_library(error):
                raise
            raise UnusableText(
                "The tokenizer cannot read a text",
                expected="tokens",
                found=str(error)[:200],
                hint="take another base model",
            ) from error
        found = [list(each.ids) for each in encoded]
        for number, tokens in enumerate(found, first):
            if not tokens:
                raise UnusableText(
                    f"The text of record {number} is empty",
                    expected="at least 1 token",
                    found=0,
                    hint="leave the record out; records are counted from 0",
                )
            if all(token == self._unknown for token in tokens):
                raise UnusableText(
                    f"The model knows no word of record {number}",
                    expected="at least 1 known token",
                    found=f"{len(tokens)} unknown",
                    hint="leave the record out, or take a base model of its language; records are counted from 0",
                )
        return found


def _is_of_library(error: BaseException) -> bool:
    """It raises no class of its own, and a fault within it is no Exception."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
