"""Runners of the command, tables, and one whole demo that several tests look at."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Inside, outside
from real_tables import LABEL, ugly
from whole_demo import Demo


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return Inside(monkeypatch, capsys)


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
    """The demo on an ugly table of real data, through the installed command, with all that it can write."""
    home = tmp_path_factory.mktemp("demo")
    table = ugly(home / "ugly.csv")
    ended = outside(
        "demo", "--records", table, "--label", LABEL, "--json", "result.json", "--report", "a/report", cwd=home
    )
    assert ended.code == 0, ended.err
    return Demo(ended, table, json.loads((home / "result.json").read_text()), home / "a" / "report")
