"""Deployment, and telling the escrow from everything else that may lie at an address."""

import json
from pathlib import Path

import pytest
from chain_support import Network, Party
from web3 import Web3

from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.deploy import check_deployment, deploy, deploy_once
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import InsufficientFunds, InvalidOption, WrongContract
from blindfair.protocol.quantities import Address, Wei
from blindfair.protocol.signing import Domain

ESCROW = load_artifact("DataExchange")


def test_a_deployment_is_checked_on_its_chain(network: Network) -> None:
    address = deploy(Party(network).sender)
    check_deployment(network.web3, address)
    exchange = DataExchange(network.web3, address)
    separator = Domain(exchange.chain_id, address).typed({"Nothing": []}, {}).header
    assert exchange.domain_separator() == separator
    assert exchange.listings() == ()


def test_deployed_once_found_for_ever(tmp_path: Path) -> None:
    chain = EmbeddedChain(tmp_path / "log")
    deployer = Party(chain).account
    first = deploy_once(chain.web3, deployer)
    height = first.height()
    assert deploy_once(chain.web3, deployer).address == first.address
    chain.close()
    again = EmbeddedChain(tmp_path / "log")
    assert deploy_once(again.web3, deployer).address == first.address
    assert int(again.web3.eth.block_number) == height


def test_an_account_that_did_something_else_first_has_no_deployment() -> None:
    chain = EmbeddedChain()
    party = Party(chain)
    party.do(Call("transfer", party.address, b""))
    with pytest.raises(WrongContract):
        deploy_once(chain.web3, party.account)


def test_a_deployer_without_money_is_named(network: Network) -> None:
    with pytest.raises(InsufficientFunds, match="deploy"):
        deploy(Party(network, Wei(10**12)).sender)


def placed(party: Party, runtime: bytes) -> Address:
    """A contract with exactly this code."""
    # CODECOPY what follows these 14 bytes, and return it.
    maker = bytes.fromhex("61") + len(runtime).to_bytes(2, "big") + bytes.fromhex("80600c6000396000f3")
    contract = party.do(Call("deploy", None, maker + runtime)).contract
    assert contract is not None
    return contract


@pytest.mark.parametrize("kind", ["nothing", "a token", "stub", "blanks", "elsewhere", "one bit", "longer", "shorter"])
def test_what_is_not_the_escrow_is_refused(kind: str) -> None:
    chain = EmbeddedChain()
    party = Party(chain)
    real = bytes(chain.web3.eth.get_code(Web3.to_checksum_address(deploy(party.sender))))
    code = {
        "nothing": b"",
        "a token": load_artifact("TestToken").deployed_bytecode,
        # Answers every call with whatever it was built with.
        "stub": bytes.fromhex("60206000f3"),
        # The template as it is shipped, its immutable values never set.
        "blanks": ESCROW.deployed_bytecode,
        # The very code of a real one, which says that it is at the real one's address.
        "elsewhere": real,
        "one bit": real[:900] + bytes([real[900] ^ 1]) + real[901:],
        "longer": real + b"\x00",
        "shorter": real[:-1],
    }[kind]
    address = placed(party, code) if code else Address("0x" + "44" * 20)
    with pytest.raises(WrongContract):
        check_deployment(chain.web3, address)


def test_an_escrow_with_another_constant_is_refused() -> None:
    """A minimum window of 601 instead of 600 seconds in both of its codes, deployed properly."""
    chain = EmbeddedChain()
    party = Party(chain)
    window, other = bytes.fromhex("610258"), bytes.fromhex("610259")
    assert window in ESCROW.bytecode
    contract = party.do(Call("deploy", None, ESCROW.bytecode.replace(window, other))).contract
    assert contract is not None
    with pytest.raises(WrongContract, match="another program"):
        check_deployment(chain.web3, contract)


def test_the_package_has_no_other_contracts() -> None:
    for name in ("Escrow", "", "../../cli", "DataExchange.json"):
        with pytest.raises(InvalidOption):
            load_artifact(name)
    assert json.dumps(ESCROW.abi)
    assert len(ESCROW.deployed_bytecode) < 24_576
