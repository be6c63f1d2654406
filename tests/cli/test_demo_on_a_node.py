"""The demo's trades on a node for development, where time and money obey; elsewhere it begins nothing."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from command import Inside
from local_chain import LocalChain, free_port

from blindfair.chain.deterministic import escrow_address
from blindfair.cli.demo.cases import make_parties, run_case
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.world import World
from blindfair.protocol.errors import InvalidOption, NodeFailure


@pytest.mark.deep
@pytest.mark.parametrize(("case", "final"), [("no_reveal", "Refunded"), ("silent_buyer", "Released")])
def test_cases_that_the_clock_ends(case: str, final: str, testnet: LocalChain, tmp_path: Path) -> None:
    world = World(tmp_path / "home", lambda _: None, testnet.url)
    assert world.exchange.address == escrow_address()
    parties = make_parties(world, case, prepare(DemoOptions(rpc=testnet.url)))
    began = world.chain.now()
    result = run_case(world, case, parties)
    parties.close()
    world.close()
    assert result.final == final
    moved = result.bond if final == "Refunded" else -result.price
    assert (result.buyer_delta, result.seller_delta) == (moved, -moved)
    assert world.chain.now() - began > 3600


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
