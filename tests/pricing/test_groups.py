"""What a group's score says of its records, and what groups cost."""

import numpy as np
import pytest

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.functions import LinearPricing, UniformPricing
from blindfair.pricing.groups import assess_groups, group_trust, share_interval
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.selection import Method, select
from blindfair.protocol.errors import OfferTooSmall, ShapeMismatch
from blindfair.protocol.quantities import Wei

RNG = np.random.default_rng(3)
RIGHT, WRONG = RNG.normal(2.0, 1.0, 400), RNG.normal(-1.0, 1.0, 400)


def groups(shares: Floats, sizes: Integers) -> tuple[Floats, Floats]:
    """Mean scores of groups with so large shares of right labels on average, and the shares that came of it."""
    rights = [RNG.binomial(size, share) for size, share in zip(sizes, shares, strict=True)]
    scores = [
        np.concatenate([RNG.choice(RIGHT, right), RNG.choice(WRONG, size - right)])
        for right, size in zip(rights, sizes, strict=True)
    ]
    return np.array([group.mean() for group in scores]), np.array(rights) / sizes


def test_the_share_of_right_labels_is_found_for_each_group_and_for_all() -> None:
    sizes = np.full(200, 50)
    means, true = groups(RNG.uniform(0, 1, 200), sizes)
    trust = group_trust(means, sizes, RIGHT, WRONG)
    assert np.abs(trust.clean - true).max() < 0.25
    assert np.abs(trust.clean - true).mean() < 0.05
    assert abs(trust.clean_share - true.mean()) < 0.02
    assert trust.clean_share + trust.bad_share == 1.0
    assert (np.diff(trust.clean[np.argsort(means)]) >= 0).all()


def test_small_groups_that_differ_by_chance_alone_are_taken_for_alike() -> None:
    """Of a clean offer no pair is distrusted because its two records happen to score low."""
    sizes = np.full(500, 2)
    means, _ = groups(np.ones(500), sizes)
    raw = (means - WRONG.mean()) / (RIGHT.mean() - WRONG.mean())
    clean = group_trust(means, sizes, RIGHT, WRONG).clean
    assert raw.min() < 0.6
    assert clean.min() > 0.85


def test_one_group_is_judged_by_its_own_mean() -> None:
    [clean] = group_trust(np.array([0.5]), np.array([1000]), RIGHT, WRONG).clean
    assert clean == pytest.approx((0.5 - WRONG.mean()) / (RIGHT.mean() - WRONG.mean()))


@pytest.mark.parametrize(("mean", "wanted"), [(-3.0, False), (-1.0, False), (2.0, True), (9.0, True)])
def test_what_is_mostly_wrong_is_not_wanted(mean: float, wanted: bool) -> None:
    trust = group_trust(np.full(3, mean), np.full(3, 40), RIGHT, WRONG)
    assert ((trust.weights > 0) == wanted).all()
    assert ((trust.weights >= 0) & (trust.weights <= 1)).all()


def test_where_right_and_wrong_score_alike_nothing_is_trusted() -> None:
    trust = group_trust(np.array([1.0, 2.0]), np.array([5, 5]), WRONG, RIGHT)
    assert not trust.weights.any()
    assert share_interval(np.array([1.0]), np.array([5]), WRONG, RIGHT, RNG) == (0.0, 1.0)


def test_nothing_to_judge_is_an_error() -> None:
    none = np.zeros(0)
    with pytest.raises(OfferTooSmall):
        group_trust(none, none.astype(np.int64), RIGHT, WRONG)
    with pytest.raises(OfferTooSmall):
        group_trust(np.ones(1), np.ones(1, dtype=np.int64), none, WRONG)
    with pytest.raises(ShapeMismatch):
        group_trust(np.ones(2), np.ones(1, dtype=np.int64), RIGHT, WRONG)


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_the_interval_holds_the_share(share: float) -> None:
    held = 0
    for _ in range(20):
        sizes = np.full(10, 20)
        means, true = groups(np.full(10, share), sizes)
        low, high = share_interval(means, sizes, RIGHT, WRONG, RNG)
        assert high - low < 0.3
        held += low <= float(true.mean()) <= high
    assert held >= 17


def test_a_group_costs_as_much_as_its_records() -> None:
    numbers, sizes, efficacy = np.arange(3), np.array([7, 7, 1]), np.array([0.5, 0.25, 1.0])
    rng = np.random.default_rng(0)
    uniform = select(Method.TOP, numbers, efficacy, UniformPricing(Wei(11), Wei(2)), Wei(1000), rng, sizes=sizes)
    assert (uniform.records, uniform.prices, uniform.price) == ((0, 1, 2), (77, 77, 11), 165)
    linear = select(Method.TOP, numbers, efficacy, LinearPricing(Wei(10), Wei(3)), Wei(1000), rng, sizes=sizes)
    assert linear.prices == (35, 21, 10)


def test_a_group_that_does_not_fit_the_budget_whole_is_not_bought() -> None:
    numbers, sizes = np.arange(3), np.array([7, 7, 1])
    pricing, rng = UniformPricing(Wei(11), Wei(2)), np.random.default_rng(0)
    bought = select(Method.TOP, numbers, np.array([3.0, 2.0, 1.0]), pricing, Wei(2 * 77 - 1), rng, sizes=sizes)
    assert (bought.records, bought.price) == ((0, 2), 88)
    with pytest.raises(ShapeMismatch):
        select(Method.TOP, numbers, np.ones(3), pricing, Wei(1), rng, sizes=sizes[:2])


def test_worth_counts_records_not_groups() -> None:
    sides = np.zeros(400)
    right, wrong = Scored(RIGHT, sides), Scored(WRONG, sides)
    sizes = np.array([10, 30])
    means = np.array([RIGHT.mean(), RIGHT.mean()])
    trust = group_trust(means, sizes, RIGHT, WRONG)

    def worth(chosen: list[int], value: int | None) -> tuple[int, float, bool, str]:
        found = assess_groups(
            trust, means, sizes, right, wrong, np.array(chosen, dtype=np.int64), Wei(300), RNG,
            good_record_value=None if value is None else Wei(value),
        )  # fmt: skip
        return found.records, found.good_net, found.advises_buying, " ".join(found.warnings)

    count, net, advised, _ = worth([1], None)
    assert (count, advised) == (30, True) and net == pytest.approx(30)
    assert worth([1], 10)[2]
    assert not worth([1], 9)[2]
    records, _, buys, said = worth([], None)
    assert (records, buys) == (0, False)
    assert "Nothing here is worth its price" in said
