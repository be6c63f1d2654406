"""The demo of texts says it when buying by score is no better than buying at random, and when it is worse."""

import io

import numpy as np
import pytest
from rich.console import Console

from blindfair.agents.buyer.valuer import Choice
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.parameters import DEFAULT
from blindfair.cli.demo.honest import HonestTrade
from blindfair.cli.demo.texts.results import of_buying_texts, show_utility
from blindfair.cli.demo.texts.review import ReviewedTexts
from blindfair.cli.lines import Lines
from blindfair.pricing.texts.judges import Judged
from blindfair.pricing.texts.utility import TextSeedOutcome, TextUtility
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import RecordIndex, Wei

OWN = 5.3


def worth(by_score: float, at_random: float, *, wanted: float = 0.05, spread: float = 0.001) -> TextUtility:
    """Three seeds whose losses are lower than that of own texts by these on average, `spread` apart."""
    outcomes = [
        TextSeedOutcome(
            seed=place + 1,
            base=5.4,
            own=OWN,
            random=OWN - at_random - place * spread,
            by_score=OWN - by_score + place * spread,
            wanted=OWN - wanted,
            bought=(0,),
            wanted_share_bought=0.5,
            alike_estimated=0.3,
        )
        for place in (-1, 0, 1)
    ]
    return TextUtility(120, 120, 460, tuple(outcomes))


def trade(after: float = 5.2) -> ReviewedTexts:
    honest = HonestTrade(
        records=460,
        dimension=128,
        scores=np.zeros(460),
        choice=Choice((RecordIndex(0),), Wei(300), (), {}),
        bought=((0, b""),),
        as_committed=True,
        information={},
        fee=Wei(0),
        seen_bits=8,
        spearman=1.0,
        discloses="a projection",
        disclosure=Disclosure.of(DEFAULT, records=460, bits=(4, 2)),
        seller_microseconds=10.0,
        audit_rows=59,
        sample_price=None,
    )
    return ReviewedTexts(honest, {"Brown": 460}, {"Brown": 1}, "asks", Judged(5.4), Judged(OWN), Judged(after))


def test_a_good_purchase_needs_no_but() -> None:
    assert of_buying_texts(worth(0.04, 0.01), trade()) == []


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [
        (worth(0.04, 0.0399), "Buying by score is not shown to be better than buying at random"),
        (worth(0.02, 0.04), "Buying by score is worse than buying at random"),
        (worth(0.0001, -0.04), "Buying is not shown to be worth anything"),
        (worth(-0.02, -0.04), "Buying is not worth it"),
    ],
)
def test_what_is_not_better_is_said(measured: TextUtility, sentence: str) -> None:
    (found,) = of_buying_texts(measured, trade())
    assert sentence in found


def test_a_purchase_that_did_not_help_is_named() -> None:
    (found,) = of_buying_texts(worth(0.04, 0.01), trade(after=OWN))
    assert "This purchase did not help" in found


@pytest.mark.parametrize(
    ("utility", "bound"),
    [
        (worth(0.03, 0.01), "(a bound: nobody could know which); 50% of the way from random to all of them"),
        (worth(0.06, 0.01), "(no bound: by score did better)"),
        (worth(0.03, 0.05), "(no bound: not shown to be better than at random)"),
    ],
)
def test_the_way_to_the_oracle_is_told_where_it_is_a_bound(utility: TextUtility, bound: str) -> None:
    told = io.StringIO()
    show_utility(Lines(Console(file=told, width=400)), utility)
    assert bound in " ".join(told.getvalue().split())


def test_one_seed_makes_no_interval() -> None:
    pytest.importorskip("transformers")
    from blindfair.cli.demo.texts.prepared import MODEL
    from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
    from blindfair.influence.text import BaseModel
    from blindfair.pricing.texts.utility import TextTask, measure_text_utility
    from blindfair.pricing.texts.valuation import Texts

    base = BaseModel.load(MODEL)
    read = TextPreprocessing("text", None, (), 128, 4, (base.digest,))
    none: Texts = ([], None)
    task = TextTask(
        base, read, ["text"], (["a b c"], None), np.array([True]), (["a b c"], None), lambda _: (none, none)
    )
    with pytest.raises(InvalidOption, match="An interval needs several seeds"):
        measure_text_utility(task, seeds=[0], budget=1)
    with pytest.raises(InvalidOption, match="That many texts cannot be bought"):
        measure_text_utility(task, seeds=[0, 1], budget=2)
