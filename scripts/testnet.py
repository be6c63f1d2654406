#!/usr/bin/env python3
"""A local chain for trying out the two agents: Hardhat's node with the escrow contract, until it is interrupted.

Makes a directory with a keystore each for a seller and a buyer, gives both ether and a test token, divides the clinical
trial that comes with the package into a table for each, writes deployments/31337.json, and says what to type next. The
chain lives in memory: when this ends it is gone, and the directory with it is of no more use. Needs the extra `dev`.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from compile import ROOT, CompileFailed, find_node, install_packages
from web3 import Web3

from blindfair.agents.store import private_directory, write_atomically
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
from blindfair.cli.demo.prepared import TRIAL_CODES, TRIAL_LABEL, prepare
from blindfair.cli.keystore import create_keystore, unlock
from blindfair.cli.targets import write_folder
from blindfair.protocol.errors import BlindfairError, CannotWrite, NodeFailure
from blindfair.protocol.quantities import Address, Seconds, Wei

CHAIN_ID = 31337
PARTIES = ("seller", "buyer")
GRANT = Wei(100 * 10**18)
"""Of ether and of the test token, each in its smallest unit."""

BLOCK_TIME = Seconds(1)
LIGHT = 2**12
"""Rounds of scrypt: the password lies beside the keystores, and commands start a second sooner."""

STARTED = b"Started HTTP"
START_SECONDS = 60.0


def main() -> int:
    """0 when interrupted, 1 when something is wrong."""
    parser = argparse.ArgumentParser(description="A local chain with the escrow contract and two funded accounts.")
    parser.add_argument("--port", type=int, default=8545, help="where the node listens, on this machine only")
    parser.add_argument("--directory", type=Path, default=Path("testnet"), help="made anew, for keystores and tables")
    parser.add_argument("--deployments", type=Path, default=Path("deployments"), help="where 31337.json is written")
    arguments = parser.parse_args()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, interrupt)
    try:
        run(arguments.port, arguments.directory, arguments.deployments)
    except BlindfairError as error:
        print(f"testnet: {error}", file=sys.stderr)
        return 1
    except CompileFailed as error:
        print(f"testnet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("testnet: stopped; the chain is gone", file=sys.stderr)
    return 0


def interrupt(*_: object) -> None:
    """Being terminated is being interrupted: the node is stopped on the way out."""
    raise KeyboardInterrupt


def run(port: int, directory: Path, deployments: Path) -> None:
    """Start everything, say so, and stay until interrupted or until the node ends."""
    if directory.exists():
        raise CannotWrite(
            f"{directory} is there already",
            expected="a new directory",
            found="one of an earlier chain, which is gone, or something else",
            hint=f"rm -r {directory}, or name another with --directory",
        )
    check_port(port)
    say("starting Hardhat's node")
    install_packages(find_node())
    private_directory(directory)
    with running_node(port, directory / "node.log") as node:
        url = f"http://127.0.0.1:{port}"
        web3 = connect(url, CHAIN_ID)
        token = furnish(web3, directory, deployments)
        mine_every(web3, BLOCK_TIME)
        show(url, directory, deployments, token)
        node.wait()
    raise NodeFailure("Hardhat's node has ended", expected="a node that runs", hint=f"see {directory / 'node.log'}")


def check_port(port: int) -> None:
    """That nothing listens there: it would be taken for the node. Raises NodeFailure."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise NodeFailure("Something listens at the port already", found=port, hint="end it, or name another port")


@contextmanager
def running_node(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Hardhat's node, once it listens; it is ended with this process, however that ends short of a kill."""
    program = ROOT / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"
    arguments = ["--config", str(ROOT / "scripts" / "testnet.config.js"), "node", "--hostname", "127.0.0.1"]
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C comes to this process alone, which then ends the node.
        node = subprocess.Popen(  # noqa: S603
            [find_node(), program, *arguments, "--port", str(port)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while STARTED not in log.read_bytes():
            if node.poll() is not None or time.monotonic() > until:
                raise NodeFailure("Hardhat's node does not start", hint=f"see {log}")
            time.sleep(0.1)
        yield node
    finally:
        node.terminate()
        try:
            node.wait(10)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()


def furnish(web3: Web3, directory: Path, deployments: Path) -> Address:
    """Accounts, money, contract, token, tables; gives the token's address."""
    password = secrets.token_urlsafe(16)
    write_atomically(directory / "password", f"{password}\n".encode())
    addresses = {}
    for name in ("deployer", *PARTIES):
        addresses[name] = create_keystore(directory / name / "keystore.json", password, work=LIGHT)
        set_balance(web3, addresses[name], GRANT)
    sender = Sender(web3, unlock(directory / "deployer" / "keystore.json", password))
    made = complete_deployment(sender, prepare_deployment(sender))
    deployment = Deployment.of(web3, made.address, made.block_number)
    files = {f"{CHAIN_ID}.json": deployment.to_bytes(), f"{CHAIN_ID}.input.json": verification_input()}
    write_folder(deployments, files)
    artifact = load_artifact("PermitToken")
    token = send(sender, Call("deploy", None, artifact.bytecode)).contract
    if token is None:
        raise NodeFailure("The node made no token", hint="use another version of Hardhat")
    for name in PARTIES:
        send(sender, Call("mint", token, encode_call(artifact.abi, "mint", addresses[name], GRANT)))
    write_tables(directory)
    return token


def send(sender: Sender, call: Call) -> Receipt:
    """Make a call and wait for it."""
    prepared = sender.prepare(call)
    sender.broadcast(prepared.raw)
    return sender.wait(prepared.hash, pause=0.1)


def write_tables(directory: Path) -> None:
    """The demo's division of the clinical trial, bad records in the seller's part included."""
    scenario = prepare(DemoOptions()).scenario
    own = [*scenario.train, *scenario.validation]
    for name, rows in (("seller", scenario.offer), ("buyer", own)):
        write_atomically(directory / f"{name}.csv", csv_bytes(scenario.columns, rows))


def show(url: str, directory: Path, deployments: Path, token: Address) -> None:
    """What is there, and what to type next, word by word."""
    place = f"--mail {directory}/mail --rpc {url} --deployment {deployments}/{CHAIN_ID}.json"
    password = f"--password-file {directory}/password"
    seller, buyer = (f"--directory {directory}/{name} {password}" for name in PARTIES)
    say(f"""ready at {url}, chain {CHAIN_ID}, a block each second; Ctrl-C stops it

  accounts  {directory}/seller and {directory}/buyer: {GRANT // 10**18} ether and {GRANT // 10**18} PMT each
  token     {token}, a test token that takes permits; --token with it trades in PMT instead of ether
  contract  {deployments}/{CHAIN_ID}.json

In each further terminal first, so that files and command are found:

  cd {quote(str(Path.cwd()))}
  . {quote(str(ROOT / ".venv" / "bin" / "activate"))}

In a second one, the seller:

  blindfair seller list {seller} {place} --records {directory}/seller.csv --label {TRIAL_LABEL} \
--categorical {" --categorical ".join(TRIAL_CODES)} \
--price-per-record 0.001 --licence "research only" --consent "public data"
  blindfair seller serve {seller}

In a third one, the buyer:

  blindfair buyer find --keystore {directory}/buyer/keystore.json {password} {place}
  blindfair buyer evaluate {buyer} {place} --own {directory}/buyer.csv --label {TRIAL_LABEL} --budget 0.4
  blindfair buyer buy {buyer}
""")


def say(text: str) -> None:
    """To the person who watches."""
    print(f"testnet: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
