"""Reading what a contract said out of what a node sent, with nodes' real shapes and with bytes meant to confuse."""

import pytest
from eth_abi.abi import encode
from web3 import Web3

from blindfair.chain.reverts import decode_revert, revert_of


def custom(signature: str, types: list[str], values: list[object]) -> bytes:
    return bytes(Web3.keccak(text=signature)[:4]) + encode(types, values)


OWNER = "0x" + "ab" * 20
BALANCE = custom("ERC20InsufficientBalance(address,uint256,uint256)", ["address", "uint256", "uint256"], [OWNER, 1, 2])


@pytest.mark.parametrize(
    ("data", "name", "values"),
    [
        (custom("Error(string)", ["string"], ["too late"]), "Error", {"message": "too late"}),
        (custom("Panic(uint256)", ["uint256"], [0x11]), "Panic", {"code": 0x11, "meaning": "an arithmetic overflow"}),
        (custom("Panic(uint256)", ["uint256"], [0x99]), "Panic", {"code": 0x99, "meaning": "unknown"}),
        (custom("AlreadyCommitted(bytes32)", ["bytes32"], [b"\x01" * 32]), "AlreadyCommitted",
         {"listing": b"\x01" * 32}),
        (custom("NoChunks()", [], []), "NoChunks", {}),
        (custom("NotBuyer(address,address)", ["address", "address"], [OWNER, OWNER]), "NotBuyer",
         {"expected": OWNER, "found": OWNER}),
        (BALANCE, "ERC20InsufficientBalance", {"sender": OWNER, "balance": 1, "needed": 2}),
    ],
)  # fmt: skip
def test_names_and_values(data: bytes, name: str, values: dict[str, object]) -> None:
    assert decode_revert(data) == (name, values)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x08\xc3\x79",
        bytes.fromhex("deadbeef") + b"\x00" * 64,
        custom("Error(string)", ["string"], ["x"])[:-33],
        bytes.fromhex("08c379a0") + b"\xff" * 64,
        # A text of 2^255 bytes, and one that is not UTF-8.
        bytes.fromhex("08c379a0") + (32).to_bytes(32, "big") + b"\x80" + b"\x00" * 31,
        bytes.fromhex("08c379a0") + encode(["bytes"], [b"\xff\xfe"]),
        bytes.fromhex("4e487b71"),
        custom("NotBuyer(address,address)", ["address", "address"], [OWNER, OWNER])[:40],
        # Not an address: its upper bytes are not zero.
        bytes(Web3.keccak(text="NotBuyer(address,address)")[:4]) + b"\xff" * 64,
    ],
)
def test_confusing_bytes_have_no_name(data: bytes) -> None:
    assert decode_revert(data) == ("", {})


HEX = "0x" + BALANCE.hex()


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted", "data": HEX},
        {"code": -32603, "message": "VM Exception", "data": {"message": "...", "txHash": "0x", "data": HEX}},
        {"code": -32015, "message": "VM execution error.", "data": "Reverted " + HEX},
        {"code": -32000, "message": "execution reverted", "data": HEX},
    ],
    ids=["geth, anvil, hardhat 3", "hardhat 2", "parity", "others"],
)
def test_every_nodes_shape(error: dict[str, object]) -> None:
    found = revert_of(error, "deposit")
    assert found is not None
    assert (found.error_name, found.values["needed"]) == ("ERC20InsufficientBalance", 2)
    assert found.exit_code == 81
    assert "ERC20InsufficientBalance(sender 0xab" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted"},
        {"code": -32000, "message": "execution reverted"},
        {"code": 3, "message": "execution reverted", "data": "0x"},
        {"code": 3, "message": "execution reverted", "data": None},
        {"code": 3, "message": "execution reverted", "data": "0xzz"},
        {"code": 3, "message": "execution reverted", "data": {"data": 5}},
    ],
)
def test_a_revert_without_a_reason_is_one(error: dict[str, object]) -> None:
    found = revert_of(error, "deposit")
    assert found is not None
    assert (found.error_name, found.values) == ("", {})
    assert "no reason" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        None,
        "reverted",
        [],
        {"code": -32000, "message": "nonce too low"},
        {"code": -32000, "message": "insufficient funds for gas * price + value", "data": None},
        {"code": -32601, "message": "the method does not exist", "data": {"reason": "unknown"}},
    ],
)
def test_other_errors_are_no_reverts(error: object) -> None:
    assert revert_of(error, "deposit") is None
