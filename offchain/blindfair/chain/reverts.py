"""Why a contract refused: its custom errors by name with their values, from any kind of node's error object.

It reads what the node sent and nothing else; the node may lie, and so the values are for people and for choosing what
to do next, never for moving money.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from blindfair.chain.abi import Abi, directory_abi, error_signatures, exchange_abi
from blindfair.protocol.errors import ContractReverted

_ERROR = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")

_PANICS = {
    0x01: "an assertion does not hold",
    0x11: "an arithmetic overflow",
    0x12: "a division by zero",
    0x21: "a value outside of its enumeration",
    0x22: "a byte array stored wrongly",
    0x31: "an element taken from an empty array",
    0x32: "an index outside of its array",
    0x41: "too much memory",
    0x51: "a call of an uninitialised function",
}
"""Solidity's documentation, "Panic via assert and Error via require"."""

# ERC-6093: what a token says of itself goes through our contract as it is.
_TOKEN_ERRORS: Abi = [
    {
        "type": "error",
        "name": f"ERC20{name}",
        "inputs": [{"name": field, "type": kind} for field, kind in inputs.items()],
    }
    for name, inputs in {
        "InsufficientBalance": {"sender": "address", "balance": "uint256", "needed": "uint256"},
        "InsufficientAllowance": {"spender": "address", "allowance": "uint256", "needed": "uint256"},
        "InvalidSender": {"sender": "address"},
        "InvalidReceiver": {"receiver": "address"},
        "InvalidApprover": {"approver": "address"},
        "InvalidSpender": {"spender": "address"},
    }.items()
]


_REFUSED_TRANSFER = "SafeERC20FailedOperation"
"""What the contract makes of a token that answers false, or refuses without a word."""


@cache
def _known_errors() -> dict[bytes, Mapping[str, Any]]:
    return error_signatures(_TOKEN_ERRORS) | error_signatures(directory_abi()) | error_signatures(exchange_abi())


def is_error_of_the_escrow(name: str) -> bool:
    """Whether the escrow contract refuses calls by this error, and not because a token refused it."""
    errors = error_signatures(exchange_abi()).values()
    return name != _REFUSED_TRANSFER and any(error["name"] == name for error in errors)


def decode_revert(data: bytes) -> tuple[str, dict[str, object]]:
    """Name and values of a revert: a custom error of the contract or of ERC-6093, `Error(string)` or `Panic(uint256)`.

    Both are empty for data of an unknown form. Addresses come as `0x` and 40 lower-case digits, bytes as bytes.
    """
    selector, encoded = data[:4], data[4:]
    try:
        if selector == _ERROR:
            return "Error", {"message": decode(["string"], encoded)[0]}
        if selector == _PANIC:
            code = decode(["uint256"], encoded)[0]
            return "Panic", {"code": code, "meaning": _PANICS.get(code, "unknown")}
        if selector in _known_errors():
            error = _known_errors()[selector]
            fields = error["inputs"]
            values = decode([field["type"] for field in fields], encoded)
            return str(error["name"]), {field["name"]: value for field, value in zip(fields, values, strict=True)}
    except (DecodingError, UnicodeDecodeError, OverflowError):
        # A contract may put anything behind a selector.
        return "", {}
    return "", {}


def reverted(data: bytes, what: str) -> ContractReverted:
    """The error for a call that was refused with `data`."""
    name, values = decode_revert(data)
    if name:
        shown = ", ".join(f"{key} {_short(value)}" for key, value in values.items())
        found = f"{name}({shown})"
    else:
        found = f"0x{data[:36].hex()}" if data else "no reason given"
    return ContractReverted(f"the contract refuses {what}", error_name=name, values=values, found=found)


def _short(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)[:200]


def revert_of(error: Any, what: str) -> ContractReverted | None:
    """The refusal inside a node's JSON-RPC error object, or None if the error is not a revert."""
    if not isinstance(error, Mapping):
        return None
    data = _data_of(error.get("data"))
    if data is not None:
        return reverted(data, what)
    if error.get("code") == 3 or "revert" in str(error.get("message", "")).lower():
        return reverted(b"", what)
    return None


def _data_of(data: Any) -> bytes | None:
    # geth, anvil and reth send a string; hardhat an object that holds one.
    if isinstance(data, Mapping):
        data = data.get("data")
    if not isinstance(data, str):
        return None
    try:
        return bytes.fromhex(data.removeprefix("Reverted ").removeprefix("0x"))
    except ValueError:
        return None
