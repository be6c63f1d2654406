"""Calls, answers and events in the contract ABI (Solidity's "Contract ABI Specification"), by name, from an artifact.

Pure: no node is asked.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic, function_abi_to_4byte_selector

from blindfair.chain.artifacts import load_artifact

Abi = Sequence[Mapping[str, Any]]

EXCHANGE = "DataExchange"
"""The artifact of the escrow contract."""

DIRECTORY = "ListingDirectory"
"""The artifact of the contract in which sellers announce listings."""

ERC20: Abi = (
    {
        "type": "function",
        "name": "approve",
        "inputs": [{"name": "spender", "type": "address"}, {"name": "value", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
    },
    {
        "type": "function",
        "name": "allowance",
        "inputs": [{"name": "owner", "type": "address"}, {"name": "spender", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    },
    {
        "type": "function",
        "name": "balanceOf",
        "inputs": [{"name": "account", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    },
    {
        "type": "function",
        "name": "decimals",
        "inputs": [],
        "outputs": [{"name": "", "type": "uint8"}],
    },
    {
        "type": "function",
        "name": "symbol",
        "inputs": [],
        "outputs": [{"name": "", "type": "string"}],
    },
    {
        "type": "function",
        "name": "nonces",
        "inputs": [{"name": "owner", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    },
    {
        "type": "function",
        "name": "DOMAIN_SEPARATOR",
        "inputs": [],
        "outputs": [{"name": "", "type": "bytes32"}],
    },
)
"""The functions of a token (ERC-20) that this program calls, and of one that takes permits (EIP-2612)."""


def exchange_abi() -> Abi:
    """The escrow contract's interface."""
    return load_artifact(EXCHANGE).abi


def directory_abi() -> Abi:
    """The directory's interface."""
    return load_artifact(DIRECTORY).abi


def encode_call(abi: Abi, name: str, *arguments: Any) -> bytes:
    """The data of a call of the function `name`."""
    function = _item(abi, "function", name)
    types = [collapse_if_tuple(argument) for argument in function["inputs"]]
    return function_abi_to_4byte_selector(function) + encode(types, arguments)


def decode_output(abi: Abi, name: str, output: bytes) -> tuple[Any, ...]:
    """Decode the result of the function `name`. Raises `eth_abi.exceptions.DecodingError`."""
    types = [collapse_if_tuple(value) for value in _item(abi, "function", name)["outputs"]]
    return decode(types, output)


def event_topic(abi: Abi, name: str) -> bytes:
    """The first topic of the event's logs, 32 bytes."""
    return event_abi_to_log_topic(_item(abi, "event", name))


def decode_event(abi: Abi, name: str, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
    """A log's fields by name; every indexed one must be of a fixed size.

    A `string` is given as bytes: no contract checks that it is UTF-8, and one that is not must not spoil the others.
    Raises `ValueError` or `eth_abi.exceptions.DecodingError` for a log that is not of this event.
    """
    inputs = _item(abi, "event", name)["inputs"]
    indexed = [field for field in inputs if field["indexed"]]
    plain = [field for field in inputs if not field["indexed"]]
    values = [decode([field["type"]], topic)[0] for field, topic in zip(indexed, topics[1:], strict=True)]
    values += decode(["bytes" if field["type"] == "string" else field["type"] for field in plain], data)
    return {field["name"]: value for field, value in zip(indexed + plain, values, strict=True)}


def error_signatures(abi: Abi) -> dict[bytes, Mapping[str, Any]]:
    """The custom errors by the first four bytes of their data."""
    errors: list[Any] = [item for item in abi if item["type"] == "error"]
    return {function_abi_to_4byte_selector(error): error for error in errors}


def _item(abi: Abi, kind: str, name: str) -> Any:
    return next(item for item in abi if item["type"] == kind and item["name"] == name)
