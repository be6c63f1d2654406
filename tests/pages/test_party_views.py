"""What a seller reads of its orders in each of their states, with a node and without one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hostile_listing import SCRIPT, SELLER, manifest

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.journal_summary import BuyerSummary, JournalSummary, OfferEntry, SellerSummary
from blindfair.api.amounts import IN_ETHER
from blindfair.api.ledger import AccountLedger, LedgerEntry, LedgerOrder
from blindfair.chain.exchange import OrderView
from blindfair.pages.buyer_files import find_files
from blindfair.pages.buyer_journal import BuyerDeeds, Deed
from blindfair.pages.buyer_view import BuyerOnChain, BuyerView, view_buyer
from blindfair.pages.kept_advice import Told, keep_advice, kept_advice
from blindfair.pages.local_app import LocalSite, common
from blindfair.pages.rendering import render
from blindfair.pages.seller_journal import Asker, RefusedMessage, SellerDeeds, read_deeds
from blindfair.pages.seller_view import SellerOnChain, SellerView, view_seller
from blindfair.protocol.errors import FaultProven, NodeFailure, SecretDamaged
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    Digest,
    KeyCommitment,
    ListingId,
    OrderId,
    Root,
    Seconds,
    Timestamp,
    TransactionHash,
    Wei,
)

BUYER = Address("0x" + "cd" * 20)
NOW = 1_800_000_000

OFFER = Offer(
    listing=ListingId(bytes(32)),
    evaluation=Digest(bytes(32)),
    delivery_root=Root(bytes(32)),
    key_commitment=KeyCommitment(bytes(32)),
    chunk_count=40,
    chunk_size=1024,
    seller=SELLER,
    buyer=BUYER,
    token=ETHER,
    price=Wei(4 * 10**17),
    bond=Wei(4 * 10**16),
    reveal_window=Seconds(3600),
    dispute_window=Seconds(86400),
    expiry=Timestamp(NOW + 7200),
    nonce=1,
)


def ledger(*orders: LedgerOrder) -> AccountLedger:
    sent = LedgerEntry("accept", TransactionHash(bytes(32)), 0, Wei(0), 60_000, Wei(6 * 10**13), "paid")
    return AccountLedger(BUYER, (sent,), orders)


def deeds(ending: Ending | None = None, *, is_fee: bool = False) -> SellerDeeds:
    summary = SellerSummary(
        JournalSummary(SELLER, "listing " + "11" * 32, {"commit": 48_000}, {}, 1),
        evaluations=1,
        disclosed_bits=400,
        free_bits=400,
        opened_records=2,
        offers=(OfferEntry(OFFER, ending, is_fee),),
    )
    askers = (Asker(BUYER, evaluations=1, models=1, bits=400, free_bits=400, paid=0),)
    refused = (RefusedMessage("MalformedMessage", f"what {SCRIPT} wrote"),) * 101
    ended = {} if ending is None else {OFFER.struct_hash(): Timestamp(NOW - 60)}
    return SellerDeeds(summary, askers, refused, ended, ledger())


def on_chain(state: OrderState, deadline: int = 0) -> SellerOnChain:
    orders = {OFFER.struct_hash(): OrderView(state, Timestamp(deadline))}
    return SellerOnChain(Wei(10**18), Wei(10**18), Wei(0), orders, Timestamp(NOW))


@pytest.mark.parametrize(
    ("state", "deadline", "ending", "shown", "clock"),
    [
        (OrderState.NONE, 0, None, "Offered", "the buyer may pay until then, in 2 hours"),
        (OrderState.LOCKED, NOW + 600, None, "Locked", "paid: the key must be on chain by then, in 10 minutes"),
        (OrderState.LOCKED, NOW - 5, None, "Locked", "paid: the key must be on chain by then, 5 seconds ago"),
        (
            OrderState.REVEALED,
            NOW + 90_000,
            None,
            "Revealed",
            "the buyer may dispute until then; after that the price is yours, in 1 day 1 hour",
        ),
        (OrderState.RELEASED, 0, Ending.RELEASED, "Released", "ended 1 minute ago"),
        (OrderState.REFUNDED, 0, None, "Refunded", "ended"),
    ],
)
def test_an_order_says_how_it_stands_and_what_its_clock_does(
    state: OrderState, deadline: int, ending: Ending | None, shown: str, clock: str
) -> None:
    (order,) = view_seller("trial", deeds(ending), manifest(), on_chain(state, deadline), IN_ETHER).orders
    assert (order.state, order.clock) == (shown, clock)
    assert (order.price, order.bond, order.what) == ("0.4 ether", "0.04 ether", "40 chunks")


def test_without_a_node_the_directory_is_shown_and_the_error_named() -> None:
    trouble = NodeFailure("The node is gone", expected="an answer", found="none", hint="start it")
    view = view_seller("trial", deeds(), manifest(), trouble, IN_ETHER)
    assert (view.orders[0].state, view.orders[0].clock) == ("Open", "no node says how it stands")
    page = page_of(view)
    assert "NodeFailure" in page and "start it" in page and "0.4 ether" in page


def test_money_budgets_and_askers_are_added_up() -> None:
    view = view_seller("trial", deeds(Ending.RELEASED), manifest(), on_chain(OrderState.RELEASED), IN_ETHER)
    assert dict(view.money)["Earned with records"] == "0.4 ether"
    assert dict(view.money)["Bonds of open offers"] == "0 ether"
    assert dict(view.money)["Paid for gas"] == "0.00006 ether, for 48,000 gas"
    refunded = view_seller("t", deeds(Ending.REFUNDED), None, on_chain(OrderState.REFUNDED), IN_ETHER)
    assert dict(refunded.money)["Bonds lost to refunds"] == "0.04 ether"
    assert dict(refunded.money)["Earned in all, without gas"] == "-0.04 ether"
    fees = view_seller("t", deeds(Ending.RELEASED, is_fee=True), None, on_chain(OrderState.RELEASED), IN_ETHER)
    assert dict(fees.money)["Earned with evaluations"] == "0.4 ether"
    open_bonds = view_seller("t", deeds(), None, on_chain(OrderState.LOCKED), IN_ETHER)
    assert dict(open_bonds.money)["Bonds of open offers"] == "0.04 ether"
    assert [left.text for left in view.left] == [
        "1,640 of 2,040 bits left",
        "144 of 680 bits left",
        "8 of 10 records left",
    ]
    (asker,) = view.askers
    assert (asker.told, asker.paid) == ("400 bits of the listing, 400 free", "1 offer for 0.4 ether")


def test_what_a_stranger_sent_is_told_and_not_obeyed() -> None:
    page = page_of(view_seller(SCRIPT, deeds(), manifest(), on_chain(OrderState.NONE), IN_ETHER))
    assert "<script" not in page and "MalformedMessage" in page
    assert "And 1 before these." in page


def page_of(view: SellerView) -> str:
    site = LocalSite("seller", Path("there"), 1)
    return render("seller.html", view=view, **common(site)).decode()


def test_nothing_begun_is_nothing_to_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert read_deeds(tmp_path) is None
    view = view_seller("trial", None, None, on_chain(OrderState.NONE), IN_ETHER)
    assert "Nothing was committed yet." in page_of(view)


def purchase(outcome: Outcome | None, *orders: LedgerOrder) -> BuyerDeeds:
    common = JournalSummary(BUYER, None, {"accept": 60_000}, {}, 0)
    summary = BuyerSummary(common, "accept", outcome, Wei(7), True, True)
    return BuyerDeeds(summary, (Deed("Asked", "9 bytes", NOW),), ledger(*orders))


def test_a_purchase_that_failed_shows_the_error_with_its_hint() -> None:
    error = FaultProven(f"A chunk is {SCRIPT}", expected="the committed one", found="another", hint="look at evidence/")
    view = view_buyer(
        "0x11", purchase(Outcome.stopped(error)), None, (), buyers_chain({}), IN_ETHER, "blindfair buyer resume"
    )
    page = buyers_page(view)
    assert "FaultProven" in page and "look at evidence/" in page and "<script" not in page
    assert view.next_command is None and "blindfair buyer resume" not in page


def test_a_purchase_under_way_says_what_to_type_and_one_not_begun_too() -> None:
    trouble = NodeFailure("The node is gone", hint="start it")
    for deeds_so_far in (purchase(None), None):
        view = view_buyer(None, deeds_so_far, None, (), trouble, IN_ETHER, "blindfair buyer resume --directory 'a b'")
        page = buyers_page(view)
        assert "A purchase under way" in page and "blindfair buyer resume --directory" in page
        assert "NodeFailure" in page and "None yet." in page


def buyers_chain(orders: dict[OrderId, OrderView]) -> BuyerOnChain:
    return BuyerOnChain(Wei(1), Wei(1), Wei(0), orders, Timestamp(NOW))


def test_each_order_tells_what_was_paid_and_what_came_back_and_all_are_added_up() -> None:
    price, bond = OFFER.price, OFFER.bond
    endings = [("evaluation", "Released"), ("sample", "Refunded"), ("rest", None), ("whole", "NoOrder")]
    orders = [
        LedgerOrder(name, replace(OFFER, nonce=number), is_seller=False, ending=ending)
        for number, (name, ending) in enumerate(endings)
    ]
    locked = {orders[2].offer.struct_hash(): OrderView(OrderState.LOCKED, Timestamp(NOW))}
    view = view_buyer("0x11", purchase(None, *orders), None, (), buyers_chain(locked), IN_ETHER, "")
    assert [(each.what, each.state, each.paid, each.back) for each in view.payments] == [
        ("the evaluation", "Released", "0.4 ether", "0 ether"),
        ("the audited sample", "Refunded", "0.4 ether", "0.44 ether"),
        ("the other records", "Locked", "0.4 ether", "0 ether"),
        ("the records", "NoOrder", "0 ether", "0 ether"),
    ]
    assert view.in_all == (IN_ETHER.show(3 * price), IN_ETHER.show(price + bond))
    money = dict(view.money)
    assert money["Spent in all, without gas"] == IN_ETHER.show(2 * price - bond) == "0.76 ether"
    assert money["Of this in open orders"] == "0.4 ether"
    assert money["Paid for gas"] == "0.00006 ether, for 60,000 gas"
    page = buyers_page(view)
    assert "In all" in page and "1.2 ether" in page


def test_what_the_chain_says_of_an_open_order_is_what_was_paid() -> None:
    order = LedgerOrder("whole", OFFER, is_seller=False, ending=None)
    for state, paid, back in (
        (OrderState.NONE, "0 ether", "0 ether"),
        (OrderState.REVEALED, "0.4 ether", "0 ether"),
        (OrderState.REFUNDED, "0.4 ether", "0.44 ether"),
    ):
        chain = buyers_chain({OFFER.struct_hash(): OrderView(state, Timestamp(NOW))})
        (line,) = view_buyer(None, purchase(None, order), None, (), chain, IN_ETHER, "").payments
        assert (line.paid, line.back) == (paid, back)
    trouble = NodeFailure("The node is gone", hint="start it")
    (line,) = view_buyer(None, purchase(None, order), None, (), trouble, IN_ETHER, "").payments
    assert (line.state, line.paid) == ("Open", "0.4 ether")


def buyers_page(view: BuyerView) -> str:
    return render("buyer.html", view=view, **common(LocalSite("buyer", Path("there"), 1))).decode()


def test_kept_advice_comes_back_and_damage_is_named(tmp_path: Path) -> None:
    assert kept_advice(tmp_path / "nowhere") is None
    tmp_path.chmod(0o700)
    assert kept_advice(tmp_path) is None
    told = (Told("price", "3 records"), Told("but", "little", is_doubt=True))
    keep_advice(tmp_path, told, "record", np.array([0.5, -1.0, 2.0]), [2])
    kept = kept_advice(tmp_path)
    assert kept is not None and kept.told == told
    assert (kept.scores.tolist(), kept.chosen.tolist()) == ([0.5, -1.0, 2.0], [False, False, True])
    for name, data in (("advice.npz", b"PK\x03\x04"), ("advice.json", b"[]"), ("advice.npz", b"")):
        path = tmp_path / "secrets" / name
        before = path.read_bytes()
        path.write_bytes(data)
        with pytest.raises(SecretDamaged):
            kept_advice(tmp_path)
        path.write_bytes(before)
    assert kept_advice(tmp_path) is not None


def test_only_what_was_bought_and_evidence_are_offered(tmp_path: Path) -> None:
    for name in ("bought.csv", "keystore.json", "journal.sqlite", "own.csv"):
        (tmp_path / name).write_text(name)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "finding.json").write_text("{}")
    (tmp_path / "evidence" / "link").symlink_to(tmp_path / "keystore.json")
    (tmp_path / "bought").symlink_to(tmp_path)
    assert [*find_files(tmp_path)] == ["bought.csv", "evidence/finding.json"]
    (tmp_path / "bought.csv").unlink()
    (tmp_path / "bought.csv").symlink_to(tmp_path / "keystore.json")
    assert [*find_files(tmp_path)] == ["evidence/finding.json"]


def test_an_order_that_the_chain_was_not_asked_for_is_open() -> None:
    chain = replace(on_chain(OrderState.NONE), orders={})
    (order,) = view_seller("trial", deeds(), manifest(), chain, IN_ETHER).orders
    assert order.state == "Open"
