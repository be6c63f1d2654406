"""A purchase of clean records is called a bound, and a way to it measured, only where it is one."""

import io

import pytest
from rich.console import Console

from blindfair.cli.demo.results import _show_utility
from blindfair.cli.lines import Lines
from blindfair.pricing.quality import AUC
from blindfair.pricing.utility import SeedOutcome, Utility

BEFORE = (0.70, 0.75, 0.80)
NO_BOUND = "no bound"


def shown(*, random: float, by_score: float, clean: float, spread: float = 0.001, bad: float = 0.3) -> str:
    """What is printed of three divisions; clean records are `spread` apart from one to the next."""
    outcomes = [
        SeedOutcome(
            before=before,
            by_score=(before + by_score,),
            at_random=(before + random,),
            clean=(before + clean + place * spread,),
            bad_share_bought=(bad,),
            flipped_label_auc=None,
            bad_share_estimated=bad,
            bad_share_true=bad,
        )
        for place, before in zip((-1, 0, 1), BEFORE, strict=True)
    ]
    told = io.StringIO()
    _show_utility(Lines(Console(file=told, width=300)), Utility((0.3,), tuple(outcomes), AUC))
    return " ".join(told.getvalue().split())


def test_the_way_to_a_bound_is_measured() -> None:
    text = shown(random=0.0, by_score=0.01, clean=0.02)
    assert "(a bound: nobody could know which); 50% of the way from random to clean" in text
    assert NO_BOUND not in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (shown(random=0.0, by_score=0.01, clean=0.02, bad=0.0), "no label of the offer is wrong"),
        (shown(random=0.0, by_score=0.01, clean=0.02, spread=0.02), "not shown to be better than at random"),
        (shown(random=0.01, by_score=0.01, clean=0.0), "not shown to be better than at random"),
        (shown(random=0.0, by_score=0.021, clean=0.01), "by score did better"),
    ],
    ids=["nothing spoilt", "within the noise", "worse than random", "better than clean"],
)
def test_what_is_no_bound_is_not_called_one(text: str, reason: str) -> None:
    assert f"({NO_BOUND}: {reason})" in text
    assert "of the way" not in text
    assert "a bound" not in text


def test_no_way_is_measured_backwards() -> None:
    text = shown(random=0.0, by_score=-0.01, clean=0.02)
    assert "a bound" in text
    assert "%" not in text.split("clean only")[1].split("gain")[0]
