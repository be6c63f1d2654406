"""What the contract's tests stand on: a chain of one's own, the contract, three parties, and an eye on the money.

Calls are made with fixed gas and without being tried out first, so that a call which the contract refuses is really in
a block and its refusal is what the block says.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import Web3
from web3.logs import DISCARD

from blindfair.chain.abi import EXCHANGE, decode_output, encode_call, exchange_abi
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.embedded_backend import BLOCK_TIME, Backend
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import asking, request
from blindfair.chain.transactions import Receipt, read_receipt
from blindfair.protocol.cipher import crypt_chunk, key_commitment
from blindfair.protocol.delivery import Fault, delivery_tree
from blindfair.protocol.errors import ContractReverted
from blindfair.protocol.hashing import keccak256, sha256
from blindfair.protocol.merkle import leaf_hash
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    BlockNumber,
    ChunkIndex,
    DeliveryKey,
    Digest,
    Gas,
    KeyCommitment,
    ListingId,
    Root,
    Seconds,
    Signature,
    Timestamp,
    TransactionHash,
    Wei,
)
from blindfair.protocol.release import sign_release
from blindfair.protocol.signing import Domain

MONEY = Wei(10**20)
"""What every party has at first, in ether and in every token."""

PRICE, BOND = Wei(7_000_000_000_000_000_003), Wei(900_000_000_000_000_017)
DEPOSIT = Wei(5 * 10**18)
REVEAL_WINDOW, DISPUTE_WINDOW = Seconds(3_600), Seconds(7_200)
LISTING_ROOT, MANIFEST_HASH = Root(sha256(b"listing root")), Digest(sha256(b"manifest"))
GAS, FEE = 3_000_000, 10**10


@dataclass(frozen=True, slots=True)
class Sale:
    """A delivery of a few chunks, one of them not what was committed, and the offer of it."""

    offer: Offer
    key: DeliveryKey
    ciphertexts: tuple[bytes, ...]
    leaves: tuple[Digest, ...]

    def proof(self, index: int) -> Fault:
        """What a dispute says about chunk `index`, whether it is faulty or not."""
        path = delivery_tree(self.ciphertexts, self.leaves).path(index)
        return Fault(ChunkIndex(index), self.ciphertexts[index], self.leaves[index], path)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract of the tests: a hostile token, a hostile wallet, the harness."""

    address: Address
    abi: list[dict[str, Any]]

    def call(self, name: str, *arguments: object, value: int = 0) -> Call:
        return Call(name, self.address, encode_call(self.abi, name, *arguments), Wei(value))


class World:
    """One chain with the contract on it; `token` is the money that its offers are in."""

    def __init__(self, in_ether: bool = True, kind: str = "TestToken") -> None:
        """`kind` is the contract of its token, if its money is one."""
        self.chain = EmbeddedChain()
        self.web3 = self.chain.web3
        self.fees: dict[Address, int] = {}
        self._sent = 0
        self.domain = Domain(self.web3.eth.chain_id, ETHER)
        self.deployer, self.seller, self.buyer, self.other = (self.new_account(n) for n in range(4))
        self.exchange = DataExchange(self.web3, self.deploy(EXCHANGE))
        self.contract = Web3(self.web3.provider).eth.contract(
            Web3.to_checksum_address(self.exchange.address), abi=load_artifact(EXCHANGE).abi
        )
        self.domain = Domain(self.exchange.chain_id, self.exchange.address)
        self.offers: list[Offer] = []
        named = ("Test", "TST") if kind == "TestToken" else ()
        self.token = ETHER if in_ether else self.new_token(kind, *named).address
        self.send(self.seller, self.exchange.commit(LISTING_ROOT, MANIFEST_HASH))
        self.send(self.seller, self.exchange.deposit(self.token, DEPOSIT))
        self.chain.mine(1)
        self._beginning = self._backend.take_snapshot()

    @property
    def _backend(self) -> Backend:
        return self.chain._backend

    def rewind(self) -> None:
        """Back to the beginning, where nothing is offered yet."""
        self._backend.revert_to_snapshot(self._beginning)
        self._backend._begin_block(BLOCK_TIME)
        self.fees.clear()
        self.offers.clear()

    # --- accounts and contracts ------------------------------------------------------------------------------------

    def new_account(self, number: int) -> LocalAccount:
        account: LocalAccount = Account.from_key(keccak256(b"party %d" % number))
        self.chain.fund(address_of(account), MONEY)
        return account

    def deploy(self, name: str, *arguments: object, value: int = 0) -> Address:
        """Put a contract of the package or of the tests on the chain."""
        found = artifact(name)
        factory = self.web3.eth.contract(abi=found["abi"], bytecode=found["bytecode"])
        code = bytes.fromhex(factory.constructor(*arguments).data_in_transaction.removeprefix("0x"))
        receipt = self.send(self.deployer, Call(name, None, code, Wei(value)), gas=10_000_000)
        assert receipt.contract
        return receipt.contract

    def new_contract(self, name: str, *arguments: object, value: int = 0) -> Contract:
        return Contract(self.deploy(name, *arguments, value=value), artifact(name)["abi"])

    def new_token(self, name: str, *arguments: object) -> Contract:
        """A token of which every party has `MONEY`, and lets the escrow take all."""
        token = self.new_contract(name, *arguments)
        for account in (self.seller, self.buyer, self.other):
            self.send(account, token.call("mint", account.address, MONEY))
            self.send(account, self.exchange.approve(token.address, MONEY))
        return token

    # --- offers ----------------------------------------------------------------------------------------------------

    def listing(self, seller: Address) -> ListingId:
        """PROTOCOL 3."""
        words = (bytes.fromhex(seller.removeprefix("0x")).rjust(32, b"\0"), LISTING_ROOT, MANIFEST_HASH)
        return ListingId(keccak256(b"".join(words)))

    def sale(self, *, chunks: int = 3, faulty: int = 1, nonce: int = 0, **changes: Any) -> Sale:
        """An offer of `chunks` chunks of which the one numbered `faulty` is not the committed one."""
        key = DeliveryKey(keccak256(b"key %d" % nonce))
        plain = [keccak256(b"chunk %d" % i) * 4 for i in range(chunks)]
        leaves = [leaf_hash(chunk) for chunk in plain]
        plain[faulty] = bytes([plain[faulty][0] ^ 1]) + plain[faulty][1:]
        return self.sale_of(plain, leaves, key, nonce=nonce, **changes)

    def sale_of(
        self, plain: Sequence[bytes], leaves: Sequence[Digest], key: DeliveryKey, nonce: int = 0, **changes: Any
    ) -> Sale:
        """An offer of these chunks, said to have these leaf hashes."""
        ciphertexts = tuple(crypt_chunk(key, ChunkIndex(i), chunk) for i, chunk in enumerate(plain))
        offer = Offer(
            listing=self.listing(address_of(self.seller)),
            evaluation=sha256(b"evaluation"),
            delivery_root=delivery_tree(ciphertexts, leaves).root,
            key_commitment=KeyCommitment(key_commitment(key)),
            chunk_count=len(plain),
            chunk_size=1024,
            seller=address_of(self.seller),
            buyer=address_of(self.buyer),
            token=self.token,
            price=PRICE,
            bond=BOND,
            reveal_window=REVEAL_WINDOW,
            dispute_window=DISPUTE_WINDOW,
            expiry=Timestamp(self.chain.now() + 10_000),
            nonce=nonce,
        )
        return Sale(replace(offer, **changes), key, ciphertexts, tuple(leaves))

    def sign(self, offer: Offer) -> Signature:
        return sign_offer(offer, self.domain, bytes(self.seller.key))

    def sign_release(self, offer: Offer, account: LocalAccount | None = None) -> Signature:
        """The buyer's word, or somebody else's, that an order may be released."""
        return sign_release(offer.struct_hash(), self.domain, bytes((account or self.buyer).key))

    # --- calls -----------------------------------------------------------------------------------------------------

    def accept(self, offer: Offer) -> Call:
        return self.exchange.accept(offer, self.sign(offer))

    def dispute(self, sale: Sale, index: int = 1) -> Call:
        proof = sale.proof(index)
        return self.exchange.dispute(sale.offer, sale.key, proof.index, proof.ciphertext, proof.leaf, proof.path)

    def call(self, name: str, *arguments: object) -> Call:
        """A call that the typed client does not have; an offer is an argument like any other."""
        words = [tuple(getattr(a, f.name) for f in fields(a)) if isinstance(a, Offer) else a for a in arguments]
        return Call(name, self.exchange.address, encode_call(exchange_abi(), name, *words))

    def read(self, name: str, *arguments: object) -> Any:
        """What a view of the contract answers; a single value without its tuple."""
        values = decode_output(exchange_abi(), name, self.answer(self.call(name, *arguments)))
        return values[0] if len(values) == 1 else values

    def answer(self, call: Call) -> bytes:
        """What a call would answer in the latest block. Nothing changes."""
        assert call.to
        return bytes(self.web3.eth.call({"to": Web3.to_checksum_address(call.to), "data": HexBytes(call.data)}))

    def send(self, account: LocalAccount, call: Call, *, gas: int = GAS) -> Receipt:
        """Make a call in the next block. Raises ContractReverted."""
        self._sent += 1
        signed = account.sign_transaction(
            {
                "chainId": self.domain.chain_id,
                "nonce": self.web3.eth.get_transaction_count(account.address),
                "to": b"" if call.to is None else Web3.to_checksum_address(call.to),
                "data": call.data,
                "value": call.value,
                "gas": gas,
                # Higher every time: after `rewind` the same call is another transaction.
                "maxFeePerGas": FEE + self._sent,
                "maxPriorityFeePerGas": 0,
            }
        )
        sent = TransactionHash(bytes(self.web3.eth.send_raw_transaction(signed.raw_transaction)))
        found = self.web3.eth.get_transaction_receipt(HexBytes(sent))
        fee = Wei(found["gasUsed"] * found["effectiveGasPrice"])
        self.fees[address_of(account)] = self.fees.get(address_of(account), 0) + fee
        if not found["status"]:
            # Says why.
            read_receipt(self.web3, sent)
        return Receipt(
            hash=sent,
            gas_used=Gas(found["gasUsed"]),
            fee=fee,
            block_number=BlockNumber(found["blockNumber"]),
            timestamp=self.chain.now(),
            contract=Address(found["contractAddress"].lower()) if found["contractAddress"] else None,
        )

    def events(self, receipt: Receipt) -> list[tuple[str, dict[str, Any]]]:
        """The contract's events of a transaction in order, names and fields."""
        found = self.web3.eth.get_transaction_receipt(HexBytes(receipt.hash))
        logs = []
        for event in (item["name"] for item in exchange_abi() if item["type"] == "event"):
            logs += self.contract.events[event]().process_receipt(found, errors=DISCARD)
        logs = [log for log in logs if log["address"].lower() == self.exchange.address]
        return [(log["event"], dict(log["args"])) for log in sorted(logs, key=lambda log: log["logIndex"])]

    def refusal(self, caller: Address, call: Call, *, gas: int = GAS) -> ContractReverted | None:
        """Why the contract would refuse a call in the latest block; None if it would not. Nothing changes."""
        trial = {
            "from": caller,
            "to": call.to,
            "data": Web3.to_hex(call.data),
            "value": hex(call.value),
            "gas": hex(gas),
        }
        try:
            with asking(call.name):
                request(self.web3, "eth_call", {**trial, "gas": hex(gas)}, "latest")
        except ContractReverted as reverted:
            return reverted
        return None

    def now_is(self, time: Timestamp) -> None:
        """The latest block, in which `refusal` looks, has this time."""
        self.chain.advance(Seconds(time - self.chain.now()))

    def next_is(self, time: Timestamp) -> None:
        """The next block, into which `send` puts its transaction, will have this time."""
        if self.chain.now() != time - BLOCK_TIME:
            self.now_is(Timestamp(time - BLOCK_TIME))

    # --- the stages of an order ------------------------------------------------------------------------------------

    def bring_to(self, state: OrderState, sale: Sale) -> None:
        """Take a new order to a state by the shortest way."""
        offer = sale.offer
        self.offers.append(offer)
        if state is OrderState.CANCELLED:
            self.send(self.seller, self.exchange.cancel(offer))
        if state in (OrderState.NONE, OrderState.CANCELLED):
            return
        self.send(self.buyer, self.accept(offer))
        if state is OrderState.REFUNDED:
            self.next_is(Timestamp(self.deadline(offer) + 1))
            self.send(self.other, self.exchange.refund(offer))
        if state in (OrderState.REVEALED, OrderState.RELEASED):
            self.send(self.seller, self.exchange.reveal(offer, sale.key))
        if state is OrderState.RELEASED:
            self.send(self.buyer, self.exchange.release(offer))
        assert self.state(offer) is state

    def state(self, offer: Offer) -> OrderState:
        return self.exchange.order(offer.struct_hash()).state

    def deadline(self, offer: Offer) -> Timestamp:
        return self.exchange.order(offer.struct_hash()).deadline

    # --- money -----------------------------------------------------------------------------------------------------

    def wealth(self, owner: Address, token: Address) -> int:
        """What an account has outside of the contract, gas given back."""
        return self.exchange.balance(owner, token) + (self.fees.get(owner, 0) if token == ETHER else 0)

    def free(self, owner: Address, token: Address | None = None) -> int:
        return self.exchange.free_balance(owner, self.token if token is None else token)

    def check_solvent(self, owners: Sequence[Address] = ()) -> None:
        """The contract holds what it owes, to the last unit: free balances, prices and bonds of open orders."""
        known = [address_of(account) for account in (self.seller, self.buyer, self.other)]
        for token in {offer.token for offer in self.offers} | {self.token}:
            owed = sum(self.free(owner, token) for owner in {*known, *owners})
            for offer in {offer.struct_hash(): offer for offer in self.offers if offer.token == token}.values():
                if self.state(offer) in (OrderState.LOCKED, OrderState.REVEALED):
                    owed += offer.price + offer.bond
            assert self.exchange.balance(self.exchange.address, token) == owed


class Ledger:
    """Who gained and lost what since this ledger was opened, in the world's money."""

    def __init__(self, world: World, *others: Address) -> None:
        self._world = world
        parties = (world.seller, world.buyer, world.other)
        self._owners = [*(address_of(account) for account in parties), *others]
        self._before = self._all()

    def _all(self) -> dict[str, int]:
        held = {owner: self._world.wealth(owner, self._world.token) for owner in self._owners}
        return held | {f"{owner} free": self._world.free(owner) for owner in self._owners}

    def changes(self) -> dict[str, int]:
        """Owner, or owner and ` free` for the free balance, to the difference; without those that are zero."""
        now = self._all()
        return {owner: now[owner] - before for owner, before in self._before.items() if now[owner] != before}


def address_of(account: LocalAccount) -> Address:
    return Address(account.address.lower())


def member(contract: str, name: str) -> int:
    """The number of a behaviour of a hostile contract, which its source names."""
    source = (Path(__file__).parents[2] / "contracts" / "test" / f"{contract}.sol").read_text()
    body = source.split("enum Behaviour {")[1].split("}")[0]
    names = [line.strip(" ,") for line in body.splitlines() if line.strip() and not line.strip().startswith("///")]
    return names.index(name)


def artifact(name: str) -> dict[str, Any]:
    """A compiled contract of the tests, or of the package."""
    shipped = Path(str(files("blindfair.chain") / "artifacts"))
    for folder in (Path(__file__).parent / "artifacts", shipped):
        if (folder / f"{name}.json").is_file():
            loaded: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
            return loaded
    raise FileNotFoundError(f"{name}: run python scripts/compile.py")
