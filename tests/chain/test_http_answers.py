"""HTTP answers that hold no JSON-RPC answer: the status is named, with what to do, and no secret of the URL."""

import gzip
import json
import traceback
from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, exchange_on

from bad_nodes import bad_node, forward, http, rpc, rpc_error
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import connect
from blindfair.chain.node_address import NodeAddress
from blindfair.protocol.errors import ContractReverted, InvalidOption, NodeFailure
from blindfair.protocol.quantities import Digest, Root
from deep import deep

PAGE = "text/html; charset=utf-8"

STATUSES = {
    "401 Unauthorized": (b"<html><h1>Log in first</h1></html>", PAGE, "Log in first", "https://host/KEY"),
    "401 no project": (b'{"error":"invalid project id"}', "application/json", "invalid project id", "key"),
    "401 as an error": (
        b'{"jsonrpc":"2.0","id":0,"error":{"code":-32600,"message":"no such key"}}',
        "application/json",
        "no such key",
        "key",
    ),
    "403 Forbidden": (b"<title>Access denied</title>", PAGE, "Access denied", "check the key"),
    "404 Not Found": (b"404 page not found", "text/plain", "404 page not found", "after the host"),
    "405 Method Not Allowed": (b"", "text/plain", "HTTP status 405", "after the host"),
    "413 Request Entity Too Large": (b"<h1>Too large</h1>", PAGE, "Too large", "larger requests"),
    "500 Internal Server Error": (b"<html>It broke</html>", PAGE, "It broke", "try again later"),
    "599 Unheard of": (b"", PAGE, "HTTP status 599", "try again later"),
    "418 I'm a teapot": (b"", PAGE, "HTTP status 418", "JSON-RPC address"),
    "204 No Content": (b"", PAGE, "HTTP status 204", "JSON-RPC address"),
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_named_with_what_to_do(status: str) -> None:
    body, kind, said, hint = STATUSES[status]
    with bad_node(lambda *_: http(body, status, kind=kind)) as node, pytest.raises(NodeFailure) as caught:
        connect(node.url)
    assert f"HTTP status {status[:3]}" in str(caught.value.found)
    assert said in str(caught.value.found)
    assert hint in caught.value.hint
    assert "nonsense" not in str(caught.value)


def test_an_error_of_json_rpc_counts_more_than_its_status() -> None:
    error = {"code": -32000, "message": "header not found"}
    for status in ("400 Bad Request", "500 Internal Server Error"):
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "error": error}).encode()
        with bad_node(lambda *_: http(body, status)) as node, pytest.raises(NodeFailure) as caught:  # noqa: B023
            connect(node.url)
        assert caught.value.found == "header not found"


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent"])
def test_a_redirect_is_named_by_its_host_alone(status: str) -> None:
    moved = "Location: https://other.example:444/v3/SECRET1?key=SECRET2\r\n"
    with bad_node(lambda *_: http(b"", status, extra=moved)) as node, pytest.raises(NodeFailure) as caught:
        connect(node.url)
    assert caught.value.found == f"HTTP status {status[:3]}, to https://other.example:444"
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("location", ["", "/elsewhere", "http://[::1", "https://ev\x1bil/"])
def test_a_redirect_to_nowhere(location: str) -> None:
    extra = f"Location: {location}\r\n"
    with bad_node(lambda *_: http(b"", "301 Moved", extra=extra)) as node, pytest.raises(NodeFailure) as caught:
        connect(node.url)
    assert str(caught.value.found).endswith(("an address", "a malformed address"))
    assert "\x1b" not in str(caught.value)


def test_what_is_not_json_is_named_with_its_kind() -> None:
    page = b"<html><body>Welcome \x1b[31mto\x07 our   wallet" + b"." * 10_000
    with bad_node(lambda *_: http(page, kind=PAGE)) as node, pytest.raises(NodeFailure, match="in JSON") as caught:
        connect(node.url)
    found = str(caught.value.found)
    assert found.startswith("content type text/html, beginning with: Welcome \\x1b[31mto\\x07 our wallet...")
    assert len(found) < 200
    with bad_node(lambda *_: http(b"", kind=PAGE)) as node, pytest.raises(NodeFailure, match="empty body"):
        connect(node.url)


def test_an_answer_that_is_packed_unasked_is_read() -> None:
    def answer(request: dict[str, Any], _: int) -> bytes:
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": "0x5"}).encode()
        return http(gzip.compress(body), extra="Content-Encoding: gzip\r\n")

    with bad_node(answer) as node:
        assert connect(node.url).eth.chain_id == 5
    bomb = gzip.compress(b" " * (40 * 1024 * 1024))
    packed = "Content-Encoding: gzip\r\n"
    with bad_node(lambda *_: http(bomb, extra=packed)) as node, pytest.raises(NodeFailure, match="without end"):
        connect(node.url)


def test_an_error_that_is_null_is_none() -> None:
    body = b'{"jsonrpc":"2.0","id":0,"result":"0x7","error":null}'
    with bad_node(lambda *_: http(body)) as node:
        assert connect(node.url).eth.chain_id == 7


# --- searches of logs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", ["413", *deep("400", "too long")])
def test_a_search_that_is_too_large_is_halved(refusal: str, hardhat: HardhatNetwork) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    party.do(exchange.commit(Root(b"\x05" * 32), Digest(b"\x06" * 32)))
    hardhat.mine(60)
    refusals = 0

    def answer(request: dict[str, Any], _: int) -> bytes:
        nonlocal refusals
        if request["method"] == "eth_getLogs":
            span = request["params"][0]
            if int(span["toBlock"], 16) - int(span["fromBlock"], 16) >= 20:
                refusals += 1
                if refusal == "too long":
                    pad = gzip.compress(b" " * (33 * 1024 * 1024))
                    return http(pad, extra="Content-Encoding: gzip\r\n")
                return http(b"<h1>no</h1>", f"{refusal} No", kind=PAGE)
        return forward(hardhat.url, request)

    with bad_node(answer) as node:
        found = DataExchange(connect(node.url, HARDHAT_CHAIN_ID), exchange.address).listings()
    assert refusals > 0
    assert found == exchange.listings()


# --- secrets -------------------------------------------------------------------------------------------------------

SECRETS = ("hunter22", "0123abcdef", "QUERYKEY99", "someuser")


@pytest.mark.parametrize("kind", ["refused", "not JSON", "an error", "a text", "redirected", "unreachable", "busy"])
def test_no_secret_of_the_url_is_told(kind: str) -> None:
    """Nodes repeat the address or the key that they were asked with."""
    echo = "no http://someuser:hunter22@h/v3/0123abcdef?key=QUERYKEY99; 0123abcdef, QUERYKEY99; "
    echo += "Basic c29tZXVzZXI6aHVudGVyMjI="

    def answer(request: dict[str, Any], _: int) -> bytes | None:
        error = {"code": -32000, "message": echo}
        return {
            "refused": http(echo.encode(), "401 No"),
            "not JSON": http(echo.encode()),
            "an error": rpc_error(request, error),
            "a text": rpc_error(request, echo),
            "redirected": http(b"", "302 No", extra="Location: http://someuser:hunter22@h/0123abcdef\r\n"),
            "unreachable": None,
            "busy": http(echo.encode(), "429 No", extra="Retry-After: 4000\r\n"),
        }[kind]

    with bad_node(answer) as node:
        url = node.url.replace("//", "//someuser:hunter22@") + "/v3/0123abcdef?key=QUERYKEY99"
        with pytest.raises(NodeFailure) as caught:
            connect(url)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(vars(caught.value))
    for secret in (*SECRETS, "c29tZXVzZXI6aHVudGVyMjI="):
        assert secret not in told, told


KEY = "aB3dE6gH9jK2mN5p"

ECHOES = {
    "lower case": (KEY.lower(), KEY.lower()),
    "cut short": (f"invalid key {KEY[:10]}...", KEY[:6]),
    "its end": (f"invalid key ...{KEY[6:]}", KEY[-6:]),
    "markup": (f"<p>{KEY[:8]}<wbr>{KEY[8:]}</p>", KEY[:8]),
    "markup in entities": (f"{KEY[:8]}&lt;wbr&gt;{KEY[8:]}", KEY[:8]),
    "entities": ("".join(f"&#{ord(c)};" for c in KEY), KEY),
    "dashes": ("-".join(KEY), "-".join(KEY)),
    "pieces": (f"{KEY[:5]} {KEY[5:10]} {KEY[10:]}", KEY[:5]),
    "a refusal's words": (f"request reverted: {KEY.upper()}", KEY.upper()),
}


@pytest.mark.parametrize("kind", ECHOES)
@pytest.mark.parametrize("where", ["status", "error", "page", "content type", "host", "limit"])
def test_no_spelling_of_the_key_is_told(kind: str, where: str) -> None:
    said, secret = ECHOES[kind]

    def answer(request: dict[str, Any], _: int) -> bytes:
        return {
            "status": http(said.encode(), "401 No"),
            "error": rpc_error(request, {"code": -32000, "message": said}),
            "page": http(said.encode(), kind=PAGE),
            "content type": http(b"x", kind=said.replace(";", "")),
            "host": http(b"", "302 No", extra=f"Location: https://{said.replace(' ', '.')}.example/\r\n"),
            "limit": http(said.encode(), "429 No", extra="Retry-After: 4000\r\n"),
        }[where]

    with bad_node(answer) as node, pytest.raises((NodeFailure, ContractReverted)) as caught:
        connect(f"{node.url}/v3/{KEY}")
    told = str(caught.value.found) + "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert secret.lower() not in told.lower(), told


@pytest.mark.parametrize("url", ["http://u:12#34@h/", "http://u:12/34@h/", "http://u:p@h/p#x"])
def test_a_password_that_ends_the_host_too_early_is_not_asked_for(url: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        connect(url)
    assert "12" not in str(caught.value)


def test_an_address_shows_its_host_alone() -> None:
    address = NodeAddress.parse("https://user:secret@[::1]:8545/v3/abcdefgh")
    assert repr(address) == "NodeAddress([::1]:8545)"
    assert address.scrub("at abcdefgh or secret, see https://x.org/abcdefg?k=1") == "at *** or ***, see https://x.org"


def test_the_chain_is_asked_once_a_connection(hardhat: HardhatNetwork) -> None:
    exchange = exchange_on(hardhat)
    with bad_node(lambda request, _: forward(hardhat.url, request)) as node:
        through = DataExchange(connect(node.url, HARDHAT_CHAIN_ID), exchange.address)
        through.now()
        through.domain_separator()
        party = Party(hardhat)
        party.sender = type(party.sender)(through, party.account)
        party.do(through.commit(Root(b"\x07" * 32), Digest(b"\x08" * 32)))
        assert node.methods().count("eth_chainId") == 1


def test_a_refused_chain_id_is_asked_again() -> None:
    def answer(request: dict[str, Any], number: int) -> bytes:
        return rpc_error(request, {"code": -32000, "message": "not yet"}) if number == 0 else rpc(request, "0x9")

    with bad_node(answer) as node:
        web3 = connect_later(node.url)
        assert web3.eth.chain_id == 9


def connect_later(url: str) -> Any:
    """A connection whose first question was refused."""
    from web3 import Web3
    from web3.exceptions import Web3RPCError

    from blindfair.chain.provider import NodeProvider

    web3 = Web3(NodeProvider(url, 5.0))
    with pytest.raises(Web3RPCError):
        _ = web3.eth.chain_id
    return web3


@pytest.mark.parametrize("password", ["pa#ss", "pa/ss", "pa?ss", "12?ss", "12/ss", "12#ss", "pa/s@s", "p[a/ss"])
def test_a_password_that_ends_the_host_too_early_is_to_be_encoded(password: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        NodeAddress.parse(f"https://user:{password}@host.example/v3")
    assert "user name or password" in caught.value.hint and password not in str(caught.value)
    assert all(code in caught.value.hint for code in ("%23", "%2F", "%3F", "%40"))


@pytest.mark.parametrize("url", ["https://host.example/v3?mail=a@b", "https://user:p%2Fw@host.example?key=a"])
def test_a_url_whose_host_is_plain_is_taken(url: str) -> None:
    assert NodeAddress.parse(url).host == "host.example"


@pytest.mark.parametrize("url", ["https://host.example:port/v3", "ftp://user:pa#ss@host", "host:8545", "http://[::1"])
def test_what_is_no_url_of_a_node_is_named_so(url: str) -> None:
    with pytest.raises(InvalidOption, match="is not a URL"):
        NodeAddress.parse(url)
