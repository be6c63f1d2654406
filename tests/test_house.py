"""What contributors rely on: CI, hooks and the changelog keep their form."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts" / "security"))

from answers import ANSWERS, Answer  # noqa: E402

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
    for tool in re.findall(r"entry: \.venv/bin/(\w+)", hooks):
        assert f'"$venv/bin/{tool}"' in suite


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
