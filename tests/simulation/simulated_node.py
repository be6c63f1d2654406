"""One party's node: the simulated chain behind JSON-RPC, so that agents use `blindfair.chain` as with any other node.

Faults, drawn by the simulation: an answer that never comes, although what was sent arrived; a refusal; nonsense; a
head that lags behind or stays on blocks that a reorganisation took back; a transaction that it forgets.
Not here: a node that makes up states and events. A party with one node has nothing to compare it with.
"""

from collections.abc import Callable
from typing import Any

from escrow_model import CallRefused, error_data
from simulated_chain import GAS, GAS_ESTIMATE, TIP, TOKENS, Block, Included, SimulatedChain, View
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from blindfair.chain.abi import EXCHANGE
from blindfair.chain.artifacts import load_artifact
from blindfair.protocol.errors import NodeFailure
from blindfair.protocol.quantities import Address

NOBODY = Address("0x" + "00" * 20)

Fault = Callable[[str], str]
"""What goes wrong with a request: its method to nothing, `"unreachable"`, `"unanswered"`, `"refused"`, `"nonsense"`."""


class SimulatedNode(BaseProvider):
    """What one party asks."""

    global_ccip_read_enabled = False

    def __init__(self, chain: SimulatedChain, fault: Fault, sees: Callable[[str, bytes], None]) -> None:
        """`sees` is told the data of each call that reaches the node, tried out or sent."""
        super().__init__()
        self._chain = chain
        self._fault = fault
        self._sees = sees
        self.lag = 0
        self.stale: View | None = None
        self._code = "0x" + load_artifact(EXCHANGE).bytecode[:32].hex()

    @property
    def view(self) -> View:
        """The blocks that it shows."""
        if self.stale is not None:
            return self.stale
        blocks = self._chain.blocks
        return blocks[: max(1, len(blocks) - self.lag)] if self.lag else blocks

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        fault = self._fault(method)
        if fault == "unreachable":
            raise NodeFailure("the node cannot be reached", expected="an answer", found="a timeout")
        if fault == "refused":
            return _error(-32000, "the node is overloaded")
        answer = self._answer(method, params)
        if fault == "unanswered":
            raise NodeFailure("the node gives no answer", expected="an answer", found="a timeout")
        if fault == "nonsense" and "result" in answer:
            return {"jsonrpc": "2.0", "id": 0, "result": "0xzz"}
        return answer

    def _answer(self, method: str, params: Any) -> RPCResponse:
        handler = getattr(self, f"_{method}", None)
        if handler is None:
            return _error(-32601, f"the method {method} does not exist")
        try:
            return {"jsonrpc": "2.0", "id": 0, "result": handler(*params)}
        except CallRefused as refused:
            data = "0x" + (error_data(refused.name).hex() if refused.name else "")
            return {"jsonrpc": "2.0", "id": 0, "error": {"code": 3, "message": "execution reverted", "data": data}}
        except ValueError as error:
            return _error(-32000, str(error))

    # --- methods ---------------------------------------------------------------------------------------------------

    def _eth_chainId(self) -> str:
        return hex(self._chain.domain.chain_id)

    def _eth_blockNumber(self) -> str:
        return hex(self.view[-1].number)

    def _eth_getBalance(self, address: str, block: str = "latest") -> str:
        return hex(self._block(block).state.balances.get(Address(address.lower()), 0))

    def _eth_getTransactionCount(self, address: str, block: str = "latest") -> str:
        return hex(self._block(block).state.numbers.get(Address(address.lower()), 0))

    def _eth_getCode(self, address: str, _: str = "latest") -> str:
        return self._code if address.lower() in (self._chain.domain.contract, *TOKENS) else "0x"

    def _eth_maxPriorityFeePerGas(self) -> str:
        return hex(TIP)

    def _eth_call(self, call: dict[str, str], block: str = "latest") -> str:
        return "0x" + self._tried(call, self._block(block)).hex()

    def _eth_estimateGas(self, call: dict[str, str], block: str = "latest") -> str:
        self._tried(call, self._block(block))
        return hex(GAS_ESTIMATE)

    def _eth_getBlockByNumber(self, block: str, _: bool = False) -> Any:
        found = self._found(block)
        return None if found is None else _block(found)

    def _eth_getBlockByHash(self, digest: str, _: bool = False) -> Any:
        wanted = bytes.fromhex(str(digest).removeprefix("0x"))
        return next((_block(block) for block in reversed(self.view) if block.hash == wanted), None)

    def _eth_getLogs(self, wanted: dict[str, Any]) -> list[Any]:
        first, last = (int(str(wanted[name]), 0) for name in ("fromBlock", "toBlock"))
        logs = []
        for block in self.view[first : last + 1]:
            for place, one in enumerate(block.included):
                logs += _logs(block, place, one, self._chain.domain.contract)
        topics = [None if topic is None else str(topic) for topic in wanted.get("topics", [])]
        return [log for log in logs if all(a in (None, b) for a, b in zip(topics, log["topics"], strict=False))]

    def _eth_getTransactionByHash(self, digest: str) -> Any:
        wanted = bytes.fromhex(str(digest).removeprefix("0x"))
        found = self._find(wanted)
        if found is not None:
            return _transaction(found[2].transaction, found[0])
        waiting = self._chain.mempool.get(wanted) if self.stale is None else None
        return None if waiting is None else _transaction(waiting, None)

    def _eth_getTransactionReceipt(self, digest: str) -> Any:
        found = self._find(bytes.fromhex(str(digest).removeprefix("0x")))
        if found is None:
            return None
        block, place, one = found
        return {
            "transactionHash": "0x" + one.transaction.hash.hex(),
            "transactionIndex": hex(place),
            "blockHash": "0x" + block.hash.hex(),
            "blockNumber": hex(block.number),
            "from": one.transaction.sender,
            "to": one.transaction.to,
            "gasUsed": hex(GAS),
            "cumulativeGasUsed": hex(GAS),
            "effectiveGasPrice": hex(one.price),
            "contractAddress": None,
            "status": hex(one.succeeded),
            "logs": _logs(block, place, one, self._chain.domain.contract),
            "type": "0x2",
        }

    def _eth_sendRawTransaction(self, raw: str) -> str:
        data = bytes.fromhex(str(raw).removeprefix("0x"))
        self._sees("eth_sendRawTransaction", data)
        return "0x" + self._chain.submit(data).hex()

    # --- what they share -------------------------------------------------------------------------------------------

    def _tried(self, call: dict[str, str], block: Block) -> bytes:
        data = bytes.fromhex(call["data"].removeprefix("0x"))
        to = Address(call.get("to", NOBODY).lower())
        if to not in (self._chain.domain.contract, *TOKENS):
            return b""
        if to == self._chain.domain.contract:
            self._sees("eth_call", data)
        sender, value = Address(call.get("from", NOBODY).lower()), int(call.get("value", "0x0"), 16)
        return block.state.copy().call(sender, to, data, value, block.time)[0]

    def _block(self, block: str) -> Block:
        found = self._found(block)
        if found is None:
            raise ValueError(f"header not found: {block}")
        return found

    def _found(self, block: str) -> Block | None:
        if block in ("latest", "pending"):
            return self.view[-1]
        number = int(str(block), 0)
        return self.view[number] if number < len(self.view) else None

    def _find(self, digest: bytes) -> tuple[Block, int, Included] | None:
        for block in reversed(self.view):
            for place, one in enumerate(block.included):
                if one.transaction.hash == digest:
                    return block, place, one
        return None


def _block(block: Block) -> dict[str, Any]:
    return {
        "number": hex(block.number),
        "hash": "0x" + block.hash.hex(),
        "timestamp": hex(block.time),
        "baseFeePerGas": hex(block.base_fee),
    }


def _transaction(transaction: Any, block: Block | None) -> dict[str, Any]:
    return {
        "hash": "0x" + transaction.hash.hex(),
        "from": transaction.sender,
        "to": transaction.to,
        "nonce": hex(transaction.number),
        "value": hex(transaction.value),
        "input": "0x" + transaction.data.hex(),
        "gas": hex(transaction.gas_limit),
        "blockHash": None if block is None else "0x" + block.hash.hex(),
        "blockNumber": None if block is None else hex(block.number),
        "type": "0x2",
    }


def _logs(block: Block, place: int, one: Included, contract: Address) -> list[dict[str, Any]]:
    logs = []
    for index, log in enumerate(one.logs):
        topics, data = log.encoded()
        logs.append(
            {
                "address": contract,
                "topics": topics,
                "data": data,
                "blockNumber": hex(block.number),
                "blockHash": "0x" + block.hash.hex(),
                "transactionHash": "0x" + one.transaction.hash.hex(),
                "transactionIndex": hex(place),
                "logIndex": hex(index),
                "removed": False,
            }
        )
    return logs


def _error(code: int, message: str) -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 0, "error": {"code": code, "message": message}}
