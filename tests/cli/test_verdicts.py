"""The demo says it when buying, or buying by score, is not worth it; and says nothing of the kind when it is."""

from dataclasses import replace

import numpy as np
import pytest
from real_tables import LABEL, digits

from blindfair.agents.buyer.valuer import Choice
from blindfair.agents.settlement.ending import Ending
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.parameters import DEFAULT
from blindfair.cli.demo.cases import TradeResult
from blindfair.cli.demo.honest import HonestTrade
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.pictures import STEPS
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.summary import ReviewedTable
from blindfair.cli.demo.verdicts import verdicts
from blindfair.pricing.gain_forecast import NATS
from blindfair.pricing.loss import ScoreLoss
from blindfair.pricing.quality import ACCURACY, AUC, D2, R2, Quality
from blindfair.pricing.utility import SeedOutcome, Utility, measure_utility
from blindfair.protocol.quantities import RecordIndex, Wei

BEFORE = (0.70, 0.75, 0.80)


def utility(by_score: float, at_random: float, *, spread: float = 0.001, estimated: float = 0.28) -> Utility:
    """Three seeds whose gains over no purchase are `by_score` and `at_random` on average, `spread` apart."""
    outcomes = [
        SeedOutcome(
            before=before,
            by_score=(before + by_score + place * spread,),
            at_random=(before + at_random - place * spread,),
            clean=(before + 0.02,),
            bad_share_bought=(0.1,),
            flipped_label_auc=0.85,
            bad_share_estimated=estimated,
            bad_share_true=0.3,
        )
        for place, before in zip((-1, 0, 1), BEFORE, strict=True)
    ]
    return Utility((0.3,), tuple(outcomes), AUC)


def trade(
    *,
    as_committed: bool = True,
    rows: int = 59,
    selected: int = 300,
    sample: Wei | None = None,
    after: float = 0.76,
    reasons: tuple[str, ...] = (),
    spearman: float | None = 1.0,
) -> ReviewedTable:
    records = tuple(RecordIndex(number) for number in range(selected))
    honest = HonestTrade(
        records=1000,
        dimension=20,
        scores=np.zeros(1000),
        choice=Choice(records, Wei(300), reasons, {}),
        bought=tuple((number, b"") for number in records),
        as_committed=as_committed,
        information={},
        fee=Wei(0),
        seen_bits=8,
        spearman=spearman,
        discloses="the scoring model",
        disclosure=Disclosure.of(DEFAULT, records=1000, bits=(3, 1)),
        seller_microseconds=10.0,
        audit_rows=rows,
        sample_price=sample,
    )
    return ReviewedTable(honest, ScoreLoss(9, 1.0, 1.0, 1.0, 1.0), flipped=0.3, before=0.75, after=after, unit=NATS)


def caught(final: Ending = Ending.NO_ORDER, error: str | None = "ScoresDisagree") -> dict[str, TradeResult]:
    """The trade with the seller that inflates scores, as it ended."""
    none: dict[str, int] = {}
    return {
        "inflated_scores": TradeResult(
            "inflated_scores",
            final,
            "",
            error,
            Wei(0),
            Wei(0),
            0,
            0,
            gas=none,
            sizes=none,
            transactions={},
            calldata=0,
            seconds=0.0,
        )
    }


def test_a_seller_that_was_not_caught_is_named() -> None:
    (found,) = verdicts(utility(0.01, -0.01), trade(), caught(Ending.RELEASED, None))
    assert "missed the seller that inflated scores" in found


def test_a_good_purchase_needs_no_but() -> None:
    assert verdicts(utility(0.01, -0.01), trade(), caught()) == []


@pytest.mark.parametrize("spearman", [None, 0.7])
def test_scores_that_are_seen_well_enough_need_no_but(spearman: float | None) -> None:
    assert verdicts(utility(0.01, -0.01), trade(spearman=spearman), caught()) == []


@pytest.mark.parametrize("sample", [None, Wei(50)], ids=["opened", "bought"])
def test_fewer_rows_of_a_small_selection_are_no_small_audit(sample: Wei | None) -> None:
    """50 of 100 meet five fakes with probability 0.972, 59 of 300 fifteen with 0.964."""
    assert verdicts(utility(0.01, -0.01), trade(rows=50, selected=100, sample=sample), caught()) == []


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [
        (utility(0.001, -0.02), "Buying is not shown to be worth anything"),
        (utility(-0.01, -0.03), "Buying is not worth it"),
        (utility(0.01, 0.009), "Buying by score is not shown to be better than buying at random"),
        (utility(0.01, 0.03), "Buying by score is worse than buying at random"),
        (utility(0.01, -0.01, estimated=0.1), "10% where 30% are bad"),
    ],
    ids=["no gain shown", "loss", "no better than random", "worse than random", "misjudged"],
)
def test_what_was_measured_over_seeds_is_judged(measured: Utility, sentence: str) -> None:
    (found,) = verdicts(measured, trade(), caught())
    assert sentence in found


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (
            trade(spearman=0.31),
            "correlation with the exact ones is 0.31; blindfair buyer evaluate --score-bits asks for more",
        ),
        (trade(as_committed=False), "NOT those of the rows"),
        (trade(rows=36), "opened 36 of the selected records, 59 is the default"),
        (
            trade(rows=30, selected=60, sample=Wei(30)),
            "30 of 60 records could be bought first as the sample",
        ),
        (trade(after=0.7499), "This purchase did not help: the AUC was 0.7500 and is 0.7499"),
        (trade(reasons=("Nothing here is worth its price.",)), "Nothing here is worth its price."),
    ],
    ids=["noisy", "inexact", "small audit", "small sample", "no help", "the buyer's own reason"],
)
def test_what_this_trade_showed_is_judged(ended: ReviewedTable, sentence: str) -> None:
    (found,) = verdicts(utility(0.01, -0.01), ended, caught())
    assert sentence in found


def judged_by(quality: Quality, by_score: float, at_random: float) -> Utility:
    """The same three seeds by another measure, with a model that is as good as guessing before."""
    three = utility(by_score, at_random).outcomes
    outcomes = [
        replace(one, before=0.0, by_score=(by_score,), at_random=(at_random + place / 1000,), clean=(0.02,))
        for place, one in enumerate(three)
    ]
    return Utility((0.3,), tuple(outcomes), quality)


@pytest.mark.parametrize("quality", [ACCURACY, R2, D2], ids=lambda quality: quality.name)
def test_sentences_name_the_measure_of_the_label(quality: Quality) -> None:
    measured = replace(utility(-0.01, -0.02), quality=quality)
    found = verdicts(measured, trade(after=0.7), caught())
    assert any(f"makes the buyer's model worse ({quality.name} -0.0" in sentence for sentence in found)
    assert f"This purchase did not help: the {quality.name} was 0.7500 and is 0.7000." in found
    assert not any("AUC" in sentence for sentence in found)


@pytest.mark.parametrize("quality", [R2, D2], ids=lambda quality: quality.name)
def test_a_model_that_only_guesses_is_said_to(quality: Quality) -> None:
    """It may gain much and still be worth nothing."""
    said = f"Even with what is bought the buyer's model is no better than guessing (mean {quality.name} 0.0000)."
    assert said in verdicts(judged_by(quality, 0.0, -0.1), trade(), caught())
    assert not any("guessing" in sentence for sentence in verdicts(judged_by(quality, 0.01, -0.1), trade(), caught()))


def test_gains_are_paired_or_the_seeds_would_hide_them() -> None:
    """The seeds differ by 0.1, the gain is 0.01: unpaired, no interval would leave zero out."""
    measured = utility(0.01, -0.01)
    low, high = measured.gain_over_before_ci95()
    assert 0.005 < low < 0.01 < high < 0.015
    assert measured.curve("by_score").std() > 0.03


@pytest.mark.deep
def test_digits_bought_by_score_do_not_spoil_the_model_as_random_ones_do(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """1,797 records, 64 columns of which some never vary. At four bits a record the scores do not better the model."""
    job = prepare(DemoOptions(records=digits(tmp_path_factory.mktemp("digits") / "digits.csv"), label=LABEL))
    assert 50 < job.schema.width < 65
    measured = measure_utility(job.table, seeds=(0, 1), categorical=job.codes).to_document()
    gains = {arm: float(str(measured[f"auc_{arm}"])) for arm in ("before", "random", "by_score", "clean")}
    assert gains["random"] < gains["before"] < gains["clean"]
    assert gains["by_score"] - gains["random"] > 0.8 * (gains["before"] - gains["random"])


def test_gas_is_drawn_in_the_order_of_the_protocol() -> None:
    assert list(STEPS)[:5] == ["commit", "deposit", "accept", "reveal", "release"]
