"""A chain whose clock, blocks and reorganisations a simulation decides, with the escrow's model on it.

Blocks are made by `mine` alone. What was sent waits in the mempool until then. A reorganisation replaces the newest
blocks by others, with other times; transactions that were in them wait again, or are lost.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from escrow_model import CallRefused, EscrowState, ModelLog, decode_call
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from seeded_randomness import private_key
from token_model import TokenState

from blindfair.protocol.hashing import keccak256, u64
from blindfair.protocol.quantities import Address, Seconds, Timestamp
from blindfair.protocol.signing import Domain

CHAIN_ID = 131277322940537
"""That of the embedded chain, so that it can play the same transactions."""

DEPLOYER: LocalAccount = Account.from_key(private_key("deployer"))


def _contract(number: int) -> Address:
    """Where that account's contract of this number is, on any chain."""
    encoded = b"\x80" if number == 0 else bytes([number])
    return Address("0x" + keccak256(b"\xd6\x94" + bytes.fromhex(DEPLOYER.address[2:]) + encoded)[12:].hex())


CONTRACT, PERMIT_TOKEN, PLAIN_TOKEN = map(_contract, range(3))
TOKENS = (PERMIT_TOKEN, PLAIN_TOKEN)

BLOCK_TIME = Seconds(12)
GENESIS_TIME = Timestamp(1_767_225_600)
TIP = 10**9
DEFAULT_FEE = 10**9

GAS = 100_000
"""What every transaction uses: gas is counted, and decides nothing. The contract's own is measured elsewhere."""

GAS_ESTIMATE = 800_000
"""What nodes say that a call takes: enough for every call on a real chain, too."""


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """A signed transaction, decoded."""

    hash: bytes
    raw: bytes
    sender: Address
    number: int
    to: Address
    value: int
    data: bytes
    gas_limit: int
    max_fee: int
    max_tip: int

    @property
    def name(self) -> str:
        """The function that it calls, of the contract or of a token."""
        return decode_call(self.data)[0]


@lru_cache(maxsize=4096)
def decode_transaction(raw: bytes) -> ChainTransaction:
    """Raises whatever eth-account raises for bytes that are no transaction."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return ChainTransaction(
        hash=keccak256(raw),
        raw=raw,
        sender=Address(str(Account.recover_transaction(raw)).lower()),
        number=int(fields["nonce"]),
        to=Address("0x" + bytes(HexBytes(fields["to"])).hex()),
        value=int(fields["value"]),
        data=bytes(HexBytes(fields["data"])),
        gas_limit=int(fields["gas"]),
        max_fee=int(fields["maxFeePerGas"]),
        max_tip=int(fields["maxPriorityFeePerGas"]),
    )


@dataclass(frozen=True, slots=True)
class Included:
    """A transaction in a block, and what came of it."""

    transaction: ChainTransaction
    succeeded: bool
    error: str
    logs: tuple[ModelLog, ...]
    price: int


@dataclass(frozen=True, slots=True)
class Block:
    """A block and the state after it."""

    number: int
    hash: bytes
    time: Timestamp
    base_fee: int
    included: tuple[Included, ...]
    state: EscrowState


View = Sequence[Block]
"""Blocks from the first on, as somebody sees the chain."""


@dataclass
class SimulatedChain:
    """The blocks that count, those that do not any more, and what waits."""

    domain: Domain
    blocks: list[Block] = field(default_factory=list)
    mempool: dict[bytes, ChainTransaction] = field(default_factory=dict)
    base_fee: int = DEFAULT_FEE
    burnt: dict[bytes, int] = field(default_factory=dict)
    forks: int = 0

    def __post_init__(self) -> None:
        tokens = {
            PERMIT_TOKEN: TokenState.new("Permit", "PMT", CHAIN_ID, PERMIT_TOKEN, permits=True),
            PLAIN_TOKEN: TokenState.new("Plain", "PLN", CHAIN_ID, PLAIN_TOKEN, permits=False),
        }
        state = EscrowState(self.domain, tokens=tokens)
        self.blocks.append(Block(0, keccak256(b"genesis"), GENESIS_TIME, self.base_fee, (), state))

    @property
    def latest(self) -> Block:
        return self.blocks[-1]

    def now(self) -> Timestamp:
        return self.latest.time

    def fund(self, address: Address, amount: int) -> None:
        """Give an account its first money, as much of each token too, before anything else happens."""
        self.latest.state.balances[address] = amount
        for token in self.latest.state.tokens.values():
            token.balances[address] = amount

    def submit(self, raw: bytes) -> bytes:
        """Take a transaction into the mempool; its hash. Raises ValueError where a node would refuse it."""
        transaction = decode_transaction(raw)
        state = self.latest.state
        if transaction.number < state.numbers.get(transaction.sender, 0):
            raise ValueError("nonce too low")
        if state.balances.get(transaction.sender, 0) < transaction.value + transaction.gas_limit * transaction.max_fee:
            raise ValueError("insufficient funds for gas * price + value")
        for other in list(self.mempool.values()):
            if (other.sender, other.number) == (transaction.sender, transaction.number):
                if transaction.hash == other.hash:
                    raise ValueError("already known")
                if transaction.max_fee < other.max_fee * 11 // 10 or transaction.max_tip < other.max_tip * 11 // 10:
                    raise ValueError("replacement transaction underpriced")
                del self.mempool[other.hash]
        self.mempool[transaction.hash] = transaction
        return transaction.hash

    def mine(self, step: Seconds = BLOCK_TIME, wants: Callable[[ChainTransaction], bool] = lambda _: True) -> Block:
        """Make a block of those that wait and that `wants` lets in, each account's in the order of their numbers."""
        parent = self.latest
        time = Timestamp(parent.time + step)
        state = parent.state
        included: list[Included] = []
        for transaction in self._ready(wants):
            if not included:
                state = state.copy()
            state, one = self._include(state, transaction, time)
            if one is not None:
                included.append(one)
                self.mempool.pop(transaction.hash, None)
        digest = keccak256(
            parent.hash + u64(time) + u64(self.forks) + b"".join(one.transaction.hash for one in included)
        )
        block = Block(parent.number + 1, digest, time, self.base_fee, tuple(included), state)
        self.blocks.append(block)
        return block

    def _ready(self, wants: Callable[[ChainTransaction], bool]) -> Iterator[ChainTransaction]:
        for transaction in sorted(self.mempool.values(), key=lambda one: one.number):
            if transaction.max_fee >= self.base_fee and wants(transaction):
                yield transaction

    def _include(
        self, state: EscrowState, transaction: ChainTransaction, time: Timestamp
    ) -> tuple[EscrowState, Included | None]:
        sender = transaction.sender
        number = state.numbers.get(sender, 0)
        if transaction.number < number:
            self.mempool.pop(transaction.hash, None)
            return state, None
        price = min(transaction.max_fee, self.base_fee + transaction.max_tip)
        if transaction.number > number or state.balances.get(sender, 0) < transaction.value + GAS * price:
            return state, None
        state.numbers[sender] = number + 1
        state.balances[sender] -= GAS * price
        attempt = state.copy()
        try:
            _, logs = attempt.call(sender, transaction.to, transaction.data, transaction.value, time)
        except CallRefused as refused:
            return state, Included(transaction, False, refused.name, (), price)
        return attempt, Included(transaction, True, "", tuple(logs), price)

    def reorganise(self, depth: int, keeps: Callable[[ChainTransaction], bool]) -> None:
        """Take the newest blocks back, `depth` at most; what was in them waits again if `keeps` says so."""
        depth = min(depth, len(self.blocks) - 1)
        if depth < 1:
            return
        undone = self.blocks[-depth:]
        del self.blocks[-depth:]
        self.forks += 1
        for block in undone:
            for one in block.included:
                if keeps(one.transaction):
                    self.mempool.setdefault(one.transaction.hash, one.transaction)

    def included(self) -> Iterator[tuple[Block, Included]]:
        """Every transaction of the chain that counts, oldest first."""
        for block in self.blocks:
            for one in block.included:
                yield block, one

    def fees_of(self, address: Address) -> int:
        """What an account paid for gas."""
        return sum(GAS * one.price for _, one in self.included() if one.transaction.sender == address)
