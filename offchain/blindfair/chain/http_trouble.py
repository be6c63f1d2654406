"""What an HTTP answer that holds no JSON-RPC answer means, named by its status, and what to do about it."""

from dataclasses import dataclass

from blindfair.chain.node_address import NodeAddress
from blindfair.protocol.errors import NodeFailure

UNAVAILABLE = frozenset({502, 503, 504, *range(520, 525)})
"""Statuses that soon pass; those from 520 on are a proxy's for a server that it does not reach."""

TOO_LARGE = 413

_HINTS = {
    400: "check that `rpc` is the JSON-RPC address of an Ethereum node",
    401: "put the node's key or password into the address: `rpc=https://host/KEY` or https://user:password@host",
    402: "pay the node's operator, or use another node: `rpc=URL`",
    403: "check the key in the address, and whom the node allows: `rpc=URL`",
    404: "check the part of the address after the host: `rpc=https://host/PATH`",
    405: "check the part of the address after the host: `rpc=https://host/PATH`",
    410: "use another node, this one is no longer served: `rpc=URL`",
    TOO_LARGE: "use a node that takes larger requests: `rpc=URL`",
}
_NO_ACCESS = frozenset({401, 402, 403})
_LATER = "try again later, or use another node: `rpc=URL`"


class AnswerTooLong(Exception):
    """The answer is longer than any that is read."""


class NodeSilent(Exception):
    """No answer came; `reason` says why, and shows nothing of the node's address."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP answer. The texts are headers, empty if they are missing; `body` is decoded."""

    status: int
    content_type: str
    location: str
    retry_after: str
    body: bytes
    date: str = ""

    def told(self, address: NodeAddress) -> str:
        """Status and the beginning of the body, for people."""
        said = address.excerpt(self.body)
        return f"HTTP status {self.status}: {said}" if said else f"HTTP status {self.status}"

    @property
    def redirects(self) -> bool:
        """Whether it sends the asker elsewhere."""
        return 300 <= self.status < 400

    @property
    def denies_access(self) -> bool:
        """Whether it is about who asks, whatever the body says."""
        return self.status in _NO_ACCESS


def refused(address: NodeAddress, method: str, answer: HttpAnswer) -> NodeFailure:
    """The error for a status other than success."""
    if answer.redirects:
        return NodeFailure(
            f"the node at {address.host} sends {method} elsewhere, which is not followed",
            expected="an answer from this address",
            found=f"HTTP status {answer.status}, to {address.shown_target(answer.location)}",
            hint="if you trust that address, name it with its path: `rpc=URL`",
        )
    return NodeFailure(
        f"the node at {address.host} does not answer {method}",
        expected="HTTP status 200",
        found=answer.told(address),
        hint=_HINTS.get(answer.status, _LATER if answer.status >= 500 else _HINTS[400]),
    )


def not_json(address: NodeAddress, method: str, answer: HttpAnswer) -> NodeFailure:
    """The error for a body that is not JSON."""
    kind = address.excerpt(answer.content_type.partition(";")[0].encode(), 60)
    said = address.excerpt(answer.body)
    return NodeFailure(
        f"the node at {address.host} does not answer {method} in JSON",
        expected="a JSON-RPC answer",
        found=f"content type {kind or 'not given'}, " + (f"beginning with: {said}" if said else "an empty body"),
        hint="check that `rpc` is the JSON-RPC address of an Ethereum node, with the part after the host",
    )
