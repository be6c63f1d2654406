"""All documents of the packages, cleaned, and which of them are held out of the training of the small GPT-2.

Not here: cutting them into texts (`assembly`).
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import brown
import mails

from blindfair.studies.texts.corpora import CorpusDocument

UNION, BROWN, MOBY, MAILS = "State of the Union", "Brown", "Moby Dick", "mails"

TARGET_ERA = "1946-2021"
"""All addresses of this era are held out: a buyer of them has something to gain."""

HELD_OUT_SHARE = 0.4
"""Of the documents of every other part."""

_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "‑": "-", "–": "-", "—": " - ", "•": " "})


def all_documents(stdlib: Path, brown_folder: Path) -> list[CorpusDocument]:
    """Every document, in a fixed order. Mails are never trained on."""
    trained = [
        *_addresses(stdlib / "sotu" / "data"),
        *_samples(brown_folder),
        *_chapters(stdlib / "moby-dick" / "data"),
    ]
    return [*held_out_marked(trained), *_mails(stdlib / "spam-assassin" / "data")]


def held_out_marked(documents: Iterable[CorpusDocument]) -> Iterator[CorpusDocument]:
    """Mark the share of each part that is held out; addresses of one year stay together, for they repeat each other."""
    groups: dict[tuple[str, str], dict[str, list[CorpusDocument]]] = defaultdict(lambda: defaultdict(list))
    for document in documents:
        groups[document.source, document.part][_group(document)].append(document)
    for (_, part_name), part in groups.items():
        order = sorted(part, key=draw)
        share = 1.0 if part_name == TARGET_ERA else HELD_OUT_SHARE
        held_out = set(order[: round(share * len(order))])
        for group, members in part.items():
            yield from (replace(member, held_out=group in held_out) for member in members)


def draw(name: str) -> str:
    """A key that sorts names in an order which says nothing about them, the same on every machine."""
    return hashlib.sha256(f"blindfair texts {name}".encode()).hexdigest()


def tidy(text: str) -> str:
    """Plain quotation marks and hyphens; spaces and paragraphs in one form."""
    paragraphs = re.split(r"\n\s*\n", text.translate(_PLAIN))
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def era(year: int) -> str:
    """The era of an address."""
    for last, name in ((1860, "1790-1860"), (1912, "1861-1912"), (1945, "1913-1945")):
        if year <= last:
            return name
    return TARGET_ERA


def _group(document: CorpusDocument) -> str:
    return document.name[: len("sotu-1790")] if document.source == UNION else document.name


def _addresses(folder: Path) -> Iterator[CorpusDocument]:
    for path in sorted(folder.glob("*.json")):
        held = json.loads(path.read_text(encoding="utf-8"))
        text = re.sub(r" ?[-—]*\([Aa]pplause\.?\)[-—]*", " ", held["text"])
        name = f"sotu-{path.stem.rpartition('_')[0].replace('_', '-')}"
        yield CorpusDocument(name, UNION, era(held["year"]), False, tidy(text))


def _samples(folder: Path) -> Iterator[CorpusDocument]:
    for name, category, text in brown.samples(folder):
        yield CorpusDocument(f"brown-{name}", BROWN, category, False, text)


def _chapters(folder: Path) -> Iterator[CorpusDocument]:
    for path in sorted(folder.glob("chapter_*.json")):
        text = json.loads(path.read_text(encoding="utf-8"))["text"]
        yield CorpusDocument(f"moby-{path.stem.replace('_', '-')}", MOBY, "", False, tidy(text))


def _mails(folder: Path) -> Iterator[CorpusDocument]:
    for name, kind, text in mails.mails(folder):
        yield CorpusDocument(f"mail-{name}", MAILS, kind, True, tidy(text))
