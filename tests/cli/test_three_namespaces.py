"""Three processes in three network namespaces trade over HTTP, while lines are cut and programs killed."""

import csv
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import COMMAND
from local_chain import HARDHAT, environment, wait_for
from namespaces import Machines, are_possible, forwarded, machines

PORT = 8545
SECONDS = 1500.0
"""For a whole trade with cuts and kills, at most."""


class Program:
    """A command on a machine, in a process group of its own, which is started again when it was killed."""

    def __init__(self, found: Machines, machine: str, told: Path, *arguments: object) -> None:
        self.command = found.inside(machine, COMMAND, *arguments)
        self.told = told
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        with self.told.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=self.told.parent, env=environment(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip

    def end(self, number: int) -> int:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machines, Path]]:
    """A node, a seller that has listed, and a buyer, each on a machine of its own."""
    if not HARDHAT.exists():
        pytest.skip("hardhat is not installed: npm ci")
    if not are_possible():
        pytest.skip("network namespaces need root and ip")
    home = tmp_path_factory.mktemp("three machines")
    with machines("node", "seller", "buyer") as found:
        node = Program(found, "node", home / "node.told", "testnet", "--port", PORT)
        try:
            wait_for("Ctrl-C stops it", home / "node.told", node.process)
            with forwarded(found, "node", PORT):
                yield found, home
        finally:
            node.end(signal.SIGINT)


def at(found: Machines, home: Path) -> list[object]:
    return ["--rpc", f"http://{found.address('node')}:{PORT}", "--deployment", home / "deployments" / "31337.json"]


def common(home: Path, name: str) -> list[object]:
    return ["--directory", home / "testnet" / name, "--password-file", home / "testnet" / "password"]


def run(found: Machines, home: Path, machine: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        found.inside(machine, COMMAND, *arguments), cwd=home, env=environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@contextmanager
def trouble(found: Machines, rng: random.Random, count: list[str]) -> Iterator[None]:
    """Lines that are cut again and again, each for some seconds, and once for longer than any connection waits."""
    ends = threading.Event()

    def cut() -> None:
        while not ends.wait(rng.uniform(2.0, 8.0)):
            machine = rng.choice(found.names)
            found.cut(machine)
            count.append(machine)
            ends.wait(45.0 if len(count) == 4 else rng.uniform(0.5, 6.0))
            found.mend(machine)

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


@pytest.mark.deep
def test_three_machines_trade_once_while_lines_are_cut_and_programs_killed(three: tuple[Machines, Path]) -> None:
    found, home = three
    rng, cuts, kills = random.Random(16), list[str](), 0
    listed = run(
        found, home, "seller", "seller", "list", *common(home, "seller"), *at(found, home),
        "--records", home / "testnet" / "seller.csv", "--label", "cens", "--categorical", "arms",
        "--price-per-record", "0.001", "--licence", "research only", "--consent", "public data",
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    # The seller's machine is out of the buyer's sight but for its service: no folder is shared.
    url = f"http://{found.address('seller')}:8440"
    seller = Program(
        found, "seller", home / "seller.told", "seller", "serve", *common(home, "seller"), "--poll", "0.2",
        "--http", f"{found.address('seller')}:8440",
    )  # fmt: skip
    wait_for("serves", home / "seller.told", seller.process)
    asking = [
        "buyer", "evaluate", *common(home, "buyer"), *at(found, home), "--at", url, "--own",
        home / "testnet" / "buyer.csv", "--label", "cens", "--budget", "0.4", "--yes", "--poll", "0.2",
    ]  # fmt: skip
    began = time.monotonic()
    with trouble(found, rng, cuts):
        for command in (asking, ["buyer", "buy", *common(home, "buyer"), "--yes", "--poll", "0.2"]):
            buyer = Program(found, "buyer", home / "buyer.told", *command)
            next_kill = time.monotonic() + rng.uniform(6.0, 15.0)
            while (code := buyer.process.poll()) != 0:
                assert time.monotonic() < began + SECONDS, (home / "buyer.told").read_text()[-3000:]
                if code is not None:
                    # Killed, or given up on a node or service that was out of reach: the same command goes on.
                    time.sleep(1.0)
                    buyer.start()
                if seller.process.poll() is not None:
                    seller.start()
                if time.monotonic() > next_kill and kills < 8:
                    kills += 1
                    rng.choice([buyer, seller]).end(signal.SIGKILL)
                    next_kill = time.monotonic() + rng.uniform(6.0, 15.0)
                time.sleep(0.1)
    took = time.monotonic() - began
    sold = wait_for_idle(found, home, seller)
    assert seller.end(signal.SIGINT) == 0, (home / "seller.told").read_text()[-2000:]
    print(
        f"\ntraded in {took:.0f} s with {len(cuts)} cuts ({', '.join(map(str, map(cuts.count, found.names)))} of node, "
        f"seller, buyer) and {kills} kills"
    )
    assert len(cuts) >= 5 and kills >= 3
    assert [order["ending"] for order in sold] == ["Released"] * 3
    assert sum(int(str(order["price_wei"])) for order in sold) == 4 * 10**17
    check(found, home)


def wait_for_idle(found: Machines, home: Path, seller: Program) -> list[dict[str, object]]:
    """Every order, once its money is home."""
    ends = time.monotonic() + 300
    while time.monotonic() < ends:
        if seller.process.poll() is not None:
            seller.start()
        status = run(found, home, "seller", "seller", "status", *common(home, "seller")[:2], "--json", "-")
        if status.returncode == 0 and not any(one["ending"] is None for one in orders(json.loads(status.stdout))):
            return orders(json.loads(status.stdout))
        time.sleep(1)
    raise AssertionError((home / "seller.told").read_text()[-3000:])


def orders(status: dict[str, object]) -> list[dict[str, object]]:
    found = status["orders"]
    assert isinstance(found, list)
    return found


def check(found: Machines, home: Path) -> None:
    """What was paid for is what was sold, once."""
    told = run(found, home, "buyer", "buyer", "resume", *common(home, "buyer"))
    assert told.returncode == 0, told.stderr
    assert "ended Released" in " ".join((told.stdout + told.stderr).split())
    with (home / "testnet" / "buyer" / "bought.csv").open(newline="") as file:
        bought = list(csv.DictReader(file))
    with (home / "testnet" / "seller.csv").open(newline="") as file:
        sold = list(csv.DictReader(file))
    assert len(bought) == len({row["record"] for row in bought}) == 400
    for row in bought:
        assert sold[int(row.pop("record"))] == row
    for name in ("seller.told", "buyer.told"):
        assert "Traceback" not in (home / name).read_text()
