"""What mkdocs asks for while it builds the site: the order of the pages, and the API of each package.

The order is that of the map in docs/index.md: one section a heading, one page a link. A page that is not on the map is
a warning, which `mkdocs build --strict` does not pass.
"""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FACADES = (
    "blindfair",
    *(f"blindfair.{name}" for name in ("blind", "influence", "pricing", "protocol", "chain", "agents")),
)
"""The modules whose names are public, in the order of the page."""

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
"""Programs on the API, which tests run and the page of the API shows."""

FACADES_MARK, EXAMPLES_MARK = "<!-- the facades -->", "<!-- the examples -->"
"""Where the page of the API takes what the packages say of themselves, and the programs."""

ITSELF = "    options:\n      members: false\n      show_root_heading: false\n      show_root_toc_entry: false"
"""Of a package: its description, without its names, below a heading that is there."""


def map_of(index: str) -> list[dict[str, list[dict[str, str]]]]:
    """The sections of the map and their pages under the map's short titles, which is what mkdocs calls `nav`."""
    sections: list[dict[str, list[dict[str, str]]]] = []
    for part in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        pages = re.findall(r"^- \[([^]]+)\]\(([^)#\s]+\.md)\)", body, re.MULTILINE)
        if pages:
            sections.append({title.strip(): [{short: page} for short, page in pages]})
    return sections


def on_config(config: Any) -> Any:
    """Take the order of the pages from the map."""
    index = Path(config["docs_dir"], "index.md").read_text(encoding="utf-8")
    config["nav"] = [{"Home": "index.md"}, *map_of(index)]
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put the packages' own descriptions into the page of the API."""
    if page.file.src_uri != "reference/api.md":
        return markdown
    return filled(markdown, EXAMPLES)


def filled(markdown: str, examples: Path) -> str:
    """The page of the API with what its two marks stand for. Raises LookupError if it lacks one."""
    if FACADES_MARK not in markdown or EXAMPLES_MARK not in markdown:
        raise LookupError(f"docs/reference/api.md has a line {FACADES_MARK} and a line {EXAMPLES_MARK}")
    texts = [text for facade in FACADES for text in described(facade)]
    shown = [shown_example(program) for program in sorted(examples.glob("*.py"))]
    return markdown.replace(FACADES_MARK, "\n\n".join(texts)).replace(EXAMPLES_MARK, "\n\n".join(shown))


def shown_example(program: Path) -> str:
    """A program under its name, as it is."""
    return f"### examples/{program.name}\n\n````python\n{program.read_text(encoding='utf-8').rstrip()}\n````"


def described(facade: str) -> Iterator[str]:
    """The heading of a package, what it says of itself, and one directive for each public name."""
    module = importlib.import_module(facade)
    yield f"## {facade}"
    yield f"::: {facade}\n{ITSELF}"
    for name in getattr(module, "__all__", ()):
        if not name.startswith("_"):
            yield f"::: {home_of(module, name)}"


def home_of(module: Any, name: str) -> str:
    """Where a public name is written: lazily loaded names cannot be found by reading the facade."""
    value = getattr(module, name)
    home, known = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if isinstance(home, str) and isinstance(known, str) and home.startswith("blindfair"):
        return f"{home}.{known}"
    if hasattr(value, "__path__") or type(value).__name__ == "module":
        return str(value.__name__)
    return f"{module.__name__}.{name}"
