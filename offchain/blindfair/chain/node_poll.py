"""One question to several nodes at the same time, and what each of them says to it.

Not here: which of the answers counts (`quorum`).
"""

import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from web3.types import RPCEndpoint, RPCResponse

from blindfair.chain.answers import key_of
from blindfair.chain.provider import NodeProvider
from blindfair.protocol.errors import NodeFailure

BUSY = 1.0
"""Seconds for which a question waits for a node that is late with an earlier one."""


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What one node said; `failure` in place of it where it said nothing."""

    node: int
    said: RPCResponse | None
    failure: str = ""

    def result(self) -> Any:
        """The result, None also where there is none."""
        return None if self.said is None else self.said.get("result")


class AskedNode:
    """One node, asked one thing at a time. One that was `late` once is not lingered for until it answers again."""

    def __init__(self, number: int, node: NodeProvider) -> None:
        self.number, self.node = number, node
        self.lock = threading.Lock()
        self.is_late = False
        self.failure = ""
        """Why it did not answer when it was asked last, empty if it did."""

    def asked(self, method: RPCEndpoint, params: Any) -> NodeAnswer:
        """What the node says. Raises nothing."""
        said = None
        try:
            said = self.node.make_request(method, params)
            self.failure, self.is_late = "", False
        except NodeFailure as failure:
            self.failure = str(failure.found or failure.what)
        except Exception as error:  # Whatever a node can make a library do counts as no answer of that node.
            self.failure = type(error).__name__
        return NodeAnswer(self.number, said, self.failure)


class NodePoll:
    """One question to all nodes, each in a thread of its own."""

    def __init__(self, lines: Sequence[AskedNode], method: RPCEndpoint, params: Any, *, must_agree: bool) -> None:
        """With `must_agree` it is decided once enough nodes say the same, else once enough say anything."""
        self._method = method
        self._lines = lines
        self._must_agree = must_agree
        self._answers: dict[int, NodeAnswer] = {}
        self._answered: queue.SimpleQueue[NodeAnswer] = queue.SimpleQueue()
        self._is_over = threading.Event()
        for line in lines:
            threading.Thread(target=self._ask, args=(line, params), daemon=True).start()

    def _ask(self, line: AskedNode, params: Any) -> None:
        # A node that is slow has one question at a time to answer, and is not asked what nobody waits for any more.
        must_reach = self._method == "eth_sendRawTransaction"
        if not line.lock.acquire(timeout=BUSY if line.is_late and not must_reach else -1):
            self._answered.put(NodeAnswer(line.number, None, "no answer to an earlier question yet"))
            return
        try:
            if must_reach or not self._is_over.is_set():
                self._answered.put(line.asked(self._method, params))
        finally:
            line.lock.release()

    def wait(self, linger: float, *, most: float | None = None, undecided: float | None = None) -> list[NodeAnswer]:
        """The answers: once all are there, or `linger` seconds after it is decided; after `most` seconds in any case,
        and `undecided` seconds after enough nodes have said something."""
        deadline = math.inf if most is None else time.monotonic() + most
        is_decided = has_enough = False
        while len(self._answers) < len(self._lines):
            if deadline < math.inf and self._has_all_in_time():
                break
            try:
                left = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
                answer = self._answered.get(timeout=left)
            except queue.Empty:
                break
            self._answers[answer.node] = answer
            if not is_decided and self._is_decided(self._must_agree):
                is_decided, deadline = True, min(deadline, time.monotonic() + linger)
            if undecided is not None and not has_enough and self._is_decided(must_agree=False):
                has_enough, deadline = True, min(deadline, time.monotonic() + undecided)
        self._is_over.set()
        for line in self._lines:
            line.is_late = line.is_late or line.number not in self._answers
        return [self._answers[node] for node in sorted(self._answers)]

    def _has_all_in_time(self) -> bool:
        return all(line.is_late or line.number in self._answers for line in self._lines)

    def _is_decided(self, must_agree: bool) -> bool:
        said = [answer.said for answer in self._answers.values() if answer.said is not None]
        counts = Counter(key_of(self._method, each) if must_agree else "" for each in said)
        return max(counts.values(), default=0) > len(self._lines) // 2
