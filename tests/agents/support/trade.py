"""What the tests of the agents share: a small real table, an embedded chain with the contract, two real agents.

A trade takes about a second: 120 rows of scikit-learn's breast cancer table with 6 columns, real encryption, real
blocks. Prices are given by hand, so that every test can say them to the wei.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from eth_abi.abi import encode
from eth_account import Account
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.valuer import Choice, Question, Valuer
from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.transport import FolderTransport, Transport
from blindfair.agents.policy import BuyerPolicy, SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.directory import SecretStore, private_directory
from blindfair.agents.watch.watcher import Watcher
from blindfair.blind.parameters import parameter_set
from blindfair.chain.abi import encode_call
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.deploy import deploy_once
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.sender import Receipt, Sender
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.models import LogisticRegression
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows
from blindfair.pricing.functions import PricingFunction, UniformPricing
from blindfair.pricing.texts.delivered import DeliveredRepetition
from blindfair.protocol.manifest import Column, ColumnKind, Manifest, Schema, Terms
from blindfair.protocol.noise import noise_draw, noise_middle
from blindfair.protocol.quantities import ETHER, Address, RecordIndex, Salt, Seconds, Wei
from blindfair.protocol.records import RecordEncoding, Row, encode_row

OFFERED, OWN = 120, 60
COLUMNS = ("radius", "texture", "perimeter", "area", "smoothness", "compactness")
LABEL = "benign"

PER_RECORD = Wei(10**15 + 7)
"""An odd price, so that a wei that is lost or doubled shows."""

RESERVE = Wei(10**14)
AUDITED = 10
SELECTED = tuple(RecordIndex(number) for number in range(3, 83, 4))
PRICE = Wei(len(SELECTED) * PER_RECORD)
BOND = Wei(PRICE // 10)
GRANT = Wei(10**18)
FINAL_DEPTH = 2


@cache
def table() -> tuple[Row, ...]:
    """Rows of the real table: six measurements as floats, and the class as an integer."""
    data = load_breast_cancer()
    return tuple(
        (*(float(cell) for cell in cells[: len(COLUMNS)]), int(label))
        for cells, label in zip(data.data, data.target, strict=True)
    )


def offered_records() -> tuple[bytes, ...]:
    return tuple(encode_row(row) for row in table()[:OFFERED])


@cache
def feature_schema() -> FeatureSchema:
    """The preprocessing that the seller publishes."""
    return FeatureSchema.infer(table()[:OFFERED], (*COLUMNS, LABEL), LABEL)


TERMS = Terms(
    tokens=(ETHER,),
    reserve_price=RESERVE,
    record_bits=200,
    bits_per_record=68,
    free_bits=3 * (32 * OFFERED + 20) + OFFERED * 200,
    evaluation_fee=Wei(68 * OFFERED * RESERVE // 200),
    disclosed_bits=3 * (3 * OFFERED + 20),
    opened_records=3 * AUDITED,
    opened_share=0.5,
    disclosures=("per-record",),
    own_models=True,
)


def listing_spec(records: Sequence[bytes] | None = None, **terms: Any) -> ListingSpec:
    """What the seller lists; `terms` replace those above."""
    columns = (*(Column(name, ColumnKind.NUMBER) for name in COLUMNS), Column(LABEL, ColumnKind.CATEGORY))
    return ListingSpec(
        name="measurements",
        description="cell nuclei",
        licence="BSD-3-Clause",
        consent="public data",
        encoding=RecordEncoding.CBOR_ROW,
        schema=Schema(columns, LABEL),
        preprocessing=feature_schema().to_document(),
        records=offered_records() if records is None else records,
        terms=replace(TERMS, **terms),
    )


class AnyListingSpec(ListingSpec):
    """Lists whatever there is, as a seller with a program of its own may."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Refuses nothing."""


def any_listing_spec(records: Sequence[bytes], **terms: Any) -> AnyListingSpec:
    """The default listing of records that a `ListingSpec` would refuse."""
    defaults = listing_spec(**terms)
    return AnyListingSpec(
        **{each.name: getattr(defaults, each.name) for each in fields(defaults)} | {"records": records}
    )


UNIFORM = UniformPricing(PER_RECORD, RESERVE)


@dataclass(frozen=True)
class HandValuer:
    """A valuer that knows beforehand what it wants, and at which price."""

    records: tuple[RecordIndex, ...] = SELECTED
    price: Wei = PRICE
    pricing: PricingFunction = UNIFORM
    changes: dict[str, Any] = field(default_factory=dict)

    def question(self, manifest: Manifest) -> Question:
        schema = feature_schema()
        config, weights = LogisticRegression.untrained(schema).to_parts()
        projection, basis = Projection.identity(schema.width).to_parts()
        # As large as an exact query may be, 2047 ||q||_1 < t/2; three bits of its scores are told.
        query = np.arange(-3, schema.width - 3, dtype=np.int64) * 85_000 + 1_445
        question = Question(
            model_name=LogisticRegression.NAME,
            model_config=config,
            weights=weights,
            fidelity=None,
            projection=projection,
            basis=basis,
            row_scale=200.0,
            exponent_bits=0,
            queries=query[np.newaxis, :],
            bits=(3,),
            pricing=self.pricing.to_document(),
            notes=(),
        )
        return replace(question, **self.changes)

    def choose(self, scores: NDArray[np.int64], manifest: Manifest, budget: Wei) -> Choice:
        return Choice(self.records, self.price, ("chosen by hand",), {})

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        """It reads nothing from scores."""
        return ()

    def check_delivered(
        self, numbers: Sequence[RecordIndex], records: Sequence[bytes], manifest: Manifest
    ) -> DeliveredRepetition | None:
        """It compares nothing."""
        return None


SELLER_POLICY = SellerPolicy()
BUYER_POLICY = BuyerPolicy(budget=Wei(2 * PRICE), audit_rows=AUDITED)


class World:
    """The chain with the contract on it, mailboxes in a folder, and the agents' turns."""

    def __init__(self, directory: Path, beside: "World | None" = None) -> None:
        """Open or begin a world; `beside` another one, it shares that one's chain."""
        self.directory = private_directory(directory)
        self.chain: EmbeddedChain = EmbeddedChain(directory / "chain.sqlite") if beside is None else beside.chain
        self.deployer = Account.from_key(
            SecretStore(directory / "secrets").once("deployer", lambda: bytes(Account.create().key))
        )
        self.exchange = self._contract(directory / "contract")
        self.wrap: Callable[[Transport, Address], Transport] = lambda transport, _: transport
        self.told: list[Event] = []

    def _contract(self, path: Path) -> DataExchange:
        # Its address is kept, because looking at the code again takes a third of the time of opening a world.
        if not path.exists():
            self.fund(Address(self.deployer.address.lower()), GRANT)
            path.write_text(deploy_once(self.chain.web3, self.deployer).address)
        return DataExchange(self.chain.web3, Address(path.read_text()))

    def fund(self, address: Address, amount: Wei = GRANT) -> None:
        """Give an account its first money, once."""
        if self.exchange_balance(address) == 0:
            self.chain.fund(address, amount)

    def exchange_balance(self, address: Address) -> Wei:
        return Wei(self.chain.web3.eth.get_balance(self.chain.web3.to_checksum_address(address)))

    def context(self) -> AgentContext:
        mail = self.directory / "mail"
        return AgentContext(
            self.exchange,
            lambda own, _: self.wrap(FolderTransport(mail, own), own),
            Finality(FINAL_DEPTH),
            self.told.append,
        )

    def send(self, call: Call) -> Receipt:
        """Let the deployer, who is none of the parties, make a call."""
        sender = Sender(self.chain.web3, self.deployer)
        prepared = sender.prepare(call)
        sender.broadcast(prepared.raw)
        return sender.wait(prepared.hash, polls=1)

    def deploy_token(self, name: str = "TestToken") -> Address:
        """A token that anybody may mint; the `PermitToken` takes allowances by signature."""
        arguments = encode(["string", "string"], ["Test", "TST"]) if name == "TestToken" else b""
        receipt = self.send(Call("deploy", None, load_artifact(name).bytecode + arguments))
        assert receipt.contract is not None
        return receipt.contract

    def mint(self, token: Address, to: Address, amount: int) -> None:
        self.send(Call("mint", token, encode_call(load_artifact("TestToken").abi, "mint", to, amount)))

    def round(self, *agents: Agent | Watcher) -> bool:
        """One step of each; whether any of them did something. If none did, there is a new block at least."""
        progress = any([agent.step() for agent in agents])
        if not progress:
            self.chain.mine(1)
        return progress

    def run(self, *agents: Agent, until: Callable[[], bool], rounds: int = 60) -> None:
        """Steps in turn until `until` holds. While nobody moves, time passes to the next moment that one waits for."""
        idle = 0
        for _ in range(rounds):
            if until():
                return
            idle = 0 if self.round(*agents) else idle + 1
            moments = [agent.waiting.until for agent in agents if agent.waiting and agent.waiting.until]
            if idle > FINAL_DEPTH and moments:
                self.chain.advance(Seconds(max(1, min(moments) - self.chain.now())))
        waits = [agent.waiting.reason for agent in agents if agent.waiting]
        raise AssertionError(f"the trade does not come to an end: {waits}")

    def close(self) -> None:
        self.chain.close()


@dataclass
class Parties:
    """A seller and a buyer in one world, and what they had."""

    world: World
    seller: Seller
    buyer: Buyer

    @property
    def both(self) -> tuple[Seller, Buyer]:
        return self.seller, self.buyer

    def settled(self) -> bool:
        return self.buyer.outcome is not None and self.seller.idle

    def paid(self) -> bool:
        return self.buyer.has_paid

    def run(self, until: Callable[[], bool] | None = None) -> None:
        self.world.run(self.seller, self.buyer, until=until or self.settled)

    def delta(self, agent: Agent, token: Address = ETHER) -> int:
        """What an agent has more than at the beginning, in the contract or out of it; fees added back for ether."""
        exchange = self.world.exchange
        owned = exchange.balance(agent.address, token) + exchange.free_balance(agent.address, token)
        fees = fees_of(self.world, agent.address) if token == ETHER else 0
        return owned + fees - GRANT

    def deltas(self, token: Address = ETHER) -> tuple[int, int]:
        """Of buyer and seller."""
        return self.delta(self.buyer, token), self.delta(self.seller, token)

    def close(self) -> None:
        self.seller.close()
        self.buyer.close()


def assert_scores_of(parties: Parties, rows: QuantisedRows) -> None:
    """The buyer's scores are those of these rows with the noise that the listing committed to, by the specification:
    the salt of each record's first chunk and the request decide it (PROTOCOL 4.6)."""
    found, dataset = parties.buyer.review(), parties.seller.dataset
    parameters = parameter_set(found.request.parameters)
    t, half = parameters.plain_modulus, parameters.plain_modulus // 2
    for unit in range(found.units.count):
        salts = [Salt(dataset.chunks[dataset.first_chunks[record]][:16]) for record in found.units.members([unit])]
        for number, (query, bits) in enumerate(zip(found.queries, found.request.bits, strict=True)):
            draw, width = noise_draw(salts, found.reply.request, unit, number), parameters.noise_width(bits)
            added, slack = (
                round(Fraction(t * noise, parameters.ciphertext_modulus))
                for noise in (noise_middle(draw, width, 4), 1 << (width - 5))
            )
            expected = int(rows.entries[unit].astype(np.int64) @ query) + added
            apart = (int(found.decrypted(unit)[number]) - expected + half) % t - half
            assert abs(apart) <= slack + 1, (unit, number)
    assert np.array_equal(found.exponents, rows.exponents)


def transactions_of(world: World, address: Address) -> Iterator[tuple[Any, Any]]:
    """Every transaction of an account with its receipt, from the chain's blocks and nobody's journal."""
    eth, chain = world.chain.web3.eth, world.chain._backend.chain
    for number in range(eth.block_number + 1):
        # Empty blocks are most of them, and a look through web3 takes long.
        if not chain.get_canonical_block_header_by_number(number).gas_used:
            continue
        for digest in eth.get_block(number)["transactions"]:
            transaction = eth.get_transaction(digest)  # type: ignore[arg-type]
            if transaction["from"].lower() == address:
                yield transaction, eth.get_transaction_receipt(digest)  # type: ignore[arg-type]


def fees_of(world: World, address: Address) -> int:
    """What an account paid for gas."""
    return sum(receipt["gasUsed"] * receipt["effectiveGasPrice"] for _, receipt in transactions_of(world, address))


def calls_of(world: World, address: Address) -> list[str]:
    """Selectors (hexadecimal) of all transactions of an account that succeeded, in order."""
    return [
        bytes(transaction["input"])[:4].hex()
        for transaction, receipt in transactions_of(world, address)
        if receipt["status"] == 1
    ]


def make_parties(
    world: World,
    *,
    seller_type: Callable[..., Seller] = Seller,
    buyer_type: Callable[..., Buyer] = Buyer,
    goods: ListingSpec | None = None,
    valuer: Valuer | None = None,
    seller_policy: SellerPolicy = SELLER_POLICY,
    buyer_policy: BuyerPolicy = BUYER_POLICY,
    funded: bool = True,
) -> Parties:
    """Seller and buyer in their directories, each with its grant; called again, they go on."""
    seller = seller_type(world.directory / "seller", world.context(), goods or listing_spec(), seller_policy)
    buyer = make_buyer(world, seller, "buyer", buyer_type, valuer, buyer_policy, funded=funded)
    if funded:
        world.fund(seller.address)
    return Parties(world, seller, buyer)


def make_buyer(
    world: World,
    seller: Seller,
    name: str,
    buyer_type: Callable[..., Buyer] = Buyer,
    valuer: Valuer | None = None,
    policy: BuyerPolicy = BUYER_POLICY,
    *,
    funded: bool = True,
) -> Buyer:
    """One more buyer at the same listing."""
    buyer = buyer_type(
        world.directory / name,
        world.context(),
        valuer or HandValuer(),
        policy,
        seller=seller.address,
        listing=seller.listing,
    )
    if funded:
        world.fund(buyer.address)
    return buyer


STAGES = (
    "asked", "listed", "requested", "replied", "selected", "opened", "agreed", "delivered", "accepted", "revealed",
    "released", "paid",
)  # fmt: skip
"""What has just been done, in the order of an honest trade; sellers and buyers take turns."""


class Stages:
    """An honest trade that was left lying at every stage, to go on from in a copy: nothing is encrypted twice."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shared: dict[str, World] = {}
        world = World(directory / "world")
        parties = make_parties(world)
        parties.seller.step()
        for number, stage in enumerate(STAGES):
            agent = parties.seller if number % 2 else parties.buyer
            if stage == "revealed":
                world.chain.mine(FINAL_DEPTH)
            assert agent.step(), stage
            # What lies on the disk now is what a killed process would leave.
            shutil.copytree(world.directory, directory / stage)
        parties.close()
        world.close()

    def copy(self, stage: str, to: Path) -> World:
        """The world as it was at `stage`, at a new place."""
        return World(self.leave(stage, to))

    def leave(self, stage: str, to: Path) -> Path:
        """The directory of such a world, which nobody opened."""
        shutil.copytree(self._directory / stage, to / stage)
        return to / stage

    def beside(self, stage: str, to: Path) -> World:
        """The same on one chain for everybody, which is not to be changed: that of the first who asks is replayed."""
        if stage not in self._shared:
            self._shared[stage] = self.copy(stage, self._directory / "shared")
        shutil.copytree(self._directory / stage, to / stage)
        return World(to / stage, self._shared[stage])

    def close(self) -> None:
        for world in self._shared.values():
            world.close()
