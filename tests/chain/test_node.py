"""Nodes that are not there, are of another chain, or answer nonsense: every one is named, and none is believed."""

import socket
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, exchange_on
from eth_account import Account
from web3 import Web3
from web3.exceptions import OffchainLookup

from bad_nodes import Answer, bad_node, forward, http, rpc, rpc_error
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.node import connect, number_of
from blindfair.chain.sender import Sender
from blindfair.protocol.errors import ContractReverted, InvalidOption, NodeFailure, WrongContract
from blindfair.protocol.quantities import ETHER, Address, BlockNumber, Digest, OrderId, Root, TransactionHash
from ports import free_port

SOMEWHERE = Address("0x" + "ab" * 20)


def test_nobody_listens() -> None:
    with pytest.raises(NodeFailure, match="cannot be reached") as caught:
        connect(f"http://127.0.0.1:{free_port()}")
    assert caught.value.exit_code == 84


def test_another_chain() -> None:
    with bad_node(lambda request, _: rpc(request, "0x5")) as node:
        assert connect(node.url, 5).eth.chain_id == 5
        assert connect(node.url).eth.chain_id == 5
        with pytest.raises(NodeFailure, match="another chain") as caught:
            connect(node.url, 1)
    assert (caught.value.expected, caught.value.found) == ("chain id 1", 5)


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "localhost:8545", "ftp://example.org", "http://", "http://:8545", "http://h:port", "http://[::1"],
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(InvalidOption):
        connect(url)


def test_the_path_of_the_url_is_a_secret() -> None:
    port = free_port()
    url = f"http://user:pass@127.0.0.1:{port}/v3/SECRET?key=SECRET"
    with pytest.raises(NodeFailure) as caught:
        connect(url)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert f"127.0.0.1:{port}" in told
    assert "SECRET" not in told
    assert "pass@" not in told


DEEP = b'{"jsonrpc":"2.0","id":0,"result":' + b"[" * 200_000

NONSENSE = {
    "a web page": http(b"<html>It works!</html>"),
    "nothing": http(b""),
    "half of an answer": http(b'{"jsonrpc":"2.0","id":0,"resu'),
    "half of the bytes": http(b'{"jsonrpc":"2.0"', length=4000),
    "no HTTP": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "bytes": http(b"\xff\xfe\x00\x01" * 50),
    "a list": http(b"[1, 2]"),
    "a number": http(b"5"),
    "null": http(b"null"),
    "neither result nor error": http(b'{"jsonrpc":"2.0","id":0}'),
    "both": http(b'{"jsonrpc":"2.0","id":0,"result":"0x1","error":{"code":1,"message":"x"}}'),
    "no version": http(b'{"id":0,"result":"0x1"}'),
    "an error that is text": http(b'{"jsonrpc":"2.0","id":0,"error":"broken"}'),
    "an error without a message": http(b'{"jsonrpc":"2.0","id":0,"error":{"code":5}}'),
    "an empty result": http(b'{"jsonrpc":"2.0","id":0,"result":null}'),
    "a word": http(b'{"jsonrpc":"2.0","id":0,"result":"banana"}'),
    "an object": http(b'{"jsonrpc":"2.0","id":0,"result":{"a":1}}'),
    "a bottomless list": http(DEEP),
    "an error page": http(b"<html>oops</html>", status="500 Internal Server Error"),
    "out of service": http(b"", status="503 Service Unavailable"),
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_named(answer: bytes) -> None:
    with bad_node(lambda *_: answer) as node, pytest.raises(NodeFailure):
        connect(node.url, 1)


def test_a_detour_is_not_taken() -> None:
    """A node that sends us elsewhere, say to a service inside of our own network, gets no request made there."""
    with bad_node(lambda request, _: rpc(request, "0x1")) as victim:
        detour = http(b"", status="307 Temporary Redirect", extra=f"Location: {victim.url}\r\n")
        with bad_node(lambda *_: detour) as node, pytest.raises(NodeFailure):
            connect(node.url, 1)
        assert victim.requests == []


ORDER = OrderId(b"\x01" * 32)

READS: dict[str, Callable[[DataExchange], object]] = {
    "now": lambda exchange: exchange.now(),
    "height": lambda exchange: exchange.height(),
    "listings": lambda exchange: exchange.listings(),
    "order": lambda exchange: exchange.order(ORDER),
    "accepted_at": lambda exchange: exchange.accepted_at(ORDER),
    "is_final": lambda exchange: exchange.is_final(BlockNumber(0), Finality()),
    "time_to_final": lambda exchange: exchange.time_to_final(Finality()),
    "balance": lambda exchange: exchange.balance(SOMEWHERE),
    "receipt": lambda exchange: Sender(exchange, Account.create()).receipt(TransactionHash(ORDER)),
}

WRONG = (None, "banana", "0x", {"a": 1}, [None], ["0x1"], {"number": None, "logs": [5]})


@pytest.mark.parametrize("name", READS)
def test_a_node_that_turns_to_nonsense_later(name: str) -> None:
    """The first question is answered well; then everything gets a value of another type, or none."""
    result: object = None

    def answer(request: dict[str, Any], number: int) -> bytes:
        return rpc(request, "0x1" if request["method"] == "eth_chainId" else result)

    with bad_node(answer) as node:
        exchange = DataExchange(connect(node.url, 1), SOMEWHERE)
        for result in WRONG:
            if name == "receipt" and result in (None, "0x"):
                # So nodes say that a transaction is in no block.
                assert READS[name](exchange) is None
                continue
            with pytest.raises((NodeFailure, WrongContract)):
                READS[name](exchange)


def test_an_endless_answer_is_cut_off() -> None:
    pour = threading.Event()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            block = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
            try:
                while not pour.is_set():
                    connection.sendall(block)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            with pytest.raises(NodeFailure, match="without end"):
                connect(f"http://127.0.0.1:{server.getsockname()[1]}")
        finally:
            pour.set()
            thread.join()


@pytest.mark.parametrize("drip", [b"", b" "], ids=["silence", "one byte at a time"])
def test_a_node_that_never_finishes_is_given_up(drip: bytes) -> None:
    stop = threading.Event()

    def serve(server: socket.socket) -> None:
        server.settimeout(0.1)
        open_ones: list[socket.socket] = []
        while not stop.is_set():
            try:
                connection, _ = server.accept()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" if drip else b"")
                open_ones.append(connection)
            except TimeoutError:
                pass
            for each in open_ones:
                if drip:
                    try:
                        each.sendall(drip)
                    except OSError:
                        continue
        for each in open_ones:
            each.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            with pytest.raises(NodeFailure, match="cannot be reached"):
                connect(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.3)
        finally:
            stop.set()
            thread.join()


ATTEMPTS = 3


def flaky(failures: int) -> Answer:
    return lambda request, number: None if number < failures else rpc(request, "0x1")


def test_reads_are_tried_again_a_few_times() -> None:
    with bad_node(flaky(ATTEMPTS - 1)) as node:
        assert connect(node.url, 1).eth.chain_id == 1
        assert len(node.requests) == ATTEMPTS
    with bad_node(flaky(ATTEMPTS)) as node:
        with pytest.raises(NodeFailure):
            connect(node.url, 1)
        assert len(node.requests) == ATTEMPTS


def test_a_transaction_is_handed_over_once() -> None:
    def answer(request: dict[str, Any], number: int) -> bytes | None:
        return rpc(request, "0x1") if request["method"] == "eth_chainId" else None

    with bad_node(answer) as node:
        web3 = connect(node.url, 1)
        with pytest.raises(NodeFailure):
            web3.eth.send_raw_transaction(b"\x02\x01")
        assert node.methods().count("eth_sendRawTransaction") == 1


def test_a_contract_cannot_send_us_to_the_web() -> None:
    """OffchainLookup (EIP-3668) with an address in it: a client that follows it asks whom the contract likes."""
    with bad_node(lambda request, _: rpc(request, "0x")) as victim:
        types = ["address", "string[]", "bytes", "bytes4", "bytes"]
        values = [SOMEWHERE, [victim.url], b"", b"\x00" * 4, b""]
        data = Web3.keccak(text="OffchainLookup(address,string[],bytes,bytes4,bytes)")[:4] + Web3().codec.encode(
            types, values
        )
        error = {"code": 3, "message": "execution reverted", "data": "0x" + bytes(data).hex()}

        def answer(request: dict[str, Any], number: int) -> bytes:
            return rpc(request, "0x1") if request["method"] == "eth_chainId" else rpc_error(request, error)

        with bad_node(answer) as node:
            exchange = DataExchange(connect(node.url, 1), SOMEWHERE)
            with pytest.raises(ContractReverted):
                exchange.free_balance(SOMEWHERE, ETHER)
            with pytest.raises(OffchainLookup):
                exchange.web3.eth.call({"to": Web3.to_checksum_address(SOMEWHERE)})
        assert victim.requests == []


def test_long_searches_are_cut_to_what_the_node_allows(hardhat: HardhatNetwork) -> None:
    exchange = exchange_on(hardhat)
    parties = [Party(hardhat) for _ in range(3)]
    for number, party in enumerate(parties):
        party.do(exchange.commit(Root(bytes([number]) * 32), Digest(b"\x02" * 32)))
        hardhat.mine(40)
    refusals = 0

    def answer(request: dict[str, Any], number: int) -> bytes:
        nonlocal refusals
        if request["method"] == "eth_getLogs":
            span = request["params"][0]
            if int(span["toBlock"], 16) - int(span["fromBlock"], 16) >= 50:
                refusals += 1
                return rpc_error(request, {"code": -32005, "message": "query exceeds max block range 50"})
        return forward(hardhat.url, request)

    with bad_node(answer) as node:
        found = DataExchange(connect(node.url, HARDHAT_CHAIN_ID), exchange.address).listings()
    assert refusals > 0
    assert found == exchange.listings()
    assert [event.seller for event in found[-3:]] == [party.address for party in parties]


def test_a_search_that_is_always_refused_ends() -> None:
    def answer(request: dict[str, Any], number: int) -> bytes:
        if request["method"] == "eth_getLogs":
            return rpc_error(request, {"code": -32005, "message": "no"})
        return rpc(request, "0x1000000")

    with bad_node(answer) as node:
        with pytest.raises(NodeFailure, match="refuses"):
            DataExchange(connect(node.url), SOMEWHERE).listings()
        assert len(node.requests) < 40


@pytest.mark.parametrize("answer", [True, None, -1, 1.5, "", "0x", "1", "-0x1", " 0x5 ", "0x1_0", "0x" + "f" * 65])
def test_what_is_no_quantity_is_no_number(answer: object) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        number_of(answer)
    assert (number_of("0x1F"), number_of(7)) == (31, 7)


def test_logs_that_were_not_asked_for_are_nonsense(hardhat: HardhatNetwork) -> None:
    """A node that ignores the filter must not make one order's key pass for another's."""
    exchange = exchange_on(hardhat)
    Party(hardhat).do(exchange.commit(Root(b"\x01" * 32), Digest(b"\x02" * 32)))

    def answer(request: dict[str, Any], number: int) -> bytes:
        if request["method"] == "eth_getLogs":
            request["params"][0]["topics"] = request["params"][0]["topics"][:1]
        return forward(hardhat.url, request)

    with bad_node(answer) as node:
        through = DataExchange(connect(node.url, HARDHAT_CHAIN_ID), exchange.address)
        assert through.listings() == exchange.listings()
        with pytest.raises(NodeFailure, match="nonsense"):
            through.commitment(through.listings()[0].listing[:31] + b"\x00")  # type: ignore[arg-type]
