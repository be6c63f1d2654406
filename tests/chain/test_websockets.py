"""Nodes behind ws:// and wss://: used like others, and as little believed."""

import json
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, exchange_on
from websockets.sync.server import ServerConnection, serve

from bad_nodes import changed, http
from blindfair.chain import provider
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.finality import check_finality
from blindfair.chain.node import connect, several
from blindfair.chain.sender import Sender
from blindfair.protocol.errors import InvalidOption, NodeFailure
from blindfair.protocol.quantities import ETHER, Wei
from ports import free_port

DEPOSIT = Wei(10**17)


@contextmanager
def socket_node(handle: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A server of WebSockets that does with each connection what a test says; its URL."""
    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def _answered(url: str, request: str) -> str:
    return requests.post(url, data=request, headers={"Content-Type": "application/json"}, timeout=20).text


@pytest.fixture
def ws_url(hardhat: HardhatNetwork) -> str:
    return hardhat.url.replace("http://", "ws://")


def test_a_transaction_over_a_websocket(hardhat: HardhatNetwork, ws_url: str) -> None:
    party = Party(hardhat)
    exchange = DataExchange(connect(ws_url, HARDHAT_CHAIN_ID), exchange_on(hardhat).address)
    check_finality(exchange.web3, Finality())
    sender = Sender(exchange, party.account)
    sender.wait(sender.broadcast(sender.prepare(exchange.deposit(ETHER, DEPOSIT)).raw), polls=5, pause=0.1)
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT
    assert exchange.listings() == exchange_on(hardhat).listings()


def test_a_connection_that_was_lost_is_made_again(hardhat: HardhatNetwork) -> None:
    opened: list[ServerConnection] = []

    def forgetful(connection: ServerConnection) -> None:
        opened.append(connection)
        for request in connection:
            connection.send(_answered(hardhat.url, str(request)))
            if len(opened) % 2:
                return

    with socket_node(forgetful) as url:
        exchange = DataExchange(connect(url), exchange_on(hardhat).address)
        for _ in range(4):
            assert exchange.now() == exchange_on(hardhat).now()
        assert len(opened) > 1


def test_a_transaction_is_handed_over_once_although_its_answer_is_lost(hardhat: HardhatNetwork) -> None:
    sent: list[str] = []

    def cuts_off(connection: ServerConnection) -> None:
        for request in connection:
            answer = _answered(hardhat.url, str(request))
            if json.loads(request)["method"] == "eth_sendRawTransaction":
                sent.append(str(request))
                return
            connection.send(answer)

    party = Party(hardhat)
    with socket_node(cuts_off) as url:
        exchange = DataExchange(connect(url), exchange_on(hardhat).address)
        sender = Sender(exchange, party.account)
        prepared = sender.prepare(exchange.deposit(ETHER, DEPOSIT))
        assert sender.broadcast(prepared.raw) == prepared.hash
    assert len(sent) == 1
    assert exchange_on(hardhat).free_balance(party.address, ETHER) == DEPOSIT


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next(
    hardhat: HardhatNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = threading.Event()

    def slow(connection: ServerConnection) -> None:
        held = None
        for request in connection:
            if json.loads(request)["method"] == "eth_getBalance" and not late.is_set():
                late.set()
                held = str(request)
                continue
            if held is not None:
                connection.send(_answered(hardhat.url, held))
                held = None
            connection.send(_answered(hardhat.url, str(request)))

    party = Party(hardhat)
    with socket_node(slow) as url:
        exchange = DataExchange(connect(url, timeout=0.5), exchange_on(hardhat).address)
        assert exchange.balance(party.address) == exchange_on(hardhat).balance(party.address)
        assert late.is_set()
        assert exchange.height() == exchange_on(hardhat).height()


def _says(message: str | bytes) -> Callable[[ServerConnection], None]:
    def say(connection: ServerConnection) -> None:
        for _ in connection:
            connection.send(message)

    return say


@pytest.mark.parametrize("message", ["", "{", "[]", "null", '{"id":0}', b"\xff\xfe", '{"jsonrpc":"2.0","result":null}'])
def test_nonsense_is_named(message: str | bytes) -> None:
    with socket_node(_says(message)) as url, pytest.raises(NodeFailure) as caught:
        connect(url)
    assert caught.value.hint


def test_an_answer_without_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "LARGEST_ANSWER", 100_000)
    with socket_node(_says("x" * 200_000)) as url, pytest.raises(NodeFailure, match="without end"):
        connect(url)


def _says_nothing(connection: ServerConnection) -> None:
    for _ in connection:
        pass


def test_a_silent_node_is_named() -> None:
    with socket_node(_says_nothing) as url, pytest.raises(NodeFailure) as caught:
        connect(url, timeout=0.3)
    assert "cannot be reached" in str(caught.value)


@contextmanager
def _http_alone(reply: bytes) -> Iterator[int]:
    """A server that gives one reply to everything; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("401 Unauthorized", "does not answer"), ("502 Bad Gateway", "cannot be reached"),
        ("429 Too Many Requests", "limits how often"), ("200 OK", "does not answer"),
        ("302 Found", "sends eth_chainId elsewhere"),
    ],
)  # fmt: skip
def test_what_is_said_by_http_in_place_of_a_websocket_is_named(status: str, told: str) -> None:
    """Such a server is no WebSocket: it answers the request to open one like any other."""
    says_when = "Location: ws://127.0.0.1:1/\r\nRetry-After: 3600\r\n" if status[0] in "34" else ""
    with _http_alone(http(b"no 0123456789abcdef", status, extra=says_when)) as port:
        url = f"ws://user:s3cretpass@127.0.0.1:{port}/v3/0123456789abcdef"
        with pytest.raises(NodeFailure) as caught:
            connect(url, timeout=2, patience=0.5)
    assert told in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "0123456789abcdef" not in shown
    assert "s3cretpass" not in shown


def test_a_redirect_is_not_followed() -> None:
    """It would lead into the network of whoever asks, with the key of the address."""
    visits: list[ServerConnection] = []
    with socket_node(visits.append) as elsewhere:
        reply = http(b"", "307 Temporary Redirect", extra=f"Location: {elsewhere}/\r\n")
        with _http_alone(reply) as port, pytest.raises(NodeFailure, match="elsewhere, which is not followed"):
            connect(f"ws://127.0.0.1:{port}")
    assert visits == []


def test_nobody_listens_and_no_secret_is_shown() -> None:
    url = f"wss://user:s3cretpass@127.0.0.1:{free_port()}/v3/0123456789abcdef"
    with pytest.raises(NodeFailure, match="cannot be reached") as caught:
        connect(url)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "0123456789abcdef" not in told
    assert "s3cretpass" not in told


@pytest.mark.parametrize("url", ["ws://", "wss://:8545", "ws://h:port", "ws://host/path@x", "wsx://host"])
def test_what_is_no_url_of_a_websocket(url: str) -> None:
    with pytest.raises(InvalidOption):
        connect(url)


def test_a_websocket_is_one_of_several_nodes(hardhat: HardhatNetwork, ws_url: str) -> None:
    with changed(
        hardhat.url, lambda request, result: "0x0" if request["method"] == "eth_getBalance" else result
    ) as liar:
        party = Party(hardhat)
        web3 = connect(several(liar, ws_url, hardhat.url), HARDHAT_CHAIN_ID)
        assert web3.eth.get_balance(party.account.address) == 10 * 10**18
