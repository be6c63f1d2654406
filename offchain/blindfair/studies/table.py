"""One table of the report, as Markdown and as a part of its document."""

from collections.abc import Sequence
from dataclasses import dataclass

from blindfair.protocol.documents import Document, JsonValue


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under `columns`, with a title and a sentence on how to read them."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        """With its title as a heading."""
        lines = [f"## {self.title}", "", self.note, "", _line(self.columns), _line(["---"] * len(self.columns))]
        return "\n".join([*lines, *(_line(row) for row in self.rows)]) + "\n"

    def to_document(self) -> Document:
        """Title, note, and one object a row."""
        rows: list[JsonValue] = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"note": self.note, "rows": rows, "title": self.title}


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"
