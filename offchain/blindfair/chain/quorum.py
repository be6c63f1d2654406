"""Several nodes as one: what more than half of them say counts, and transactions go to all of them.

To whoever asks it is a provider like that of one node. Nodes are asked at the same time. A node that contradicts the
others is not counted and named in a warning. Honest nodes stand at different blocks for moments: where they differ
about the latest block, all are asked about one block that more than half of them have.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from blindfair.chain.agreed_heights import REMEMBERED, AgreedHeights, check_near
from blindfair.chain.answers import kept, key_of, number_in
from blindfair.chain.node_poll import BUSY, AskedNode, NodeAnswer, NodePoll
from blindfair.chain.provider import NodeProvider
from blindfair.protocol.errors import NodeFailure

_AT = {
    "eth_call": 1,
    "eth_estimateGas": 1,
    "eth_feeHistory": 1,
    "eth_getBalance": 1,
    "eth_getBlockByNumber": 0,
    "eth_getCode": 1,
    "eth_getStorageAt": 2,
    "eth_getTransactionCount": 1,
}
"""Which parameter of a method says the block that it is about."""

_ESTIMATES = {"eth_estimateGas": 1, "eth_gasPrice": 0, "eth_maxPriorityFeePerGas": 0}
"""Methods whose honest answers differ: the middle one counts. Of two middle ones it is the larger with 1."""

_OF_ONE = frozenset({"web3_clientVersion", "eth_syncing"})
"""What a node says of itself: the first one's answer."""

_LINGER = 0.25
"""Seconds that the others are still waited for when enough nodes agree, so that it is seen which of them differ."""

_LONG_LINGER = 2.0
"""The same for numbers, where one node more decides, and for transactions, which are to reach every node."""

_TELL_AGAIN = 3600.0
_STANDS_APART = 60.0
"""Seconds. Heights differ between honest nodes for moments; what lasts so long is told."""

_LABEL = {"label": "warning"}
"""How a screen names what is told here."""

_log = logging.getLogger(__name__)


class QuorumProvider(JSONBaseProvider):
    """JSON-RPC to several nodes, of which more than half must agree. Raises NodeFailure where too few answer, or where
    they contradict each other."""

    # A contract must not be able to send this program to an address on the web (EIP-3668).
    global_ccip_read_enabled = False

    def __init__(
        self, nodes: Sequence[NodeProvider], stands_apart: float = _STANDS_APART, falls_back: float = REMEMBERED
    ) -> None:
        """`stands_apart` is in seconds: how long a node's heights may differ before it is told; `falls_back` as well:
        how old a height may be that was the agreed one, and becomes it again."""
        super().__init__()
        self.hosts = [node.host for node in nodes]
        self.host = ", ".join(self.hosts)
        self.needed = len(nodes) // 2 + 1
        self._lines = [AskedNode(number, node) for number, node in enumerate(nodes)]
        self._stands_apart = stands_apart
        self._apart_since: dict[tuple[int, str], float] = {}
        self._told: dict[tuple[int, str], float] = {}
        self._down: set[int] = set()
        self._heights = AgreedHeights(falls_back)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The answer of more than half of the nodes, an error object included. Raises NodeFailure."""
        if method == "eth_sendRawTransaction":
            return self._sent(method, params)
        if method == "eth_blockNumber":
            return _result(hex(self._height()))
        if method in _ESTIMATES:
            return self._estimated(method, params)
        if method == "eth_getBlockByNumber" and params[0] in ("finalized", "safe"):
            return self._final_block(method, params)
        if method in _OF_ONE:
            return self._answering(method, self._asked(method, params, must_agree=False))[0].said or _result(None)
        return self._agreed(method, params)

    # --- asking ----------------------------------------------------------------------------------------------------

    def _asked(
        self, method: RPCEndpoint, params: Any, *, must_agree: bool = True, undecided: float | None = None
    ) -> list[NodeAnswer]:
        poll = NodePoll(self._lines, method, params, must_agree=must_agree)
        answers = poll.wait(_LINGER if must_agree else _LONG_LINGER, undecided=undecided)
        for line in self._lines:
            self._note_silence(line)
        return answers

    def _note_silence(self, line: AskedNode) -> None:
        failure = line.failure
        if not failure:
            self._down.discard(line.number)
        elif line.number not in self._down:
            self._down.add(line.number)
            left = f"{len(self._lines) - len(self._down)} of {len(self._lines)} are left"
            _log.warning(
                "the node at %s does not answer (%s): %s", self.hosts[line.number], failure, left, extra=_LABEL
            )

    def _answering(self, method: str, answers: Sequence[NodeAnswer]) -> list[NodeAnswer]:
        """The answers of the nodes that answer. Raises NodeFailure where they are too few."""
        said = [answer for answer in answers if answer.said is not None]
        if len(said) < self.needed:
            silent = "; ".join(f"{self.hosts[each.node]}: {each.failure}" for each in answers if each.said is None)
            raise NodeFailure(
                f"fewer nodes answer {method} than have to agree",
                expected=f"answers of {self.needed} of {len(self._lines)} nodes",
                found=f"{len(said)}; {silent}",
                hint="check the nodes that do not answer, or name others: `rpc=URL`",
            )
        return said

    def _agreed(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        at = _AT.get(method)
        is_of_latest = at is not None and len(params) > at and params[at] == "latest"
        # Honest nodes often differ about the latest block: none that is silent is waited for to decide between them.
        answers = self._asked(method, params, undecided=_LONG_LINGER if is_of_latest else None)
        keys = {key_of(method, answer.said) for answer in answers if answer.said is not None}
        if len(keys) > 1 and at is not None and is_of_latest:
            pinned = [*params[:at], hex(self._height()), *params[at + 1 :]]
            try:
                return self._majority(method, pinned, self._asked(method, pinned))
            except NodeFailure:
                # Nodes without the state of that block may still have agreed about the latest.
                return self._majority(method, params, answers, tells=False)
        return self._majority(method, params, answers)

    def _majority(
        self, method: RPCEndpoint, params: Any, answers: Sequence[NodeAnswer], *, tells: bool = True
    ) -> RPCResponse:
        said = self._answering(method, answers)
        by_key: dict[str, list[NodeAnswer]] = {}
        for answer in said:
            by_key.setdefault(key_of(method, answer.said or {}), []).append(answer)
        most = max(by_key.values(), key=len)
        if len(most) < self.needed:
            if method == "eth_getTransactionReceipt" and _is_half_known(by_key):
                # Not in a block for enough of them: whoever asks waits for it anyhow.
                return _result(None)
            raise NodeFailure(
                f"the nodes contradict each other about {method}",
                expected=f"the same answer from {self.needed} of {len(self._lines)} nodes",
                found=f"{len(by_key)} different ones, from {self._names(said)}",
                hint="run the command again in a moment; if it lasts, find out which node is wrong",
            )
        if tells and len(by_key) > 1:
            self._tell_who_differs(method, params, most[0], [each for each in said if each not in most])
        agreed = most[0].said or _result(None)
        return agreed if "error" in agreed else _result(kept(method, agreed.get("result")))

    # --- numbers ---------------------------------------------------------------------------------------------------

    def _height(self) -> int:
        """The highest block that enough nodes have. Raises NodeFailure, also where one that lies could have led
        everybody to a block of long ago."""
        answers = self._asked(RPCEndpoint("eth_blockNumber"), [], must_agree=False)
        height = self._reached("eth_blockNumber", answers)
        if len(self._answering("eth_blockNumber", answers)) == self.needed:
            for ahead in answers:
                check_near(height, number_in(ahead.result()), self._lines[ahead.node], self.hosts[ahead.node])
        return self._heights.agreed(height)

    def _reached(self, what: str, answers: Sequence[NodeAnswer]) -> int:
        """The highest number that enough nodes have reached. Raises NodeFailure."""
        numbers = {each.node: number_in(each.result()) for each in self._answering(what, answers)}
        found = {node: number for node, number in numbers.items() if number is not None}
        if len(found) < self.needed:
            raise NodeFailure(
                f"fewer nodes name a block for {what} than have to agree",
                expected=f"{self.needed} of {len(self._lines)} nodes",
                found=f"{len(found)}, of {self._names(self._answering(what, answers))}",
                hint="check the nodes, or name others: `rpc=URL`",
            )
        reached = sorted(found.values(), reverse=True)[self.needed - 1]
        for node, number in found.items():
            self._note_apart(node, what, number, reached)
        return reached

    def _final_block(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answers = self._asked(method, params, must_agree=False)
        said = self._answering(method, answers)
        unnamed = [each for each in said if number_in(each.result()) is None]
        if len(said) - len(unnamed) < self.needed:
            # What one of them says instead of a block: an error, or that there is none.
            return unnamed[0].said or _result(None)
        height = self._reached(f"the {params[0]} block", answers)
        final = self._agreed(method, [hex(height), *params[1:]])
        if params[0] == "finalized" and number_in(final.get("result")) == height:
            self._heights.note_final(height)
        return final

    def _estimated(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answers = self._answering(method, self._asked(method, params, must_agree=False))
        numbers = sorted(number for each in answers if (number := number_in(each.result())) is not None)
        if len(numbers) < self.needed:
            return self._majority(method, params, [each for each in answers if number_in(each.result()) is None])
        return _result(hex(numbers[(len(numbers) - 1 + _ESTIMATES[method]) // 2]))

    # --- sending ---------------------------------------------------------------------------------------------------

    def _sent(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Hand a transaction to every node: taken if one takes it, unless so many refuse it that it cannot be."""
        answers = self._asked(method, params, must_agree=False)
        said = [answer.said for answer in answers if answer.said is not None]
        if not said:
            self._answering(method, answers)
        refusals = [each for each in said if "error" in each]
        taken = [each for each in said if "error" not in each]
        return refusals[0] if len(refusals) >= self.needed or not taken else taken[0]

    # --- telling ---------------------------------------------------------------------------------------------------

    def _names(self, answers: Sequence[NodeAnswer]) -> str:
        return ", ".join(self.hosts[answer.node] for answer in answers)

    def _tell_who_differs(self, method: str, params: Any, agreed: NodeAnswer, others: Sequence[NodeAnswer]) -> None:
        for other in others:
            if other.said is None or "error" in other.said or (agreed.said and "error" in agreed.said):
                continue
            if self._may_be_elsewhere(method, params, agreed.result(), other):
                continue
            self._tell(other.node, method, "contradicts the others about %s: its answer is not counted")

    def _may_be_elsewhere(self, method: str, params: Any, agreed: Any, other: NodeAnswer) -> bool:
        """Whether a node may differ only because it has not the same blocks or waiting transactions yet."""
        if method == "eth_getTransactionByHash":
            return agreed is None or other.result() is None
        if method == "eth_getLogs":
            block = number_in(params[0].get("toBlock")) if params and isinstance(params[0], dict) else None
        elif agreed is not None and other.result() is not None:
            return False
        else:
            shown = agreed if agreed is not None else other.result()
            name = "blockNumber" if method == "eth_getTransactionReceipt" else "number"
            block = number_in(shown.get(name)) if isinstance(shown, dict) else None
        if block is None:
            return False
        # No longer than for other answers: a node that lies, and is then silent, must hold nobody up.
        own = NodePoll([self._lines[other.node]], RPCEndpoint("eth_blockNumber"), [], must_agree=False).wait(
            0.0, most=BUSY
        )
        height = number_in(own[0].result()) if own else None
        # A node that is ahead may show what is in a block that the others have not; one behind may not show theirs.
        return (height or 0) < block or (agreed is None and block > self._heights.highest)

    def _note_apart(self, node: int, what: str, number: int, reached: int) -> None:
        if number == reached:
            self._apart_since.pop((node, what), None)
            return
        since = self._apart_since.setdefault((node, what), time.monotonic())
        if time.monotonic() - since >= self._stands_apart:
            how = "ahead of" if number > reached else "behind"
            self._tell(node, what, f"is {abs(number - reached):,} blocks {how} the others in %s: it is outvoted")

    def _tell(self, node: int, method: str, text: str) -> None:
        last = self._told.get((node, method))
        if last is None or time.monotonic() - last >= _TELL_AGAIN:
            self._told[node, method] = time.monotonic()
            _log.warning("the node at %s " + text, self.hosts[node], method, extra=_LABEL)


def _is_half_known(by_key: dict[str, list[NodeAnswer]]) -> bool:
    """Whether some nodes show one and the same thing, and all others nothing."""
    said = [answers[0].said or {} for answers in by_key.values()]
    return len(said) == 2 and not any("error" in each for each in said) and any(each["result"] is None for each in said)


def _result(result: Any) -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 0, "result": result}
