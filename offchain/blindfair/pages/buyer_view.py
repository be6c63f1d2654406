"""What a buyer reads about its own directory: scores, the purchase step by step, money, files, and what is next."""

from collections.abc import Mapping
from dataclasses import dataclass

from blindfair.agents.settlement.ending import ENDED_STATES, Ending
from blindfair.api.amounts import IN_ETHER, Money, show_ether
from blindfair.api.ledger import LedgerOrder
from blindfair.chain.exchange import OrderView
from blindfair.pages.buyer_files import FoundFile
from blindfair.pages.buyer_journal import PART_TEXT, BuyerDeeds
from blindfair.pages.clocks import Moment, moment
from blindfair.pages.histogram import Histogram, histogram
from blindfair.pages.kept_advice import KeptAdvice, Told
from blindfair.pages.spent_gas import gas_line
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import OrderId, Timestamp, Wei


@dataclass(frozen=True, slots=True)
class BuyerOnChain:
    """What the chain says now: what account and contract hold, each order, and the time."""

    ether: Wei
    balance: Wei
    free_balance: Wei
    orders: Mapping[OrderId, OrderView]
    now: Timestamp


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One step of the purchase."""

    what: str
    detail: str
    when: Moment | None


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """One order: what for, how it stands, what was paid, and what came back of it with the bond."""

    what: str
    state: str
    tone: str
    paid: str
    back: str


@dataclass(frozen=True, slots=True)
class BuyerView:
    """The page."""

    listing: str | None
    ending: str | None
    tone: str
    reason: str
    error: BlindfairError | None
    told: tuple[Told, ...]
    doubts: tuple[str, ...]
    unit: str
    histogram: Histogram | None
    has_scores: bool
    steps: tuple[TimelineStep, ...]
    next_command: str | None
    payments: tuple[PaymentLine, ...]
    in_all: tuple[str, str]
    """What was paid, and what came back, of all orders together."""

    money: tuple[tuple[str, str], ...]
    files: tuple[FoundFile, ...]
    trouble: BlindfairError | None
    seen: Moment | None


def view_buyer(
    listing: str | None,
    deeds: BuyerDeeds | None,
    advice: KeptAdvice | None,
    files: tuple[FoundFile, ...],
    chain: BuyerOnChain | BlindfairError,
    prices: Money,
    next_command: str,
) -> BuyerView:
    """Say how a purchase stands; `next_command` is what its owner types while it goes on, and `chain` the error where
    no node answers: the rest is shown all the same."""
    on_chain = chain if isinstance(chain, BuyerOnChain) else None
    outcome = None if deeds is None else deeds.summary.outcome
    told = () if advice is None else advice.told
    payments = () if deeds is None else tuple(_Payment.of(order, on_chain) for order in deeds.ledger.orders)
    return BuyerView(
        listing=listing,
        ending=None if outcome is None else outcome.final.value,
        tone="" if outcome is None else "good" if outcome.final is Ending.RELEASED else "warm",
        reason="" if outcome is None else outcome.reason[:1].upper() + outcome.reason[1:],
        error=None if outcome is None or outcome.error is None else outcome.to_error(),
        told=tuple(line for line in told if not line.is_doubt),
        doubts=tuple(line.text for line in told if line.is_doubt),
        unit="record" if advice is None else advice.unit,
        histogram=None if advice is None else histogram(advice.scores, advice.chosen, advice.unit),
        has_scores=advice is not None,
        steps=()
        if deeds is None
        else tuple(
            TimelineStep(deed.what, deed.detail, None if deed.at is None else moment(deed.at)) for deed in deeds.deeds
        ),
        next_command=None if outcome is not None else next_command,
        payments=tuple(each.line(prices) for each in payments),
        in_all=(prices.show(sum(each.paid for each in payments)), prices.show(sum(each.back for each in payments))),
        money=_money(deeds, payments, on_chain, prices),
        files=files,
        trouble=chain if isinstance(chain, BlindfairError) else None,
        seen=None if on_chain is None else moment(on_chain.now),
    )


@dataclass(frozen=True, slots=True)
class _Payment:
    """An order in numbers, in the smallest unit of its token."""

    what: str
    state: str
    tone: str
    paid: int
    back: int

    @classmethod
    def of(cls, order: LedgerOrder, chain: BuyerOnChain | None) -> "_Payment":
        """By the journal where the order has ended there, else by the chain."""
        offer, what = order.offer, PART_TEXT[PartName(order.name)]
        view = None if chain is None else chain.orders.get(offer.struct_hash())
        ending = Ending(order.ending) if order.ending else None if view is None else ENDED_STATES.get(view.state)
        if ending is Ending.RELEASED:
            return cls(what, ending.value, "good", offer.price, 0)
        if ending is Ending.REFUNDED:
            return cls(what, ending.value, "warm", offer.price, offer.price + offer.bond)
        if ending is not None:
            return cls(what, ending.value, "dim", 0, 0)
        if view is None:
            return cls(what, "Open", "warm", offer.price, 0)
        if view.state is OrderState.NONE:
            return cls(what, "Being paid", "warm", 0, 0)
        return cls(what, view.state.name.capitalize(), "warm", offer.price, 0)

    @property
    def is_open(self) -> bool:
        return self.tone == "warm" and not self.back

    def line(self, prices: Money) -> PaymentLine:
        return PaymentLine(self.what, self.state, self.tone, prices.show(self.paid), prices.show(self.back))


def _money(
    deeds: BuyerDeeds | None, payments: tuple[_Payment, ...], chain: BuyerOnChain | None, prices: Money
) -> tuple[tuple[str, str], ...]:
    told: list[tuple[str, str]] = []
    if deeds is not None:
        told += [
            ("Spent in all, without gas", prices.show(sum(each.paid - each.back for each in payments))),
            ("Of this in open orders", prices.show(sum(each.paid for each in payments if each.is_open))),
            gas_line(deeds.ledger, deeds.summary.common.gas),
        ]
    if chain is not None:
        told.append(("In the account, for gas", f"{show_ether(chain.ether)} ether"))
        if prices != IN_ETHER:
            told.append(("In the account", prices.show(chain.balance)))
        told.append(("Free balance in the contract", prices.show(chain.free_balance)))
    return tuple(told)
