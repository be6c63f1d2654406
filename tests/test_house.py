"""What contributors rely on: CI, hooks and the changelog keep their form."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import blindfair

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts" / "security"))

from answers import ANSWERS, Answer  # noqa: E402

FIRST_VERSION = "0.1.0"
MOST_LINES = 400
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def test_the_workflow_runs_what_ci_runs() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.findall(r"- run: (.+)", workflow) == [".ci/run"]
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec ./scripts/test"


def test_the_hooks_are_the_checks_of_the_suite_and_need_no_network() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"- repo: (.+)", hooks) == ["local"]
    assert set(re.findall(r"language: (.+)", hooks)) == {"system"}
    suite = (ROOT / "scripts" / "test").read_text()
    for entry in re.findall(r"entry: (\S+)", hooks):
        tool = entry.rpartition("/")[2]
        assert f'"$venv/bin/{tool}"' in suite or f"./{entry}\n" in suite, entry


def test_every_folder_with_python_is_type_checked() -> None:
    """`scripts/types` names the folders of scripts, and takes every folder of the tests."""
    types = (ROOT / "scripts" / "types").read_text()
    folders = {path.parent for path in (ROOT / "scripts").rglob("*.py") if ".venv" not in path.parts}
    for folder in folders - {ROOT / "scripts"}:
        assert f" {folder.relative_to(ROOT)}" in types.rpartition("check scripts ")[2], folder
    assert "for folder in tests/*/; do" in types


def test_what_is_not_type_checked_says_which_error_it_is() -> None:
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"] and not mypy.keys() & {"exclude", "warn_unused_ignores", "enable_incomplete_feature"}
    sources = [path for place in ("offchain", "tests", "scripts") for path in (ROOT / place).rglob("*.py")]
    bare = "type: " + "ignore"
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert text.count(bare) == text.count(bare + "["), path
        assert "mypy: " + "ignore-errors" not in text, path


@pytest.mark.parametrize("folder", ["offchain", "scripts"])
def test_a_module_has_one_idea(folder: str) -> None:
    """400 lines are the most, as CONTRIBUTING.md says; what grows beyond is two things."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_the_changelog_keeps_its_form() -> None:
    log = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (.+)", log, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", version) for version in versions[1:])
    for part in log.split("\n## ")[1:]:
        sections = re.findall(r"^### (.+)", part, re.MULTILINE)
        assert sections == sorted(set(sections), key=SECTIONS.index)
        changes = [line for line in part.splitlines()[1:] if line and not line.startswith("### ")]
        assert [line for line in changes if not line.startswith("- ") or len(line) > 120] == []


def test_package_program_and_changelog_have_one_version() -> None:
    """Before its first release, a project has no numbered heading."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version == blindfair.__version__
    assert version == (released or [FIRST_VERSION])[0]
    assert released == sorted(released, key=lambda each: tuple(map(int, each.split("."))), reverse=True)


@pytest.mark.parametrize("script", ["audit", "bench"])
def test_a_script_below_a_folder_of_its_own_loads_what_it_needs(script: str) -> None:
    folder = {"audit": "security", "bench": "benchmarks"}[script]
    starter = (ROOT / "scripts" / script).read_text()
    assert f'"$root/scripts/{folder}/{script}.py"' in starter
    told = subprocess.run(
        [sys.executable, ROOT / "scripts" / folder / f"{script}.py", "--help"], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    assert f"scripts/{script}" in told.stdout


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.source.rpartition("/")[2])
def test_an_answer_to_an_attack_is_where_the_security_tests_take_it_out(answer: Answer) -> None:
    """What `scripts/audit answers` needs, which takes too long for every run."""
    assert answer.before in (ROOT / answer.source).read_text(encoding="utf-8")
    for test in answer.tests:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
