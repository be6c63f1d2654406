"""Lines for people: a label with a text wrapped beside it, and columns that are as wide as what they hold.

Nothing is ever cut, and no text is read as markup: the names of columns and files are other people's.
"""

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

WIDEST = 100
"""Columns; longer lines are hard to read, and a file has no width of its own."""

LABEL = 10
"""Columns of the label with the space around it."""


class Lines:
    """What is printed to one console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._encoding = console.encoding
        self._width = min(console.width, WIDEST) if console.is_terminal else WIDEST

    def blank(self) -> None:
        """An empty line."""
        self._print(Text(""))

    def headline(self, title: str, rest: str = "") -> None:
        """`title: rest`."""
        first, *more = textwrap.wrap(f"{title}: {rest}" if rest else title, self._width)
        line = Text(first)
        line.stylize("bold", 0, len(title))
        self._print(line)
        for text in more:
            self._print(Text("  " + text))

    def item(self, label: str, text: str, *, right: str = "", style: str = "") -> None:
        """A text beside its label; `right` stands at the end of the first line."""
        # A label that fills its column keeps a space before the text.
        head = f"  {label:<{LABEL - 3}} "
        space = max(self._width - len(head) - (len(right) + 2 if right else 0), 20)
        wrapped = textwrap.wrap(text, space, break_on_hyphens=False) or [""]
        for number, part in enumerate(wrapped):
            line = Text(head if number == 0 else " " * LABEL)
            line.append(part, style)
            if number == 0 and right:
                line.append(" " * (self._width - len(line) - len(right)) + right, "cyan")
            self._print(line)

    def table(self, rows: Sequence[Sequence[str]], *, left: int) -> None:
        """`columns`, indented."""
        for line in columns(rows, left=left):
            self._print(Text("  " + line))

    def verbatim(self, text: str) -> None:
        """Lines that are pasted, like commands: never wrapped."""
        for line in text.splitlines():
            self._print(Text(line))

    def _print(self, line: Text) -> None:
        # What others wrote may hold control characters, with which a terminal can be made to show anything.
        if not line.plain.isprintable():
            line.plain = "".join(map(_escaped, line.plain))
        # Names of files may be any bytes, which Python holds as lone surrogates, and no console can print these.
        if not line.plain.isascii():
            line.plain = line.plain.encode(self._encoding, "backslashreplace").decode(self._encoding)
        self._console.print(line, soft_wrap=True)


def columns(rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Rows as lines of equal columns, as wide as their contents; the first `left` of them aligned to the left."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _escaped(character: str) -> str:
    """Return a character as it is if it can be printed, or is a tab, else its escape, such as `\\x1b`.

    >>> _escaped("a"), _escaped("\\x1b")
    ('a', '\\\\x1b')
    """
    is_shown = character.isprintable() or character == "\t"
    return character if is_shown else character.encode("unicode_escape").decode()
