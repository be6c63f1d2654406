"""JSON-RPC requests to a node over HTTP or a WebSocket: tried again where that is safe, slowed down where the node asks
for it.

Reads are tried a few times; a transaction is handed over once per request, because only its sender may judge what an
answer that never came means. A request that a node did not take because it is asked too often is sent again.
"""

import json
import logging
import math
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import requests
from urllib3.exceptions import HTTPError
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from blindfair.chain.http_trouble import (
    TOO_LARGE,
    UNAVAILABLE,
    AnswerTooLong,
    HttpAnswer,
    NodeSilent,
    not_json,
    refused,
)
from blindfair.chain.nesting import DEEPEST_ANSWER, nesting
from blindfair.chain.node_address import HIDDEN, NodeAddress
from blindfair.chain.rate_limits import limit_of, seconds_of
from blindfair.chain.web_socket import WebSocketLine
from blindfair.protocol.errors import NodeFailure

READS = frozenset(
    {
        "web3_clientVersion",
        "net_version",
        "eth_accounts",
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_estimateGas",
        "eth_feeHistory",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getStorageAt",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_maxPriorityFeePerGas",
    }
)
"""The methods that this program uses and that change nothing, so that asking again is harmless."""

_PAUSES = (0.1, 0.2)
"""Seconds between the attempts of a read, before the node counts as unreachable."""

PATIENCE = 60.0
"""Seconds for which one request waits in all, because the node says that it is asked too often."""

LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes."""

_TELL_EVERY = 10.0
_LONGEST_MESSAGE = 1000
_READ_OF_BLOCKS = ("number", "hash", "timestamp", "baseFeePerGas", "transactions")

_log = logging.getLogger(__name__)


class NodeProvider(JSONBaseProvider):
    """JSON-RPC to one node. Every failure is a NodeFailure that names the host and nothing else of the URL, which may
    hold a key. A node that limits how often it is asked is left alone for as long as it says, up to `patience`; then it
    is asked once more."""

    # A contract must not be able to send this program to an address on the web (EIP-3668).
    global_ccip_read_enabled = False

    def __init__(self, rpc_url: str, timeout: float, patience: float = PATIENCE) -> None:
        """`timeout` is for a whole answer, `patience` for all waits of one request, both in seconds.

        Raises InvalidOption if `rpc_url` is not a URL.
        """
        super().__init__()
        self._address = NodeAddress.parse(rpc_url)
        self.host = self._address.host
        self._timeout = timeout
        self._patience = patience
        self._session = requests.Session()
        self._line = WebSocketLine(self._address, timeout, LARGEST_ANSWER) if self._address.is_websocket else None
        self._chain_id: RPCResponse | None = None
        self._closed_until = self._told_at = -math.inf

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The node's answer, an error object included. Raises NodeFailure."""
        # Asked once: a connection that changes its chain is of no use, and web3 asks before every call.
        if method == "eth_chainId" and self._chain_id is not None:
            return self._chain_id
        request = self.encode_rpc_request(method, params)
        waited, attempt = 0.0, 0
        while True:
            left = self._closed_until - time.monotonic()
            if left > 0:
                raise self._limited(method, "asked too often before", left)
            answer, http = self._answered(method, request)
            limit = limit_of(method, http.status, http.retry_after, answer.get("error"), http.date)
            if limit is None:
                break
            pause, attempt = limit.wait(attempt), attempt + 1
            if waited + pause > self._patience:
                # No longer than the patience, whatever the node says: a seller has reveals to send.
                self._closed_until = time.monotonic() + min(limit.pause or 0.0, self._patience)
                raise self._limited(method, http.told(self._address), pause)
            self._tell_wait(method, pause)
            time.sleep(pause)
            waited += pause
        if method == "eth_chainId" and isinstance(answer.get("result"), str):
            self._chain_id = answer
        return answer

    def _tell_wait(self, method: str, pause: float) -> None:
        # Hundreds of short waits are one thing to tell.
        if time.monotonic() - self._told_at >= _TELL_EVERY:
            self._told_at = time.monotonic()
            _log.warning("the node at %s is asked too often: %s waits %s", self.host, method, _seconds(pause))

    def _limited(self, method: str, found: str, pause: float) -> NodeFailure:
        return NodeFailure(
            f"the node at {self.host} limits how often it is asked: no answer to {method}",
            expected=f"an answer within {self._patience:g} s of waiting",
            found=f"{found}; to wait: {_seconds(pause)}",
            hint="wait and run the command again, or use another node: `rpc=URL`",
        )

    def _answered(self, method: RPCEndpoint, request: bytes) -> tuple[RPCResponse, HttpAnswer]:
        for pause in _PAUSES if method in READS else ():
            with suppress(NodeSilent):
                return self._asked_once(method, request)
            time.sleep(pause)
        try:
            return self._asked_once(method, request)
        except NodeSilent as failure:
            raise NodeFailure(
                f"the node at {self.host} cannot be reached for {method}",
                expected="an answer",
                found=failure.reason,
                hint="check the address, and that the node runs and is not overloaded: `rpc=URL`",
            ) from None

    def _asked_once(self, method: RPCEndpoint, request: bytes) -> tuple[RPCResponse, HttpAnswer]:
        # A connection that the node has closed meanwhile costs a read one attempt; anything else has only one.
        post = self._session.post if method in READS else requests.post
        began = time.monotonic()
        try:
            http = (
                self._posted(post, request) if self._line is None else self._line.ask(request, is_read=method in READS)
            )
            # The method alone: what is asked may be nobody else's business.
            _log.debug("%s to %s took %.0f ms", method, self.host, 1e3 * (time.monotonic() - began))
        except AnswerTooLong:
            if method == "eth_getLogs":
                return _as_error(f"an answer of more than {LARGEST_ANSWER} bytes"), HttpAnswer(200, "", "", "", b"")
            raise NodeFailure(
                f"the node at {self.host} answers without end",
                expected=f"at most {LARGEST_ANSWER} bytes",
                found=f"a longer answer to {method}",
                hint="use another node: `rpc=URL`",
            ) from None
        return self._understood(method, http), http

    def _understood(self, method: RPCEndpoint, http: HttpAnswer) -> RPCResponse:
        if http.redirects:
            raise refused(self._address, method, http)
        if nesting(http.body) > DEEPEST_ANSWER:
            raise self.nonsense(method, "JSON nested without end")
        try:
            answer = self.decode_rpc_response(http.body)
        except ValueError:
            answer = None
        # Some nodes send a JSON-RPC error with a status of 400 or 500.
        if http.status != 200 and (http.denies_access or not _is_error(answer)):
            if http.status == 429 or (http.status in (400, TOO_LARGE) and method == "eth_getLogs"):
                # Searches of logs are repeated over fewer blocks by whoever asked.
                return _as_error(http.told(self._address))
            raise refused(self._address, method, http)
        if answer is None:
            raise not_json(self._address, method, http)
        if not isinstance(answer, dict):
            raise self.nonsense(method, "JSON that is not an object")
        # Some nodes send both fields, one of them null.
        if answer.get("error") is None and "result" in answer:
            answer.pop("error", None)
        elif answer.get("result") is None and "error" in answer:
            answer.pop("result", None)
        if ("result" in answer) == ("error" in answer):
            raise self.nonsense(method, "neither a result nor an error")
        if "error" in answer:
            answer["error"] = self._shown_error(answer["error"])
        elif method.startswith("eth_getBlockBy") and isinstance(answer["result"], dict):
            answer["result"] = _what_is_read(answer["result"])
        return answer

    def _shown_error(self, error: Any) -> Any:
        """The error object with a message that may be printed: nodes repeat the key that they were asked with."""
        fields = error if isinstance(error, dict) else {"code": -32000, "message": error}
        if not isinstance(fields.get("message"), str):
            return {**fields, "message": self._address.excerpt(json.dumps(fields.get("message", "")).encode())}
        message = fields["message"][:_LONGEST_MESSAGE]
        # The words of a contract's refusal are looked into, and are not the node's.
        if "revert" in message.lower():
            return {**fields, "message": self._address.scrub_whole(message)}
        as_page = self._address.excerpt(message.encode(), _LONGEST_MESSAGE)
        return {**fields, "message": as_page if HIDDEN in as_page else self._address.scrub(message)}

    def _posted(self, post: Callable[..., requests.Response], body: bytes) -> HttpAnswer:
        deadline = time.monotonic() + self._timeout
        received = bytearray()
        try:
            with post(
                self._address.url,
                data=body,
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,
            ) as response:
                headers = response.headers
                if response.status_code in UNAVAILABLE and not _asks_to_wait(headers):
                    raise NodeSilent(f"HTTP status {response.status_code}")
                # What has come so far, not whole blocks: a node that sends a byte now and then must not hold us up.
                while piece := response.raw.read1(64 * 1024, decode_content=False):
                    received += piece
                    if len(received) > LARGEST_ANSWER:
                        raise AnswerTooLong
                    if time.monotonic() > deadline:
                        raise NodeSilent(f"no whole answer in {self._timeout:g} s")
                return HttpAnswer(
                    # A server that says when to come back is one that limits.
                    429 if response.status_code in UNAVAILABLE else response.status_code,
                    headers.get("Content-Type", ""),
                    headers.get("Location", ""),
                    headers.get("Retry-After", ""),
                    _unpacked(bytes(received), headers.get("Content-Encoding", "")),
                    headers.get("Date", ""),
                )
        except (requests.RequestException, HTTPError) as error:
            raise NodeSilent(type(error).__name__) from None
        except ValueError:
            # The library looks where a redirect leads to, although it does not follow it.
            raise NodeSilent("a redirect to a malformed address") from None

    def nonsense(self, method: str, found: str) -> NodeFailure:
        """The error for an answer that makes no sense."""
        return NodeFailure(
            f"the node at {self.host} answers nonsense to {method}",
            expected="a JSON-RPC answer",
            found=found,
            hint="check that the address is an Ethereum node's JSON-RPC address: `rpc=URL`",
        )


def _seconds(pause: float) -> str:
    return f"{pause:,.0f} s" if pause >= 10 else f"{pause:.2g} s"


def _asks_to_wait(headers: Mapping[str, str]) -> bool:
    return seconds_of(headers.get("Retry-After", "")) is not None


def _unpacked(body: bytes, encoding: str) -> bytes:
    """The body as it was before a server packed it, unasked. Raises AnswerTooLong."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
        unpacked = unpacking.decompress(body, LARGEST_ANSWER + 1)
    except zlib.error:
        return body
    if len(unpacked) > LARGEST_ANSWER:
        raise AnswerTooLong
    return unpacked


def _is_error(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("error"), dict)


def _as_error(message: str) -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": message}}


def _what_is_read(block: dict[str, Any]) -> dict[str, Any]:
    # Chains with other rules of consensus fill the other fields as they like, and web3 refuses what it does not expect.
    return {name: block[name] for name in _READ_OF_BLOCKS if name in block}
