"""One table of the report, as Markdown and as a part of its document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from blindfair.protocol.documents import Document, JsonValue

WIDEST = 120
"""Columns of a line of Markdown at most: a wider table comes in parts."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """Rows of texts under `columns`, with a title and a note on how to read them.

    The note has one sentence a line. Lines that explain a word, as `*word*: ...`, become a list behind the others.
    The first `keys` columns name a row, and are repeated in every part of a wide table. A part begins at each column
    of `breaks`, and a part that would be wider than `WIDEST` is divided evenly.
    """

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int = 1
    breaks: tuple[str, ...] = ()

    def to_markdown(self) -> str:
        """The table, in one part or several, with its title as a heading."""
        lines = [f"## {self.title}", "", *self._note()]
        for places in self._parts():
            lines += ["", _line([self.columns[place] for place in places]), _line(["---"] * len(places))]
            lines += [_line([row[place] for place in places]) for row in self.rows]
        return "\n".join(lines) + "\n"

    def to_document(self) -> Document:
        """Title, note, and one object a row."""
        rows: list[JsonValue] = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"note": self.note.replace("\n", " "), "rows": rows, "title": self.title}

    def _note(self) -> list[str]:
        lines = self.note.split("\n")
        words = [f"- {line}" for line in lines if line.startswith("*")]
        plain = [line for line in lines if not line.startswith("*")]
        return [*plain, *([""] if plain and words else []), *words]

    def _parts(self) -> Iterator[list[int]]:
        keys, begun = list(range(self.keys)), [self.columns.index(column) for column in self.breaks]
        ends = [self.keys, *begun, len(self.columns)]
        for start, stop in pairwise(ends):
            for count in range(1, stop - start + 1):
                parts = [[*keys, *part.tolist()] for part in np.array_split(np.arange(start, stop), count)]
                if count == stop - start or all(self._width(part) <= WIDEST for part in parts):
                    yield from parts
                    break

    def _width(self, places: Sequence[int]) -> int:
        return max(len(_line([row[place] for place in places])) for row in (self.columns, *self.rows))


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"
