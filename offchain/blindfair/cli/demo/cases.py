"""The five trades of the demo, each with its own seller, buyer and directories, on one chain.

Seller and buyer share nothing but bytes in mailboxes and the chain. What is made to go wrong is a dishonest seller's
own method, or a party that simply stops taking its turn.
"""

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Generic

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.context import AgentContext
from blindfair.agents.policy import AUDIT_ROWS, BuyerPolicy, SellerPolicy
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import GRANTED
from blindfair.chain.transactions import calldata_size
from blindfair.cli.demo.goods import AnyValuer, Goods
from blindfair.cli.demo.hostile import CorruptingSeller, InflatingSeller
from blindfair.cli.demo.options import MIN_AUDIT_ROWS
from blindfair.cli.demo.world import DemoWorld
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import ETHER, TransactionHash, Wei


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
class Parties(Generic[AnyValuer]):
    """The two agents of one case, to look into afterwards."""

    seller: Seller
    buyer: Buyer
    valuer: AnyValuer

    def close(self) -> None:
        """Let go of both directories."""
        self.seller.close()
        self.buyer.close()


def make_parties(world: DemoWorld, case: str, goods: Goods[AnyValuer]) -> Parties[AnyValuer]:
    """Seller and buyer of one case, in directories of their own, each with its grant."""
    options = goods.options
    kind = {"corrupted_chunk": CorruptingSeller, "inflated_scores": InflatingSeller}.get(case, Seller)
    at = world.directory / case

    def context(role: str) -> AgentContext:
        return replace(world.context(case, role), base_models=goods.base_models)

    seller = kind(at / "seller", context(Seller.role), goods.spec, SellerPolicy(max_products=goods.products))
    if isinstance(seller, InflatingSeller):
        seller.worthless = goods.worthless
    valuer = goods.valuer()
    buyer = Buyer(
        at / "buyer",
        context(Buyer.role),
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


def run_case(world: DemoWorld, case: str, parties: Parties[AnyValuer]) -> TradeResult:
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


def result_of(world: DemoWorld, case: str, parties: Parties[AnyValuer], seconds: float) -> TradeResult:
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
