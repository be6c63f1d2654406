"""Talking to an Ethereum node over JSON-RPC, and blaming it by name when it does not answer or answers nonsense.

Reads are tried a few times; a transaction is handed over once per request, because only its sender may judge what an
answer that never came means. Whether an answer is true is not judged here, only that it is one.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from eth_abi.exceptions import DecodingError
from urllib3.exceptions import HTTPError
from web3 import Web3
from web3.exceptions import Web3Exception, Web3RPCError
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from blindfair.chain.reverts import revert_of
from blindfair.protocol.errors import BlindfairError, InvalidOption, NodeFailure

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

_LOG = logging.getLogger(__name__)

_LARGEST_ANSWER = 32 * 1024 * 1024

# The closing quote is optional, so that the scan stays linear on a string that never ends.
_STRING_OR_BRACKET = re.compile(rb'(?s)"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]')
_DEEPEST_ANSWER = 64


def _nesting(body: bytes) -> int:
    # Before the parser: libraries that web3 needs lift the interpreter's limit of recursion so high that deep JSON
    # overruns the stack and ends the process.
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(body):
        if match.group() in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif match.group() in (b"]", b"}"):
            depth -= 1
    return deepest


class NodeProvider(JSONBaseProvider):
    """JSON-RPC over HTTP. Every failure is a NodeFailure that names the host and nothing else of the URL, which may
    hold a key."""

    # A contract must not be able to send this program to an address on the web (EIP-3668).
    global_ccip_read_enabled = False

    def __init__(self, rpc_url: str, timeout: float) -> None:
        """`timeout` is for a whole answer, in seconds. Raises InvalidOption if `rpc_url` is not one."""
        super().__init__()
        try:
            parts = urlsplit(rpc_url)
            host = parts.hostname or ""
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            host = ""
        if not host or parts.scheme not in ("http", "https"):
            raise InvalidOption(
                "the node's address is not a URL", expected="http://host:port or https://host/path", hint="see --rpc"
            )
        self.host = f"{host}{port}"
        self._url = rpc_url
        self._timeout = timeout
        self._session = requests.Session()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The node's answer, an error object included. Raises NodeFailure."""
        for pause in _PAUSES if method in READS else ():
            with suppress(_Unreachable):
                return self._asked_once(method, params)
            time.sleep(pause)
        try:
            return self._asked_once(method, params)
        except _Unreachable as failure:
            raise NodeFailure(
                f"the node at {self.host} cannot be reached for {method}",
                found=failure.reason,
                hint="check the address, and that the node runs and is not overloaded",
            ) from None

    def _asked_once(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        # A connection that the node has closed meanwhile costs a read one attempt; anything else has only one.
        post = self._session.post if method in READS else requests.post
        began = time.monotonic()
        try:
            body = self._posted(post, self.encode_rpc_request(method, params))
        finally:
            # The method alone: what is asked may be nobody else's business.
            _LOG.debug("%s to %s took %.0f ms", method, self.host, 1e3 * (time.monotonic() - began))
        if _nesting(body) > _DEEPEST_ANSWER:
            raise self.nonsense(method, "JSON nested without end")
        try:
            answer = self.decode_rpc_response(body)
        except ValueError:
            raise self.nonsense(method, "not JSON") from None
        if not isinstance(answer, dict) or ("result" in answer) == ("error" in answer):
            raise self.nonsense(method, "neither a result nor an error")
        return answer

    def _posted(self, post: Callable[..., requests.Response], body: bytes) -> bytes:
        deadline = time.monotonic() + self._timeout
        received = bytearray()
        try:
            with post(
                self._url,
                data=body,
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,
            ) as response:
                # Some nodes send an error object with a status of 400 or 500; a body that is none is caught later.
                if response.status_code in (429, 502, 503, 504):
                    raise _Unreachable(f"HTTP status {response.status_code}")
                # What has come so far, not whole blocks: a node that sends a byte now and then must not hold us up.
                while piece := response.raw.read1(64 * 1024):
                    received += piece
                    if len(received) > _LARGEST_ANSWER:
                        raise NodeFailure(
                            f"the node at {self.host} answers without end",
                            expected=f"at most {_LARGEST_ANSWER} bytes",
                            hint="use another node",
                        )
                    if time.monotonic() > deadline:
                        raise _Unreachable(f"no whole answer in {self._timeout:g} s")
        except (requests.RequestException, HTTPError) as error:
            raise _Unreachable(type(error).__name__) from None
        return bytes(received)

    def nonsense(self, method: str, found: str) -> NodeFailure:
        """The error for an answer that is none."""
        return NodeFailure(
            f"the node at {self.host} answers nonsense to {method}",
            found=found,
            hint="check that the address is an Ethereum node's JSON-RPC address",
        )


class _Unreachable(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Around calls of web3: whatever it raises becomes ContractReverted for a revert, else NodeFailure.

    Only what is asked of the node and the reading of its answer belong inside.
    """
    try:
        yield
    except BlindfairError:
        raise
    except Web3RPCError as error:
        answer = error.rpc_response or {}
        reverted = revert_of(answer.get("error"), what)
        if reverted is not None:
            raise reverted from None
        raise NodeFailure(
            f"the node refuses {what}", found=_message(answer), hint="check the node; the same call may be tried again"
        ) from error
    except (Web3Exception, DecodingError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise NodeFailure(
            f"the node answers nonsense to {what}", found=type(error).__name__, hint="use another node"
        ) from error


def _message(answer: Any) -> str:
    error = answer.get("error")
    return str(error.get("message", ""))[:200] if isinstance(error, dict) else "an error without a message"


def request(web3: Web3, method: str, *params: Any) -> Any:
    """One JSON-RPC request with its raw result, where web3's own reading of errors would lose some of them.

    Use inside `asking`.
    """
    return web3.manager.request_blocking(RPCEndpoint(method), list(params))


def connect(rpc_url: str, chain_id: int | None = None, *, timeout: float = 20.0) -> Web3:
    """A web3 over the node at `rpc_url`, once it has said that it serves `chain_id` (any chain, if None).

    Raises InvalidOption for a URL that is none and NodeFailure if the node is unreachable, of another chain, or talks
    nonsense. `timeout` is in seconds, for each request.
    """
    provider = NodeProvider(rpc_url, timeout)
    web3 = Web3(provider)
    with asking("eth_chainId"):
        found = int(web3.eth.chain_id)
    if chain_id is not None and found != chain_id:
        raise NodeFailure(
            f"the node at {provider.host} is of another chain",
            expected=f"chain id {chain_id}",
            found=found,
            hint="use a node of the chain on which the contract is",
        )
    return web3
