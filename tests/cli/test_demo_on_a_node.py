"""The demo's trades on a node for development, where time and money obey; elsewhere it begins nothing."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests
from command import Inside
from local_chain import LocalChain
from whole_demo import ENDINGS, check_money

from blindfair.chain.deterministic import escrow_address
from blindfair.cli.demo.cases import make_parties, run_case
from blindfair.cli.demo.goods import goods_of
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.world import ObedientWorld
from blindfair.protocol.errors import InvalidOption, NodeFailure
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address
from ports import free_port


@pytest.mark.deep
@pytest.mark.parametrize(("case", "final"), [("no_reveal", "Refunded"), ("silent_buyer", "Released")])
def test_cases_that_the_clock_ends(case: str, final: str, testnet: LocalChain, tmp_path: Path) -> None:
    world = ObedientWorld(tmp_path / "home", lambda _: None, testnet.url)
    assert world.exchange.address == escrow_address()
    parties = make_parties(world, case, goods_of(prepare(DemoOptions(rpc=testnet.url))))
    began = world.chain.now()
    result = run_case(world, case, parties)
    took = world.chain.now() - began
    fee, sample = parties.seller.offers.values()
    states = [world.exchange.order(offer.struct_hash()).state for offer in (fee, sample)]
    parties.close()
    world.close()
    assert result.final == final
    # The fee was earned before the trade went wrong; the records of the sample are what the clock decides about.
    assert states == [OrderState.RELEASED, OrderState[final.upper()]]
    gain = (sample.bond if final == "Refunded" else -sample.price) - fee.price
    assert (result.buyer_delta, result.seller_delta) == (gain, -gain)
    assert took > 3600


@pytest.mark.deep
def test_the_whole_demo_on_a_node_shows_all_five_endings(testnet: LocalChain, tmp_path: Path, inside: Inside) -> None:
    had = testnet.exchange.balance(escrow_address())
    ended = inside("demo", "--rpc", testnet.url, "--divisions", 2, "--directory", tmp_path / "home", "--json", "-")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert [trade["case"] for trade in result["trades"]] == list(ENDINGS)
    for trade in result["trades"]:
        check_money(trade, result)
        assert sum(trade["gas"].values()) > 0
    assert testnet.exchange.balance(escrow_address()) == had, "nothing of any trade is left in the contract"


class Disguised(BaseHTTPRequestHandler):
    """The local chain, calling itself a public one and keeping no commands that would move clock or money."""

    chain = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        question = json.loads(body)
        assert question["method"].startswith(("eth_", "web3_")), question
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": ANSWERS["web3_clientVersion"]}
        if question["method"] != "web3_clientVersion":
            answer = requests.post(self.chain, data=body, timeout=60).json()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def disguised(testnet: LocalChain) -> Iterator[str]:
    handler = type("Handler", (Disguised,), {"chain": testnet.url})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def small_table(folder: Path) -> Path:
    lines = [
        f"{number % 7},{number * 37 % 101},{number * 53 % 97},{(number % 7 > 3) ^ (number % 5 == 0):d}"
        for number in range(300)
    ]
    (folder / "small.csv").write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    return folder / "small.csv"


@pytest.mark.deep
def test_where_clock_and_money_are_real_the_honest_trade_alone_is_shown(
    disguised: str, testnet: LocalChain, tmp_path: Path, inside: Inside
) -> None:
    accounts = {name: testnet.party(tmp_path / name) for name in ("seller", "buyer")}
    keys = [part for name in accounts for part in (f"--{name}-keystore", tmp_path / name / "keystore.json")]
    ended = inside(
        "demo", "--rpc", disguised, *keys, "--password-file", tmp_path / "password", "--finality-depth", 1,
        "--records", small_table(tmp_path), "--label", "y", "--budget", "0.1", "--divisions", 2, "--json", "-",
        "--directory", tmp_path / "home",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "the honest trade alone" in ended.err
    (trade,) = json.loads(ended.out)["trades"]
    assert (trade["case"], trade["final"]) == ("honest", "Released")
    price = trade["price_wei"]
    assert (trade["buyer_delta_wei"], trade["seller_delta_wei"]) == (-price, price)
    # Of the accounts that were named, in fact: gas comes on top.
    spent = 10**19 - testnet.exchange.balance(accounts["buyer"])
    assert price < spent < price + 10**16
    assert testnet.exchange.balance(accounts["seller"]) > 10**19


@pytest.mark.deep
@pytest.mark.parametrize("given", ["neither", "one", "both the same"])
def test_without_two_accounts_nothing_is_begun_there(
    given: str, disguised: str, testnet: LocalChain, tmp_path: Path, inside: Inside
) -> None:
    testnet.party(tmp_path / "seller")
    keystore = tmp_path / "seller" / "keystore.json"
    keys = {
        "neither": [],
        "one": ["--seller-keystore", keystore],
        "both the same": ["--seller-keystore", keystore, "--buyer-keystore", keystore],
    }[given]
    ended = inside(
        "demo", "--rpc", disguised, *keys, "--password-file", tmp_path / "password", "--directory", tmp_path / "home"
    )
    assert ended.code == InvalidOption.exit_code, ended.err
    assert testnet.exchange.balance(Address("0x" + json.loads(keystore.read_text())["address"].lower())) == 10**19


def test_accounts_are_not_used_where_the_demo_makes_its_own(
    testnet: LocalChain, tmp_path: Path, inside: Inside
) -> None:
    for name in ("seller", "buyer"):
        testnet.party(tmp_path / name)
    keys = [part for name in ("seller", "buyer") for part in (f"--{name}-keystore", tmp_path / name / "keystore.json")]
    given = ["demo", "--rpc", testnet.url, *keys, "--password-file", tmp_path / "password"]
    ended = inside(*given, "--directory", tmp_path / "home")
    assert ended.code == InvalidOption.exit_code
    assert "all five trades are shown there" in ended.err


def test_money_of_ones_own_is_not_at_stake_without_a_directory(tmp_path: Path, inside: Inside) -> None:
    """An interruption would lose the keys of an open order."""
    keys = [part for name in ("seller", "buyer") for part in (f"--{name}-keystore", tmp_path / "keystore.json")]
    ended = inside("demo", "--rpc", "http://127.0.0.1:1", *keys)
    ended.failed(InvalidOption, "needs --directory", "name one with --directory DIR")


ANSWERS = {"eth_chainId": "0x1", "web3_clientVersion": "Geth/v1.16.0-stable/linux-amd64/go1.24"}


class PublicNode(BaseHTTPRequestHandler):
    """A node of Ethereum's main network, as far as it may be asked: anything else breaks it."""

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": ANSWERS[question["method"]]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def public() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), PublicNode) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_where_time_and_money_are_real_nothing_is_begun(public: str, tmp_path: Path, inside: Inside) -> None:
    ended = inside("demo", "--rpc", public, "--directory", tmp_path / "home", "--json", tmp_path / "result.json")
    assert ended.code == InvalidOption.exit_code, ended.err
    assert "blindfair seller and blindfair buyer" in ended.err
    assert not (tmp_path / "result.json").exists()


def test_a_demo_without_its_node_is_named(tmp_path: Path, inside: Inside) -> None:
    ended = inside("demo", "--rpc", f"http://127.0.0.1:{free_port()}", "--directory", tmp_path / "home")
    assert ended.code == NodeFailure.exit_code, ended.err
