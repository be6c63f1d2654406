"""A trade in one process: as the example tells it, as the notebook shows it, and with what can go wrong."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import blindfair as bf
from blindfair.agents.context import Event
from blindfair.agents.settlement.ending import Ending
from blindfair.api.parties import BuyerParty, SellerParty
from blindfair.protocol.errors import InvalidOption, MalformedTable, OfferTooSmall, Refused

pd = pytest.importorskip("pandas")

EXAMPLES = Path(__file__).parents[2] / "examples"
RNG = np.random.default_rng(3)
LISTED: dict[str, Any] = {"label": "sick", "price_per_record": "0.0001", "licence": "research", "consent": "given"}


def frame(records: int) -> Any:
    """Patients whose sickness depends on two of three numbers; a few cells are missing."""
    x = RNG.normal(size=(records, 3)).round(3)
    table = pd.DataFrame(x, columns=["pressure", "age", "weight"])
    table["ward"] = RNG.choice(["a ward", "another"], records)
    table["sick"] = np.where(x[:, 0] - x[:, 1] + RNG.normal(size=records) > 0, "yes", "no")
    table.loc[::17, "weight"] = np.nan
    return table


OFFERED, OWN = frame(200), frame(200)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def market(events: list[Event]) -> Iterator[bf.LocalMarket]:
    with bf.LocalMarket(on_event=events.append) as market:
        yield market


@pytest.fixture(scope="module")
def seller(market: bf.LocalMarket) -> SellerParty:
    return market.sell(bf.make_listing(OFFERED, **LISTED))


@pytest.fixture(scope="module")
def buyer(market: bf.LocalMarket, seller: SellerParty) -> BuyerParty:
    wanted = bf.make_purchase(OWN, label="sick", budget="0.01", fee="0.01", min_audit_rows=30)
    buyer = market.buyer(seller, wanted)
    assert buyer.evaluate().records
    return buyer


def test_scores_come_as_an_array_a_table_and_a_picture(buyer: BuyerParty) -> None:
    scores, table, choice = buyer.scores, buyer.table(), buyer.evaluate()
    assert scores.shape == (200,) and scores.dtype == np.float64
    assert table["score"].to_numpy() == pytest.approx(scores)
    assert table.index[table["chosen"]].tolist() == list(choice.records)
    # Most labels are right, and such records help.
    assert scores.mean() > 0 and 0 < len(choice.records) < 200
    bars: list[Any] = list(buyer.plot().patches)
    assert sum(bar.get_height() > 0 for bar in bars) > 5
    assert buyer.plot().get_xlabel() == "score: positive is helpful"


def test_what_is_bought_comes_back_as_a_data_frame_of_the_sellers_cells(buyer: BuyerParty) -> None:
    outcome = buyer.buy()
    assert (outcome.final, outcome.error) == (Ending.RELEASED, None)
    bought = buyer.records()
    assert bought.index.tolist() == list(buyer.evaluate().records)
    pd.testing.assert_frame_equal(bought, OFFERED.iloc[bought.index], check_dtype=False, check_names=False)
    assert buyer.buy() == outcome


def test_nothing_prints_and_events_are_told(
    buyer: BuyerParty, events: list[Event], capfd: pytest.CaptureFixture[str]
) -> None:
    buyer.buy()
    assert capfd.readouterr() == ("", "")
    assert {event.who for event in events} == {"seller", "buyer"}


def test_a_refusal_is_a_named_error(market: bf.LocalMarket) -> None:
    seller = market.sell(bf.make_listing(OFFERED, **LISTED, free_share=0.0))
    with pytest.raises(Refused, match="it costs a fee") as caught:
        market.buyer(seller, bf.make_purchase(OWN, label="sick", budget="0.01", min_audit_rows=30)).evaluate()
    assert caught.value.expected is not None
    with pytest.raises(OfferTooSmall):
        market.buyer(seller, bf.make_purchase(OWN, label="sick", budget="0.0001")).evaluate()


def test_a_seller_whose_commit_failed_is_closed_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: SellerParty) -> None:
        raise Refused("The commit failed")

    listing = bf.make_listing(frame(200), **LISTED)
    with bf.LocalMarket(tmp_path / "market") as market:
        with monkeypatch.context() as patch, pytest.raises(Refused):
            patch.setattr(SellerParty, "commit", failing)
            market.sell(listing)
        assert market.sell(listing).is_listed


def test_a_market_goes_on_where_it_was(tmp_path: Path) -> None:
    listing = bf.make_listing(OFFERED, **LISTED)
    with bf.LocalMarket(tmp_path / "market") as market:
        first = market.sell(listing)
        number, address = first.listing, first.address
    with bf.LocalMarket(tmp_path / "market") as market:
        again = market.sell(listing)
        assert (again.listing, again.address) == (number, address)
        assert len(again.agent.transactions()) == 1


def test_what_is_wrong_with_tables_and_arguments_is_told_before_anything_is_done() -> None:
    with pytest.raises(InvalidOption):
        bf.make_purchase(OWN, label="sick", budget="0.1", train=OWN)
    with pytest.raises(InvalidOption):
        bf.make_listing(OFFERED, **{**LISTED, "price_per_record": "cheap"})
    with pytest.raises(MalformedTable, match="list in record 1"):
        bf.make_listing(OFFERED.assign(x=[[n] for n in range(200)]), **LISTED)


@pytest.mark.deep
def test_the_example_runs() -> None:
    command = [sys.executable, str(EXAMPLES / "trade_in_one_process.py"), "--records", "400"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[0] == "listed 400 records; one evaluation tells 4 bits of each"
    assert told[-2].startswith("Released: ") and told[-2].endswith(" records of 22 columns")
    assert told[-1] == "every bought record is the listed one: True"


@pytest.mark.deep
def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(EXAMPLES / "trade.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert any("'Released'" in output.get("data", {}).get("text/plain", "") for output in outputs)
