"""Documents of many sources for the studies of texts, read from a folder that `scripts/text_assets/make.py` fills.

The folder stays on the developer's machine: it holds mails, whose senders alone may redistribute them. Not here:
cutting documents into texts (`passages`), and the texts that the demo trades, which come with the package.
"""

import gzip
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from blindfair.protocol.errors import FileMissing

DEFAULT_FOLDER = Path.home() / ".cache" / "blindfair" / "texts"
"""Where the recipe puts the documents unless it is told another folder."""

FILE_NAME = "documents.jsonl.gz"

FOREIGN_NAME = "foreign.jsonl.gz"
"""Documents in other languages than English."""

SYNONYMS_NAME = "synonyms.json.gz"
"""Another word for each of many English words."""

LLAMA = "llama"
"""The folder's folder with a small Llama, the studies' second model."""


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A document, cleaned: one address, one sample of the Brown corpus, one chapter or one mail."""

    name: str
    """Occurs once, such as `brown-cj07`."""

    source: str
    """State of the Union, Brown, Moby Dick or mails."""

    part: str
    """The era of an address, the category of a sample, spam or ham; empty where a source has no parts."""

    held_out: bool
    """The small GPT-2 has not been trained on it: only such documents may be traded or tested on."""

    text: str
    """Paragraphs, separated by line feeds."""


def load_documents(folder: Path = DEFAULT_FOLDER, name: str = FILE_NAME) -> tuple[CorpusDocument, ...]:
    """Read all documents of a folder. Raises FileMissing if the recipe has not filled it."""
    with gzip.open(_checked(folder, name), "rt", encoding="utf-8") as stream:
        return tuple(CorpusDocument(**json.loads(line)) for line in stream)


def load_synonyms(folder: Path = DEFAULT_FOLDER) -> dict[str, str]:
    """Read the synonyms of a folder. Raises FileMissing if the recipe has not filled it."""
    with gzip.open(_checked(folder, SYNONYMS_NAME), "rt", encoding="utf-8") as stream:
        found: dict[str, str] = json.load(stream)
        return found


def _checked(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        option = "--study" if name == FILE_NAME else "--unwanted"
        raise FileMissing(
            "The documents for the studies of texts are not there",
            expected=str(path),
            found="nothing",
            hint=f"fill the folder, in five minutes at most: python scripts/text_assets/make.py {option} {folder}",
        )
    return path


def write_documents(folder: Path, documents: Iterable[CorpusDocument], name: str = FILE_NAME) -> Path:
    """Write documents where `load_documents` reads them; the same documents make the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(asdict(document), ensure_ascii=False) + "\n" for document in documents)
    path = folder / name
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))
    return path
