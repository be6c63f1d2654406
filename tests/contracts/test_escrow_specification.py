"""Trees, INVARIANTS.md and the attacks of docs/security/tests.md are about what is there: each row names a test."""

import importlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from test_escrow_lockstep import TABLE
from test_escrow_surface import ERRORS, FUNCTIONS

from blindfair.protocol.order import OrderState

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TREES = sorted((HERE / "trees").glob("*.tree"))
INVARIANTS = (HERE / "INVARIANTS.md").read_text(encoding="utf-8")
READS = {"domainSeparator", "eip712Domain", "freeBalance", "hashOffer", "MAX_WINDOW", "MIN_WINDOW", "orderOf"}
READS |= {"PAYOUT_GAS", "sellerOf"}
"""Plain reads, which have no branches."""


def names_in(files: Iterable[Path]) -> frozenset[str]:
    """Names of the test functions and checked invariants in these files."""
    defined = re.compile(r"^ *def ((?:test|invariant)_\w+)\(", re.MULTILINE)
    return frozenset(name for file in files for name in defined.findall(file.read_text(encoding="utf-8")))


@cache
def known_tests() -> frozenset[str]:
    """Those of the contract and of the order machine."""
    return names_in([*HERE.glob("test_*.py"), HERE.parent / "protocol" / "test_order.py"])


def leaves(tree: Path) -> list[tuple[str, str]]:
    """Lines that nothing hangs from: what they say, and the test that they name."""
    lines = tree.read_text(encoding="utf-8").splitlines()
    depths = [len(re.match(r"[│├└─ ]*", line)[0]) for line in lines]  # type: ignore[index]
    ends = [depth >= after for depth, after in zip(depths, [*depths[1:], 0], strict=True)]
    said = [line.strip("│├└─ ").partition(" -> ") for line, end in zip(lines, ends, strict=True) if end]
    return [(what, test) for what, _, test in said]


def test_every_function_that_decides_something_has_a_tree() -> None:
    names = {signature.split("(")[0] for signature in FUNCTIONS}
    assert {tree.stem for tree in TREES} == names - READS


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.stem)
def test_every_leaf_says_what_happens_and_names_its_test(tree: Path) -> None:
    assert tree.read_text(encoding="utf-8").splitlines()[0] == tree.stem
    for what, test in leaves(tree):
        assert what.startswith("it "), what
        assert test in known_tests(), f"{what}: {test or 'no test'}"


def test_every_error_of_the_interface_is_in_a_tree() -> None:
    said = " ".join(what for tree in TREES for what, _ in leaves(tree))
    assert {error.split("(")[0] for error in ERRORS} - set(re.findall(r"\w+", said)) == set()


def test_every_invariant_is_numbered_and_names_its_tests() -> None:
    items = re.findall(r"^(\d+)\. .*\n(?: {4}\w.*\n)*((?: {4}- `\w+`\n)+)", INVARIANTS, re.MULTILINE)
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", INVARIANTS, re.MULTILINE)]
    assert [int(number) for number, _ in items] == numbers == list(range(1, len(numbers) + 1))
    named = {int(number): re.findall(r"`(\w+)`", tests) for number, tests in items}
    assert {name for names in named.values() for name in names} <= known_tests()
    numbered = {name for name in known_tests() if re.match(r"(test_)?invariant_\d+_", name)}
    assert numbered == {name for number, names in named.items() for name in names if f"invariant_{number}_" in name}
    assert {int(number) for name in numbered for number in re.findall(r"invariant_(\d+)_", name)} == set(named)


def test_the_forbidden_transitions_are_all_but_those_of_the_table() -> None:
    states = {state.name.title(): state for state in OrderState}
    rows = re.findall(r"^\| (\w+) \|((?: [^|]+ \|){6})$", INVARIANTS, re.MULTILINE)
    found = {
        (states[row], state)
        for row, cells in rows
        for state, cell in zip(OrderState, cells.split("|")[:6], strict=True)
        if row in states and "`" in cell
    }
    assert found == TABLE


ATTACK = re.compile(
    r"\*\*.+?\*\*\n  Defence: [^\n]+\n(?:  \w[^\n`]*\.\n)*  Tests \((\w+)\):\n((?:  `test_\w+`,\n)*  `test_\w+`)\n*"
)
"""One attack of the page: its name, the defence, how that was checked, and the tests, one a line."""


def attacks() -> list[tuple[set[str], str]]:
    """The tests that each attack of docs/security/tests.md names, and how it was seen that they fail without it."""
    page = (ROOT / "docs" / "security" / "tests.md").read_text(encoding="utf-8")
    parts = [part for part in re.split(r"^## ", page, flags=re.MULTILINE) if part.startswith("Attacks ")]
    found = []
    for part in parts:
        for item in re.findall(r"^- (\*\*.*?)(?=^[-#]|\Z)", part, re.MULTILINE | re.DOTALL):
            attack = ATTACK.fullmatch(item)
            assert attack, f"this attack names no defence or no tests: {item}"
            found.append((set(re.findall(r"`(test_\w+)`", attack[2])), attack[1]))
    return found


def test_every_attack_names_its_tests_and_was_tried() -> None:
    everywhere = names_in(HERE.parent.rglob("test_*.py"))
    assert len(attacks()) > 40
    for names, seen in attacks():
        assert names and names <= everywhere
        assert seen in ("manual", "repeated")


def test_what_is_taken_out_again_is_there_and_is_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts" / "security")
    answers = importlib.import_module("answers").ANSWERS
    for answer in answers:
        assert answer.before in (ROOT / answer.source).read_text(encoding="utf-8")
        for test in answer.tests:
            file, _, name = test.partition("::")
            assert name in names_in([ROOT / file])
    taken_out = {test.partition("::")[2] for answer in answers for test in answer.tests}
    assert taken_out == set().union(*(names for names, seen in attacks() if seen == "repeated"))
    page = (ROOT / "docs" / "security" / "tests.md").read_text(encoding="utf-8")
    assert f"| {len(answers)} defences taken out, each noticed by every test named for it |" in page


def test_every_mutant_that_the_page_explains_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts" / "security")
    audit, mutants = importlib.import_module("audit"), importlib.import_module("mutants")
    possible = {audit.explanation(mutant.name) for source in mutants.SOURCES for mutant in mutants.mutants(source)}
    page = (ROOT / "docs" / "security" / "mutants.md").read_text(encoding="utf-8")
    explained = list(audit.explained_mutants(page))
    assert explained and set(explained) <= possible
    assert len(explained) == len(set(explained)) == len(re.findall(r"^\+ |^- .*\n(?!\+ )", page, re.MULTILINE))


def test_every_finding_that_the_page_answers_is_about_something_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts" / "security")
    page = (ROOT / "docs" / "security" / "slither.md").read_text(encoding="utf-8")
    findings = list(importlib.import_module("audit").answered_findings(page))
    assert len(findings) == len(set(findings)) == len(re.findall(r"^- ", page, re.MULTILINE)) > 0
    for _, place in findings:
        file, _, name = place.partition(": ")
        source = (ROOT / "contracts" / file).read_text(encoding="utf-8")
        assert name == "slitherConstructorConstantVariables" or re.search(rf"\b{name}\b", source)
