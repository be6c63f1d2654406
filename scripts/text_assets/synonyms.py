"""Synonyms of English words by WordNet, for paraphrases: of a word's most frequent sense, the first other word."""

from collections.abc import Iterator
from pathlib import Path

PARTS = ("noun", "verb", "adj", "adv")


def synonyms(folder: Path) -> dict[str, str]:
    """One other word for each word that has any; words of several parts of speech by the one most often met."""
    met: dict[str, int] = {}
    found: dict[str, str] = {}
    for part in PARTS:
        members = dict(_members(folder / f"data.{part}"))
        for word, count, offset in _senses(folder / f"index.{part}"):
            others = [each for each in members[offset] if each != word and each.isalpha() and each.islower()]
            if others and count > met.get(word, -1):
                met[word], found[word] = count, others[0]
    return dict(sorted(found.items()))


def _members(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The offset of each set of synonyms, and its words: wndb(5WN)."""
    for line in _lines(path):
        fields = line.split()
        count = int(fields[3], 16)
        yield int(fields[0]), [each.split("(")[0] for each in fields[4 : 4 + 2 * count : 2]]


def _senses(path: Path) -> Iterator[tuple[str, int, int]]:
    """Each single word, how many of its senses were met in texts, and the offset of the most frequent one."""
    for line in _lines(path):
        fields = line.split()
        if fields[0].isalpha():
            pointers = int(fields[3])
            yield fields[0], int(fields[5 + pointers]), int(fields[6 + pointers])


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as stream:
        # The licence comes first, indented.
        yield from (line for line in stream if not line.startswith(" "))
