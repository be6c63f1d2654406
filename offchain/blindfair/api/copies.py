"""What the owner of a listing is told of copies that have another label than what they repeat.

Not here: which records are copies (`influence.corpus.copies`, `influence.images`), and what is left out (`left_out`).
"""

from collections.abc import Mapping, Sequence

from blindfair.influence.corpus.copies import other_labels_of_copies
from blindfair.protocol.records import Cell


def other_labels_said(
    labels: Sequence[Cell] | None, copies: Mapping[int, int], what: str, numbered: str = "record"
) -> str | None:
    """How many copies have another label than the `what` that they repeat, with an example; None without any.

    Where copies are left out, the first one's label is listed and the others vanish: the owner knows which is right.

    >>> other_labels_said(["a", "b", "b"], {1: 0, 2: 0}, "text")
    '2 copies have another label than the first text that is the same: record 1 and record 0, for example'
    """
    found = other_labels_of_copies(labels, copies)
    if not found:
        return None
    number, first = found[0]
    have = "1 copy has another label" if len(found) == 1 else f"{len(found):,} copies have another label"
    return f"{have} than the first {what} that is the same: {numbered} {number} and {numbered} {first}, for example"


def correct_first(what: str) -> str:
    """The end of the hint where copies with other labels keep a listing from being made."""
    return f". Correct the labels first: the first {what}'s would be listed"
