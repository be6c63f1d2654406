"""What the owner of a listing is told of copies: how many are left out, and which had another label.

Not here: which records are copies (`influence.corpus.copies`, `influence.images`), and what is left out (`left_out`).
Commands that list nothing load this, so nothing slow is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blindfair.influence.corpus.copies import other_labels_of_copies
from blindfair.protocol.records import Cell
from blindfair.protocol.words import counted


@dataclass(frozen=True, slots=True)
class CopiesLeftOut:
    """The copies among the `read` records that are not listed. `other_labels` says which had another label than the
    `what` that they repeat, a "text" or an "image"; None where none had, or nobody could tell."""

    count: int = 0
    read: int = 0
    other_labels: str | None = None
    what: str = "record"

    @property
    def other_labels_note(self) -> str | None:
        """What to do about labels that contradict each other; None where nothing was left out for it."""
        if not self.count or self.other_labels is None:
            return None
        return f"{self.other_labels}. The first {self.what}'s label is listed; correct it if it is wrong"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was left out."""
        if not self.count:
            return ()
        said = f"{self.count:,} of {counted(self.read, 'record')} are left out: each is a copy of an earlier one"
        return (said,) if self.other_labels_note is None else (said, self.other_labels_note)


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
