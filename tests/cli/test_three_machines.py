"""Three programs, on one machine and in three network namespaces, trade over HTTP, while lines are cut, programs killed
and the chain is reorganised."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from command import COMMAND
from local_chain import HARDHAT, environment, wait_for
from machines import Machines, one_machine
from namespaces import are_possible, namespaces

from blindfair.api.keystore import address_of
from blindfair.cli.testnet.furnish import GRANT

SECONDS = 1500.0
"""For a whole trade with cuts, kills and reorganisations, at most."""

FINALITY = 5
"""Blocks of a second each. Nothing deeper is replaced."""

PRICE = 4 * 10**17
REORGANISING = Path(__file__).parent / "reorganising.py"


class Program:
    """A command on a machine, in a process group of its own, which is started again when it was killed."""

    def __init__(self, found: Machines, machine: str, told: Path, *command: object) -> None:
        self.command = found.inside(machine, *command)
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


@dataclass
class Three:
    """Machines with a node that has the contract, with tables and accounts for seller and buyer, and with programs."""

    machines: Machines
    home: Path
    programs: list[Program] = field(default_factory=list)
    ends: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    def begin(self, machine: str, told: str, *command: object) -> Program:
        self.programs.append(Program(self.machines, machine, self.home / told, *command))
        return self.programs[-1]

    def run(self, machine: str, *command: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.machines.inside(machine, *command), cwd=self.home, env=environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def told(self, name: str) -> str:
        return (self.home / name).read_text()

    def at(self, name: str) -> list[object]:
        return [
            "--rpc", self.machines.node(name), "--deployment", self.home / "deployments" / "31337.json",
            "--finality-depth", FINALITY,
        ]  # fmt: skip

    def common(self, name: str) -> list[object]:
        return ["--directory", self.home / "testnet" / name, "--password-file", self.home / "testnet" / "password"]

    def account(self, name: str) -> str:
        return str(address_of(self.home / "testnet" / name / "keystore.json"))


@pytest.fixture(params=["one machine", "namespaces"])
def three(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Three]:
    if not HARDHAT.exists():
        pytest.skip("hardhat is not installed: npm ci")
    if request.param == "namespaces" and not are_possible():
        pytest.skip("network namespaces need root and ip")
    with namespaces() if request.param == "namespaces" else one_machine() as machines:
        found = Three(machines, tmp_path)
        try:
            node = found.begin("node", "node.told", COMMAND, "testnet", "--port", machines.node_port)
            wait_for("Ctrl-C stops it", tmp_path / "node.told", node.process)
            yield found
        finally:
            for program in reversed(found.programs):
                program.end(signal.SIGINT)


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
def test_three_machines_trade_once_whatever_breaks(three: Three) -> None:
    """Lines that are cut, programs that are killed, and a chain whose newest blocks are replaced by others."""
    machines, home = three.machines, three.home
    rng, cuts, kills = random.Random(16), list[str](), 0
    reorganising = three.begin(
        "node", "reorganised", sys.executable, REORGANISING, f"http://127.0.0.1:{machines.node_port}", FINALITY, 16
    )
    listed = three.run(
        "seller", COMMAND, "seller", "list", *three.common("seller"), *three.at("seller"),
        "--records", home / "testnet" / "seller.csv", "--label", "cens", "--categorical", "arms",
        "--price-per-record", "0.001", "--licence", "research only", "--consent", "public data",
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    seller = three.begin(
        "seller", "seller.told", COMMAND, "seller", "serve", *three.common("seller"), "--poll", "0.2",
        "--http", machines.bind, "--public-url", machines.service,
    )  # fmt: skip
    wait_for("serves", home / "seller.told", seller.process)
    asking = [
        "evaluate", *three.common("buyer"), *three.at("buyer"), "--at", machines.service, "--own",
        home / "testnet" / "buyer.csv", "--label", "cens", "--budget", "0.4",
    ]  # fmt: skip
    began = time.monotonic()
    with trouble(machines, rng, cuts):
        for command in (asking, ["buy", *three.common("buyer")]):
            buyer = three.begin("buyer", "buyer.told", COMMAND, "buyer", *command, "--yes", "--poll", "0.2")
            next_kill = time.monotonic() + rng.uniform(6.0, 15.0)
            while (code := buyer.process.poll()) != 0:
                assert time.monotonic() < three.ends, three.told("buyer.told")[-3000:]
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
    orders = wait_for_ends(three, seller)
    assert reorganising.end(signal.SIGTERM) == 0, three.told("reorganised")
    wait_for_money(three, seller)
    assert seller.end(signal.SIGINT) == 0, three.told("seller.told")[-2000:]
    replaced = [json.loads(line) for line in three.told("reorganised").splitlines()]
    lost = Counter[str]()
    for each in replaced:
        lost.update(each["lost"])
    by_party = [lost[three.account(name)] for name in ("seller", "buyer")]
    print(
        f"\ntraded in {took:.0f} s with {len(cuts)} cuts ({', '.join(map(str, map(cuts.count, machines.names)))} of "
        f"node, seller, buyer), {kills} kills, and {len(replaced)} reorganisations of at most "
        f"{max(each['depth'] for each in replaced)} blocks, which took back {by_party[0]} transactions of the seller "
        f"and {by_party[1]} of the buyer"
    )
    assert len(cuts) >= 5 and kills >= 3
    assert len(replaced) >= 3 and min(by_party) >= 1
    assert [order["ending"] for order in orders] == ["Released"] * 3
    assert sum(int(str(order["price_wei"])) for order in orders) == PRICE
    check(three)


def wait_for_ends(three: Three, seller: Program) -> list[dict[str, object]]:
    """Every order, once all have ended."""
    while not (found := sold(three)) or any(order["ending"] is None for order in found):
        go_on(three, seller)
    return found


def sold(three: Three) -> list[dict[str, object]]:
    status = three.run("seller", COMMAND, "seller", "status", *three.common("seller")[:2], "--json", "-")
    return [*json.loads(status.stdout)["orders"]] if status.returncode == 0 else []


def wait_for_money(three: Three, seller: Program) -> None:
    """Until each account has to the wei what it should, by the chain."""
    url = f"http://127.0.0.1:{three.machines.node_port}"
    while True:
        ledger = json.loads(three.run("node", sys.executable, REORGANISING, url, "ledger").stdout)
        seller_has, buyer_has = (ledger[three.account(name)] for name in ("seller", "buyer"))
        assert buyer_has["balance"] == GRANT - PRICE - buyer_has["fees"]
        if seller_has["balance"] == GRANT + PRICE - seller_has["fees"]:
            return
        go_on(three, seller)


def go_on(three: Three, seller: Program) -> None:
    assert time.monotonic() < three.ends, three.told("seller.told")[-3000:]
    if seller.process.poll() is not None:
        seller.start()
    time.sleep(1.0)


def check(three: Three) -> None:
    """What was paid for is what was sold."""
    told = three.run("buyer", COMMAND, "buyer", "resume", *three.common("buyer"))
    assert told.returncode == 0, told.stderr
    assert "ended Released" in " ".join((told.stdout + told.stderr).split())
    with (three.home / "testnet" / "buyer" / "bought.csv").open(newline="") as file:
        bought = list(csv.DictReader(file))
    with (three.home / "testnet" / "seller.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(bought) == len({row["record"] for row in bought}) == 400
    for row in bought:
        assert table[int(row.pop("record"))] == row
    for name in ("seller.told", "buyer.told"):
        assert "Traceback" not in three.told(name)
