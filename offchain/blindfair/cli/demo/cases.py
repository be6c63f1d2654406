"""The five trades of the demo, each with its own seller, buyer and directories, on one chain.

Seller and buyer share nothing but bytes in mailboxes and the chain. What is made to go wrong is a dishonest seller's
own method, or a party that simply stops taking its turn.
"""

import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.policy import AUDIT_ROWS, BuyerPolicy, SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import GRANTED
from blindfair.api.defaults import BITS, DISCLOSED_SHARE, MODELS
from blindfair.api.information import default_fee, free_bits_of
from blindfair.chain.transactions import calldata_size
from blindfair.cli.demo.hostile import CorruptingSeller, InflatingSeller
from blindfair.cli.demo.options import (
    MIN_AUDIT_ROWS,
    PRICE_PER_RECORD,
)
from blindfair.cli.demo.prepared import Prepared
from blindfair.cli.demo.world import DemoWorld
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.information import check_record_bits, measure_rows
from blindfair.pricing.learners import LEARNERS
from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.manifest import Terms
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import ETHER, TransactionHash, Wei
from blindfair.protocol.records import RecordEncoding, encode_rows


@dataclass(frozen=True, slots=True)
class TradeResult:
    """How one trade went, counted: amounts in wei (gas not in the deltas), gas and bytes by step, seconds of work.

    `calldata` is all that both parties wrote to the chain, in bytes. Where a sample is bought first, `price`, `bond`,
    gas and bytes are those of both orders together.
    """

    case: str
    final: Ending
    reason: str
    error: str | None
    price: Wei
    bond: Wei
    buyer_delta: int
    seller_delta: int
    gas: dict[str, int]
    sizes: dict[str, int]
    transactions: dict[str, str]
    calldata: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Parties:
    """The two agents of one case, to look into afterwards."""

    seller: Seller
    buyer: Buyer
    valuer: TabularValuer

    def close(self) -> None:
        """Let go of both directories."""
        self.seller.close()
        self.buyer.close()


def listing_spec_of(job: Prepared) -> ListingSpec:
    """The seller's listing: the troubled offer, as it would describe it itself."""
    records = encode_rows(job.scenario.offer)
    held = measure_rows(job.scored_offer).bits
    check_record_bits(held)
    disclosed = int(DISCLOSED_SHARE * held * len(records))
    if BITS * len(records) > disclosed:
        raise InvalidListing(
            "The records hold too little to be scored one by one: one evaluation would tell more than all may",
            expected=f"{BITS} bits within {float(DISCLOSED_SHARE):.0%} of what a record holds",
            found=f"{held} bits a record",
            hint="use a table of more columns; `seller list` can list it in groups, or with fewer bits an evaluation",
        )
    reserve = Wei(PRICE_PER_RECORD // 10)
    return ListingSpec(
        name="demo",
        description="the offered part of the demo's table",
        licence="demonstration only",
        consent="public data",
        encoding=RecordEncoding.CBOR_ROW,
        schema=job.table.schema(job.unscored),
        preprocessing=job.schema.to_document(),
        records=records,
        terms=Terms(
            tokens=(ETHER,),
            reserve_price=reserve,
            record_bits=held,
            bits_per_record=BITS,
            free_bits=free_bits_of(held, len(records)),
            evaluation_fee=default_fee(BITS, held, Wei(reserve * len(records))),
            disclosed_bits=disclosed,
            opened_records=0,
            opened_share=0.0,
            disclosures=("per-record",),
            own_models=job.options.model != MODELS[0],
        ),
    )


def make_parties(world: DemoWorld, case: str, job: Prepared) -> Parties:
    """Seller and buyer of one case, in directories of their own, each with its grant."""
    scenario, options = job.scenario, job.options
    kind = {"corrupted_chunk": CorruptingSeller, "inflated_scores": InflatingSeller}.get(case, Seller)
    at = world.directory / case
    seller = kind(at / "seller", world.context(case, Seller.role), listing_spec_of(job), SellerPolicy())
    if isinstance(seller, InflatingSeller):
        flipped = np.flatnonzero(scenario.truth.flipped)
        # Where no label is wrong it inflates what it likes.
        worthless = flipped if flipped.size else np.arange(0, len(scenario.offer), 3)
        seller.worthless = tuple(int(record) for record in worthless)
    valuer = TabularValuer(
        scenario.train,
        scenario.validation,
        scenario.columns,
        scenario.label,
        pricing=UniformPricing(PRICE_PER_RECORD, seller.manifest.terms.reserve_price),
        seed=options.seed,
        good_record_value=options.good_record_value,
        learner=LEARNERS[options.model](),
    )
    buyer = Buyer(
        at / "buyer",
        world.context(case, Buyer.role),
        valuer,
        BuyerPolicy(
            budget=options.budget,
            max_evaluation_fee=options.budget,
            audit_rows=AUDIT_ROWS,
            min_audit_rows=MIN_AUDIT_ROWS,
        ),
        seller=seller.address,
        listing=seller.listing,
    )
    for agent in (seller, buyer):
        world.fund(agent)
    return Parties(seller, buyer, valuer)


def run_case(world: DemoWorld, case: str, parties: Parties) -> TradeResult:
    """Run one trade to its end, or on from where it was when the process ended."""
    began = time.perf_counter()
    seller, buyer = parties.seller, parties.buyer
    both: list[Agent] = [seller, buyer]

    def settled() -> bool:
        return buyer.outcome is not None and seller.idle

    def paid() -> bool:
        return buyer.has_paid or buyer.outcome is not None

    if case == "no_reveal":
        world.run(both, paid)
        world.run([buyer], lambda: buyer.outcome is not None)
    elif case == "silent_buyer":
        world.run(both, paid)
        world.run([seller], lambda: seller.idle)
    else:
        world.run(both, settled)
    return result_of(world, case, parties, time.perf_counter() - began)


def result_of(world: DemoWorld, case: str, parties: Parties, seconds: float) -> TradeResult:
    """What the chain and the journals say of a trade."""
    seller, buyer = parties.seller, parties.buyer
    offers = list(seller.offers.values())
    outcome = buyer.outcome
    ending = seller.ending if outcome is None else None
    gas, sizes = Counter[str](), Counter[str]()
    transactions: dict[str, str] = {}
    for agent in (seller, buyer):
        for step, receipt in agent.receipts().items():
            gas[step.partition(":")[0]] += receipt["gas"]
        for step, size in agent.sizes().items():
            sizes[step.partition(":")[0]] += size
        transactions |= {_named(step): digest for step, digest in agent.transactions().items()}
    return TradeResult(
        case=case,
        final=outcome.final if outcome is not None else ending or Ending.NO_ORDER,
        reason=outcome.reason if outcome is not None else "the buyer went silent; the clock paid the seller",
        error=outcome.error if outcome is not None else None,
        price=Wei(sum(offer.price for offer in offers)),
        bond=Wei(sum(offer.bond for offer in offers)),
        buyer_delta=_delta(world, buyer),
        seller_delta=_delta(world, seller),
        gas=dict(gas),
        sizes=dict(sizes),
        transactions=transactions,
        calldata=sum(calldata_size(world.exchange.web3, _hash(sent)) for sent in transactions.values()),
        seconds=seconds,
    )


def _hash(text: str) -> TransactionHash:
    return TransactionHash(bytes.fromhex(text[2:]))


def _named(step: str) -> str:
    """A step without the digests in its name; `reveal:sample` where it is for a part of the selection."""
    name, _, about = step.partition(":")
    part = about.rpartition("-")[2]
    return f"{name}:{part}" if part in tuple(PartName) else name


def _delta(world: DemoWorld, agent: Agent) -> int:
    """What the agent has more than at the beginning, fees added back."""
    owned = world.exchange.balance(agent.address) + world.exchange.free_balance(agent.address, ETHER)
    return owned + sum(receipt["fee"] for receipt in agent.receipts().values()) - int(agent.journal.get(GRANTED) or 0)
