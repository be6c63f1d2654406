"""Contracts at one address on every chain: made through the deterministic deployment proxy with CREATE2.

An address depends on the code alone (EIP-1014), so that deploying twice finds what the first time made. The proxy, at
the same address on nearly every chain, is a contract of 69 bytes that anybody can put on a chain by a transaction
without chain id that nobody has the key of (https://github.com/Arachnid/deterministic-deployment-proxy).
"""

from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import Web3

from blindfair.chain.abi import EXCHANGE
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.deploy import check_deployment
from blindfair.chain.development import is_development, set_balance
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import asking
from blindfair.chain.sender import PreparedTransaction, Sender
from blindfair.protocol.errors import NodeFailure, WrongContract
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.quantities import Address, BlockNumber, TransactionHash, Wei

PROXY = Address("0x4e59b44847b379578588920ca78fbf26c0b4956c")

_PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b"
    "8082525050506014600cf3"
)

_PROXY_TRANSACTION = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba0222222222222222222222222222222"
    "2222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222"
)
"""Signed by an account that exists only as the answer to this signature; spends 100,000 gas at 100 gwei at most."""

_PROXY_COST = Wei(10**16)

_SALT = bytes(32)


@dataclass(frozen=True, slots=True)
class Made:
    """A deployment that was just made."""

    address: Address
    block_number: BlockNumber
    transaction: TransactionHash


def address_of(contract: str) -> Address:
    """Where this version's contract of that name is, on every chain (EIP-1014)."""
    code = load_artifact(contract).bytecode
    proxy = bytes.fromhex(PROXY.removeprefix("0x"))
    return Address("0x" + keccak256(b"\xff" + proxy + _SALT + keccak256(code))[12:].hex())


def creation_call(web3: Web3, contract: str) -> Call:
    """The call that puts a contract there; on a chain for development without the proxy, that is put there first.

    Raises WrongContract where there is no proxy, or another contract in its place, and NodeFailure.
    """
    _provide_proxy(web3)
    return Call("deploy", PROXY, _creation(contract))


def escrow_address() -> Address:
    """Where this version's escrow contract is, on every chain."""
    return address_of(EXCHANGE)


def is_deployed(web3: Web3) -> bool:
    """Whether it is there, checked to the last byte. Raises WrongContract for another program, and NodeFailure."""
    if not code_at(web3, escrow_address()):
        return False
    check_deployment(web3, escrow_address())
    return True


def creation_block(web3: Web3) -> BlockNumber | None:
    """The block that made the contract, which is there: before it there are no events.

    None where the node keeps no state of old blocks, as most public ones do, and where the block that it leads to holds
    no deployment: a search for events that begins too late would miss some. Raises NodeFailure.
    """
    with asking("eth_blockNumber"):
        low, high = 0, int(web3.eth.block_number)
    place = to_checksum_address(escrow_address())
    try:
        while low < high:
            middle = (low + high) // 2
            with asking("eth_getCode"):
                there = bool(web3.eth.get_code(place, middle))
            low, high = (low, middle) if there else (middle + 1, high)
    except NodeFailure:
        return None
    with asking("eth_getBlockByNumber"):
        sent = [transaction for transaction in web3.eth.get_block(low, True)["transactions"]]
        made = any(bytes(one["input"]) == _creation(EXCHANGE) for one in sent if not isinstance(one, bytes))
    return BlockNumber(low) if made else None


def prepare_deployment(sender: Sender) -> PreparedTransaction:
    """Sign the deployment; on a chain for development without the proxy, put that there first.

    Raises what `Sender.prepare` does, and WrongContract where there is no proxy, or another contract in its place.
    """
    return sender.prepare(creation_call(sender.web3, EXCHANGE))


def complete_deployment(sender: Sender, prepared: PreparedTransaction) -> Made:
    """Send the deployment, wait for it, and check what it made. Raises what `Sender` does, and WrongContract."""
    sender.broadcast(prepared.raw)
    receipt = sender.wait(prepared.hash)
    check_deployment(sender.web3, escrow_address())
    return Made(escrow_address(), receipt.block_number, receipt.hash)


def find_or_deploy(web3: Web3, account: LocalAccount) -> DataExchange:
    """The contract, deployed by `account` if it is not there yet. Raises what the steps above raise."""
    if not is_deployed(web3):
        sender = Sender(web3, account)
        complete_deployment(sender, prepare_deployment(sender))
    return DataExchange(web3, escrow_address())


def code_at(web3: Web3, address: Address) -> bytes:
    """The code at an address, empty where there is none. Raises NodeFailure."""
    with asking("eth_getCode"):
        return bytes(web3.eth.get_code(to_checksum_address(address)))


def _creation(contract: str) -> bytes:
    return _SALT + load_artifact(contract).bytecode


def _provide_proxy(web3: Web3) -> None:
    found = code_at(web3, PROXY)
    if not found and is_development(web3):
        set_balance(web3, Address(Account.recover_transaction(_PROXY_TRANSACTION).lower()), _PROXY_COST)
        with asking("eth_sendRawTransaction"):
            web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(HexBytes(_PROXY_TRANSACTION)))
        found = code_at(web3, PROXY)
    if found != _PROXY_CODE:
        raise WrongContract(
            "the chain lacks the deterministic deployment proxy",
            expected=f"its {len(_PROXY_CODE)} bytes of code at {PROXY}",
            found=f"{len(found)} bytes",
            hint="put it there as its project tells: github.com/Arachnid/deterministic-deployment-proxy",
        )
