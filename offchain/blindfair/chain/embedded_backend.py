"""The embedded chain's blocks and executions: eth-tester's py-evm backend, with a clock of its own.

Not a chain with peers: every transaction gets a block of its own at once, and a block is final as soon as it is there.
What eth-tester does otherwise, and why that is replaced here:

- the time of a block and of a simulated call come from the machine's clock, `prevrandao` from its random numbers;
- a call from an account without ether fails, because it is charged for gas;
- a revert arrives as the text of its bytes instead of the bytes;
- a transaction is looked up by reading all blocks.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from eth.abc import BlockAPI, ComputationAPI, SignedTransactionAPI
from eth.exceptions import PyEVMError, Revert
from eth.exceptions import TransactionNotFound as UnknownToTheChain
from eth.vm.spoof import SpoofTransaction
from eth_bloom.bloom import BloomFilter
from eth_keys.exceptions import BadSignature
from eth_tester.backends.pyevm.main import PyEVMBackend
from eth_tester.backends.pyevm.serializers import serialize_transaction, serialize_transaction_receipt
from eth_tester.exceptions import BlockNotFound, TransactionNotFound
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException  # type: ignore[import-untyped]

from blindfair.protocol.hashing import sha256
from blindfair.protocol.quantities import Seconds, Timestamp, Wei

GAS_LIMIT = 30_000_000
"""Gas a block may hold, and so a transaction too."""

BLOCK_TIME = Seconds(12)
"""Time from one block to the next, unless a caller sets another."""

_TRANSFER = 21_000
"""Gas of a transaction that calls nothing."""

LARGEST_TRANSACTION = 128 * 1024
"""Bytes; what public nodes take."""


class Rejected(Exception):
    """A transaction that never got into a block; nothing changed."""


class CallFailed(Exception):
    """A simulated call failed; `data` is what the contract said, if it was a revert."""

    def __init__(self, message: str, data: bytes | None) -> None:
        super().__init__(message)
        self.data = data


class Backend(PyEVMBackend):  # type: ignore[misc]
    """The chain itself, from its genesis at `genesis_time` on; `faucet` (20 bytes) holds `supply` of ether then."""

    def __init__(self, genesis_time: Timestamp, faucet: bytes, supply: Wei) -> None:
        parameters = self.generate_genesis_params({"timestamp": genesis_time, "gas_limit": GAS_LIMIT})
        state = {faucet: {"balance": supply, "storage": {}, "code": b"", "nonce": 0}}
        super().__init__(genesis_parameters=parameters, genesis_state=state)
        # eth-tester's well-known keys would sign whatever is asked of them.
        self.account_keys = ()
        self._begin_block(BLOCK_TIME)

    def base_fee(self) -> Wei:
        """The price of a unit of gas in the next block, before any tip."""
        return Wei(self.chain.header.base_fee_per_gas)

    def latest(self) -> BlockAPI:
        """The newest block."""
        block: BlockAPI = self.chain.get_canonical_block_by_number(self.chain.get_block().number - 1)
        return block

    def decode(self, raw: bytes) -> SignedTransactionAPI:
        """A signed transaction from its bytes. Raises Rejected."""
        if len(raw) > LARGEST_TRANSACTION:
            raise Rejected(f"oversized data: transaction size {len(raw)}, limit {LARGEST_TRANSACTION}")
        try:
            transaction: SignedTransactionAPI = self.chain.get_transaction_builder().decode(raw)
            transaction.validate()
            transaction.check_signature_validity()
            _ = transaction.sender
        except (RLPException, ValidationError, PyEVMError, BadSignature, TypeError, ValueError) as error:
            raise Rejected(f"not a transaction: {error}") from error
        return transaction

    def include(self, transaction: SignedTransactionAPI) -> None:
        """Execute a transaction in a block of its own, `BLOCK_TIME` after the latest. Raises Rejected."""
        try:
            self.chain.apply_transaction(transaction)
        except (ValidationError, PyEVMError) as error:
            raise Rejected(str(error)) from error
        self.chain.mine_block()
        self._begin_block(BLOCK_TIME)

    def mine(self, blocks: int, step: Seconds) -> None:
        """Make `blocks` empty blocks, each `step` after its parent."""
        for _ in range(blocks):
            self._begin_block(step)
            self.chain.mine_block()
        self._begin_block(BLOCK_TIME)

    def _begin_block(self, step: Seconds) -> None:
        parent = self.chain.get_canonical_head()
        header = self.chain.create_header_from_parent(parent, timestamp=parent.timestamp + step)
        self.chain.header = header.copy(mix_hash=sha256(parent.hash))

    def call(self, transaction: dict[str, Any], block_number: int | str = "latest") -> bytes:
        """`eth_call`: the output, in the time and state of that block, free of charge. Raises CallFailed."""
        gas = transaction.get("gas", GAS_LIMIT)
        output: bytes = _succeeded(self._simulate(transaction, gas, block_number)).output
        return output

    def estimate_gas(self, transaction: dict[str, Any], block_number: int | str = "latest") -> int:
        """`eth_estimateGas`: a limit with which the call succeeds. Raises CallFailed."""
        computation = _succeeded(self._simulate(transaction, GAS_LIMIT, block_number))
        before_refund = GAS_LIMIT - computation.get_gas_remaining()
        refund = min(computation.get_gas_refund(), before_refund // 5)
        used = max(before_refund, before_refund - refund + computation.data_floor_gas)
        # What was used may not be enough to have: a call inside a call leaves a 64th behind (EIP-150), and a contract
        # may ask how much gas is left. An eighth above it is mostly enough, and each trial takes as long as a call.
        likely = used if used <= _TRANSFER else used + used // 8
        too_little, enough, margin = used - 1, min(likely, GAS_LIMIT), used // 8
        while enough < GAS_LIMIT and self._simulate(transaction, enough, block_number).is_error:
            too_little, enough, margin = enough, min(enough + margin, GAS_LIMIT), 2 * margin
        while enough - too_little > enough // 8:
            middle = (enough + too_little) // 2
            if self._simulate(transaction, middle, block_number).is_error:
                too_little = middle
            else:
                enough = middle
        return int(enough)

    def blocks_with(self, first: int, last: int, marks: Sequence[Sequence[bytes]]) -> Iterator[int]:
        """Numbers of the blocks whose logs may hold one of each group of `marks`: addresses and topics."""
        for number in range(first, last + 1):
            bloom = BloomFilter(self.chain.get_canonical_block_header_by_number(number).bloom)
            if all(any(mark in bloom for mark in group) for group in marks):
                yield number

    def _simulate(self, transaction: dict[str, Any], gas: int, block_number: int | str) -> ComputationAPI:
        header = self._header(block_number).copy(base_fee_per_gas=0)
        fields = {key: value for key, value in transaction.items() if key not in ("gas_price", "nonce")}
        free = {**fields, "gas": gas, "max_fee_per_gas": 0, "max_priority_fee_per_gas": 0}
        unsigned = self._get_normalized_and_unsigned_evm_transaction(free, block_number)
        state = self.chain.get_vm(at_header=header).state
        snapshot = state.snapshot()
        try:
            computation: ComputationAPI = state.apply_transaction(SpoofTransaction(unsigned, from_=transaction["from"]))
        finally:
            state.revert(snapshot)
        return computation

    def _header(self, block_number: int | str) -> Any:
        latest = self.chain.get_canonical_head()
        if block_number in ("latest", "safe", "finalized", "pending"):
            return latest
        number = 0 if block_number == "earliest" else int(block_number)
        if number > latest.block_number:
            raise BlockNotFound(f"no block {number}")
        return self.chain.get_canonical_block_header_by_number(number)

    def get_transaction_by_hash(self, transaction_hash: bytes) -> Any:
        """`eth_getTransactionByHash`, by the chain's index."""
        block, transaction, index = self._find(transaction_hash)
        return serialize_transaction(block, transaction, index, False)

    def get_transaction_receipt(self, transaction_hash: bytes) -> Any:
        """`eth_getTransactionReceipt`, by the chain's index."""
        block, transaction, index = self._find(transaction_hash)
        receipts = block.get_receipts(self.chain.chaindb)
        return serialize_transaction_receipt(block, receipts, transaction, index, False, self.chain.get_vm())

    def _find(self, transaction_hash: bytes) -> tuple[Any, Any, int]:
        try:
            number, index = self.chain.get_canonical_transaction_index(transaction_hash)
        except UnknownToTheChain as error:
            raise TransactionNotFound(str(error)) from error
        block = self.chain.get_canonical_block_by_number(number)
        return block, block.transactions[index], index


def _succeeded(computation: ComputationAPI) -> ComputationAPI:
    if computation.is_error:
        error = computation.error
        if isinstance(error, Revert):
            raise CallFailed("execution reverted", error.args[0] if error.args else b"")
        raise CallFailed(f"{type(error).__name__}: {error}", None)
    return computation
