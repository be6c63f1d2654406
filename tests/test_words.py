"""The project's words: retired ones stay away, and each public class has a name of its own (CONTRIBUTING.md)."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "offchain" / "blindfair"

RETIRED = {
    r"letters?": "sealed message",
    r"stock": "ListingSpec",
    r"surroundings": "context",
    r"affairs?": "task",
    r"shel(f|ves)": "blob store",
    r"usual": "default",
    r"doors?": "check",
    r"lots?": "listing, or bundle of records",
    r"rooms?": "package, or space",
    r"for nothing": "free, or in vain",
    r"(hangs?|hung|hanging) (up)?on": "depends on",
    r"borne": "retried, or paid by",
    r"--least-[a-z-]+": "--min-",
    r"--most-[a-z-]+": "--max-",
    r"--leave-out": "--exclude",
    r"--line": "--bandwidth",
}
"""What is not said, and what is said in its place."""

KEPT = {
    # Wire formats keep their names; `certainty` and `evidence` have other senses that are the field's own.
    "letters?": r"blindfair/v1/letter|letter key|upper and lower case letters",
    # The survey on extramarital affairs (Fair 1978), by its name in the package that has it and in tables.
    "affairs?": r'"affairs"|\b_affairs\b|had an affair or not|survey on affairs|\| affairs[ ,]',
    "lots?": r'"lots"',
    "for nothing": r"\bfor nothing in \(",
}
"""Where a retired word stays, by a pattern of its line."""

PLACES = ("contracts", "docs", "examples", "offchain", "scripts", "tests")
ENDINGS = {".py", ".md", ".sol", ".sh", ".toml", ".ipynb", ""}
SELF = {"test_words.py"}
MADE = {"__pycache__", ".egg-info", ".venv"}
"""Folders, or endings of folders, that programs write."""


def texts() -> list[Path]:
    """Every text that people of the project wrote: sources, pages, scripts."""
    found = [*ROOT.glob("*.md")]
    for place in PLACES:
        found += [path for path in (ROOT / place).rglob("*") if path.is_file() and path.suffix in ENDINGS]
    return sorted(path for path in found if path.name not in SELF and not MADE & {*path.parts, path.parent.suffix})


def words_of(text: str) -> str:
    """The text with `snake_case` and `CamelCase` taken apart, so that names are read as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", text)


@cache
def lines() -> list[tuple[str, str, str]]:
    """Every path and every line: where it is, as it is, and as words."""
    found = []
    for path in texts():
        place = str(path.relative_to(ROOT))
        found.append((place, "", words_of(place.replace("/", " ").replace(".", " "))))
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found.append((f"{place}:{number}", line, words_of(line)))
    return found


@pytest.mark.parametrize("retired", RETIRED)
def test_a_retired_word_is_not_used(retired: str) -> None:
    pattern, kept = re.compile(rf"(?<![\w-]){retired}(?![\w-])", re.IGNORECASE), KEPT.get(retired)
    found = [
        f"{place}: {line.strip()[:100]}"
        for place, line, words in lines()
        if pattern.search(words) and not (kept and re.search(kept, line))
    ]
    assert found == [], f"say {RETIRED[retired]}"


def test_a_public_class_name_occurs_once() -> None:
    places = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(PACKAGE)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


INNER = ("protocol", "influence", "blind", "pricing", "studies", "chain", "api", "cli")
"""The packages whose docstrings were read for this rule."""


@pytest.mark.parametrize("package", INNER)
def test_a_docstring_begins_with_a_noun_or_a_verb(package: str) -> None:
    """ "Of the listing." makes no sense alone; "Records of the listing." does."""
    ellipsis = re.compile(r'"""(Of|That|Those|Whom|By|As|What every) ')
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in sorted((PACKAGE / package).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if ellipsis.search(line)
    ]
    assert found == []
