"""Reading a party never asks or pays, a closed party says so, and one that was not opened holds nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import blindfair as bf
from blindfair.api.parties import BuyerParty
from blindfair.protocol.errors import StateError
from blindfair.protocol.quantities import Seconds

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(5)
LISTED: dict[str, Any] = {"label": "sick", "price_per_record": "0.0001", "licence": "research", "consent": "given"}
READERS: dict[str, Callable[[BuyerParty], object]] = {
    "scores": lambda buyer: buyer.scores,
    "table": lambda buyer: buyer.table(),
    "plot": lambda buyer: buyer.plot(),
    "records": lambda buyer: buyer.records(),
}


def frame(records: int) -> Any:
    x = RNG.normal(size=(records, 2)).round(3)
    table = pd.DataFrame(x, columns=["pressure", "age"])
    table["sick"] = np.where(x[:, 0] + RNG.normal(size=records) > 0, "yes", "no")
    return table


OFFERED, OWN = frame(200), frame(200)


def wanted() -> Any:
    return bf.make_purchase(OWN, label="sick", budget="0.01", fee="0.01", min_audit_rows=30)


@pytest.fixture(scope="module")
def market() -> Iterator[bf.LocalMarket]:
    with bf.LocalMarket() as market:
        yield market


@pytest.fixture(scope="module")
def buyer(market: bf.LocalMarket) -> BuyerParty:
    return market.buyer(market.sell(bf.make_listing(OFFERED, **LISTED, free_share=0.0)), wanted())


@pytest.mark.parametrize("reader", READERS)
def test_reading_a_buyer_that_asked_nothing_pays_no_fee(market: bf.LocalMarket, buyer: BuyerParty, reader: str) -> None:
    before = market.chain.web3.eth.get_balance(market.chain.web3.to_checksum_address(buyer.agent.address))
    with pytest.raises(StateError, match=r"Nothing was asked yet.*call evaluate\(\) first; it may pay a fee"):
        READERS[reader](buyer)
    after = market.chain.web3.eth.get_balance(market.chain.web3.to_checksum_address(buyer.agent.address))
    assert (after, buyer.agent.sizes(), buyer.agent.transactions()) == (before, {}, {})


def test_a_buyer_that_asked_nothing_buys_nothing(buyer: BuyerParty) -> None:
    with pytest.raises(StateError, match="evaluate"):
        buyer.buy()
    assert buyer.agent.sizes() == {}


def test_a_request_without_an_answer_is_not_read_as_an_evaluation(
    market: bf.LocalMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = market.buyer(market.sell(bf.make_listing(frame(200), **LISTED)), wanted())
    monkeypatch.setattr(type(asking.agent), "has_asked", True)
    with pytest.raises(StateError, match="not finished"):
        _ = asking.scores


def test_a_paid_evaluation_is_read_in_another_process_without_sending(tmp_path: Path) -> None:
    listing = bf.make_listing(OFFERED, **LISTED, free_share=0.0)
    with bf.LocalMarket(tmp_path / "market") as market:
        first = market.buyer(market.sell(listing), wanted())
        first.evaluate()
        scores, sent, paid = first.scores, first.agent.sizes(), first.agent.transactions()
        assert paid and first.records().empty
    with bf.LocalMarket(tmp_path / "market") as market:
        again = market.buyer(market.sell(listing), wanted())
        assert again.scores == pytest.approx(scores) and len(again.table()) == len(OFFERED)
        assert (again.agent.sizes(), again.agent.transactions()) == (sent, paid)


def test_a_party_after_its_with_block_says_that_it_was_closed(tmp_path: Path) -> None:
    with bf.LocalMarket(tmp_path / "market") as market:
        buyer = market.buyer(market.sell(bf.make_listing(OFFERED, **LISTED)), wanted())
        buyer.evaluate()
    for use in (*READERS.values(), BuyerParty.evaluate, BuyerParty.buy):
        with pytest.raises(StateError, match=r"was closed.*inside the `with` block") as caught:
            use(buyer)
        assert caught.value.name == "StateError"
    with pytest.raises(StateError, match="chain was closed"):
        market.chain.advance(Seconds(1))


def test_a_party_that_could_not_be_opened_holds_no_mailbox(tmp_path: Path) -> None:
    listing, own, wrong = bf.make_listing(OFFERED, **LISTED), wanted(), cast("Any", None)
    with bf.LocalMarket(tmp_path / "market") as market:
        seller = market.sell(listing)
        given: dict[str, Any] = {"seller": seller.address, "listing": seller.listing}
        context = market._context(own.base_models)
        with pytest.raises(Exception), bf.open_buyer(tmp_path / "buys", context, own.valuer, wrong, **given):  # noqa: B017
            pass
        with bf.open_buyer(tmp_path / "buys", context, own.valuer, own.policy, **given) as buyer:
            assert buyer.agent.outcome is None
        with pytest.raises(Exception), bf.open_seller(tmp_path / "sells", context, wrong):  # noqa: B017
            pass
        with bf.open_seller(tmp_path / "sells", context, listing.spec) as other:
            assert not other.is_listed
