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


def load_documents(folder: Path = DEFAULT_FOLDER) -> tuple[CorpusDocument, ...]:
    """Read all documents of a folder. Raises FileMissing if the recipe has not filled it."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise FileMissing(
            "The documents for the studies of texts are not there",
            expected=str(path),
            found="nothing",
            hint=f"fill the folder, which takes five minutes: python scripts/text_assets/make.py --study {folder}",
        )
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return tuple(CorpusDocument(**json.loads(line)) for line in stream)


def write_documents(folder: Path, documents: Iterable[CorpusDocument]) -> Path:
    """Write documents where `load_documents` reads them; the same documents make the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(asdict(document), ensure_ascii=False) + "\n" for document in documents)
    path = folder / FILE_NAME
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))
    return path
