"""What the tests of a buyer's own fine-tuned model share: texts, models, and purchases by them in Python.

`given` are options of `make_purchase`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny_bases

from blindfair.agents.context import Event
from blindfair.api.buying import PreparedPurchase, make_purchase
from blindfair.api.listing import make_listing
from blindfair.api.local_market import LocalMarket
from blindfair.api.parties import BuyerParty
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel, Difference, TextModel, TextWindows, fine_tune
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.pricing.texts.adapted import adapted_model
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import UnusableModel

TEXTS = tiny_bases.texts(60, 1, longest=40)
OWN = tiny_bases.texts(90, 2, longest=40)
WINDOWS = TextWindows(16, 2)
AUDITED: dict[str, Any] = {"audit_rows": 5, "sample_share": 1.0}


def tuned(base: Path, *, steps: int = 20, rank: int = 4) -> Difference:
    """A language model, trained from the base in a folder."""
    model = TextModel(BaseModel.load(base), Difference(), WINDOWS)
    return fine_tune(model, tiny_bases.texts(80, 5, longest=40), None, steps=steps, seed=1, rank=rank).difference


def tuned_classifier(base: Path) -> Difference:
    """A classifier with its head, trained on the buyer's own texts."""
    held = BaseModel.load(base)
    start = TextModel(held, blank_head(held.config.width, 2, 1), WINDOWS, 2)
    codes = [0 if kind == "cat" else 1 for kind in _frame(OWN, labelled=True)["kind"]]
    return fine_tune(start, OWN, codes, steps=30, seed=1, rank=4).difference


def purchase_by(base: Path, **given: Any) -> PreparedPurchase:
    """A purchase by own texts without a label, before any listing is known."""
    return make_purchase(_frame(OWN), text_column="text", base_model=base, **{"budget": "1", **given})


@contextmanager
def asking(home: Path, base: Path, *, labelled: bool = False, **given: Any) -> Iterator[tuple[BuyerParty, list[Event]]]:
    """A buyer that has not asked yet at a listing of the texts, and what both parties say."""
    named: dict[str, Any] = {"text_column": "text", **({"label": "kind"} if labelled else {})}
    listing = make_listing(
        _frame(TEXTS, labelled=labelled), base_models=[base], bits=6, price_per_record="0.0001", licence="any",
        consent="made up", own_models=True, **named,
    )  # fmt: skip
    own = _frame(OWN, labelled=labelled)
    purchase = make_purchase(own, base_model=base, budget="0.01", fee="0.005", **named, **given)
    events: list[Event] = []
    with LocalMarket(home, on_event=events.append) as market:
        yield market.buyer(market.sell(listing), purchase), events


def assert_traded(home: Path, base: Path, *, shows: str, asks: str, **given: Any) -> Document:
    """Buy by the fine-tuned model, of which the buyer is told before it asks. Return the difference that it sent."""
    with asking(home, base, **AUDITED, **given) as (buyer, events):
        buyer.evaluate()
        told = [event.text for event in events if event.who == "buyer"]
        shown = next(place for place, text in enumerate(told) if shows in text)
        sent = next(place for place, text in enumerate(told) if text.startswith("sends the request"))
        assert shown < sent and "your fine-tuned model" in told[shown]
        assert any(asks in text for text in told[:shown])
        model = buyer.agent.review().request.model_config["model"]
        assert isinstance(model, dict) and isinstance(model["difference"], dict)
        assert buyer.buy().final == "Released"
        assert buyer.agent.audited_rows == 5 and len(buyer.records())
        return model["difference"]


def assert_traded_by_classifier(home: Path, base: Path, *, with_head: bool, **given: Any) -> None:
    """Buy texts with labels; what the model's head is worth is told where it has one."""
    with asking(home, base, labelled=True, **AUDITED, **given) as (buyer, events):
        buyer.evaluate()
        told = " ".join(event.text for event in events)
        assert ("nats against a guess among 2 classes; its head reads the mean" in told) is with_head
        assert buyer.buy().final == "Released" and buyer.agent.audited_rows == 5


def refusal(home: Path, base: Path, match: str, *, labelled: bool = False, **given: Any) -> UnusableModel:
    """The error that ends an evaluation before anything is asked."""
    with asking(home, base, labelled=labelled, **given) as (buyer, _):
        with pytest.raises(UnusableModel, match=match) as told:
            buyer.evaluate()
        assert "request" not in buyer.agent.sizes()
    return told.value


def notes(base: Path, difference: Difference) -> tuple[str, ...]:
    """What a buyer of texts without a label is told of its model before it asks."""
    held = BaseModel.load(base)
    preprocessing = TextPreprocessing("text", None, (), WINDOWS.window, WINDOWS.max_windows, (held.digest,))
    return adapted_model(held, preprocessing, 0, difference, (OWN, None)).notes


def _frame(texts: list[str], *, labelled: bool = False) -> pd.DataFrame:
    kinds = {"kind": ["cat" if "cat" in text else "none" for text in texts]} if labelled else {}
    return pd.DataFrame({"text": texts, **kinds})
