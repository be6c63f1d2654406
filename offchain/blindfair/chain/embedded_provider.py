"""The embedded chain as web3 sees it: JSON-RPC answers like a node's, errors with their data included.

Only the methods that this program uses are there: reads, and signed transactions.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from typing import Any

from eth_tester import EthereumTester
from eth_tester.exceptions import BlockNotFound
from eth_tester.exceptions import ValidationError as TesterValidationError
from eth_utils.exceptions import ValidationError
from web3.providers.eth_tester import EthereumTesterProvider
from web3.types import RPCEndpoint, RPCResponse

from blindfair.chain.embedded_backend import Backend, CallFailed, Rejected
from blindfair.chain.provider import READS

_NOBODY = "0x" + "00" * 20
"""Who calls when nobody is named, as with any node."""

_REMEMBERED = 1_000
"""Answers that are kept while no block is made."""

_Marks = str | Sequence[str] | None


class Tester(EthereumTester):  # type: ignore[misc]
    """eth-tester, except that a search for logs skips the blocks whose bloom filter rules them out."""

    def get_logs(
        self,
        from_block: int | str = "latest",
        to_block: int | str = "latest",
        address: _Marks = None,
        topics: Sequence[_Marks] | None = None,
    ) -> tuple[Any, ...]:
        """`eth_getLogs`, oldest first; a list of addresses or of topics means any of them, None means all."""
        first, last = (self.get_block_by_number(block)["number"] for block in (from_block, to_block))
        groups = [[mark] if isinstance(mark, str) else mark for mark in (address, *(topics or ())) if mark is not None]
        marks = [[bytes.fromhex(mark.removeprefix("0x")) for mark in group] for group in groups]
        found: list[Any] = []
        for number in self.backend.blocks_with(first, last, marks):
            found += super().get_logs(number, number, address, topics)
        return tuple(found)


class Provider(EthereumTesterProvider):
    """web3's view of the chain. What changes the chain goes through `submit`, which raises Rejected."""

    # A contract must not be able to send this program to an address on the web (EIP-3668).
    global_ccip_read_enabled = False

    def __init__(self, backend: Backend, submit: Callable[[bytes], bytes], lock: threading.RLock) -> None:
        tester = Tester(backend)
        super().__init__(tester)
        self._tester = tester
        self._submit = submit
        self._lock = lock
        self._head = b""
        self._answers: dict[tuple[str, str], RPCResponse] = {}

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer like a node: a result, or an error object with code, message and, for a revert, data."""
        with self._lock:
            if method == "eth_sendRawTransaction":
                return self._send(params)
            if method not in READS:
                return _error(-32601, f"the method {method} does not exist")
            # Agents ask the same again and again, and what a chain answers follows from its newest block.
            head = self._tester.backend.chain.header.parent_hash
            if head != self._head or len(self._answers) == _REMEMBERED:
                self._head, self._answers = head, {}
            asked = (method, repr(params))
            if asked not in self._answers:
                self._answers[asked] = self._read(method, params)
            # web3 writes into answers, and so may whoever asked: what is kept stays as it was.
            return copy.deepcopy(self._answers[asked])

    def _read(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method in ("eth_call", "eth_estimateGas") and params[0].get("from") is None:
            params = [{**params[0], "from": _NOBODY}, *params[1:]]
        try:
            return super().make_request(method, params)
        except CallFailed as failure:
            if failure.data is None:
                return _error(-32000, str(failure))
            return _error(3, "execution reverted", "0x" + failure.data.hex())
        except BlockNotFound as error:
            return _error(-32000, f"header not found: {error}")
        except (ValidationError, TesterValidationError) as error:
            return _error(-32000, str(error))

    def _send(self, params: Any) -> RPCResponse:
        try:
            sent = self._submit(bytes.fromhex(str(params[0]).removeprefix("0x")))
        except Rejected as rejection:
            return _error(-32000, str(rejection))
        return {"jsonrpc": "2.0", "id": 0, "result": "0x" + sent.hex()}


def _error(code: int, message: str, data: str | None = None) -> RPCResponse:
    if data is None:
        return {"jsonrpc": "2.0", "id": 0, "error": {"code": code, "message": message}}
    return {"jsonrpc": "2.0", "id": 0, "error": {"code": code, "message": message, "data": data}}
