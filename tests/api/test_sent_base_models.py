"""Texts in Python where the parties have no common base model: the buyer's travels, or nothing is asked."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny_bases
from tiny_bases import build, write

from blindfair.agents.context import Event
from blindfair.api.buying import make_purchase
from blindfair.api.listing import PreparedListing, make_listing
from blindfair.api.local_market import LocalMarket
from blindfair.influence.text import BaseModel
from blindfair.protocol.errors import InvalidOption, MessageTooLarge, UnusableModel
from blindfair.protocol.messages import Request

TEXTS = tiny_bases.texts(60, 1, longest=40)
OWN = pd.DataFrame({"text": tiny_bases.texts(90, 2, longest=40)})
GIVEN: dict[str, Any] = {"text_column": "text", "budget": "0.01", "fee": "0.005", "audit_rows": 5, "sample_share": 1.0}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("llama"), tmp_path_factory.mktemp("held"))


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("mine"))


def listing(held: Path, **options: Any) -> PreparedListing:
    return make_listing(
        pd.DataFrame({"text": TEXTS}), text_column="text", base_models=[held], bits=6, price_per_record="0.0001",
        licence="any", consent="made up", own_models=True, **options,
    )  # fmt: skip


@pytest.mark.deep
def test_a_buyers_base_model_travels_where_the_listing_takes_any(held: Path, mine: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    with LocalMarket(tmp_path / "market", on_event=events.append) as market:
        seller = market.sell(listing(held, any_base_model=True))
        buyer = market.buyer(seller, make_purchase(OWN, base_model=mine, send_base_model=True, **GIVEN))
        buyer.evaluate()
        told = [event.text for event in events if event.who == "buyer"]
        shown = next(place for place, text in enumerate(told) if "sends the seller your whole base model" in text)
        assert shown < next(place for place, text in enumerate(told) if text.startswith("sends the request"))
        assert BaseModel.from_bytes(buyer.agent.review().request.base).digest == BaseModel.load(mine).digest
        assert buyer.buy().final == "Released" and buyer.agent.audited_rows == 5
        assert seller.agent.refusals() == ()

        # One that the listing names stays where it is.
        known = market.buyer(seller, make_purchase(OWN, base_model=held, send_base_model=True, **GIVEN))
        known.evaluate()
        assert known.agent.review().request.base == b""


def test_nothing_is_asked_unless_the_buyer_lets_its_base_model_travel(held: Path, mine: Path, tmp_path: Path) -> None:
    with LocalMarket(tmp_path / "market") as market:
        seller = market.sell(listing(held, any_base_model=True))
        buyer = market.buyer(seller, make_purchase(OWN, base_model=mine, **GIVEN))
        with pytest.raises(UnusableModel, match="takes any that is sent") as told:
            buyer.evaluate()
        assert "`send_base_model` sends the seller the whole model" in told.value.hint
        assert "request" not in buyer.agent.sizes()


def test_nothing_is_sent_to_a_listing_that_takes_its_own_alone(held: Path, mine: Path, tmp_path: Path) -> None:
    with LocalMarket(tmp_path / "market") as market:
        buyer = market.buyer(
            market.sell(listing(held)), make_purchase(OWN, base_model=mine, send_base_model=True, **GIVEN)
        )
        with pytest.raises(UnusableModel, match="does not hold this base model"):
            buyer.evaluate()
        assert "request" not in buyer.agent.sizes()


def test_a_base_model_that_fits_in_no_message_is_refused_before_anything_is_asked(
    held: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blindfair.agents.buyer.sent_base.BASE_PART_LIMIT", 10_000)
    with LocalMarket(tmp_path / "market") as market:
        seller = market.sell(listing(held, any_base_model=True))
        buyer = market.buyer(seller, make_purchase(OWN, base_model=mine, send_base_model=True, **GIVEN))
        with pytest.raises(MessageTooLarge, match="larger than what a request can carry") as told:
            buyer.evaluate()
        assert "common base model" in told.value.hint and "request" not in buyer.agent.sizes()


def test_a_seller_of_any_base_model_reads_the_largest_request_and_others_do_not(held: Path) -> None:
    assert listing(held, any_base_model=True).policy.max_sealed_message > Request.LIMIT
    assert listing(held).policy.max_sealed_message == 2**28


def test_both_options_are_for_texts() -> None:
    table: Any = pd.DataFrame({"x": [1.0, 2.0]})
    with pytest.raises(InvalidOption, match="`send_base_model` is for texts"):
        make_purchase(table, label="x", budget="0.01", send_base_model=True)
    with pytest.raises(InvalidOption, match="`any_base_model` is for texts"):
        make_listing(table, label="x", price_per_record="1", licence="l", consent="c", any_base_model=True)
