"""Text of generated pages: one sentence a line, none wider than the pages may be."""

import re
import textwrap

WIDTH = 120
"""Columns of a line in a page."""

_END = re.compile(r"(?<=[a-z0-9)`\"'%][.!?]) (?=[A-Z`\[\"])")


def sentences(text: str, indent: str = "") -> list[str]:
    """The sentences of a paragraph, each on lines of its own, with `indent` before every line."""
    lines: list[str] = []
    for sentence in _END.split(text):
        lines += textwrap.wrap(
            sentence,
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def bullet(head: str, text: str) -> str:
    """An item of a list: `- head: text`, the text's sentences on lines of their own."""
    lines = sentences(f"{head}: {text}", "  ")
    return "- " + "\n".join(lines)[2:] + "\n"
