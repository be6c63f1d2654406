"""What the pages of the project point to is there, and each sentence has its line."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page for place in ("*.md", "docs/**/*.md", "tests/**/*.md", "offchain/**/*.md") for page in ROOT.glob(place)
)

WIDTH = 120
"""Columns of a line in a page."""

SENTENCE_ENDS = re.compile(r"[a-z0-9)`\"'%*][.!?][)*\"]* +(?=[A-Z`\[\"*(])")
"""Between two sentences of one line. A digit and a point before a capital end a sentence as well: "in 4.6. The"."""

LEADS = re.compile(r"\s*(?:(?:\d+\.|[-*]) +)?(?:\*\*[^*]+[.!?]\*\* +)?")
"""What a line may have before its sentence: the mark of a list, and words in bold that head a paragraph."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    gone = [link for link in links if "://" not in link and not (page.parent / link.partition("#")[0]).exists()]
    assert gone == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`((?:contracts|docs|offchain|scripts|tests)/[\w./-]*)`", page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def text_of(page: Path) -> list[tuple[int, str]]:
    """The lines of a page outside of code, with their numbers."""
    lines, in_code = [], False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            lines.append((number, line))
    return lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_is_wider_than_it_may_be(page: Path) -> None:
    """Tables that a study writes are as wide as their cells."""
    name = str(page.relative_to(ROOT))
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    wide = [(number, line) for number, line in lines if len(line) > WIDTH]
    assert [number for number, line in wide if not (name.startswith("docs/studies/") and line.startswith("|"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_sentence_has_its_line(page: Path) -> None:
    """Cells of tables and headings are no sentences."""
    prose = [(number, line) for number, line in text_of(page) if not line.startswith(("|", "#"))]
    assert [number for number, line in prose if SENTENCE_ENDS.search(LEADS.sub("", line, count=1))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lists_are_lists_on_the_site(page: Path) -> None:
    """The site's Markdown wants an empty line before a list, and four columns for one inside of another."""
    wrong, before = [], ""
    for number, line in text_of(page):
        item = re.match(r"( *)(?:[-*]|\d+\.) ", line)
        if item and (
            len(item[1]) % 4 or (before and not before.startswith(" ") and not re.match(r"[-*]|\d+\.", before))
        ):
            wrong.append(number)
        before = line
    assert wrong == []
