"""Before paying: what is said of a selection, and when it says that buying is not worth it."""

import numpy as np
import pytest

from blindfair.influence.arrays import Integers
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.worth import Worth, assess, denied, warnings_of_offer
from blindfair.protocol import errors
from blindfair.protocol.quantities import Wei

ETHER = 10**18


def assessed(
    bad: float, *, value: int | None = None, price: int = ETHER, empty: bool = False, centre: float = 1
) -> Worth:
    rng = np.random.default_rng(0)
    right, wrong = (Scored(sign * rng.normal(centre, 1, 400), np.zeros(400)) for sign in (1.0, -1.0))
    count = round(bad * 2000)
    scores = np.concatenate([rng.normal(-centre, 1, count), rng.normal(centre, 1, 2000 - count)])
    offered = Scored(scores, np.zeros(2000))
    trust = calibrated_trust(offered, right, wrong)
    trusted = np.flatnonzero(trust.weights > 0)
    chosen: Integers = trusted[:0] if empty else trusted[::3]
    worth = None if value is None else Wei(value)
    return assess(trust, offered, right, wrong, chosen, Wei(price), rng, good_record_value=worth)


def test_an_offer_with_trouble_is_described_and_not_warned_of() -> None:
    worth = assessed(0.3)
    assert worth.warnings == () and worth.advises_buying
    assert worth.clean_share_low <= 0.7 <= worth.clean_share_high
    assert worth.clean_expected > worth.clean_share + 0.1
    assert worth.good_net == pytest.approx(worth.records * (2 * worth.clean_expected - 1))
    assert worth.numbers()["records"] == worth.records


def test_where_every_record_looks_good_only_as_many_bad_ones_are_excluded_as_the_scores_can_exclude() -> None:
    worth = assessed(0.0, centre=50)
    assert worth.clean_share > 0.999 and worth.clean_share_high > 0.999
    # 400 trusted records: a share of 3 / 400 of other ones would be among none of them with a chance of 5 %.
    assert worth.clean_share_low == pytest.approx(1 - 3 / 400, abs=1e-4)
    assert [warning for warning in worth.warnings if "%, at least 99%)" in warning], worth.warnings


@pytest.mark.deep
def test_in_a_clean_offer_random_is_said_to_be_as_good() -> None:
    worth = assessed(0.0)
    assert worth.clean_share_high >= 0.95
    assert [warning for warning in worth.warnings if "andom is as good" in warning]
    assert worth.advises_buying


@pytest.mark.deep
def test_of_an_offer_with_much_bad_it_is_said_that_it_rarely_helps() -> None:
    for bad in (0.45, 0.7):
        (warning,) = (warning for warning in assessed(bad).warnings if "Much of the offer seems bad" in warning)
        assert f"trust {assessed(bad).clean_share:.0%}, between" in warning


def told_of(low: float, share: float, high: float) -> list[str]:
    rng = np.random.default_rng(0)
    right, wrong = (Scored(sign * rng.normal(1, 1, 400), np.zeros(400)) for sign in (1.0, -1.0))
    return warnings_of_offer(share, low, high, right, wrong)


def test_scores_that_do_not_tell_whether_an_offer_is_good_give_one_sentence_of_it() -> None:
    expected = ["The scores do not tell whether the offer is good: the trust is between 26% and 99%"]
    assert told_of(0.26, 0.64, 0.99) == expected
    (bad,), (clean,) = told_of(0.26, 0.64, 0.94), told_of(0.65, 0.9, 0.99)
    assert bad.startswith("Much of the offer seems bad") and clean.startswith("Random is as good")


@pytest.mark.deep
def test_a_model_that_tells_nothing_apart_is_said_to_with_its_auc() -> None:
    (warning,) = (warning for warning in assessed(0.2, centre=0.1).warnings if "hardly tells" in warning)
    assert "AUC of 0.5" in warning
    assert not [warning for warning in assessed(0.2).warnings if "hardly tells" in warning]


def test_nothing_selected_is_nothing_worth_its_price() -> None:
    worth = assessed(0.3, empty=True)
    assert "Nothing here is worth its price" in worth.warnings[0] and not worth.advises_buying
    assert worth.good_net == 0 and worth.clean_expected == 0


def test_the_buyers_own_figure_decides_to_the_unit() -> None:
    net = assessed(0.3).good_net
    value = ETHER // 100
    worth = int(value * net)
    # A float holds 53 bits; the value is computed exactly and rounded down.
    assert assessed(0.3, value=value).value == pytest.approx(worth, rel=1e-12)
    exact = assessed(0.3, value=value).value
    assert exact is not None
    assert assessed(0.3, value=value, price=exact).advises_buying
    refused = assessed(0.3, value=value, price=exact + 1)
    assert not refused.advises_buying and "not worth its price" in refused.warnings[0]
    assert assessed(0.3, value=0, price=0).advises_buying


def test_a_negative_value_is_refused() -> None:
    with pytest.raises(errors.InvalidOption):
        assessed(0.3, value=-1)


def test_an_offer_of_one_class_is_warned_of() -> None:
    rng = np.random.default_rng(0)
    sides = np.where(rng.random(400) < 0.5, 1.0, -1.0)
    scores = rng.normal(1, 1, 400)
    right, wrong = Scored(scores, sides), Scored(-scores, -sides)
    for ones, warned in ((300, True), (200, False)):
        offer = Scored(rng.normal(1, 1, 300), np.repeat([1.0, -1.0], [ones, 300 - ones]))
        trust = calibrated_trust(offer, right, wrong)
        worth = assess(trust, offer, right, wrong, np.arange(10), Wei(1), rng)
        assert any("one class alone (0.0%" in warning for warning in worth.warnings) == warned


@pytest.mark.deep
@pytest.mark.parametrize("sided", [True, False])
def test_labels_that_please_too_well_are_warned_of_with_both_numbers(sided: bool) -> None:
    rng = np.random.default_rng(0)
    margins, truth = rng.normal(0, 1.5, 3000), rng.random(3000)
    honest = np.where(truth < 1 / (1 + np.exp(-2 * margins)), 1.0, -1.0)

    def scored(labels: Integers | np.typing.NDArray[np.float64], part: slice) -> Scored:
        known = labels[part] if sided else np.zeros(len(labels[part]))
        return Scored(labels[part] * margins[part], np.asarray(known, dtype=np.float64))

    own, offered = slice(0, 300), slice(300, 1500)
    right, wrong = scored(honest, own), scored(-honest, own)
    for labels, warned in ((honest, False), (np.sign(margins), True), (np.where(truth < 0.3, -honest, honest), False)):
        offer = scored(labels, offered)
        trust = calibrated_trust(offer, right, wrong)
        worth = assess(trust, offer, right, wrong, np.arange(10), Wei(1), rng)
        said = [warning for warning in worth.warnings if "too well" in warning]
        assert bool(said) == warned
        if warned:
            found = denied(offer, right, wrong)
            assert f"{found.offered:.1%}" in said[0] and f"{found.trusted:.1%}" in said[0]
            # The estimate of wrong labels does not see them.
            assert trust.bad_share < 0.02 and (labels[offered] != honest[offered]).mean() > 0.1


def test_a_few_records_are_not_called_pleasing() -> None:
    rng = np.random.default_rng(1)
    right = Scored(rng.normal(1, 1, 200), np.zeros(200))
    wrong, lucky = Scored(-right.scores, np.zeros(200)), Scored(np.full(3, 1.5), np.zeros(3))
    assert not denied(Scored(rng.normal(1, 1, 12), np.zeros(12)), right, wrong).pleasing
    assert denied(lucky, right, wrong).offered == 0 and not denied(lucky, right, wrong).pleasing
    assert denied(Scored(np.full(300, 1.5), np.zeros(300)), right, wrong).pleasing
    assert denied(Scored(np.zeros(5), np.zeros(5)), *(Scored(np.zeros(20), np.zeros(20)),) * 2).errors == 0
