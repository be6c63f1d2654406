"""What is asked of an Ethereum node by way of web3, with every failure blamed by name.

Whether an answer is true is not judged here, only that it is one. How requests travel is in `provider`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eth_abi.exceptions import DecodingError
from web3 import Web3
from web3.exceptions import Web3Exception, Web3RPCError
from web3.types import RPCEndpoint

from blindfair.chain.provider import PATIENCE, NodeProvider
from blindfair.chain.quorum import QuorumProvider
from blindfair.chain.reverts import revert_of
from blindfair.protocol.errors import BlindfairError, InvalidOption, NodeFailure

_QUANTITY = re.compile("0[xX][0-9a-fA-F]{1,64}")

_NO_SUCH_METHOD = -32601
"""JSON-RPC 2.0."""


@contextmanager
def asking(what: str, hint: str = "") -> Iterator[None]:
    """Around calls of web3: whatever it raises becomes ContractReverted for a revert, else NodeFailure.

    `hint` is for a node that refuses, where the caller knows better what to do than the node's words tell.
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
            f"the node refuses {what}", expected="a result", found=message_of(answer), hint=hint or _hint(answer)
        ) from error
    except (Web3Exception, DecodingError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise NodeFailure(
            f"the node answers nonsense to {what}",
            expected="a result of its kind",
            found=type(error).__name__,
            hint="use another node: `rpc=URL`",
        ) from error


def message_of(answer: Any) -> str:
    """The node's own reason for a refusal, shortened."""
    error = answer.get("error") if isinstance(answer, Mapping) else None
    message = str(error.get("message", ""))[:200] if isinstance(error, Mapping) else ""
    return message or "an error without a message"


def _hint(answer: Any) -> str:
    error = answer.get("error")
    if isinstance(error, Mapping) and error.get("code") == _NO_SUCH_METHOD:
        return "use a node that serves this method: `rpc=URL`"
    return "check the node; the same call may be tried again"


def request(web3: Web3, method: str, *params: Any) -> Any:
    """One JSON-RPC request with its raw result, where web3's own reading of errors would lose some of them.

    Use inside `asking`.
    """
    return web3.manager.request_blocking(RPCEndpoint(method), list(params))


def number_of(answer: Any) -> int:
    """The number that a raw result is. Raises ValueError for anything else. Use inside `asking`."""
    if isinstance(answer, str) and _QUANTITY.fullmatch(answer):
        return int(answer, 16)
    # The embedded chain answers some of them as numbers.
    if isinstance(answer, int) and not isinstance(answer, bool) and answer >= 0:
        return answer
    raise ValueError("not a quantity")


def several(*rpc_urls: str) -> str:
    """The addresses of several nodes as one text, as `connect` takes it: with spaces in between."""
    return " ".join(rpc_urls)


def each_node(rpc_url: str) -> list[str]:
    """The addresses in such a text. Raises InvalidOption for one that is named twice."""
    urls = rpc_url.split(" ")
    if len({url.rstrip("/") for url in urls}) < len(urls):
        raise InvalidOption(
            "a node is named twice",
            expected="nodes that different people run",
            found=f"{len(urls)} addresses, of which two are the same",
            hint="name another one in its place: `rpc=URL`",
        )
    return urls


def connect(rpc_url: str, chain_id: int | None = None, *, timeout: float = 20.0, patience: float = PATIENCE) -> Web3:
    """A web3 over the node at `rpc_url`, once it has said that it serves `chain_id` (any chain, if None).

    With several addresses, with spaces in between, what more than half of the nodes say counts (`quorum`). Raises
    InvalidOption for a malformed URL, and NodeFailure if the node is unreachable, of another chain, or talks nonsense.
    `timeout` and `patience` are in seconds, for each request: how long one answer may take, and how long a node that
    limits how often it is asked is waited for.
    """
    nodes = [NodeProvider(url, timeout, patience) for url in each_node(rpc_url)]
    provider = nodes[0] if len(nodes) == 1 else QuorumProvider(nodes)
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
