"""Opened records of groups, scored one by one, against what the groups' scores said of them."""

import numpy as np
import pytest

from blindfair.influence.arrays import Floats
from blindfair.pricing.groups import group_trust
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.opened import FALSE_ALARM, TOLERANCE, check_opened_labels
from blindfair.protocol.errors import BlindfairError, GroupsMislead, OfferTooSmall, ShapeMismatch

RNG = np.random.default_rng(5)
NOT_TOLD = np.zeros(200)
RIGHT, WRONG = (Scored(RNG.normal(mean, 1.0, 200), NOT_TOLD) for mean in (1.5, -1.5))


def records(right: int, wrong: int, rng: np.random.Generator) -> Floats:
    """Scores of honest records with so many right and wrong labels."""
    return np.concatenate([rng.normal(1.5, 1.0, right), rng.normal(-1.5, 1.0, wrong)])


def claim(scores: Floats, size: int) -> float:
    """What the groups' scores say: groups of `size` records in a row."""
    means = scores.reshape(-1, size).mean(axis=1)
    return float(group_trust(means, np.full(means.size, size), RIGHT.scores, WRONG.scores).clean.mean())


def refused(scores: Floats, claimed: float, right: Scored = RIGHT, wrong: Scored = WRONG) -> bool:
    try:
        check_opened_labels(scores, claimed, right, wrong)
    except GroupsMislead:
        return True
    return False


@pytest.mark.parametrize(("size", "far", "outlier"), [(2, 1, 9.0), (5, 1, 15.0), (5, 2, 9.0), (10, 2, 15.0)])
def test_one_far_record_does_not_make_up_for_the_wrong_labels_of_its_group(size: int, far: int, outlier: float) -> None:
    """By the sum of scores nothing is wrong with these groups."""
    scores = records(0, 59 * size, np.random.default_rng(size)).reshape(59, size)
    scores[:, :far] = outlier
    claimed = claim(scores.ravel(), size)
    assert claimed > 0.9
    with pytest.raises(GroupsMislead, match=r"a share of (0\.9|1\.0)") as caught:
        check_opened_labels(scores.ravel(), claimed, RIGHT, WRONG)
    assert str(caught.value.found).endswith(f"of {59 * size} records")
    # However far a record lies, it counts once.
    assert refused(np.where(scores == outlier, 1e12, scores).ravel(), claimed)


@pytest.mark.parametrize("share", [1.0, 0.7, 0.4])
@pytest.mark.parametrize(("groups", "size"), [(1, 2), (5, 7), (59, 5)])
def test_honest_records_bear_out_what_their_sums_said(share: float, groups: int, size: int) -> None:
    rng = np.random.default_rng([groups, size])
    for _ in range(100):
        right = int(rng.binomial(groups * size, share))
        scores = rng.permutation(records(right, groups * size - right, rng))
        assert not refused(scores, claim(scores, size))


@pytest.mark.parametrize(("share", "opened"), [(0.7, 300), (0.9, 20), (0.3, 40)])
def test_false_alarms_are_as_rare_as_promised_with_new_trusted_records_each_time(share: float, opened: int) -> None:
    """At the border of the tolerance, where they are most frequent."""
    rng, alarms = np.random.default_rng(8), 0
    for _ in range(1000):
        right, wrong = Scored(rng.normal(1.5, 1.0, 60), np.zeros(60)), Scored(rng.normal(-1.5, 1.0, 60), np.zeros(60))
        good = int(rng.binomial(opened, share))
        alarms += refused(records(good, opened - good, rng), share + TOLERANCE, right, wrong)
    assert alarms <= 3 * 1000 * FALSE_ALARM


def test_a_claim_that_is_far_off_is_refused_however_the_right_labels_score() -> None:
    rng = np.random.default_rng(1)
    assert refused(records(120, 180, rng), 0.8)
    assert not refused(records(240, 60, rng), 0.4)


def test_too_few_records_refute_nothing() -> None:
    assert not refused(np.full(1, -9.0), 1.0)
    assert not refused(np.full(2, -9.0), 0.8)
    assert refused(np.full(20, -9.0), 1.0)


def test_trusted_records_that_do_not_tell_right_from_wrong_refute_nothing() -> None:
    alike = Scored(np.ones(20), np.zeros(20))
    assert not refused(np.full(100, -9.0), 1.0, alike, alike)


def test_classes_that_are_known_do_not_count() -> None:
    """The evidence of records alone knows them; a group's score does not."""
    sides = np.where(np.arange(200) % 2, 1.0, -1.0)
    told = Scored(RIGHT.scores, sides), Scored(WRONG.scores, -sides)
    scores = records(100, 100, np.random.default_rng(2))
    for claimed in (0.5, 0.6, 0.75, 0.9):
        assert refused(scores, claimed, *told) == refused(scores, claimed)


@pytest.mark.parametrize(
    ("scores", "trusted", "error"),
    [
        (np.zeros(0), 200, OfferTooSmall),
        (np.zeros((2, 2)), 200, ShapeMismatch),
        (np.zeros(3), 9, OfferTooSmall),
    ],
)
def test_nothing_to_judge_or_to_judge_by_is_an_error(scores: Floats, trusted: int, error: type[BlindfairError]) -> None:
    places = np.arange(trusted)
    with pytest.raises(error):
        check_opened_labels(scores, 1.0, RIGHT.at(places), WRONG.at(places))
