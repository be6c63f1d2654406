"""Runners of the command, tables, and one whole demo that several tests look at."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Inside
from real_tables import LABEL, ugly
from whole_demo import Demo


@pytest.fixture
def inside() -> Inside:
    return Inside()


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current directory, and one for temporary files, that are as empty after the test as before."""
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield here
    assert sorted(here.rglob("*")) == []
    assert sorted(temporary.rglob("*")) == []


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo on an ugly table of real data, with all that it can write."""
    home = tmp_path_factory.mktemp("demo")
    table, result, report = ugly(home / "ugly.csv"), home / "result.json", home / "a" / "report"
    ended = Inside()("demo", "--records", table, "--label", LABEL, "--json", result, "--report", report)
    assert ended.code == 0, ended.err
    return Demo(ended, table, json.loads(result.read_text()), report)
