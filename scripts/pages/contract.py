"""The reference page of the contract, from the NatSpec of its interface.

Reads what this project writes: `///` comments, then one declaration. Not here: Solidity in general.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wrapped import bullet, sentences

HEAD = """\
# Contract

This page is for people who call, watch or audit the escrow contract, or the [listing directory](#listing-directory).
`scripts/docs reference` writes it from the NatSpec in `contracts/interfaces/IDataExchange.sol`, and the last section
from `IListingDirectory.sol` beside it.
[Escrow](../explanation/escrow.md) explains the design, and [protocol](protocol.md) 3, 6 and 7 are normative.
The invariants and their tests are in `tests/contracts/INVARIANTS.md`, the attacks in
[security tests](../security/tests.md).
"""

SECTIONS = (
    ("Calls", "function", False),
    ("Views", "function", True),
    ("Structs", "struct", False),
    ("Enums", "enum", False),
    ("Events", "event", False),
    ("Errors", "error", False),
)
"""Title, kind of declaration, and whether it only reads."""


@dataclass(frozen=True)
class Declared:
    """A declaration with its NatSpec; `tags` are pairs of tag and text, in the order of the source."""

    kind: str
    name: str
    code: str
    tags: tuple[tuple[str, str], ...]

    @property
    def is_view(self) -> bool:
        """Whether it is a function that changes nothing."""
        return self.kind == "function" and re.search(r"\)\s*external\s+(?:view|pure)", self.code) is not None

    def texts(self, tag: str) -> list[str]:
        """Every text under a tag."""
        return [text for found, text in self.tags if found == tag]


def contract_page(escrow: Path, directory: Path) -> str:
    """The whole page, in Markdown, of the interfaces' source files: one section for each kind of the escrow's
    declarations, and one for the listing directory."""
    declared = list(declarations(escrow.read_text(encoding="utf-8")))
    text = HEAD + _about(declared)
    for title, kind, view in SECTIONS:
        text += f"\n## {title}\n" + _items(declared, kind, view=view)
    declared = list(declarations(directory.read_text(encoding="utf-8")))
    text += "\n## Listing directory\n" + _about(declared)
    return text + "".join(_items(declared, kind, view=view) for _, kind, view in SECTIONS)


def _about(declared: Iterable[Declared]) -> str:
    """What the interface says of itself."""
    about = (one for one in declared if one.kind == "interface")
    return "".join(f"\n{_prose(told)}\n" for one in about for tag in ("notice", "dev") for told in one.texts(tag))


def _items(declared: Iterable[Declared], kind: str, *, view: bool) -> str:
    return "".join(_item(one) for one in declared if one.kind == kind and one.is_view is view)


def declarations(source: str) -> Iterator[Declared]:
    """Every declaration that has NatSpec, in the order of the source."""
    lines = iter(source.splitlines())
    comment: list[str] = []
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("///"):
            comment.append(stripped.removeprefix("///").strip())
            continue
        found = re.match(r"(interface|function|struct|enum|event|error) (\w+)", stripped)
        if comment and found:
            kind, code = found[1], [line]
            closed = "}" if kind in ("struct", "enum") else ";"
            while kind != "interface" and closed not in code[-1]:
                code.append(next(lines))
            yield Declared(kind, found[2], "\n".join(one.removeprefix("    ") for one in code), tuple(_tags(comment)))
        comment = []


def _tags(comment: list[str]) -> Iterator[tuple[str, str]]:
    tag, told = "", ""
    for line in comment:
        found = re.match(r"@(\w+) (.*)", line)
        if found:
            if tag:
                yield tag, told
            tag, told = found[1], found[2]
        else:
            told += f" {line}" if line else "\n\n"
    if tag:
        yield tag, told


def _prose(text: str) -> str:
    return "\n\n".join("\n".join(sentences(part.strip())) for part in text.split("\n\n"))


def _item(one: Declared) -> str:
    text = f"\n### {one.name}\n\n```solidity\n{one.code}\n```\n"
    text += "".join(f"\n{_prose(told)}\n" for told in one.texts("notice"))
    named = [told.partition(" ")[::2] for told in one.texts("param")]
    items = [bullet(f"`{name}`", told) for name, told in named]
    items += [_returned(one, told) for told in one.texts("return")]
    if items:
        text += "\n" + "".join(items)
    return text + "".join(f"\n{_prose(told)}\n" for told in one.texts("dev"))


def _returned(one: Declared, told: str) -> str:
    """A value has a name in the text where the declaration names it."""
    name, _, rest = told.partition(" ")
    named = re.search(rf"returns \(.*\b{name}\b[,)]", one.code.replace("\n", " "))
    return bullet(f"returns `{name}`", rest) if named else bullet("returns", told)
