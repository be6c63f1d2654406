"""What `blindfair testnet` puts on its chain and in its directory: accounts with money, contract, token, tables."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.store.directory import write_atomically
from blindfair.api.keystore import create_keystore, unlock
from blindfair.chain.abi import encode_call
from blindfair.chain.artifacts import load_artifact, verification_input
from blindfair.chain.calls import Call
from blindfair.chain.deployment import Deployment
from blindfair.chain.deterministic import complete_deployment, prepare_deployment
from blindfair.chain.development import mine_every, set_balance
from blindfair.chain.node import connect
from blindfair.chain.sender import Receipt, Sender
from blindfair.cli.csv_text import csv_bytes
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.targets import write_folder
from blindfair.protocol.errors import NodeFailure
from blindfair.protocol.quantities import Address, Seconds, Wei

CHAIN_ID = 31337
PARTIES = ("seller", "buyer")
GRANT = Wei(100 * 10**18)
"""Amount of ether, and of the test token, in the smallest unit of each."""

BLOCK_TIME = Seconds(1)
LIGHT = 2**12
"""Rounds of scrypt: the password lies beside the keystores, and commands start a second sooner."""


@dataclass(frozen=True, slots=True)
class Furnished:
    """The accounts and places that were made."""

    deployment: Deployment
    token: Address
    accounts: dict[str, Address]


def furnish(rpc: str, directory: Path, deployments: Path) -> Furnished:
    """Fill a new chain and an empty directory, and let a block be made each second.

    Raises NodeFailure, CannotWrite, and what deploying raises.
    """
    web3 = connect(rpc, CHAIN_ID)
    password = secrets.token_urlsafe(16)
    write_atomically(directory / "password", f"{password}\n".encode())
    accounts = {}
    for name in ("deployer", *PARTIES):
        accounts[name] = create_keystore(directory / name / "keystore.json", password, work=LIGHT)
        set_balance(web3, accounts[name], GRANT)
    sender = Sender(web3, unlock(directory / "deployer" / "keystore.json", password))
    made = complete_deployment(sender, prepare_deployment(sender))
    deployment = Deployment.of(web3, made.address, made.block_number)
    files = {f"{CHAIN_ID}.json": deployment.to_bytes(), f"{CHAIN_ID}.input.json": verification_input()}
    write_folder(deployments, files)
    artifact = load_artifact("PermitToken")
    token = _send(sender, Call("deploy", None, artifact.bytecode)).contract
    if token is None:
        raise NodeFailure("The node made no token", hint="use another version of Hardhat")
    for name in PARTIES:
        _send(sender, Call("mint", token, encode_call(artifact.abi, "mint", accounts[name], GRANT)))
    _write_tables(directory)
    mine_every(web3, BLOCK_TIME)
    return Furnished(deployment, token, accounts)


def _send(sender: Sender, call: Call) -> Receipt:
    """Make a call and wait for it."""
    prepared = sender.prepare(call)
    sender.broadcast(prepared.raw)
    return sender.wait(prepared.hash, pause=0.1)


def _write_tables(directory: Path) -> None:
    """The demo's division of the clinical trial, bad records in the seller's part included."""
    scenario = prepare(DemoOptions()).scenario
    own = [*scenario.train, *scenario.validation]
    for name, rows in (("seller", scenario.offer), ("buyer", own)):
        write_atomically(directory / f"{name}.csv", csv_bytes(scenario.columns, rows))
