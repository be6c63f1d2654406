"""The Brown corpus: 500 samples of American prose of 1961, without tags and with ordinary spacing.

Not here: fetching it (`npm_packages`).
"""

import re
from collections.abc import Iterator
from pathlib import Path

CATEGORIES = {
    "a": "reportage",
    "b": "editorials",
    "c": "reviews",
    "d": "religion",
    "e": "hobbies",
    "f": "popular lore",
    "g": "essays",
    "h": "government",
    "j": "learned",
    "k": "fiction",
    "l": "mystery",
    "m": "science fiction",
    "n": "adventure",
    "p": "romance",
    "r": "humor",
}
"""By the second character of a file's name."""

_DOUBLED = re.compile(r"([;?!]) \1(?= |$)")
_NO_SPACE_BEFORE = re.compile(r" (?=[.,;:?!)\]%](?: |\"|$))")
_NO_SPACE_AFTER = re.compile(r"(?<=[(\[]) ")


def samples(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Name, category and text of each sample."""
    for path in sorted(folder.glob("c[a-r][0-9][0-9]")):
        yield path.name, CATEGORIES[path.name[1]], plain(path.read_text(encoding="latin-1"))


def plain(tagged: str) -> str:
    """A tagged sample as paragraphs that are separated by line feeds."""
    paragraphs = re.split(r"\n\s*\n", tagged)
    found = [" ".join(_sentence(line) for line in paragraph.splitlines() if line.strip()) for paragraph in paragraphs]
    return "\n".join(paragraph for paragraph in found if paragraph)


def _sentence(line: str) -> str:
    """A line of `word/tag` as it was printed; the corpus writes `;`, `?` and `!` twice."""
    text = " ".join(token.rpartition("/")[0] or token for token in line.split())
    text = _DOUBLED.sub(r"\1", text)
    text = text.replace("`` ", '"').replace("``", '"').replace(" ''", '"').replace("''", '"')
    text = _NO_SPACE_AFTER.sub("", _NO_SPACE_BEFORE.sub("", text))
    # A full stop that ended a quotation follows the closing mark in the corpus.
    return re.sub(r'" ?([.,;:?!])(?= |$)', r'\1"', text)
