"""What a buyer reads about its own directory: scores, the purchase step by step, money, files, and what is next."""

from dataclasses import dataclass

from blindfair.agents.settlement.ending import Ending
from blindfair.api.amounts import IN_ETHER, Money, show_ether
from blindfair.pages.buyer_files import FoundFile
from blindfair.pages.buyer_journal import BuyerDeeds
from blindfair.pages.clocks import Moment, moment
from blindfair.pages.histogram import Histogram, histogram
from blindfair.pages.kept_advice import KeptAdvice, Told
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.quantities import Timestamp, Wei


@dataclass(frozen=True, slots=True)
class BuyerOnChain:
    """What the chain says now."""

    ether: Wei
    balance: Wei
    free_balance: Wei
    now: Timestamp


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One step of the purchase."""

    what: str
    detail: str
    when: Moment | None


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
        money=_money(deeds, on_chain, prices),
        files=files,
        trouble=chain if isinstance(chain, BlindfairError) else None,
        seen=None if on_chain is None else moment(on_chain.now),
    )


def _money(deeds: BuyerDeeds | None, chain: BuyerOnChain | None, prices: Money) -> tuple[tuple[str, str], ...]:
    told: list[tuple[str, str]] = []
    if deeds is not None:
        told += [
            ("Paid for the evaluation", prices.show(deeds.summary.fee)),
            ("Gas used so far", f"{sum(deeds.summary.common.gas.values()):,}"),
        ]
    if chain is not None:
        told.append(("In the account, for gas", f"{show_ether(chain.ether)} ether"))
        if prices != IN_ETHER:
            told.append(("In the account", prices.show(chain.balance)))
        told.append(("Free balance in the contract", prices.show(chain.free_balance)))
    return tuple(told)
