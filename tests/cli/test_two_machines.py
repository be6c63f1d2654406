"""Seller and buyer as two programs on one real node: as the tutorial tells it, and with both killed again and again."""

import csv
import io
import json
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from command import Inside
from lives import born
from local_chain import ROOT, LocalChain, environment, shell, wait_for
from real_tables import LABEL, tumours, write_csv

from blindfair.api.keystore import address_of, unlock
from blindfair.api.listing_options import ListingOptions
from blindfair.chain.development import DevelopmentChain, set_balance
from blindfair.chain.sender import Sender
from blindfair.cli.buyer import showing as buyer_showing
from blindfair.cli.buyer.settings import BuyerOptions
from blindfair.cli.options import Resumed
from blindfair.cli.party.settings import resumed_settings
from blindfair.cli.seller import showing as seller_showing
from blindfair.protocol.errors import (
    ContractReverted,
    FileMissing,
    InsufficientFunds,
    InvalidOption,
    NoAnswer,
    ServiceUnreachable,
)
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, ListingId, Seconds, Wei
from ports import free_port

pytestmark = pytest.mark.deep
"""A minute of processor time; trades over HTTP and from a folder have shorter tests elsewhere."""


def blocks_of_the_tutorial() -> list[str]:
    """The commands of docs/tutorials/two-machines.md, a block for each terminal."""
    text = (ROOT / "docs" / "tutorials" / "two-machines.md").read_text(encoding="utf-8")
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


@dataclass(frozen=True)
class Read:
    """What the tutorial's commands left."""

    chain: LocalChain
    buyer: str
    told: str
    seller: str
    interrupted: int


@pytest.fixture(scope="module")
def tutorial(own_testnet: LocalChain) -> Read:
    """The tutorial followed word by word, but for the ports and for the environment, which is this one."""
    service = str(free_port())
    chain, seller, buyer, resume = (
        block.replace("8545", str(own_testnet.port)).replace("8440", service).replace(". .venv/bin/activate\n", "")
        for block in blocks_of_the_tutorial()
    )
    assert chain == "./scripts/testnet\n"
    told = own_testnet.home / "seller.told"
    with shell(seller, own_testnet.home, told) as serving:
        wait_for("serves", told, serving)
        done = to_the_end(buyer, own_testnet.home)
        assert done.returncode == 0, done.stderr + told.read_text()
        wait_for("withdraws its free balance", told, serving)
        again = to_the_end(resume, own_testnet.home)
        assert (again.returncode, "ended Released" in " ".join(again.stdout.split())) == (0, True), again.stderr
    return Read(own_testnet, done.stdout, done.stderr, told.read_text(), serving.returncode)


def to_the_end(commands: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run commands in a shell, as a person without a terminal."""
    return subprocess.run(
        ["bash", "-ec", commands],
        cwd=home,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tutorial_ends_in_a_released_order(tutorial: Read) -> None:
    """For 0.4 ether in three orders: the evaluation, the records that its audit draws, and the others."""
    buyer = " ".join(tutorial.buyer.split())
    assert "ended Released: the evaluation was paid for with" in buyer
    verified = [int(count) for count in re.findall(r"(\d+) records verified", buyer)]
    assert (len(verified), sum(verified)) == (2, 400)
    paid = [Decimal(price) for price in re.findall(r"order Released: .*? for ([\d.]+) ether to", buyer)]
    assert (len(paid), sum(paid)) == (3, Decimal("0.4"))
    assert f"it cost {paid[0]} ether, credited against the purchase" in buyer
    with (tutorial.chain.home / "testnet" / "buyer" / "bought.csv").open(newline="") as file:
        bought = list(csv.DictReader(file))
    with (tutorial.chain.home / "testnet" / "seller.csv").open(newline="") as file:
        sold = list(csv.DictReader(file))
    assert len(bought) == 400
    for row in bought:
        number = int(row.pop("record"))
        assert row == sold[number]


def test_what_it_takes_is_told_before_it_is_done(tutorial: Read, inside: Inside) -> None:
    testnet = tutorial.chain.home / "testnet"
    journal = json.loads(inside("buyer", "status", "--directory", testnet / "buyer", "--json", "-").out)
    assert "1,177 records; label cens" in tutorial.buyer
    assert "takes" in tutorial.seller
    asked = tutorial.told.index("sends the request")
    for words in ("B to the seller,", "s on the way", "B of memory and no disk", "why     "):
        assert tutorial.told.index(words) < asked
    assert tutorial.seller.index("about 48,000 gas") < tutorial.seller.index("commits to 1,177 records")
    assert len(journal["gas"]) == 3
    assert max(journal["gas"].values()) <= 68_000
    assert "about 136,000 gas" in tutorial.told and "for two orders" in tutorial.told


def test_an_interrupted_seller_ends_well_and_says_where_it_stands(tutorial: Read) -> None:
    assert tutorial.interrupted == 0, tutorial.seller
    assert "Traceback" not in tutorial.seller
    assert "the same command goes on where it was" in tutorial.seller


def test_the_keys_are_nowhere_in_what_is_printed(tutorial: Read) -> None:
    testnet = tutorial.chain.home / "testnet"
    password = (testnet / "password").read_text().strip()
    printed = tutorial.buyer + tutorial.told + tutorial.seller + (tutorial.chain.home / "told").read_text()
    assert password not in printed
    assert "Private Key" not in printed + (testnet / "node.log").read_text()
    for keystore in testnet.glob("*/keystore.json"):
        assert json.loads(keystore.read_text())["crypto"]["ciphertext"] not in printed
        assert keystore.stat().st_mode & 0o077 == 0


def test_what_the_contract_keeps_for_a_buyer_is_shown_and_fetched(tutorial: Read, inside: Inside) -> None:
    chain, directory = tutorial.chain, tutorial.chain.home / "testnet" / "buyer"
    common = ["--directory", directory, "--password-file", directory.parent / "password"]
    buyer, elsewhere, amount = address_of(directory / "keystore.json"), Address("0x" + "e2" * 20), 10**15 + 7
    assert buyer is not None
    assert status(inside, directory)["free_balance_wei"] == "0"
    assert "escrow" not in inside("buyer", "status", "--directory", directory).out
    account = unlock(directory / "keystore.json", (directory.parent / "password").read_text().strip())
    sender = Sender(chain.exchange, account)
    prepared = sender.prepare(chain.exchange.deposit(ETHER, Wei(amount)))
    sender.broadcast(prepared.raw)
    sender.wait(prepared.hash)
    shown = inside("buyer", "status", "--directory", directory)
    assert f"0.{amount:018} ether of free balance" in shown.out
    assert f"blindfair buyer withdraw --directory {shlex.quote(str(directory))}" in " ".join(shown.out.split())
    assert status(inside, directory)["free_balance_wei"] == str(amount)
    inside("buyer", "withdraw", *common, "--to", "my wallet").failed(InvalidOption)
    done = inside("buyer", "withdraw", *common, "--to", elsewhere, "--json", "-")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["withdrawn"], told["free_balance_wei"], told["final"]) == (True, "0", "Released")
    assert chain.exchange.balance(elsewhere) == amount
    again = inside("buyer", "withdraw", *common, "--to", elsewhere, "--json", "-")
    assert json.loads(again.out)["withdrawn"] is False
    assert chain.exchange.free_balance(buyer, ETHER) == 0


def test_orders_are_shown_in_ether_and_in_wei(tutorial: Read, inside: Inside) -> None:
    directory = tutorial.chain.home / "testnet" / "buyer"
    shown = " ".join(inside("money", "--directory", directory, "--offline").out.split())
    priced = re.findall(r"price ([\d.]+) ether \((\d+) wei\), bond ([\d.]+) ether \((\d+) wei\); Released", shown)
    assert len(priced) == 3, shown
    assert sum(Decimal(price) for price, _, _, _ in priced) == Decimal("0.4")
    for price, price_wei, bond, bond_wei in priced:
        assert (Decimal(price) * 10**18, Decimal(bond) * 10**18) == (Decimal(price_wei), Decimal(bond_wei))


def test_a_status_without_a_node_says_what_it_cannot_know(tutorial: Read, inside: Inside) -> None:
    directory, nowhere = tutorial.chain.home / "testnet" / "buyer", f"http://127.0.0.1:{free_port()}"
    ended = inside("buyer", "status", "--directory", directory, "--rpc", nowhere, "--json", "-")
    assert ended.code == 0, ended.err
    assert (json.loads(ended.out)["final"], json.loads(ended.out)["free_balance_wei"]) == ("Released", None)
    assert "the node does not tell what is left in the contract" in ended.err


def test_both_parties_read_the_trade_on_pages_of_their_own(tutorial: Read) -> None:
    testnet = tutorial.chain.home / "testnet"
    sold = seller_showing.read_view(testnet / "seller", resumed_settings(ListingOptions, Resumed(testnet / "seller")))
    assert [order.state for order in sold.orders] == ["Released"] * 3
    assert dict(sold.money)["Earned with evaluations"] == "0.0693 ether"
    assert [left.text.partition(" of ")[0] for left in sold.left] == ["19,302", "4,001"]
    assert [asker.account for asker in sold.askers] == [address_of(testnet / "buyer" / "keystore.json")]
    assert (sold.refused, sold.trouble) == ((), None)
    bought = buyer_showing.read_view(testnet / "buyer", resumed_settings(BuyerOptions, Resumed(testnet / "buyer")))
    assert (bought.ending, bought.error, bought.next_command) == ("Released", None, None)
    assert bought.histogram is not None and sum(bar.chosen for bar in bought.histogram.bars) == 400
    assert {"scores", "trust", "price", "worth", "forecast"} <= {line.label for line in bought.told}
    steps = [step.what for step in bought.steps]
    for one, later in pairwise(
        ("Sent the encrypted query", "Read the scores and chose", "You agreed to the purchase",
         "Opened and checked the audited sample", "The audit passed", "Opened and checked the other records")
    ):  # fmt: skip
        assert steps.index(one) < steps.index(later)
    assert [file.name for file in bought.files] == ["bought.csv"]


def test_a_page_of_what_is_not_there_is_a_named_error(tutorial: Read, inside: Inside, tmp_path: Path) -> None:
    buyer = tutorial.chain.home / "testnet" / "buyer"
    inside("seller", "show", "--directory", tmp_path).failed(FileMissing, "blindfair seller list")
    inside("seller", "show", "--directory", buyer).failed(InvalidOption, "that of a buyer")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        inside("buyer", "show", "--directory", buyer, "--port", port).failed(InvalidOption, "--port", str(port))


def test_a_page_of_ones_own_is_served_until_it_is_terminated(tutorial: Read) -> None:
    home, port = tutorial.chain.home, free_port()
    told = home / "show.told"
    command = f"exec blindfair buyer show --directory testnet/buyer --port {port} --json show.json"
    with shell(command, home, told) as process:
        wait_for("Ctrl-C ends it", told, process)
        assert json.loads((home / "show.json").read_text())["url"] == f"http://127.0.0.1:{port}/"
        with urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert "Password of the buyer" in answer.read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, told.read_text()


def test_a_service_that_is_terminated_ends_well(tutorial: Read, inside: Inside) -> None:
    testnet = tutorial.chain.home / "testnet"

    def terminate() -> None:
        until(lambda: isinstance(sys.stderr, io.StringIO) and "serves" in sys.stderr.getvalue())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate)
    thread.start()
    ended = inside(
        "seller", "serve", "--directory", testnet / "seller", "--password-file", testnet / "password", "--json", "-"
    )
    thread.join()
    assert ended.code == 0, ended.err
    assert "the same command goes on where it was" in ended.err
    assert [order["ending"] for order in json.loads(ended.out)["orders"]] == ["Released"] * 3


def test_a_seller_with_nothing_open_resumes_and_is_done(tutorial: Read, inside: Inside) -> None:
    testnet = tutorial.chain.home / "testnet"
    common = ["--directory", testnet / "seller", "--password-file", testnet / "password"]
    ended = inside("seller", "resume", *common, "--json", "-")
    assert ended.code == 0, ended.err
    assert [order["ending"] for order in json.loads(ended.out)["orders"]] == ["Released"] * 3


def status(inside: Inside, directory: Path) -> dict[str, Any]:
    """What a buyer's `status` says."""
    ended = inside("buyer", "status", "--directory", directory, "--json", "-")
    assert ended.code == 0, ended.err
    return dict(json.loads(ended.out))


# --- killed --------------------------------------------------------------------------------------------------------

OPENED = ["--opened-share", "0.5", "--bond-share", "0.25"]
AUDIT = ["--audit-rows", "10", "--budget", "0.05", "--release-on-chain"]
"""The seller is dead when its money is released."""

LIVES = 60


@dataclass
class Program:
    """One party's commands, each killed now and then, unless it is `spared`, and started again until it comes to its
    end."""

    name: str
    home: Path
    rng: random.Random
    process: ForkServerProcess | None = None
    arguments: list[str] = field(default_factory=list)
    lives: int = 0
    spared: bool = False
    dies_at: float = 0.0

    def begin(self, *arguments: object) -> None:
        assert self.process is None
        self.arguments = [*map(str, arguments)]
        self._live()

    def _live(self) -> None:
        self.lives += 1
        assert self.lives < LIVES, self.told.read_text()
        self.process = born(self.arguments, self.told, here=self.home, temporary=self.home)
        # A program takes seconds to come to its first step, and more on a busy machine; lives get longer, so that there
        # is an end to it.
        self.dies_at = time.monotonic() + self.rng.uniform(0.3, 1.5 + 0.2 * self.lives + 0.01 * self.lives**2)

    @property
    def told(self) -> Path:
        return self.home / f"{self.name}.told"

    def ended(self) -> bool:
        """Whether its command has come to its end; if its time is over it is killed, and begun again."""
        assert self.process is not None
        if self.process.is_alive() and (self.spared or time.monotonic() < self.dies_at):
            return False
        if self.process.is_alive():
            self.kill()
            self._live()
            return False
        if self.process.exitcode == ServiceUnreachable.exit_code:
            # It had not begun yet, and the other program was just dead: its owner types the command again.
            self._live()
            return False
        assert self.process.exitcode == 0, self.told.read_text()
        self.process = None
        return True

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


@dataclass
class Killed:
    """A trade in which both programs are killed at random, and the commands that its parties use."""

    chain: LocalChain
    home: Path
    seller: Program
    buyer: Program
    port: int | None = None
    """Where the seller serves over HTTP; None where both share a folder."""

    def common(self, name: str) -> list[object]:
        return ["--directory", self.home / name, "--password-file", self.home / "password"]

    def place(self, name: str) -> list[object]:
        way: list[object] = ["--mail", self.home / "mail"]
        if self.port is not None:
            way = ["--at", f"http://127.0.0.1:{self.port}"] if name == "buyer" else []
        return [*way, "--rpc", self.chain.url, "--deployment", self.chain.deployment]

    @property
    def serving(self) -> list[object]:
        return [] if self.port is None else ["--http", f"127.0.0.1:{self.port}"]

    def status(self, inside: Inside, name: str) -> dict[str, Any]:
        ended = inside(name, "status", "--directory", self.home / name, "--json", "-")
        assert ended.code == 0, ended.err
        return dict(json.loads(ended.out))


@pytest.fixture(params=["folder", "http"])
def killed(tutorial: Read, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Killed]:
    table = tumours(tmp_path / "all.csv")
    with table.open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(tmp_path / "offer.csv", header, rows[:300])
    write_csv(tmp_path / "own.csv", header, rows[300:])
    rng = random.Random(7)
    both = Program("seller", tmp_path, rng), Program("buyer", tmp_path, rng)
    yield Killed(tutorial.chain, tmp_path, *both, port=free_port() if request.param == "http" else None)
    for program in both:
        if program.process is not None and program.process.is_alive():
            program.kill()


def test_killed_programs_go_on_and_trade_once(killed: Killed, inside: Inside) -> None:
    chain, home, seller, buyer = killed.chain, killed.home, killed.seller, killed.buyer
    accounts = {name: chain.party(home / name) for name in ("seller", "buyer")}
    seller.begin(
        "seller", "list", *killed.common("seller"), *killed.place("seller"), *OPENED, "--records", home / "offer.csv",
        "--label", LABEL, "--price-per-record", "0.001", "--licence", "any", "--consent", "public",
    )  # fmt: skip
    until(seller.ended)
    listing = killed.status(inside, "seller")["listing"]
    assert chain.exchange.seller_of(ListingId(bytes.fromhex(listing[2:]))) == accounts["seller"]

    seller.begin("seller", "serve", *killed.common("seller"), *killed.serving, "--poll", "0.1")
    buyer.begin(
        "buyer", "evaluate", *killed.common("buyer"), *killed.place("buyer"), *AUDIT, "--own", home / "own.csv",
        "--label", LABEL, "--listing", listing, "--poll", "0.1",
    )  # fmt: skip
    until(lambda: seller.ended() or buyer.ended())
    nothing_is_paid_by_who_cannot_or_did_not_agree(killed, inside, accounts["buyer"])
    buyer.begin("buyer", "buy", *killed.common("buyer"), "--yes", "--poll", "0.1")
    until(lambda: seller.ended() or order_state(killed, inside) is not OrderState.NONE or buyer.ended())
    # From here on the seller is killed for good as soon as it has revealed: the bond is then its owner's to fetch.
    assert buyer.process is not None, buyer.told.read_text()
    buyer.kill()
    until(lambda: seller.ended() or order_state(killed, inside) is OrderState.REVEALED)
    seller.kill()
    buyer.process = None
    buyer.begin("buyer", "resume", *killed.common("buyer"), "--poll", "0.1")
    until(buyer.ended)

    assert killed.status(inside, "buyer")["final"] == "Released"
    assert order_state(killed, inside) is OrderState.RELEASED
    with (home / "buyer" / "bought.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 50
    assert seller.lives + buyer.lives > 6

    elsewhere = Address("0x" + "e1" * 20)
    bond = chain.exchange.free_balance(accounts["seller"], ETHER)
    assert bond == 50 * 10**15 // 4
    had = chain.exchange.balance(elsewhere)
    withdrawn = inside("seller", "withdraw", *killed.common("seller"), "--to", elsewhere)
    assert withdrawn.code == 0, withdrawn.err
    assert chain.exchange.balance(elsewhere) == had + bond
    again = inside("seller", "withdraw", *killed.common("seller"), "--to", elsewhere, "--json", "-")
    assert json.loads(again.out)["withdrawn"] is False
    assert_paid_once(killed, inside, accounts)


def test_a_refund_that_is_refused_is_shown_and_withdrawn(killed: Killed, inside: Inside) -> None:
    """The seller never reveals, and the address that the buyer named for refunds, a contract, takes no ether."""
    chain, home, seller, buyer = killed.chain, killed.home, killed.seller, killed.buyer
    accounts = {name: chain.party(home / name) for name in ("seller", "buyer")}
    (token,) = re.findall("token +(0x[0-9A-Fa-f]{40}),", (chain.home / "told").read_text())
    refusing, price = Address(token.lower()), 50 * 10**15
    seller.spared = buyer.spared = True
    # So many blocks that the key stays secret until the seller is dead.
    seller.begin(
        "seller", "list", *killed.common("seller"), *killed.place("seller"), *OPENED, "--records", home / "offer.csv",
        "--label", LABEL, "--price-per-record", "0.001", "--licence", "any", "--consent", "public",
        "--finality-depth", 300,
    )  # fmt: skip
    until(seller.ended)
    listing = killed.status(inside, "seller")["listing"]
    seller.begin("seller", "serve", *killed.common("seller"), *killed.serving, "--poll", "0.1")
    for command in (
        ["evaluate", *killed.common("buyer"), *killed.place("buyer"), *AUDIT, "--own", home / "own.csv", "--label",
         LABEL, "--listing", listing, "--refund-to", refusing],
        ["buy", *killed.common("buyer"), "--yes"],
    ):  # fmt: skip
        buyer.begin("buyer", *command, "--poll", "0.1")
        until(lambda: seller.ended() or order_state(killed, inside) is OrderState.LOCKED or buyer.ended())
    seller.kill()
    seller.process = None
    node = DevelopmentChain(chain.url)
    node.advance(Seconds(3601))
    assert buyer.process is not None
    buyer.process.join(60)
    assert buyer.process.exitcode == NoAnswer.exit_code, buyer.told.read_text()
    back = price + price // 4
    assert "0.0625 ether of free balance, which could not be paid out" in " ".join(buyer.told.read_text().split())
    assert killed.status(inside, "buyer")["free_balance_wei"] == str(back)
    refused = inside("buyer", "withdraw", *killed.common("buyer"), "--to", refusing)
    assert refused.code == ContractReverted.exit_code, refused.err
    had = chain.exchange.balance(accounts["buyer"])
    done = inside("buyer", "withdraw", *killed.common("buyer"), "--json", "-")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["withdrawn"], told["final"], told["free_balance_wei"]) == (True, "Refunded", "0")
    # To the wei, but for the gas of the withdrawal, which the chain tells.
    assert chain.exchange.balance(accounts["buyer"]) == had + back - fee_of_latest(chain, accounts["buyer"])
    seller.begin("seller", "resume", *killed.common("seller"), "--poll", "0.1")
    until(lambda: "the end of the order is not final yet" in seller.told.read_text())
    node.mine(300)
    until(seller.ended)
    assert [order["ending"] for order in killed.status(inside, "seller")["orders"]] == ["Refunded"]


def fee_of_latest(chain: LocalChain, account: Address) -> int:
    """What an account paid for the gas of its last transaction."""
    eth, sender = chain.web3.eth, chain.web3.to_checksum_address(account)
    for number in range(eth.block_number, 0, -1):
        for transaction in eth.get_block(number, full_transactions=True)["transactions"]:
            assert not isinstance(transaction, bytes)
            if transaction["from"] == sender:
                receipt = eth.get_transaction_receipt(transaction["hash"])
                return int(receipt["gasUsed"] * receipt["effectiveGasPrice"])
    raise AssertionError("it sent nothing")


def nothing_is_paid_by_who_cannot_or_did_not_agree(killed: Killed, inside: Inside, buyer: Address) -> None:
    """Between evaluation and purchase: the account is empty for a while, and nobody is there to say yes."""
    had = killed.chain.exchange.balance(buyer)
    for balance, more, error in ((0, ["--yes"], InsufficientFunds), (had, [], InvalidOption)):
        set_balance(killed.chain.web3, buyer, Wei(balance))
        ended = inside("buyer", "buy", *killed.common("buyer"), *more)
        assert ended.code == error.exit_code, ended.err
        assert "sends the selection" not in ended.err
    assert killed.status(inside, "buyer")["stage"] == "request"


def order_state(killed: Killed, inside: Inside) -> OrderState:
    """What the chain says of the seller's latest offer."""
    orders = killed.status(inside, "seller")["orders"]
    return OrderState[orders[-1]["state"].upper()] if orders else OrderState.NONE


def assert_paid_once(killed: Killed, inside: Inside, accounts: dict[str, Address]) -> None:
    """Whatever was killed when, each party sent each of its transactions once, and the price changed hands once."""
    web3 = killed.chain.web3
    sent = {
        name: web3.eth.get_transaction_count(web3.to_checksum_address(account)) for name, account in accounts.items()
    }
    # Seller: commit, deposit, reveal, withdraw. Buyer: accept, release.
    assert sent == {"seller": 4, "buyer": 2}
    price, paid = 50 * 10**15, 10 * 10**18 - killed.chain.exchange.balance(accounts["buyer"])
    assert price < paid < price + 10**16
    assert int(killed.status(inside, "seller")["orders"][0]["price_wei"]) == price


def until(is_so: Any, seconds: float = 120) -> None:
    """Look again and again."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
