"""Copies among texts: the same text but for case and blanks, which is one record for a model.

Not here: texts that differ more (`near_duplicates`).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from blindfair.influence.features import same_value
from blindfair.protocol.records import Cell

_BLANKS = re.compile(r"\s+")


def normalised(text: str) -> str:
    """Return a text without differences of case, blanks and Unicode form.

    >>> normalised("  The\\n same ") == normalised("the Same")
    True
    """
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def is_visible(text: str) -> bool:
    r"""Whether a text has anything besides blanks, and control and format characters such as a zero-width space.

    >>> is_visible("a"), is_visible(" \u200b\n"), is_visible("\u00e9")
    (True, False, True)
    """
    return any(not each.isspace() and unicodedata.category(each) not in ("Cc", "Cf") for each in text)


def copies_of_texts(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Every text that is the same as an earlier one after normalisation, with the first that is."""
    first: dict[str, int] = {}
    both = ((number, first.setdefault(normalised(text), number)) for number, text in enumerate(texts))
    return [(number, earlier) for number, earlier in both if earlier < number]


def other_labels_of_copies(labels: Sequence[Cell] | None, copies: Mapping[int, int]) -> list[tuple[int, int]]:
    """The copies that have another label than the text that they repeat, with that text; none without labels.

    >>> other_labels_of_copies(["spam", "mail", "spam"], {1: 0, 2: 0})
    [(1, 0)]
    """
    if labels is None:
        return []
    return [(number, first) for number, first in copies.items() if not same_value(labels[number], labels[first])]
