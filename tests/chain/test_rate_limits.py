"""Nodes that limit how often they are asked are left alone for as long as they say, and no longer than is bearable."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, exchange_on

from bad_nodes import Answer, bad_node, forward, http, rpc, rpc_error
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import connect
from blindfair.chain.rate_limits import limit_of, seconds_of
from blindfair.chain.sender import Sender
from blindfair.protocol.errors import NodeFailure
from blindfair.protocol.quantities import ETHER, Wei

INFURA = {
    "code": -32005,
    "message": "daily request count exceeded, request rate limited",
    "data": {"rate": {"allowed_rps": 1, "backoff_seconds": 30, "current_rps": 1.4}},
}

LIMITS = {
    "429 alone": lambda request: http(b"", "429 Too Many Requests"),
    "429 with a page": lambda request: http(b"<h1>slow down</h1>", "429 Too Many Requests", kind="text/html"),
    "429 with an error": lambda request: http(
        json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32005, "message": "x"}}).encode(),
        "429 Too Many Requests",
        extra="Retry-After: 0\r\n",
    ),
    "429 with some JSON": lambda request: http(b'{"message":"slow down"}', "429 Too Many Requests"),
    "503 that says when": lambda request: http(b"", "503 Service Unavailable", extra="Retry-After: 0\r\n"),
    "-32005": lambda request: rpc_error(request, {"code": -32005, "message": "limit exceeded"}),
    "code 429": lambda request: rpc_error(request, {"code": 429, "message": "compute units exceeded"}),
    "by its words": lambda request: rpc_error(request, {"code": -32007, "message": "50/second request limit reached"}),
    "too many": lambda request: rpc_error(request, {"code": -32000, "message": "Too Many Requests"}),
    "a text": lambda request: rpc_error(request, "rate limit reached"),
}


def limited(kind: str, times: int) -> Answer:
    return lambda request, number: LIMITS[kind](request) if number < times else rpc(request, "0x1")


@pytest.mark.parametrize("kind", LIMITS)
def test_every_way_to_say_it_is_heeded(kind: str) -> None:
    with bad_node(limited(kind, 2)) as node:
        assert connect(node.url, 1).eth.chain_id == 1
        assert len(node.requests) == 3


@pytest.mark.parametrize("kind", LIMITS)
def test_the_waits_of_one_request_are_bounded(kind: str) -> None:
    with bad_node(limited(kind, 10**6)) as node:
        with pytest.raises(NodeFailure, match="how often") as caught:
            connect(node.url, 1, patience=0.6)
        assert 1 < len(node.requests) < 5
    assert "within 0.6 s" in str(caught.value.expected)
    assert "`rpc=URL`" in caught.value.hint


@pytest.mark.parametrize("kind", ["seconds", "a date"])
def test_a_node_that_asks_for_too_much_is_not_waited_for_nor_asked_again(kind: str) -> None:
    asks = "4000" if kind == "seconds" else format_datetime(datetime.now(UTC) + timedelta(days=2), usegmt=True)

    def answer(request: dict[str, Any], number: int) -> bytes:
        return rpc(request, "0x1") if number == 0 else http(b"", "429 No", extra=f"Retry-After: {asks}\r\n")

    with bad_node(answer) as node:
        web3 = connect(node.url, 1)
        for _ in range(3):
            with pytest.raises(NodeFailure, match="how often") as caught:
                _ = web3.eth.block_number
        assert len(node.requests) == 2
    assert "to wait: " in str(caught.value.found)
    assert "e+" not in str(caught.value.found)


FOREVER = {
    "seconds": lambda request: http(b"", "429 No", extra="Retry-After: 999999999\r\n"),
    "a date": lambda request: http(b"", "503 No", extra="Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n"),
    "a text": lambda request: rpc_error(request, {"code": -32005, "message": "retry in 9999999999 m"}),
    "a field": lambda request: rpc_error(request, {**INFURA, "data": {"rate": {"backoff_seconds": 999_999_999}}}),
}


@pytest.mark.parametrize("kind", FOREVER)
def test_a_node_that_asks_for_years_once_is_asked_again_after_the_patience(kind: str) -> None:
    with bad_node(lambda request, number: FOREVER[kind](request) if number == 1 else rpc(request, "0x7")) as node:
        web3 = connect(node.url, 7, patience=0.3)
        for _ in range(2):
            with pytest.raises(NodeFailure, match="how often"):
                _ = web3.eth.block_number
        assert len(node.requests) == 2
        time.sleep(0.4)
        assert web3.eth.block_number == 7


def test_the_wait_is_as_long_as_the_node_says() -> None:
    def rounded(retry_after: str, error: object = None) -> float | None:
        limit = limit_of("eth_call", 429, retry_after, error)
        assert limit is not None
        return limit.pause if limit.pause is None else round(limit.pause, 1)

    assert rounded("7") == 7
    assert rounded("") is None
    assert rounded("soon") is None
    assert rounded("", INFURA) == 30
    assert rounded("", {"code": -32005, "message": "rate limit exceeded, retry in 1s"}) == 1
    assert rounded("", {"code": -32005, "message": "Try again in 250ms"}) == 0.2
    assert rounded("2", INFURA) == 2, "the header comes first"
    limit = limit_of("eth_call", 429, "7", None)
    assert limit is not None and [limit.wait(attempt) for attempt in (0, 1, 50)] == [7, 7, 8]


def test_dates_of_a_header() -> None:
    later = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < (seconds_of(format_datetime(later, usegmt=True)) or 0) <= 100
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    for nothing in ("", "-3", "١", "Wed, 99 Oct 2015", "1e9", "nan"):
        assert seconds_of(nothing) is None


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("eth_getLogs", {"code": -32005, "message": "query returned more than 10000 results"}),
        ("eth_getLogs", {"code": -32005, "message": "limit exceeded"}),
        ("eth_sendRawTransaction", {"code": -32005, "message": "transaction pool is full"}),
        ("eth_call", {"code": 3, "message": "execution reverted: rate limit", "data": "0x"}),
        ("eth_call", {"code": -32000, "message": "execution reverted: too many requests"}),
        ("eth_call", {"code": -32000, "message": "header not found"}),
        ("eth_call", None),
    ],
)
def test_what_no_wait_helps_is_no_limit(method: str, error: object) -> None:
    assert limit_of(method, 200, "1", error) is None


def test_the_wait_is_told_once_and_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    with bad_node(limited("429 alone", 2)) as node, caplog.at_level(logging.WARNING, "blindfair"):
        connect(node.url + "/v3/0123abcdef", 1)
    (told,) = [record.getMessage() for record in caplog.records]
    assert node.url.removeprefix("http://") in told
    assert "0123abcdef" not in told


def test_a_transaction_that_was_not_taken_is_handed_over_again(hardhat: HardhatNetwork) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    refused = 0

    def answer(request: dict[str, Any], number: int) -> bytes:
        nonlocal refused
        if request["method"] == "eth_sendRawTransaction" and refused < 2:
            refused += 1
            return LIMITS["429 with an error"](request)
        if request["method"] != "eth_sendRawTransaction" and number % 5 == 4:
            return LIMITS["-32005"](request)
        return forward(hardhat.url, request)

    with bad_node(answer) as node:
        through = DataExchange(connect(node.url, HARDHAT_CHAIN_ID), exchange.address)
        sender = Sender(through, party.account)
        prepared = sender.prepare(through.deposit(ETHER, Wei(10**15)))
        sender.broadcast(prepared.raw)
        sender.wait(prepared.hash)
    assert refused == 2
    assert exchange.free_balance(party.address, ETHER) == 10**15
