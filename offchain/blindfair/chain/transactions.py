"""Transactions as bytes before they are sent, and what became of them afterwards.

Not here: signing and sending (`sender`).
"""

from dataclasses import dataclass

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BlockNotFound, TransactionNotFound
from web3.types import TxData

from blindfair.chain.node import asking, request
from blindfair.protocol.errors import ContractReverted, JournalDamaged, NodeFailure
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.quantities import Address, BlockNumber, Gas, Timestamp, TransactionHash, Wei


@dataclass(frozen=True, slots=True)
class PreparedTransaction:
    """A signed transaction, not yet sent. `to_bytes` is what a journal keeps."""

    raw: bytes
    hash: TransactionHash
    nonce: int
    """The account's number for it: how many transactions the account made before."""
    gas_limit: Gas
    max_fee: Wei
    """The most that it offers for a unit of gas."""
    tip: Wei
    """The part of it that goes to whoever includes the transaction."""
    value: Wei
    """The ether sent along."""
    to: Address | None
    """The contract that is called; None for one that is made."""
    data: bytes
    """The call."""

    @property
    def max_cost(self) -> Wei:
        """The most that it can take from the account: the ether sent along, and all of the gas at the highest price."""
        return Wei(self.value + self.gas_limit * self.max_fee)

    def to_bytes(self) -> bytes:
        """The signed bytes, which hold everything else."""
        return self.raw

    @classmethod
    def from_bytes(cls, raw: bytes) -> "PreparedTransaction":
        """Raises JournalDamaged for bytes that are not a signed transaction of type 2 (EIP-1559)."""
        try:
            fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
            names = ("nonce", "gas", "maxFeePerGas", "maxPriorityFeePerGas", "value")
            nonce, gas, price, tip, value = (int(fields[name]) for name in names)
            to, data = bytes(HexBytes(fields["to"])), bytes(HexBytes(fields["data"]))
        except Exception as error:  # The decoder raises whatever it stumbles over.
            raise JournalDamaged(
                "a stored transaction is damaged", found=type(error).__name__, hint="restore the journal from a backup"
            ) from error
        called = Address("0x" + to.hex()) if to else None
        return cls(
            raw, TransactionHash(keccak256(raw)), nonce, Gas(gas), Wei(price), Wei(tip), Wei(value), called, data
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that is in a block and succeeded."""

    hash: TransactionHash
    gas_used: Gas
    fee: Wei
    """The cost of the gas, without the ether sent along."""
    block_number: BlockNumber
    timestamp: Timestamp
    contract: Address | None
    """The new contract, for a deployment."""


def is_known(web3: Web3, transaction: TransactionHash) -> bool:
    """Whether the node has a transaction, included or waiting. Raises NodeFailure."""
    return _find(web3, transaction) is not None


def calldata_size(web3: Web3, transaction: TransactionHash) -> int:
    """Bytes that a transaction wrote to the chain; 0 for one that the node does not have. Raises NodeFailure."""
    found = _find(web3, transaction)
    return 0 if found is None else len(HexBytes(found["input"]))


def _find(web3: Web3, transaction: TransactionHash) -> TxData | None:
    with asking("eth_getTransactionByHash"):
        try:
            return web3.eth.get_transaction(HexBytes(transaction))
        except TransactionNotFound:
            return None


def read_receipt(web3: Web3, transaction: TransactionHash) -> Receipt | None:
    """The receipt of a transaction; None while it is in no block. Raises NodeFailure and ContractReverted."""
    with asking("eth_getTransactionReceipt"):
        try:
            found = web3.eth.get_transaction_receipt(HexBytes(transaction))
        except TransactionNotFound:
            return None
        try:
            timestamp = Timestamp(int(web3.eth.get_block(found["blockHash"])["timestamp"]))
        except BlockNotFound:
            # A reorganisation took the block between the two questions.
            return None
        contract = found["contractAddress"]
        receipt = Receipt(
            hash=transaction,
            gas_used=Gas(int(found["gasUsed"])),
            fee=Wei(int(found["gasUsed"]) * int(found["effectiveGasPrice"])),
            block_number=BlockNumber(int(found["blockNumber"])),
            timestamp=timestamp,
            contract=None if contract is None else Address(contract.lower()),
        )
        succeeded = int(found["status"]) == 1
    if not succeeded:
        raise _why_failed(web3, receipt)
    return receipt


@dataclass(frozen=True, slots=True)
class TransactionCost:
    """The cost of a transaction that is in a block, whether or not it succeeded there."""

    gas_used: Gas
    fee: Wei
    block_number: BlockNumber
    has_succeeded: bool


def read_cost(web3: Web3, transaction: TransactionHash) -> TransactionCost | None:
    """Return the cost of a transaction; None while it is in no block. Raises NodeFailure."""
    with asking("eth_getTransactionReceipt"):
        try:
            found = web3.eth.get_transaction_receipt(HexBytes(transaction))
        except TransactionNotFound:
            return None
        gas, price = int(found["gasUsed"]), int(found["effectiveGasPrice"])
        return TransactionCost(
            Gas(gas), Wei(gas * price), BlockNumber(int(found["blockNumber"])), int(found["status"]) == 1
        )


def _why_failed(web3: Web3, receipt: Receipt) -> ContractReverted:
    """The reason, by playing the call again: in the block where it failed, whose time decided, then before it."""
    found = _find(web3, receipt.hash)
    if found is not None:
        call = {"from": found["from"], "data": Web3.to_hex(found["input"]), "value": hex(found["value"])}
        if found.get("to"):
            call["to"] = found["to"]
        for block in (receipt.block_number, receipt.block_number - 1):
            try:
                with asking(f"transaction 0x{receipt.hash.hex()}, which cost {receipt.fee} wei"):
                    request(web3, "eth_call", call, hex(block))
            except ContractReverted as reverted:
                return reverted
            except NodeFailure:
                break
    return ContractReverted(
        f"transaction 0x{receipt.hash.hex()} failed in its block",
        found=f"no reason; {receipt.gas_used} gas used, {receipt.fee} wei paid",
        hint="look at the order's state on chain, and go on from there",
    )
