"""What `blindfair testnet` does: a local chain with the contract and two funded accounts, until it is interrupted."""

import signal
import sys
from pathlib import Path
from shlex import quote

from rich.console import Console

from blindfair.agents.store.directory import DirectoryLock
from blindfair.cli.demo.prepared import TRIAL_CODES, TRIAL_LABEL
from blindfair.cli.lines import Lines
from blindfair.cli.output import Output
from blindfair.cli.testnet.furnish import CHAIN_ID, GRANT, PARTIES, Furnished, furnish
from blindfair.cli.testnet.node import check_port, installed_hardhat, running_node
from blindfair.cli.verbosity import is_quiet
from blindfair.protocol.errors import BlindfairError, CannotWrite, NodeFailure, StoreInUse

_FILES = ("password", "seller.csv", "buyer.csv")
"""What the commands that are printed name, beside the two parties' directories."""

_SERVICE = "127.0.0.1:8440"
"""Where the seller serves, in those commands."""


def run_testnet(port: int, directory: Path, deployments: Path, output: Output) -> None:
    """Start everything, say what to type next, and stay until interrupted, terminated, or until the node ends.

    Raises CannotWrite for a directory that is there, NodeFailure, MissingPackage, and what `furnish` raises.
    """
    if directory.exists():
        raise _taken(directory)
    check_port(port)
    progress = Lines(Console(stderr=True, quiet=is_quiet()))
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # Being terminated is being interrupted: the node is stopped on the way out.
        signal.signal(ending, signal.default_int_handler)
    try:
        progress.verbatim("testnet: starting Hardhat's node")
        installed_hardhat()
        with DirectoryLock(directory), running_node(port, directory / "node.log") as node:
            rpc = f"http://127.0.0.1:{port}"
            furnished = furnish(rpc, directory, deployments)
            output.document(
                {
                    "accounts": dict(furnished.accounts),
                    "deployment": furnished.deployment.to_document(),
                    "directory": str(directory),
                    "rpc": rpc,
                    "token": furnished.token,
                }
            )
            output.lines.verbatim(_guide(rpc, directory, deployments, furnished))
            node.wait()
        raise NodeFailure("Hardhat's node has ended", expected="a node that runs", hint=f"see {directory / 'node.log'}")
    except KeyboardInterrupt:
        progress.verbatim("testnet: stopped; the chain is gone")


def _taken(directory: Path) -> CannotWrite:
    """The error for a directory that is there. Only that of a chain that has ended may be removed."""
    other = "name another with --directory"
    if not (directory / "node.log").exists() or (directory / "settings.json").exists():
        return CannotWrite(
            f"{directory} is there already",
            expected="a new directory",
            found="something else than a practice chain's",
            hint=other,
        )
    runs = _is_locked(directory)
    return CannotWrite(
        f"{directory} is there already",
        expected="a new directory",
        found="that of a chain that is running" if runs else "that of a chain that has ended",
        hint=f"{other}; or end that chain first" if runs else f"rm -r {quote(str(directory))}, or {other}",
    )


def _is_locked(directory: Path) -> bool:
    try:
        with DirectoryLock(directory):
            return False
    except StoreInUse:
        return True
    except BlindfairError:
        # A chain's directory is private and can be written.
        return False


def _guide(rpc: str, directory: Path, deployments: Path, furnished: Furnished) -> str:
    """What is there, and what to type next, word by word."""
    at = {name: quote(f"{directory}/{name}") for name in (*PARTIES, *_FILES)}
    deployment = quote(f"{deployments}/{CHAIN_ID}.json")
    place = f"--rpc {rpc} --deployment {deployment}"
    seen = f"--at http://{_SERVICE} {place}"
    password = f"--password-file {at['password']}"
    seller, buyer = (f"--directory {at[name]} {password}" for name in PARTIES)
    activate = Path(sys.executable).parent / "activate"
    enter = f"\n  . {quote(str(activate))}" if activate.exists() else ""
    return f"""testnet: ready at {rpc}, chain {CHAIN_ID}, a block each second; Ctrl-C stops it

  accounts  {directory}/seller and {directory}/buyer: {GRANT // 10**18} ether and {GRANT // 10**18} PMT each
  token     {furnished.token}, a test token that takes permits; --token with it trades in PMT instead of ether
  contract  {deployments}/{CHAIN_ID}.json

In each further terminal first, so that files and command are found:

  cd {quote(str(Path.cwd()))}{enter}

In a second one, the seller:

  blindfair seller list {seller} {place} --records {at["seller.csv"]} --label {TRIAL_LABEL} \
--categorical {" --categorical ".join(TRIAL_CODES)} \
--price-per-record 0.001 --licence "research only" --consent "public data"
  blindfair seller serve {seller} --http {_SERVICE}

In a third one, the buyer:

  blindfair buyer find {seen}
  blindfair buyer evaluate {buyer} {seen} --own {at["buyer.csv"]} --label {TRIAL_LABEL} --budget 0.4
  blindfair buyer buy {buyer}
"""
