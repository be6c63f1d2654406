"""What of a node's answer is compared with other nodes', and what of it is handed on: the same fields, and no others.

Nodes differ in what they add, in the case of digits and in the words of their errors. None of that is read here.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

_OF_RECEIPTS = (
    "transactionHash", "status", "blockHash", "blockNumber", "gasUsed", "effectiveGasPrice", "contractAddress",
)  # fmt: skip
_OF_TRANSACTIONS = ("hash", "from", "to", "input", "value")
_OF_LOGS = ("address", "topics", "data", "blockNumber", "blockHash", "transactionHash", "logIndex")
_OF_FEES = ("reward",)


def _fields(names: tuple[str, ...]) -> Callable[[Any], Any]:
    def kept(result: Any) -> Any:
        if not isinstance(result, Mapping):
            return result
        return {name: _lower(result.get(name)) for name in names}

    return kept


def _logs(result: Any) -> Any:
    if not isinstance(result, list):
        return result
    kept = [_fields(_OF_LOGS)(log) for log in result if not (isinstance(log, Mapping) and log.get("removed") is True)]
    return sorted(kept, key=_place)


def _place(log: Any) -> tuple[int, int]:
    numbers = (_number(log.get(name)) if isinstance(log, Mapping) else None for name in ("blockNumber", "logIndex"))
    block, index = (-1 if number is None else number for number in numbers)
    return block, index


def _quantity(result: Any) -> Any:
    number = _number(result)
    return result if number is None else hex(number)


def _lower(value: Any) -> Any:
    if isinstance(value, list):
        return [_lower(each) for each in value]
    return value.lower() if isinstance(value, str) else value


_KEPT: dict[str, Callable[[Any], Any]] = {
    "eth_getTransactionReceipt": _fields(_OF_RECEIPTS),
    "eth_getTransactionByHash": _fields(_OF_TRANSACTIONS),
    "eth_getLogs": _logs,
    "eth_feeHistory": _fields(_OF_FEES),
    "eth_getBalance": _quantity,
    "eth_getTransactionCount": _quantity,
    "eth_chainId": _quantity,
}


def kept(method: str, result: Any) -> Any:
    """The part of a result that this program reads, written in one way."""
    return _KEPT.get(method, _lower)(result)


def key_of(method: str, answer: Mapping[str, Any]) -> str:
    """A text that two answers have in common if they say the same.

    Refusals are alike unless a contract's own data is in them.
    """
    if "error" in answer:
        error = answer["error"]
        return json.dumps(["refused", _lower(error.get("data")) if isinstance(error, Mapping) else None])
    return json.dumps(["said", kept(method, answer.get("result"))], sort_keys=True)


def number_in(result: Any) -> int | None:
    """The number that an answer is, or the one of the block that it is; None for anything else."""
    return _number(result.get("number") if isinstance(result, Mapping) else result)


def _number(value: Any) -> int | None:
    if not isinstance(value, str) or len(value) > 66:
        return None
    try:
        return int(value, 16)
    except ValueError:
        return None
