"""What a seller reads about its own directory: orders with their clocks, money, budgets, who asked, what went wrong."""

from collections.abc import Mapping
from dataclasses import dataclass

from blindfair.agents.settlement.ending import ENDED_STATES, Ending
from blindfair.agents.store.journal_summary import OfferEntry
from blindfair.api.amounts import IN_ETHER, Money, show_ether
from blindfair.chain.exchange import OrderView
from blindfair.pages.clocks import Moment, moment, until
from blindfair.pages.listing_view import TENTHS, Left
from blindfair.pages.seller_journal import SellerDeeds
from blindfair.pages.spent_gas import gas_line
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import OrderId, Timestamp, Wei
from blindfair.protocol.words import counted

_ENDED = "ended"

REFUSED_SHOWN = 100
"""Refused messages on the page; a stranger can send more."""


@dataclass(frozen=True, slots=True)
class SellerOnChain:
    """What the chain says now: what account and contract hold, each order, and the time."""

    ether: Wei
    balance: Wei
    free_balance: Wei
    orders: Mapping[OrderId, OrderView]
    now: Timestamp


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order: what for, how it stands, and what its clock will do."""

    number: str
    what: str
    state: str
    tone: str
    clock: str
    when: Moment | None
    buyer: str
    price: str
    bond: str


@dataclass(frozen=True, slots=True)
class AskerLine:
    """One account that had evaluations."""

    account: str
    evaluations: str
    told: str
    paid: str


@dataclass(frozen=True, slots=True)
class SellerView:
    """The page."""

    name: str
    listing: str | None
    orders: tuple[OrderLine, ...]
    money: tuple[tuple[str, str], ...]
    left: tuple[Left, ...]
    askers: tuple[AskerLine, ...]
    refused: tuple[tuple[str, str], ...]
    refused_more: int
    trouble: BlindfairError | None
    seen: Moment | None


def view_seller(
    name: str,
    deeds: SellerDeeds | None,
    manifest: Manifest | None,
    chain: SellerOnChain | BlindfairError,
    prices: Money,
) -> SellerView:
    """Say how a seller stands; `chain` is the error where no node answers, and the rest is shown all the same."""
    on_chain = chain if isinstance(chain, SellerOnChain) else None
    trade = None if deeds is None else deeds.summary.common.trade
    refused = () if deeds is None else deeds.refused
    return SellerView(
        name=name,
        listing=None if trade is None else "0x" + trade.removeprefix("listing "),
        orders=() if deeds is None else tuple(_order(entry, deeds, on_chain, prices) for entry in _latest_first(deeds)),
        money=_money(deeds, on_chain, prices),
        left=() if deeds is None or manifest is None else _left(deeds, manifest),
        askers=() if deeds is None else tuple(_askers(deeds, prices)),
        refused=tuple((each.error, each.text) for each in refused[:REFUSED_SHOWN]),
        refused_more=max(0, len(refused) - REFUSED_SHOWN),
        trouble=chain if isinstance(chain, BlindfairError) else None,
        seen=None if on_chain is None else moment(on_chain.now),
    )


def _latest_first(deeds: SellerDeeds) -> list[OfferEntry]:
    """Open orders first, then those that have ended."""
    return sorted(reversed(deeds.summary.offers), key=lambda entry: entry.ending is not None)


def _order(entry: OfferEntry, deeds: SellerDeeds, chain: SellerOnChain | None, prices: Money) -> OrderLine:
    offer, number = entry.offer, entry.offer.struct_hash()
    view = None if chain is None else chain.orders.get(number)
    state, tone, clock, at = _standing(entry, view, deeds.ended_at.get(number), offer.expiry)
    far = "" if at is None or chain is None else f"{'' if clock == _ENDED else ','} {until(at, chain.now)}"
    return OrderLine(
        number="0x" + number.hex(),
        what="an evaluation" if entry.is_fee else counted(offer.chunk_count, "chunk"),
        state=state,
        tone=tone,
        clock=clock + far,
        when=None if at is None else moment(at),
        buyer=offer.buyer,
        price=prices.show(offer.price),
        bond=prices.show(offer.bond),
    )


def _standing(
    entry: OfferEntry, view: OrderView | None, ended_at: Timestamp | None, expiry: int
) -> tuple[str, str, str, int | None]:
    """State, its tone, what its clock will do, and when."""
    ending = entry.ending or (None if view is None else ENDED_STATES.get(view.state))
    if ending is not None:
        good = ending is Ending.RELEASED
        tone = "good" if good else "bad" if ending is Ending.REFUNDED else "dim"
        return ending.value, tone, _ENDED, ended_at
    if view is None:
        return "Open", "warm", "no node says how it stands", None
    if view.state is OrderState.LOCKED:
        return "Locked", "warm", "paid: the key must be on chain by then", view.deadline
    if view.state is OrderState.REVEALED:
        return "Revealed", "warm", "the buyer may dispute until then; after that the price is yours", view.deadline
    return "Offered", "warm", "the buyer may pay until then", expiry


def _money(deeds: SellerDeeds | None, chain: SellerOnChain | None, prices: Money) -> tuple[tuple[str, str], ...]:
    offers = () if deeds is None else deeds.summary.offers
    released = [entry for entry in offers if entry.ending is Ending.RELEASED]
    earned = sum(entry.offer.price for entry in released if not entry.is_fee)
    fees = sum(entry.offer.price for entry in released if entry.is_fee)
    locked = sum(entry.offer.bond for entry in offers if entry.ending is None)
    lost = sum(entry.offer.bond for entry in offers if entry.ending is Ending.REFUNDED)
    gas = () if deeds is None else (gas_line(deeds.ledger, deeds.summary.common.gas),)
    held = ()
    if chain is not None:
        held = (
            ("In the account, for gas", f"{show_ether(chain.ether)} ether"),
            *(() if prices == IN_ETHER else (("In the account", prices.show(chain.balance)),)),
            ("Free balance in the contract", prices.show(chain.free_balance)),
        )
    return (
        *held,
        ("Bonds of open offers", prices.show(locked)),
        ("Earned with records", prices.show(earned)),
        ("Earned with evaluations", prices.show(fees)),
        ("Bonds lost to refunds", prices.show(lost)),
        ("Earned in all, without gas", prices.show(earned + fees - lost)),
        *gas,
    )


def _left(deeds: SellerDeeds, manifest: Manifest) -> tuple[Left, ...]:
    """Budgets to the last bit: this page is their owner's."""
    terms, summary = manifest.terms, deeds.summary
    free = summary.free_bits + summary.opened_records * terms.record_bits
    budgets = (
        ("All evaluations", terms.disclosed_bits, summary.disclosed_bits, "bit"),
        ("Free of charge", terms.free_bits, free, "bit"),
        ("Records opened for audits", terms.opened_records, summary.opened_records, "record"),
    )
    return tuple(
        Left(
            name, TENTHS * max(0, budget - used) // budget, f"{max(0, budget - used):,} of {counted(budget, unit)} left"
        )
        for name, budget, used, unit in budgets
        if budget
    )


def _askers(deeds: SellerDeeds, prices: Money) -> list[AskerLine]:
    lines = []
    for each in deeds.askers:
        offers = [entry.offer for entry in deeds.summary.offers if entry.offer.buyer == each.account]
        models = "" if each.models == 1 else f", by {counted(each.models, 'scoring model')}"
        lines.append(
            AskerLine(
                account=each.account,
                evaluations=f"{counted(each.evaluations, 'evaluation')}{models}",
                told=f"{counted(each.bits, 'bit')} of the listing, {each.free_bits:,} free",
                paid=f"{counted(len(offers), 'offer')} for {prices.show(sum(offer.price for offer in offers))}",
            )
        )
    return lines
