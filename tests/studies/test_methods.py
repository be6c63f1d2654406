"""The methods: exact fits, slopes that are products, answers that are the product's, limits that know more."""

from dataclasses import replace

import numpy as np
import pytest

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.logistic import fit_logistic
from blindfair.influence.table import Table
from blindfair.pricing.learners import BEST_L2, L2
from blindfair.pricing.ranks import auc
from blindfair.pricing.scenario import make_scenario
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.utility import PLAIN_MODULUS, scenario_schema
from blindfair.pricing.valuation import EXACT, prepare_valuation
from blindfair.protocol import errors
from blindfair.studies import answers, choices
from blindfair.studies.answers import Asking
from blindfair.studies.bins import binned_trust
from blindfair.studies.datasets import load
from blindfair.studies.disclosed import disclosed_answer, near_distinct
from blindfair.studies.families import LogisticFamily, family, newton
from blindfair.studies.worlds import BuyerSize, Records, Regime, StudyTruth, StudyWorld, make_world


def world(name: str, regime: Regime = Regime.WRONG_30, seed: int = 0) -> StudyWorld:
    return make_world(load(name), regime, BuyerSize.MIDDLE, seed)


@pytest.mark.parametrize("name", ["cancer", "digits-high"])
@pytest.mark.parametrize("l2", [L2, BEST_L2])
def test_the_quick_fit_is_the_exact_one_from_wherever_it_starts(name: str, l2: float) -> None:
    own = world(name).own
    exact = fit_logistic(own.X, own.y, l2)
    zero = np.zeros(own.X.shape[1])
    assert newton(own, l2, zero) is not None
    for start in (zero, fit_logistic(own.X[::2], own.y[::2], l2)):
        np.testing.assert_allclose(LogisticFamily(zero.size).fit(own, l2=l2, start=start), exact, atol=1e-6)


def test_a_quick_fit_that_goes_astray_is_made_by_the_slow_one() -> None:
    own = world("cancer").own
    far = np.full(own.X.shape[1], 1e3)
    assert newton(own, L2, far) is None
    np.testing.assert_allclose(LogisticFamily(len(far)).fit(own, start=far), fit_logistic(own.X, own.y, L2), atol=1e-6)


@pytest.mark.parametrize("name", ["logistic", "softmax", "mlp", "cnn"])
def test_slopes_are_products_of_gradients_and_half_a_fit_is_no_fit(name: str) -> None:
    made = world("cancer" if name == "logistic" else "digits")
    kind = family(name, made)
    assert kind.judge == ("AUC" if name == "logistic" else "accuracy")
    early, part = kind.reference(made.own), made.offer.at(np.arange(15))
    direction = np.random.default_rng(0).standard_normal(early.size)
    rows = kind.gradients(early, part)
    np.testing.assert_allclose(kind.slopes(early, direction, part), rows @ direction, rtol=1e-7, atol=1e-8)
    best = kind.fit(made.own)
    assert kind.quality(best, made.test) > kind.quality(early, made.test) - 0.02
    assert kind.losses(best, made.own).mean() < kind.losses(early, made.own).mean()


def test_misfits_are_refused() -> None:
    for name, data in (("logistic", "digits"), ("cnn", "cancer"), ("forest", "cancer")):
        with pytest.raises(errors.InvalidOption):
            family(name, world(data))


def test_the_default_is_what_the_product_asks_and_trusts(trial: Table) -> None:
    scenario = make_scenario(trial, 0, duplicate_share=0)
    valuation = prepare_valuation(
        scenario.train, scenario.validation, scenario_schema(scenario, ("arms",)),
        plain_modulus=PLAIN_MODULUS, rng=np.random.default_rng(0), bits=EXACT,
    )  # fmt: skip
    schema = valuation.model.schema
    assert isinstance(schema, FeatureSchema)
    train, validation, offer, test = (
        Records(*schema.encode(part)) for part in (scenario.train, scenario.validation, scenario.offer, scenario.test)
    )
    nothing = np.zeros(len(offer), dtype=np.bool_)
    truth = StudyTruth(nothing, nothing, np.arange(len(offer)), offer.y)
    made = StudyWorld(train, validation, offer, test, np.zeros(len(offer), dtype=np.int64), truth, 2, None)
    kind = LogisticFamily(schema.width)
    answer = Asking(made, kind, 0).ask(answers.displacement(kind, kind.reference(made.own)))
    theirs = valuation.read(valuation.integer_scores(scenario.offer))
    np.testing.assert_allclose(answer.offer.scores, theirs.scores, atol=0.02)
    np.testing.assert_array_equal(answer.offer.sides, theirs.sides)
    assert np.corrcoef(answer.right.scores, valuation.right.scores)[0, 1] > 0.99
    ours = choices.trust_of(answer, np.arange(len(offer)))
    product = calibrated_trust(theirs, valuation.right, valuation.wrong)
    assert ours.bad_share == pytest.approx(product.bad_share, abs=0.03)
    assert np.corrcoef(ours.weights, product.weights)[0, 1] > 0.98


def test_the_trusted_scores_are_held_out_in_every_kind_of_answer() -> None:
    made = world("cancer", Regime.CLEAN)
    kind = family("logistic", made)
    reference = kind.reference(made.own)
    makes = [
        answers.displacement(kind, reference),
        answers.several_references(kind, [reference, kind.fit(made.own, progress=0.5)]),
        answers.per_subgroup(kind, reference),
        answers.textbook(kind),
        answers.cosine(kind),
        answers.checkpoint_sum(kind),
    ]
    turned = replace(made, validation=Records(made.validation.X, made.validation.y.copy()))
    turned.validation.y[7] = 1 - turned.validation.y[7]
    for make in makes:
        before, after = (Asking(one, kind, 0).ask(make) for one in (made, turned))
        # Its own query has not seen record 7, so that what it was before is now the score of its other label.
        assert after.wrong.scores[7] == pytest.approx(before.right.scores[7], rel=1e-9)
        assert after.right.scores[7] == pytest.approx(before.wrong.scores[7], rel=1e-9)


def test_displacement_finds_wrong_labels_and_knowing_more_finds_more() -> None:
    made = world("digits-high")
    kind = family("logistic", made)
    asking = Asking(made, kind, 0)
    default = asking.ask(answers.displacement(kind, kind.reference(made.own)))
    found = auc(~made.truth.bad, default.offer.scores)
    assert found > 0.88
    assert auc(~made.truth.bad, disclosed_answer(asking, None).offer.scores) > found
    textbook = asking.ask(answers.textbook(kind))
    assert auc(~made.truth.bad, textbook.offer.scores) < 0.6


def test_further_queries_find_near_copies_that_the_score_does_not() -> None:
    made = world("digits-high", Regime.NEAR_COPIES)
    kind = family("logistic", made)
    answer = Asking(made, kind, 0).ask(answers.displacement(kind, kind.reference(made.own)))
    kept = near_distinct(made, answer)
    copies = made.truth.original != np.arange(len(made.offer))
    assert np.unique(answer.offer.scores).size == len(made.offer)
    assert 1 - copies[kept].sum() / copies.sum() > 0.5
    assert (~copies)[kept].sum() / (~copies).sum() > 0.9


def test_each_listing_is_judged_by_itself() -> None:
    made = world("digits-high", Regime.SELLERS)
    kind = family("logistic", made)
    answer = Asking(made, kind, 0).ask(answers.displacement(kind, kind.reference(made.own)))
    places = np.arange(len(made.offer))
    clean = choices.by_listing(made.listing, places, lambda part: choices.trust_of(answer, part).clean)
    for number in range(2):
        part = np.flatnonzero(made.listing == number)
        np.testing.assert_array_equal(clean[part], choices.trust_of(answer, part).clean)
    assert clean[made.listing == 0].mean() > 0.85 > 0.65 > clean[made.listing == 1].mean()


def test_binned_trust_leaves_out_the_excess_of_low_scores() -> None:
    rng = np.random.default_rng(0)
    own, offered = rng.normal(1, 1, 1000), np.concatenate([rng.normal(1, 1, 2100), rng.normal(-1, 1, 900)])
    trust = binned_trust(offered, own)
    assert trust.bad_share == pytest.approx(0.3, abs=0.06) and trust.bins == 8
    assert trust.weights[2100:].sum() / trust.weights.sum() < 0.1
    with pytest.raises(errors.OfferTooSmall):
        binned_trust(offered, own[:9])
    with pytest.raises(errors.OfferTooSmall):
        binned_trust(offered[:0], own)


def test_knowing_weights_want_every_right_record_and_doubt_most() -> None:
    made = world("cancer")
    kind = family("logistic", made)
    answer = Asking(made, kind, 0).ask(answers.displacement(kind, kind.reference(made.own)))
    fine = np.flatnonzero(made.truth.fine)
    wanted = choices.knowing_weights(answer, fine)
    assert (wanted > 0).all() and wanted.max() <= 1
    strict, plain = choices.strict_weights(answer, fine), choices.plain_weights(answer, fine)
    assert (strict[choices.trust_of(answer, fine).clean < 0.5] == 0).all() and plain.max() <= 1
