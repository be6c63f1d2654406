"""A question with few bits: its scores fill the range and keep their order, trusted scores are seen as the offer's are,
the class is asked for where its bits tell it, and at 32 bits nothing is changed."""

import numpy as np
import pytest

from blindfair.influence.noise import noise_bound, noise_variance, usable_range
from blindfair.influence.quantise import QuantisedRows
from blindfair.influence.table import Table
from blindfair.pricing.class_query import class_query, scale_query
from blindfair.pricing.groups import group_trust, share_interval
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.learners import Learner, LogisticLearner, MlpLearner, QueryKind
from blindfair.pricing.opened import check_opened_labels
from blindfair.pricing.ranks import auc
from blindfair.pricing.scenario import Scenario, make_scenario
from blindfair.pricing.selection import distinct_records
from blindfair.pricing.trust import calibrated_trust, clean_share_interval
from blindfair.pricing.utility import measure_utility, scenario_schema
from blindfair.pricing.valuation import EXACT, MARGIN, Valuation, prepare_valuation
from blindfair.protocol import errors

MODULUS = 2**32 - 2**18 - 1
FEW = (3, 1)


def prepared(
    scenario: Scenario,
    bits: tuple[int, ...],
    *,
    learner: Learner | None = None,
    group_size: int = 1,
    max_bits: int = 0,
) -> Valuation:
    return prepare_valuation(
        scenario.train,
        scenario.validation,
        scenario_schema(scenario, ("arms",)),
        plain_modulus=MODULUS,
        rng=np.random.default_rng(0),
        learner=learner,
        group_size=group_size,
        bits=bits,
        max_bits=max_bits,
    )


@pytest.fixture(scope="module")
def scenario(trial: Table) -> Scenario:
    return make_scenario(trial, 0)


@pytest.fixture(scope="module")
def exact(scenario: Scenario) -> Valuation:
    return prepared(scenario, EXACT)


@pytest.fixture(scope="module")
def few(scenario: Scenario) -> Valuation:
    return prepared(scenario, FEW)


def test_at_32_bits_scores_are_seen_as_they_are(scenario: Scenario, exact: Valuation) -> None:
    rng = np.random.default_rng(0)
    scores = exact.integer_scores(scenario.offer)
    np.testing.assert_array_equal(exact.seen_scores(scenario.offer, rng), scores)
    assert exact.exact and exact.bits == EXACT and exact.wrapped == 0
    assert 2 * 2047 * int(np.abs(exact.queries).sum(axis=1).max()) < MODULUS
    assert prepared(scenario, (32,)).right.scores.tolist() == exact.right.scores.tolist()


def test_the_query_is_the_same_in_another_unit(few: Valuation, exact: Valuation) -> None:
    assert not few.exact and few.bits == FEW
    ratio = exact.scale.query_scale / few.scale.query_scale
    assert few.queries[0] == pytest.approx(exact.queries[0] * ratio, abs=ratio + 1)
    # That is what few bits gain: the old bound leaves most of the range empty.
    assert ratio > 3


def test_own_scores_fill_the_range_but_for_the_margin_and_few_of_the_offer_pass_it(
    scenario: Scenario, few: Valuation
) -> None:
    usable = usable_range(MODULUS, FEW[0])
    own = np.abs(few.integer_scores([*scenario.train, *scenario.validation])[0])
    assert own.max() == pytest.approx(usable / MARGIN, rel=1e-3)
    assert few.wrapped < 0.01
    assert (np.abs(few.integer_scores(scenario.offer)[0]) > usable).mean() < 0.01


def test_the_share_that_may_wrap_around_is_that_of_the_buyers_own_held_out_scores(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blindfair.pricing.valuation.MARGIN", 0.5)
    made = prepared(scenario, FEW)
    beyond = np.abs(made.integer_scores(scenario.offer)[0]) > usable_range(MODULUS, FEW[0])
    assert made.wrapped > 0.05 and made.wrapped == pytest.approx(beyond.mean(), abs=0.05)


def test_what_is_seen_differs_from_the_score_by_noise_that_no_two_records_share(
    scenario: Scenario, few: Valuation
) -> None:
    scores, rng = few.integer_scores(scenario.offer), np.random.default_rng(4)
    seen = few.seen_scores(scenario.offer, rng)
    within = np.abs(scores[0]) <= usable_range(MODULUS, FEW[0])
    noise = (seen - scores)[0, within]
    assert np.abs(noise).max() <= noise_bound(MODULUS, FEW[0])
    assert noise.var() == pytest.approx(noise_variance(MODULUS, FEW[0]), rel=0.1)
    assert distinct_records(scores).size < distinct_records(seen).size == len(scenario.offer)
    assert (few.seen_scores(scenario.offer, rng) != seen).mean() > 0.99


def test_one_bit_tells_the_class_of_every_record(scenario: Scenario, few: Valuation) -> None:
    place = scenario.columns.index(scenario.label)
    offered = few.read(few.seen_scores(scenario.offer, np.random.default_rng(5)))
    assert offered.sides.tolist() == [1.0 if row[place] == 1 else -1.0 for row in scenario.offer]
    assert few.read(np.zeros((2, 1), dtype=np.int64)).sides.tolist() == [1.0]


def test_trusted_scores_are_seen_through_the_same_noise(few: Valuation, exact: Valuation) -> None:
    unit = few.scale.real(np.array([1]))[0]
    for one, other in ((few.right, exact.right), (few.wrong, exact.wrong)):
        moved = (one.scores - other.scores) / unit
        kept = np.abs(moved) < usable_range(MODULUS, FEW[0])
        assert kept.mean() > 0.98
        assert np.abs(moved[kept]).max() < 1.05 * noise_bound(MODULUS, FEW[0])
        assert moved[kept].var() == pytest.approx(noise_variance(MODULUS, FEW[0]), rel=0.35)
        assert (one.sides == other.sides).all()
    noise = [one.scores - other.scores for one, other in ((few.right, exact.right), (few.wrong, exact.wrong))]
    # With one draw for both they would be the same.
    assert abs(np.asarray(np.corrcoef(noise))[0, 1]) < 0.3


def test_the_same_chance_gives_the_same_trusted_scores(scenario: Scenario, few: Valuation) -> None:
    again = prepared(scenario, FEW)
    assert again.right.scores.tobytes() == few.right.scores.tobytes()
    assert (again.queries == few.queries).all()


@pytest.mark.parametrize("bits", [(2, 1), (3, 1), (6, 1), (3,)])
def test_the_share_of_wrong_labels_is_found_through_noise(scenario: Scenario, bits: tuple[int, ...]) -> None:
    made = prepared(scenario, bits)
    offered = made.read(made.seen_scores(scenario.offer, np.random.default_rng(6)))
    trust = calibrated_trust(offered, made.right, made.wrong)
    assert len(made.queries) == len(made.bits) == len(bits)
    assert trust.bad_share == pytest.approx(0.3, abs=0.1)
    low, high = clean_share_interval(offered, made.right, made.wrong, np.random.default_rng(7))
    assert low < 1 - scenario.truth.flipped.mean() < high
    assert auc(~scenario.truth.flipped, trust.clean) > 0.75


@pytest.mark.parametrize("bits", [(), (3, 1, 1), (0, 1), (33, 1), (3, 0), (3, 33)])
def test_other_bits_are_refused(scenario: Scenario, bits: tuple[int, ...]) -> None:
    with pytest.raises(errors.InvalidOption):
        prepared(scenario, bits)


def test_a_class_that_its_bits_do_not_tell_is_left_out_or_asked_with_more_and_both_are_said(scenario: Scenario) -> None:
    mlp = MlpLearner(steps=40)
    made = prepared(scenario, FEW, learner=mlp)
    assert made.bits == (3,) and len(made.queries) == 1 and not made.right.sides.any()
    (said,) = (warning for warning in made.warnings if "the class" in warning)
    assert said.startswith("Under this model 1 bit does not tell the class") and said.endswith("it is not asked for")
    needed = int(said.split(" bits do, ")[0].split()[-1])
    assert needed > 1 and f"{3 + needed} a record" in said
    assert prepared(scenario, FEW, learner=mlp, max_bits=2 + needed).bits == (3,)
    asked = prepared(scenario, FEW, learner=mlp, max_bits=3 + needed)
    (said,) = (warning for warning in asked.warnings if "the class" in warning)
    assert asked.bits == (3, needed) and said.endswith("it is asked for with them")
    place = scenario.columns.index(scenario.label)
    true = [1.0 if row[place] == 1 else -1.0 for row in scenario.offer]
    offered = asked.read(asked.seen_scores(scenario.offer, np.random.default_rng(8)))
    assert (offered.sides == true).mean() > 0.985
    by_name = prepared(scenario, (3, needed), learner=mlp)
    assert by_name.bits == (3, needed) and (by_name.queries == asked.queries).all() and by_name.warnings == ()
    # One that few bits tell takes no more, whatever may be asked.
    assert prepared(scenario, FEW, max_bits=64).bits == FEW


def test_a_class_that_no_number_of_bits_tells_is_left_out_without_a_word() -> None:
    rng = np.random.default_rng(0)
    rows = QuantisedRows(rng.integers(-100, 100, (200, 3)).astype(np.int16), np.zeros(200, dtype=np.uint8), 0.0)
    sides = rng.choice([-1.0, 1.0], 200)
    for query in (np.array([1.0, 0.0, 0.0]), np.zeros(3)):
        found = class_query(query, rows, rows, sides, MODULUS, 1, most=32)
        assert found.query is None and found.bits is None


def test_the_bits_that_a_class_needs_grow_with_the_spread_of_its_scores() -> None:
    sides = np.repeat([1.0, -1.0], 500)
    needed = []
    for spread in (1, 2, 4, 8, 16):
        sizes = np.tile(np.geomspace(2000 / spread, 2000, 500), 2)
        rows = QuantisedRows(np.rint(sides * sizes)[:, np.newaxis].astype(np.int16), np.zeros(1000, dtype=np.uint8), 0)
        for most in (1, 3):
            found = class_query(np.ones(1), rows, rows, sides, MODULUS, 1, most=most)
            assert found.bits is not None and (found.query is None) == (found.bits > most)
        needed.append(found.bits)
    # A score `spread` times smaller than the range survives where 2^bits - 1 >= spread; 0.5 % may be lost.
    assert needed == [1, 2, 3, 3, 4]


def test_rows_with_the_other_label_fit_into_the_range_of_a_class_too() -> None:
    own = QuantisedRows(np.array([[1000], [-1000]], dtype=np.int16), np.zeros(2, dtype=np.uint8), 0.0)
    turned = QuantisedRows(np.array([[-2000], [2000]], dtype=np.int16), np.zeros(2, dtype=np.uint8), 0.0)
    sides = np.array([1.0, -1.0])
    found = class_query(np.ones(1), own, turned, sides, MODULUS, 1, most=32)
    assert found.query is not None and found.bits == 2
    assert np.abs(turned.entry_scores(found.query[np.newaxis, :])).max() <= usable_range(MODULUS, 2) + 1000
    assert class_query(np.ones(1), own, own, sides, MODULUS, 1).bits == 1


def test_a_scale_without_scores_is_refused() -> None:
    none = QuantisedRows(np.zeros((3, 2), dtype=np.int16), np.zeros(3, dtype=np.uint8), 0.0)
    for rows in ([none], []):
        with pytest.raises(errors.QueryOutOfBounds):
            scale_query(np.ones(2), rows, MODULUS, 3, 1.0)


@pytest.mark.parametrize("learner", [LogisticLearner(), LogisticLearner(QueryKind.TEXTBOOK)])
def test_of_groups_the_sums_fill_the_range_and_the_noise_is_known(scenario: Scenario, learner: Learner) -> None:
    made, exactly = (prepared(scenario, bits, group_size=5, learner=learner) for bits in (FEW, EXACT))
    assert made.bits == (3,) and len(made.queries) == 1
    assert exactly.sum_noise == 0 < made.sum_noise
    for one, other in ((made.right, exactly.right), (made.wrong, exactly.wrong)):
        assert one.scores.tolist() == other.scores.tolist()
    scores = made.integer_scores(scenario.offer)
    moved = made.scale.real(made.seen_scores(scenario.offer, np.random.default_rng(9)) - scores)
    assert made.sum_noise == pytest.approx(moved.var(), rel=0.3)
    assert made.wrapped < 0.02


def test_noise_of_groups_draws_them_together_and_widens_the_interval() -> None:
    rng = np.random.default_rng(1)
    right, wrong = rng.normal(2, 1, 400), rng.normal(-1, 1, 400)
    sizes, noise = np.full(300, 5), 40.0
    means = rng.choice(right, (300, 5)).mean(axis=1) + np.sqrt(noise) / 5 * rng.standard_normal(300)
    blind, knowing = (group_trust(means, sizes, right, wrong, noise=each) for each in (0.0, noise))
    assert knowing.clean.min() > 0.85 > blind.clean.min()
    assert knowing.clean_share == blind.clean_share
    narrow, wide = (
        share_interval(means, sizes, right, wrong, np.random.default_rng(2), noise=each) for each in (0.0, 100 * noise)
    )
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])
    # Of records that all score alike noise is the only chance: each of 300 sums has as much of it.
    low, high = share_interval(
        np.full(300, 0.5), sizes, np.ones(50), np.zeros(50), np.random.default_rng(2), noise=noise
    )
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(300 * noise) / 1500, rel=0.2)


def test_a_claim_made_through_noise_is_held_less_strictly_against_opened_labels() -> None:
    rng = np.random.default_rng(1)
    right, wrong = (Scored(rng.normal(mean, 1, 200), np.zeros(200)) for mean in (2, -1))
    opened = np.concatenate([rng.normal(2, 1, 40), rng.normal(-1, 1, 60)])
    with pytest.raises(errors.GroupsMislead):
        check_opened_labels(opened, 0.9, right, wrong)
    check_opened_labels(opened, 0.9, right, wrong, claim_noise=400.0)


@pytest.mark.deep
def test_a_purchase_through_four_bits_beats_random(trial: Table) -> None:
    measured = measure_utility(trial, seeds=range(4), categorical=("arms",), bits=FEW)
    assert measured.curve("by_score").mean() > measured.curve("at_random").mean() + 0.004
    assert measured.curve("bad_share_estimated").mean() == pytest.approx(0.3, abs=0.07)
