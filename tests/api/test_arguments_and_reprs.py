"""Wrong arguments are named errors that name the argument, and what a notebook shows holds no record."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import blindfair as bf
from blindfair.agents.buyer.outcome import Outcome
from blindfair.api.keystore import create_keystore
from blindfair.influence.corpus.corpus import read_corpus
from blindfair.protocol.errors import InvalidOption, NoAnswer

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(2)
FRAME = pd.DataFrame(RNG.normal(size=(60, 3)).round(6), columns=["a", "b", "c"]).assign(
    y=[number % 2 for number in range(60)]
)


def listing(**changes: Any) -> Any:
    needed = {"label": "y", "price_per_record": "0.001", "licence": "research", "consent": "given"}
    return bf.make_listing(**({"records": FRAME} | needed | changes))


def purchase(**changes: Any) -> Any:
    return bf.make_purchase(**({"own": FRAME, "label": "y", "budget": "1"} | changes))


@pytest.fixture(scope="module")
def market() -> Iterator[bf.LocalMarket]:
    with bf.LocalMarket() as market:
        yield market


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "budget": (lambda: purchase(budget=0.05), '`budget` is not a text; expected .* "0.05"; found float 0.05'),
    "price": (lambda: listing(price_per_record=1), "`price_per_record` is not a text"),
    "array": (lambda: listing(records=np.zeros((3, 2))), "`records` is no table.*found ndarray"),
    "own array": (lambda: purchase(own=np.zeros((3, 2))), "`own` is no table"),
    "own dict": (lambda: purchase(own={"y": [0, 1]}), r"expected a file.*found dict.*pandas\.DataFrame\(own\)"),
    "categorical": (lambda: listing(categorical="site"), r"`categorical` is a text.*`categorical=\['site'\]`"),
    "buyers": (lambda: listing(buyers="0x" + "11" * 20), "`buyers` is a text"),
    "exclude": (lambda: purchase(exclude="a"), "`exclude` is a text"),
    "text": (lambda: purchase(text="a"), "`text` is a text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_is_named(name: str) -> None:
    action, text = WRONG[name]
    with pytest.raises(InvalidOption, match=text):
        action()


def test_a_purchase_in_place_of_its_valuer_is_told_and_a_listing_may_be_text(
    market: bf.LocalMarket, tmp_path: Path
) -> None:
    seller, own = market.sell(listing()), purchase()
    context, number = market._context(own.base_models), f"0x{seller.listing.hex()}"

    def opened(valuer: Any, number: str) -> Any:
        return bf.open_buyer(tmp_path / "own", context, valuer, own.policy, seller=seller.address, listing=number)

    with pytest.raises(InvalidOption, match=r"pass `own\.valuer`"), opened(own, number):
        pass
    with pytest.raises(InvalidOption, match="64 hexadecimal digits"), opened(own.valuer, "0x12"):
        pass
    with opened(own.valuer, number) as buyer:
        assert buyer.agent.listing == seller.listing


def test_a_keystore_may_be_named_by_a_text(tmp_path: Path) -> None:
    address = create_keystore(tmp_path / "key.json", "password", work=2)
    assert bf.unlock(str(tmp_path / "key.json"), "password").address.lower() == address


def test_what_a_notebook_shows_holds_no_record(market: bf.LocalMarket) -> None:
    prepared = listing()
    corpus = read_corpus(pd.DataFrame({"text": ["a secret text", "another secret"]}))
    shown = [repr(each) for each in (prepared, prepared.spec, prepared.table, corpus, purchase())]
    assert shown[0] == f"PreparedListing({shown[1]})"
    assert shown[1] == "ListingSpec('records', 60 records of 4 columns, label 'y', 4 bits a record)"
    assert shown[2] == "Table(60 records of 4 columns, label 'y')"
    assert shown[3] == "Corpus(2 texts of column 'text', no label)"
    assert all(len(text) < 200 for text in shown)


@pytest.mark.deep
def test_what_a_purchase_returns_is_a_line_without_query_scores_or_selection(market: bf.LocalMarket) -> None:
    buyer = market.buyer(market.sell(listing(bits=4)), purchase(fee="1", audit_rows=2))
    choice = buyer.evaluate()
    evaluated, again = buyer.evaluated()
    assert repr(again) == repr(choice)
    assert re.fullmatch(r"Choice\(\d+ records? for [\d,]+ of the smallest unit, trust \d+%, .*\)", repr(choice))
    assert repr(choice).endswith("doubt: see .reasons)" if len(choice.reasons) == 1 else ")")
    assert re.fullmatch(r"Evaluated\(60 records by \d quer.*, fee [\d,]+ of the smallest unit\)", repr(evaluated))
    outcome = buyer.buy()
    assert repr(outcome) == f"Outcome({outcome.final}: {outcome.reason})"
    shown = repr(choice) + repr(evaluated)
    assert len(shown) < 250 and "\n" not in shown and "[" not in shown


def test_an_outcome_names_its_error() -> None:
    stopped = Outcome.stopped(NoAnswer("The seller is silent", hint="wait"))
    assert repr(stopped).startswith("Outcome(NoOrder, NoAnswer: ")


def test_a_party_shows_its_address_listing_and_state_in_a_line_also_when_closed(tmp_path: Path) -> None:
    with bf.LocalMarket(tmp_path / "market") as market:
        seller = market.sell(listing())
        buyer = market.buyer(seller, purchase())
        assert seller.address in repr(seller) and seller.listing.hex() in repr(seller)
        assert seller.listing.hex() in repr(buyer) and repr(buyer).endswith("open)")
        assert repr(market).endswith("1 sellers, 1 buyers)")
    for party in (seller, buyer):
        assert repr(party).endswith("closed)") and "\n" not in repr(party)
