"""`blindfair deploy` and keystores: the same contract at the same address however often, and nobody else's chain."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import Inside
from local_chain import HARDHAT, LIGHT, PASSWORD, ROOT, LocalChain, password
from web3 import Web3
from web3.types import RPCEndpoint

from blindfair.api.keystore import address_of, create_keystore, unlock
from blindfair.chain.artifacts import load_artifact, verification_input
from blindfair.chain.deployment import Deployment
from blindfair.chain.deterministic import PROXY, escrow_address, prepare_deployment
from blindfair.chain.development import set_balance
from blindfair.chain.node import connect
from blindfair.chain.provider import NodeProvider
from blindfair.chain.sender import Sender
from blindfair.cli.output import Output
from blindfair.cli.password import read_password
from blindfair.protocol.errors import (
    CannotWrite,
    FileMissing,
    InsecureStore,
    InsufficientFunds,
    InvalidOption,
    MalformedFile,
    NodeFailure,
    WrongContract,
    WrongPassword,
)
from blindfair.protocol.hashing import keccak256, sha256
from blindfair.protocol.quantities import Wei
from ports import free_port

CHAIN_ID = 31337


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """A chain with nothing on it."""
    if not HARDHAT.exists():
        pytest.skip("hardhat is not installed: npm ci")
    from blindfair.cli.testnet.node import running_node

    home, port = tmp_path_factory.mktemp("bare"), free_port()
    with running_node(port, home / "log"):
        yield LocalChain(port, home)


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "deployer" / "keystore.json"
    create_keystore(path, PASSWORD, work=LIGHT)
    password(tmp_path / "password")
    return path


def deploy(chain: LocalChain, keystore: Path, *more: object, **changes: object) -> list[object]:
    options = {"rpc": chain.url, "chain-id": CHAIN_ID, "keystore": keystore}
    options |= {"password-file": keystore.parents[1] / "password", "deployments": keystore.parents[1] / "deployments"}
    options |= {name.replace("_", "-"): value for name, value in changes.items()}
    return ["deploy", *(part for name, value in options.items() for part in (f"--{name}", value)), *more]


def test_a_deployment_is_made_once_and_found_again(
    bare: LocalChain, keystore: Path, tmp_path: Path, inside: Inside
) -> None:
    web3 = connect(bare.url)
    assert web3.eth.get_code(web3.to_checksum_address(PROXY)) == b""
    poor = inside(*deploy(bare, keystore))
    poor.failed(InsufficientFunds, "nothing was sent")
    assert not (tmp_path / "deployments").exists()

    account = json.loads(keystore.read_text())["address"]
    set_balance(web3, account, Wei(10**18))
    first = inside(*deploy(bare, keystore, "--json", "-"))
    assert first.code == 0, first.err
    made = json.loads(first.out)
    assert made["address"] == escrow_address()
    assert made["transaction"] is not None
    assert "at most" in first.err
    files = {path.name: path.read_bytes() for path in (tmp_path / "deployments").iterdir()}
    assert Deployment.from_bytes(files["31337.json"]).first_block == made["block"] > 0
    assert json.loads(files["31337.input.json"])["language"] == "Solidity"

    before = used(web3, account)
    again = inside(*deploy(bare, keystore, "--json", "-"))
    assert again.code == 0, again.err
    assert json.loads(again.out) == {**made, "transaction": None}
    assert used(web3, account) == before
    assert {path.name: path.read_bytes() for path in (tmp_path / "deployments").iterdir()} == files

    # Somebody else finds it as well, and the block that made it, however many came after it.
    for _ in range(20):
        web3.provider.make_request(RPCEndpoint("evm_mine"), [])
    elsewhere = inside(*deploy(bare, keystore, "--json", "-", deployments=tmp_path / "elsewhere"))
    assert json.loads(elsewhere.out) == {**made, "transaction": None}


def test_a_node_that_leads_astray_begins_at_block_zero(
    bare: LocalChain, keystore: Path, tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun too late, a search would miss listings."""
    asked = NodeProvider.make_request

    def forgetful(self: NodeProvider, method: RPCEndpoint, params: Any) -> Any:
        if method == "eth_getCode" and params[1] != "latest":
            return {"jsonrpc": "2.0", "id": 1, "result": "0x"}
        return asked(self, method, params)

    monkeypatch.setattr(NodeProvider, "make_request", forgetful)
    ended = inside(*deploy(bare, keystore, "--json", "-", deployments=tmp_path / "astray"))
    assert json.loads(ended.out)["block"] == 0


def test_a_node_without_old_states_begins_at_block_zero(
    bare: LocalChain, keystore: Path, tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = NodeProvider.make_request

    def pruned(self: NodeProvider, method: RPCEndpoint, params: Any) -> Any:
        if method == "eth_getCode" and params[1] != "latest":
            return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "missing trie node"}}
        return asked(self, method, params)

    monkeypatch.setattr(NodeProvider, "make_request", pruned)
    ended = inside(*deploy(bare, keystore, "--json", "-", deployments=tmp_path / "pruned"))
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["block"] == 0
    assert "from block 0" in ended.err


def used(web3: Web3, account: str) -> tuple[int, int]:
    """Ether and number of transactions."""
    whose = web3.to_checksum_address(account)
    return web3.eth.get_balance(whose), web3.eth.get_transaction_count(whose)


def test_what_is_in_the_place_of_the_contract_is_refused(bare: LocalChain, keystore: Path, inside: Inside) -> None:
    web3 = connect(bare.url)
    place = web3.to_checksum_address(escrow_address())
    code = web3.eth.get_code(place)
    web3.provider.make_request(RPCEndpoint("hardhat_setCode"), [place, "0x6000"])
    inside(*deploy(bare, keystore)).failed(WrongContract, "another program")
    web3.provider.make_request(RPCEndpoint("hardhat_setCode"), [place, code.to_0x_hex()])


def test_a_chain_with_another_proxy_is_refused(bare: LocalChain, keystore: Path) -> None:
    web3 = connect(bare.url)
    proxy = web3.to_checksum_address(PROXY)
    code = web3.eth.get_code(proxy)
    web3.provider.make_request(RPCEndpoint("hardhat_setCode"), [proxy, "0x6000"])
    with pytest.raises(WrongContract, match="deterministic deployment proxy"):
        prepare_deployment(Sender(web3, unlock(keystore, PASSWORD)))
    web3.provider.make_request(RPCEndpoint("hardhat_setCode"), [proxy, code.to_0x_hex()])


def test_a_node_of_another_chain_is_refused(bare: LocalChain, keystore: Path, inside: Inside) -> None:
    inside(*deploy(bare, keystore, chain_id=1)).failed(NodeFailure, "chain id 1", "31337")


def test_no_node_is_named_and_its_url_not_told(keystore: Path, inside: Inside) -> None:
    nowhere = LocalChain(free_port(), keystore.parent)
    ended = inside(*deploy(nowhere, keystore, rpc=f"{nowhere.url}/v3/0123abcd"))
    assert ended.code == NodeFailure.exit_code
    assert ended.err.startswith(f"error: NodeFailure: the node at 127.0.0.1:{nowhere.port} cannot be reached")
    assert "0123abcd" not in ended.err


@pytest.mark.parametrize("contract", ["DataExchange", "ListingDirectory"])
def test_what_explorers_get_is_what_the_shipped_contract_was_made_from(contract: str) -> None:
    given, artifact = json.loads(verification_input(contract)), load_artifact(contract)
    shipped = json.loads((ROOT / "offchain" / "blindfair" / "chain" / "artifacts" / f"{contract}.json").read_text())
    hashes = {name: "0x" + keccak256(source["content"].encode()).hex() for name, source in given["sources"].items()}
    digest = sha256(json.dumps(hashes, sort_keys=True).encode())
    assert artifact.source_digest == "0x" + digest.hex()
    selection = given["settings"].pop("outputSelection")
    assert given["settings"] == shipped["settings"]
    assert "evm.bytecode" in selection["*"]["*"]


# --- keystores -----------------------------------------------------------------------------------------------------


def test_a_keystore_is_made_shown_and_never_overwritten(tmp_path: Path, inside: Inside) -> None:
    path, words = tmp_path / "new" / "keystore.json", password(tmp_path / "password")
    made = inside("account", "create", "--keystore", path, "--password-file", words, "--json", "-")
    assert made.code == 0, made.err
    address = json.loads(made.out)["address"]
    assert json.loads(inside("account", "show", "--keystore", path, "--json", "-").out)["address"] == address
    account = unlock(path, PASSWORD)
    assert account.address.lower() == address
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert bytes(account.key).hex() not in made.out + made.err + path.read_text()
    kept = path.read_bytes()
    inside("account", "create", "--keystore", path, "--password-file", words).failed(CannotWrite)
    assert path.read_bytes() == kept


def test_a_wrong_password_is_named(keystore: Path, tmp_path: Path, bare: LocalChain, inside: Inside) -> None:
    with pytest.raises(WrongPassword) as refused:
        unlock(keystore, "wrong horse")
    assert "wrong horse" not in str(refused.value)
    password(tmp_path / "password", PASSWORD + " ")
    with pytest.raises(WrongPassword):
        unlock(keystore, read_password(tmp_path / "password", keystore))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 3}',
        '{"version": 1}',
        '{"version": 3, "crypto": 7, "address": "zz"}',
        "\x00" * 70_000,
    ],
)
def test_what_is_no_keystore_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    path.write_text(text)
    for read in (lambda: unlock(path, PASSWORD), lambda: address_of(path)):
        with pytest.raises(MalformedFile):
            read()


def test_a_password_that_others_may_read_is_refused(keystore: Path, tmp_path: Path) -> None:
    (tmp_path / "password").chmod(0o644)
    with pytest.raises(InsecureStore, match="0600"):
        read_password(tmp_path / "password", keystore)


@pytest.mark.parametrize(("text", "error"), [("\n", InvalidOption), ("", InvalidOption)])
def test_an_empty_password_is_refused(text: str, error: type[Exception], keystore: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(text)
    with pytest.raises(error):
        read_password(tmp_path / "password", keystore)


def test_a_password_file_that_is_not_there_is_named(keystore: Path, tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_password(tmp_path / "nothing", keystore)


def test_without_a_terminal_nobody_is_asked(keystore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD))
    with pytest.raises(InvalidOption, match="--password-file"):
        read_password(None, keystore)


def test_a_password_comes_from_no_argument_and_no_variable(inside: Inside) -> None:
    """Arguments and variables of a process can be read by others."""
    for name in ("deploy", "account create", "seller list", "seller serve", "buyer evaluate", "buyer buy"):
        told = inside(*name.split(), "--help").out
        assert "--password-file" in told
        assert not re.search(r"--(password|private-?key|key|secret|mnemonic)[ =]", told)
        assert "env var" not in told


# --- the local chain -----------------------------------------------------------------------------------------------


def test_a_local_chain_takes_nobodys_port_and_nobodys_directory(bare: LocalChain, tmp_path: Path) -> None:
    from blindfair.cli.testnet.running import run_testnet

    with pytest.raises(NodeFailure, match="listens at the port already"):
        run_testnet(bare.port, tmp_path / "testnet", tmp_path / "deployments", Output(None))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "testnet").mkdir()
    (tmp_path / "testnet" / "mine").touch()
    with pytest.raises(CannotWrite, match="something else"):
        run_testnet(free_port(), tmp_path / "testnet", tmp_path / "deployments", Output(None))
    assert [path.name for path in (tmp_path / "testnet").iterdir()] == ["mine"]
