"""Runners of the command, tables, and one whole demo that several tests look at."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import COMMAND, Inside
from local_chain import HARDHAT, LocalChain, children_of, shell, wait_for
from real_tables import LABEL, ugly
from whole_demo import QUICK, Demo

from ports import free_port


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
    ended = Inside()("demo", "--records", table, "--label", LABEL, *QUICK, "--json", result, "--report", report)
    assert ended.code == 0, ended.err
    return Demo(ended, table, json.loads(result.read_text()), report)


@pytest.fixture(scope="session")
def testnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """A chain that `blindfair testnet` has made, for all tests of a process together."""
    with made_by_script(tmp_path_factory.mktemp("testnet")) as chain:
        yield chain


@pytest.fixture(scope="module")
def own_testnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """The same for one file alone: nobody else lists there."""
    with made_by_script(tmp_path_factory.mktemp("two machines")) as chain:
        yield chain


@contextmanager
def made_by_script(home: Path) -> Iterator[LocalChain]:
    """Interrupted at the end, it ends with its node."""
    if not HARDHAT.exists():
        pytest.skip("hardhat is not installed: npm ci")
    port = free_port()
    command = shlex.join([COMMAND, "testnet", "--port", str(port), "--json", "testnet.json"])
    told = home / "told"
    with shell(f"exec {command}", home, told) as process:
        wait_for("Ctrl-C stops it", told, process)
        (node,) = children_of(process.pid)
        yield LocalChain(port, home)
    assert (process.returncode, told.read_text().splitlines()[-1]) == (0, "testnet: stopped; the chain is gone")
    assert not Path(f"/proc/{node}").exists()
