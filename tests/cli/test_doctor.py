"""`blindfair doctor`: all is ok on a good machine with a real node, and each thing that is wrong is found and named."""

import importlib.metadata
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Ended, Inside, outside
from local_chain import LocalChain
from web3.types import RPCEndpoint

import blindfair
from blindfair.blind import kernel
from blindfair.blind.parameters import PARAMETER_SETS
from blindfair.chain.deployment import Deployment
from blindfair.chain.deterministic import escrow_address
from blindfair.chain.provider import NodeProvider
from blindfair.cli.doctor import chain, folders, machine
from blindfair.cli.ending import NOT_OK
from blindfair.protocol.errors import FileMissing, MalformedFile
from ports import free_port


def checks(ended: Ended) -> dict[str, list[dict[str, Any]]]:
    """The findings of `--json -` by check; the exit code fits them."""
    document = json.loads(ended.out)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in document["checks"]:
        found.setdefault(finding["check"], []).append(finding)
        assert finding["ok"] == (finding["hint"] == "")
    assert document["ok"] == all(finding["ok"] for finding in document["checks"])
    assert ended.code == (0 if document["ok"] else NOT_OK)
    return found


def wrong(ended: Ended, check: str) -> str:
    """What one check, and no other, found wrong, with its hint."""
    (finding,) = (each for each in json.loads(ended.out)["checks"] if not each["ok"])
    assert finding["check"] == check
    checks(ended)
    return f"{finding['found']}; {finding['hint']}"


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home on a disk, whatever this machine's temporary files are on."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("21 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    monkeypatch.setattr(folders, "MOUNTS", mounts)
    monkeypatch.setattr(machine, "MIN_FREE", 1)
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def begun(healthy: Path, testnet: LocalChain, inside: Inside) -> Path:
    """A seller's directory with a listing on the chain."""
    table = healthy / "table.csv"
    draws = np.random.default_rng(1).normal(size=(60, 4))
    rows = [",".join(f"{cell:.6f}" for cell in row) + f",{number % 2}" for number, row in enumerate(draws)]
    table.write_text("\n".join(["a,b,c,d,label", *rows, ""]))
    directory = healthy / "seller"
    testnet.party(directory)
    ended = inside(
        "seller", "list", "--directory", directory, "--password-file", healthy / "password",
        "--mail", healthy / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment, "--records", table,
        "--label", "label", "--price-per-record", "0.001", "--licence", "any", "--consent", "given",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return directory


# --- all is ok -----------------------------------------------------------------------------------------------------


def test_all_is_ok_with_a_real_node_and_a_begun_directory(begun: Path, testnet: LocalChain, inside: Inside) -> None:
    """What is not named comes from the directory: node, contract, mail folder and account."""
    ended = inside("doctor", "--directory", begun, "--json", "-")
    found = checks(ended)
    assert ended.code == 0, ended.err
    assert {*found} == {
        "version", "python", "packages", "compiler", "kernel", "costs", "disk", "folder", "account", "mail", "node",
        "contract", "clock",
    }  # fmt: skip
    deployment = Deployment.from_bytes(testnet.deployment.read_bytes())
    assert "HardhatNetwork" in found["node"][0]["found"] and "chain 31337" in found["node"][0]["found"]
    assert f"{deployment.address}, code hash 0x{deployment.code_hash.hex()}" in found["contract"][0]["found"]
    assert "a seller's" in found["folder"][0]["found"]
    packages = json.loads(ended.out)["packages"]
    assert packages["torch"] == importlib.metadata.version("torch") and "ray" in packages


def test_every_line_says_ok_and_the_last_run_left_nothing(healthy: Path, testnet: LocalChain, inside: Inside) -> None:
    before = sorted(healthy.rglob("*"))
    ended = inside("doctor", "--rpc", testnet.url, "--directory", healthy / "new", "--mail", healthy / "mail")
    assert ended.code == 0, ended.out
    lines = [line for line in ended.out.splitlines() if not line.startswith(" " * 10)]
    assert len(lines) >= 11 and all(line.startswith("  ok      ") for line in lines)
    assert f"contract: {escrow_address()}" in ended.out
    assert ended.err == ""
    assert sorted(healthy.rglob("*")) == before


@pytest.mark.deep
def test_the_installed_command_says_the_same(own_testnet: LocalChain) -> None:
    # A chain of its own: other tests move the time of theirs. Less is said of the limits where the newest block is old.
    own_testnet.exchange.web3.provider.make_request(RPCEndpoint("evm_mine"), [])
    ended = outside("doctor", "--rpc", own_testnet.url, "--json", "-")
    found = checks(ended)
    assert blindfair.__version__ in found["version"][0]["found"]
    assert all(finding["ok"] for name in ("node", "contract", "clock", "packages") for finding in found[name])
    assert f"at most {chain.BEHIND} s old or {chain.AHEAD} s ahead is good" in found["clock"][0]["found"]


# --- what is wrong with the machine --------------------------------------------------------------------------------


def test_without_compiler_and_kernel_both_are_named(
    healthy: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "find_compiler", lambda: None)
    assert checks(inside("doctor", "--json", "-"))["compiler"][0]["ok"]
    monkeypatch.setattr(kernel, "library", lambda: None)
    ended = inside("doctor", "--json", "-")
    found = checks(ended)
    assert ended.code == NOT_OK
    assert "build-essential" in found["compiler"][0]["hint"]
    assert "SEAL's own arithmetic" in found["kernel"][0]["found"] and "reinstall" in found["kernel"][0]["hint"]


def test_the_machine_is_measured_only_when_that_is_asked_for(
    healthy: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = healthy / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (told,) = checks(inside("doctor", "--json", "-"))["costs"]
    assert told["ok"] and "not measured yet: blindfair doctor --measure" in told["found"]
    assert not cache.exists(), "looking measures nothing"
    first, *figures = checks(inside("doctor", "--measure", "--json", "-"))["costs"]
    (kept,) = (cache / "blindfair").iterdir()
    today = json.loads(kept.read_bytes())["date"]
    assert today in first["found"] and str(kept) in first["found"]
    assert [each["found"].split(":")[0] for each in figures] == [*PARAMETER_SETS]
    assert all("ms to decrypt it" in each["found"] for each in figures)
    assert checks(inside("doctor", "--json", "-"))["costs"] == [first, *figures], "it is read from there"


@pytest.mark.deep
def test_a_machine_without_the_kernel_and_without_a_cache_is_measured_too(
    healthy: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = healthy / "file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    monkeypatch.setattr(kernel, "library", lambda: None)
    first, *figures = checks(inside("doctor", "--measure", "--json", "-"))["costs"]
    assert "no cache folder can be written" in first["found"] and len(figures) == len(PARAMETER_SETS)


def test_a_compiler_is_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "mycc -O2")
    assert machine.find_compiler() is None
    for name, text in (("mycc", "#!/bin/sh\nexit 1\n"), ("clang", "#!/bin/sh\necho clang of a test\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    assert machine.find_compiler() == "clang of a test"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"numpy": "1.26.4"}, "numpy 1.26.4 is installed, >=2.0 is needed; pip install 'numpy>=2.0'"),
        ({"torch": "2.99.0"}, "torch 2.99.0 is installed, <2.14,>=2.4 is needed; pip install 'torch<2.14,>=2.4'"),
        ({"tenseal": None}, "tenseal is not installed; pip install 'tenseal<0.4,>=0.3.18'"),
    ],
)
def test_a_package_that_does_not_fit_is_named(
    changed: dict[str, str | None], said: str, healthy: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = machine._version
    monkeypatch.setattr(machine, "_version", lambda name: changed.get(name, real(name)))
    assert wrong(inside("doctor", "--json", "-"), "packages") == said


def test_a_package_that_cannot_be_loaded_is_named(
    healthy: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        if name == "tenseal":
            raise OSError("no such instruction")

    monkeypatch.setattr(machine, "import_module", broken)
    assert "tenseal cannot be loaded: no such instruction" in wrong(inside("doctor", "--json", "-"), "packages")


def test_a_full_disk_is_named(healthy: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MIN_FREE", 2**80)
    found = checks(inside("doctor", "--directory", healthy / "new", "--json", "-"))
    assert [finding["ok"] for finding in found["disk"]] == [False, False]
    assert "for the directory" in found["disk"][0]["found"]


# --- what is wrong with folders ------------------------------------------------------------------------------------


def test_what_others_may_read_is_named_with_its_cure(begun: Path, inside: Inside) -> None:
    (begun / "journal.sqlite").chmod(0o640)
    told = wrong(inside("doctor", "--directory", begun, "--json", "-"), "folder")
    assert told == f"others may read journal.sqlite; chmod -R go-rwx {begun}"
    (begun / "journal.sqlite").chmod(0o600)
    begun.chmod(0o755)
    told = wrong(inside("doctor", "--directory", begun, "--json", "-"), "folder")
    assert "mode 0o755" in told and told.endswith(f"chmod 700 {begun}")


def test_a_mail_folder_of_others_is_named(healthy: Path, inside: Inside) -> None:
    (healthy / "mail").mkdir(mode=0o777)
    (healthy / "mail").chmod(0o777)
    told = wrong(inside("doctor", "--mail", healthy / "mail", "--json", "-"), "mail")
    assert f"chmod 700 {healthy / 'mail'}, or share it with a group" in told
    (healthy / "file").touch(0o600)
    found = checks(inside("doctor", "--mail", healthy / "file", "--json", "-"))
    assert "is not a directory" in found["mail"][0]["found"]


def test_a_mail_folder_that_was_given_to_a_group_is_ok(healthy: Path, inside: Inside) -> None:
    (healthy / "mail").mkdir()
    (healthy / "mail").chmod(0o3770)
    ended = inside("doctor", "--mail", healthy / "mail", "--json", "-")
    assert "is shared with the group" in checks(ended)["mail"][0]["found"]
    assert ended.code == 0
    (healthy / "mail").chmod(0o3777)
    assert "mode 0o3777" in wrong(inside("doctor", "--mail", healthy / "mail", "--json", "-"), "mail")


@pytest.mark.parametrize(("kind", "said"), [("nfs4", "locks may not hold"), ("tmpfs", "a restart empties")])
def test_a_file_system_that_a_journal_cannot_trust_is_named(
    kind: str, said: str, healthy: Path, inside: Inside
) -> None:
    with folders.MOUNTS.open("a") as mounts:
        mounts.write(f"22 21 0:3 / {healthy} rw shared:1 - {kind} somewhere rw\n")
    (healthy / "seller").mkdir(mode=0o700)
    assert said in wrong(inside("doctor", "--directory", healthy / "seller", "--json", "-"), "folder")
    assert said in wrong(inside("doctor", "--directory", healthy / "not" / "yet", "--json", "-"), "folder")
    # Messages need no locks, and are written again.
    (healthy / "mail").mkdir(mode=0o700)
    assert inside("doctor", "--mail", healthy / "mail").code == 0


def test_the_file_system_is_that_of_the_deepest_mount(tmp_path: Path) -> None:
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"2 1 0:1 / {tmp_path}/a rw shared:7 master:1 - nfs4 host:/ rw\n"
        f"3 2 0:2 / {tmp_path}/a/my\\040disk rw - xfs /dev/sdb rw\n"
        "half a line\n"
    )
    found = [folders.file_system(tmp_path / place, mounts) for place in ("", "ab", "a", "a/b", "a/my disk/c")]
    assert found == ["ext4", "ext4", "nfs4", "nfs4", "xfs"]
    assert folders.file_system(tmp_path, "") == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_no_files_is_named(healthy: Path, inside: Inside) -> None:
    (healthy / "mail").mkdir(mode=0o500)
    assert "does not take files" in wrong(inside("doctor", "--mail", healthy / "mail", "--json", "-"), "mail")


def test_a_disk_that_fails_is_named(healthy: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("fcntl.flock", failing)
    (healthy / "mail").mkdir(mode=0o700)
    assert "does not take files: Input/output error" in wrong(
        inside("doctor", "--mail", healthy / "mail", "--json", "-"), "mail"
    )
    assert [*(healthy / "mail").iterdir()] == []


def test_a_directory_of_another_version_or_an_edited_table_is_named(begun: Path, inside: Inside) -> None:
    (begun / "records.csv").write_text("another")
    assert "is not the file that was begun with" in wrong(
        inside("doctor", "--directory", begun, "--json", "-"), "folder"
    )
    settings = json.loads((begun / "settings.json").read_text())
    (begun / "settings.json").write_text(json.dumps({**settings, "version": "9.9"}))
    assert "another version" in wrong(inside("doctor", "--directory", begun, "--json", "-"), "folder")
    (begun / "settings.json").write_text("{")
    assert "is damaged" in wrong(inside("doctor", "--directory", begun, "--json", "-"), "folder")


def test_a_keystore_that_is_gone_is_named(begun: Path, inside: Inside) -> None:
    (begun / "keystore.json").unlink()
    assert "There is no keystore" in wrong(inside("doctor", "--directory", begun, "--json", "-"), "folder")


def test_a_deployment_file_that_is_none_is_an_error(healthy: Path, inside: Inside) -> None:
    inside("doctor", "--deployment", healthy / "none").failed(FileMissing)
    (healthy / "none").write_text("{")
    inside("doctor", "--deployment", healthy / "none").failed(MalformedFile)


# --- what is wrong with node, contract and clock -------------------------------------------------------------------


def test_a_node_that_does_not_answer_is_named_and_its_url_not_told(healthy: Path, inside: Inside) -> None:
    port = free_port()
    ended = inside("doctor", "--rpc", f"http://127.0.0.1:{port}/v3/0123abcd", "--json", "-")
    assert f"the node at 127.0.0.1:{port} cannot be reached" in wrong(ended, "node")
    assert "0123abcd" not in ended.out + ended.err
    assert "is not a URL" in wrong(inside("doctor", "--rpc", "nonsense", "--json", "-"), "node")


@pytest.fixture
def edited(healthy: Path, testnet: LocalChain) -> Path:
    path = healthy / "deployment.json"
    shutil.copy(testnet.deployment, path)
    return path


@pytest.mark.parametrize(
    ("field", "value", "check", "said"),
    [
        ("chain_id", 5, "node", "is of another chain"),
        ("code_hash", "0x" + "11" * 32, "contract", "not the one of the deployment file"),
    ],
)
def test_a_deployment_that_is_not_the_chains_is_named(
    field: str, value: object, check: str, said: str, edited: Path, testnet: LocalChain, inside: Inside
) -> None:
    edited.write_text(json.dumps({**json.loads(edited.read_text()), field: value}))
    assert said in wrong(inside("doctor", "--rpc", testnet.url, "--deployment", edited, "--json", "-"), check)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Answers that the real node gives otherwise, by method."""
    answers: dict[str, Any] = {}
    asked = NodeProvider.make_request

    def request(self: NodeProvider, method: RPCEndpoint, params: Any) -> Any:
        if method in answers:
            return {"jsonrpc": "2.0", "id": 1, "result": answers[method]}
        return asked(self, method, params)

    monkeypatch.setattr(NodeProvider, "make_request", request)
    yield answers


def test_a_node_that_is_catching_up_is_named(
    healthy: Path, testnet: LocalChain, inside: Inside, answering: dict[str, Any]
) -> None:
    answering["eth_syncing"] = {"startingBlock": "0x0", "currentBlock": "0x10", "highestBlock": "0x1010"}
    assert "4,096 blocks behind" in wrong(inside("doctor", "--rpc", testnet.url, "--json", "-"), "node")


def test_a_chain_without_the_contract_is_named(
    healthy: Path, testnet: LocalChain, inside: Inside, answering: dict[str, Any]
) -> None:
    answering["eth_getCode"] = "0x"
    told = wrong(inside("doctor", "--rpc", testnet.url, "--json", "-"), "contract")
    assert f"there is none at {escrow_address()}" in told and "blindfair deploy" in told


def test_another_program_in_the_contracts_place_is_named(
    healthy: Path, testnet: LocalChain, inside: Inside, answering: dict[str, Any]
) -> None:
    answering["eth_getCode"] = "0x6000"
    assert "another program" in wrong(inside("doctor", "--rpc", testnet.url, "--json", "-"), "contract")


@pytest.mark.parametrize(
    ("client", "shift", "said"),
    [
        ("Geth/v1.16.7", chain.BEHIND + 60, "not up to date"),
        ("Geth/v1.16.7", -chain.AHEAD - 60, "clock is slow"),
        (None, -chain.AHEAD - 60, "clock is slow"),
    ],
    ids=["old block", "slow clock", "slow clock beside a development node"],
)
def test_a_clock_that_is_not_the_chains_is_named(
    client: str | None,
    shift: int,
    said: str,
    healthy: Path,
    testnet: LocalChain,
    inside: Inside,
    answering: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if client is not None:
        answering["web3_clientVersion"] = client
    newest = testnet.web3.eth.get_block("latest")["timestamp"]
    monkeypatch.setattr(chain.look_at_node, "__defaults__", (lambda: newest + shift,))
    assert said in wrong(inside("doctor", "--rpc", testnet.url, "--json", "-"), "clock")


def test_an_old_block_of_a_chain_that_makes_them_on_command_says_nothing_of_the_clock(
    healthy: Path, testnet: LocalChain, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = testnet.web3.eth.get_block("latest")["timestamp"]
    monkeypatch.setattr(chain.look_at_node, "__defaults__", (lambda: newest + chain.BEHIND + 600,))
    ended = inside("doctor", "--rpc", testnet.url, "--json", "-")
    (clock,) = checks(ended)["clock"]
    assert ended.code == 0, ended.out
    # Another test's program may have made one more block meanwhile.
    told = re.match(r"the newest block is (\d+) s old; a development node may make blocks", clock["found"])
    assert told is not None and int(told[1]) > chain.BEHIND, clock["found"]


def test_nothing_that_is_printed_is_a_secret(begun: Path, inside: Inside) -> None:
    password = (begun.parent / "password").read_text().strip()
    ended = inside("doctor", "-v", "--directory", begun)
    assert password not in ended.out + ended.err
