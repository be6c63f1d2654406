"""The pages make a site: every link and anchor leads somewhere, every page is on the map, and nothing is fetched."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

needs_mkdocs = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="the site is built with the extra `docs`: pip install -e '.[docs]'",
)

FETCHED = re.compile(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="?((?:https?:)?//[^" >]+)')
STYLES = re.compile(
    r'<link\b(?=[^>]*\brel="?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref="?((?:https?:)?//[^" >]+)'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `scripts/docs` does, where whatever asks for another machine fails."""
    made = tmp_path_factory.mktemp("site")
    nowhere = "http://127.0.0.1:9"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", made],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ
        | {"PYTHONPATH": str(ROOT / "offchain"), "NO_MKDOCS_2_WARNING": "true"}
        | {"http_proxy": nowhere, "https_proxy": nowhere, "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return made


@pytest.mark.deep
@needs_mkdocs
def test_every_page_is_built_and_fetches_nothing(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}
    assert [str(page) for page in pages if not (site / page).is_file()] == []
    for page in sorted(site.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        assert FETCHED.findall(text) + STYLES.findall(text) == [], page
    for style in sorted(site.rglob("*.css")):
        assert re.findall(r"url\(\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")) == [], style


@pytest.mark.deep
@needs_mkdocs
def test_lists_and_tables_are_shown_as_such(site: Path) -> None:
    """A list needs an empty line before it; else its marks are part of the paragraph."""
    for page in sorted(site.rglob("*.html")):
        article = re.search(r"<article.*?</article>", page.read_text(encoding="utf-8"), re.DOTALL)
        shown = re.sub(r"<pre.*?</pre>|<script.*?</script>", "", article[0] if article else "", flags=re.DOTALL)
        assert re.findall(r"(?:<p>|<li>|\n)\s*(?:- |\* |\d+\. |\| )[^\n]*|```", shown) == [], page


def test_every_page_is_on_the_map_and_no_page_twice() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[[^]]+\]\(([^)#\s]+\.md)\)", index.partition("\n## ")[2], re.MULTILINE)
    there = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
    assert sorted(listed) == [page for page in there if page != "index.md"]


def test_every_word_of_the_glossary_has_its_sentence() -> None:
    glossary = (DOCS / "glossary.md").read_text(encoding="utf-8")
    entries = re.split(r"^### ", glossary, flags=re.MULTILINE)[1:]
    words = [entry.partition("\n")[0] for entry in entries]
    assert len(words) == len({word.lower() for word in words})
    meanings = [entry.partition("\n")[2].partition("\n## ")[0].strip() for entry in entries]
    assert [word for word, meaning in zip(words, meanings, strict=True) if not meaning.endswith(".")] == []
