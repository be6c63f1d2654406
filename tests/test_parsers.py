"""Bytes of others pass the one parser that cannot be ended by them: no other is used, but where it is said here."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from blindfair.http.problems import read_problem
from blindfair.protocol.errors import WrongService

PACKAGE = Path(__file__).parents[1] / "offchain" / "blindfair"

ALLOWED = {
    "protocol/documents.py": "the parser",
    "influence/text/json_file.py": "checks how deep it is first; refuses repeated names",
    "influence/table_file.py": "the same; keeps numbers as they are written",
    "studies/": "nothing imports it; it reads what it wrote",
    "agents/buyer/bought.py": "CBOR of its own journal",
    "agents/buyer/buyer.py": "CBOR of its own secrets",
    "agents/buyer/question.py": "CBOR of its own secrets",
    "protocol/records.py": "CBOR with a limit of depth",
    "protocol/messages/audit.py": "CBOR with a limit of depth",
}
"""Files, or folders, that call a parser themselves, and why they may."""

MENTION = re.compile(r"\bloads?\b|\.json\(|from (json|cbor2|pickle) ")
PARSERS = {("json", "loads"), ("json", "load"), ("cbor2", "loads"), ("cbor2", "load"), ("pickle", "loads")}


def calls(path: Path) -> set[int]:
    """Lines in which a file calls a parser, or asks a library for an answer as JSON."""
    found: set[int] = set()
    text = path.read_text(encoding="utf-8")
    if not MENTION.search(text):
        # Most files: reading is quick, and parsing is not.
        return found
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module in {"json", "cbor2", "pickle"}:
            found.add(node.lineno)
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            # Also where it is handed on, as to `map`.
            if (owner, node.attr) in PARSERS:
                found.add(node.lineno)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".json") and not node.args:
            found.add(node.lineno)
    return found


def test_no_other_parser_is_called() -> None:
    found = {str(path.relative_to(PACKAGE)): lines for path in PACKAGE.rglob("*.py") if (lines := calls(path))}
    used = {place for place in ALLOWED if any(name.startswith(place) for name in found)}
    assert {name: lines for name, lines in found.items() if not name.startswith(tuple(ALLOWED))} == {}
    assert used == ALLOWED.keys(), "named here, and not needed any more"


@pytest.mark.parametrize("name", sorted(name for name, why in ALLOWED.items() if why == "CBOR with a limit of depth"))
def test_cbor_of_others_has_a_limit_of_depth(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    loads = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "cbor2.loads"]
    assert loads
    assert all("max_depth" in {word.arg for word in node.keywords} for node in loads)


def test_a_service_cannot_end_the_program_that_asks_it() -> None:
    """A library that the embedded chain needs lifts the limit of recursion: the parser then overruns its stack."""
    assert isinstance(read_problem("http://x", 500, b"[" * 10**5), WrongService)
    program = (
        "import eth, sys\n"
        "from blindfair.http.problems import read_problem\n"
        "assert sys.getrecursionlimit() > 10_000\n"
        "print(type(read_problem('http://x', 500, b'[' * 10**6)).__name__)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "WrongService\n"), ended.stderr
