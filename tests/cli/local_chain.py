"""A local chain as `blindfair testnet` makes it, for the tests of seller and buyer as programs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interruptible import interruptible
from web3 import Web3

from blindfair.api.keystore import create_keystore
from blindfair.chain.deployment import Deployment, open_exchange
from blindfair.chain.development import set_balance
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.quantities import Address, Wei

ROOT = Path(__file__).parents[2]
HARDHAT = ROOT / "node_modules" / "hardhat"
LIGHT = 2
"""Rounds of scrypt for keystores of tests."""

PASSWORD = "correct horse"  # noqa: S105


def environment() -> dict[str, str]:
    """Variables with which the installed `blindfair` is found by its name, and is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}


@contextmanager
def shell(commands: str, cwd: Path, told: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Commands in a shell with a group of its own, as a terminal has one; interrupted at the end if they still run."""
    with told.open("wb") as output:
        process = subprocess.Popen(
            interruptible("bash", "-ec", commands),
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


def wait_for(words: str, told: Path, process: subprocess.Popen[bytes], seconds: float = 300) -> None:
    """Until a program has said something. It need not be quick, but must not end before."""
    until = time.monotonic() + seconds
    while words not in told.read_text():
        assert process.poll() is None, told.read_text()
        assert time.monotonic() < until, told.read_text()
        time.sleep(0.1)


@dataclass(frozen=True)
class LocalChain:
    """A running chain with the contract; `home` is where it was started, with `testnet` and `deployments` in it."""

    port: int
    home: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def deployment(self) -> Path:
        return self.home / "deployments" / "31337.json"

    @property
    def exchange(self) -> DataExchange:
        return open_exchange(self.url, Deployment.from_bytes(self.deployment.read_bytes()))

    @property
    def web3(self) -> Web3:
        return self.exchange.web3

    def party(self, directory: Path, ether: int = 10) -> Address:
        """A new account with its keystore in a directory, and a password file beside that."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        address = create_keystore(directory / "keystore.json", PASSWORD, work=LIGHT)
        if ether:
            set_balance(self.web3, address, Wei(ether * 10**18))
        password(directory.parent / "password")
        return address


def password(path: Path, text: str = PASSWORD) -> Path:
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []
