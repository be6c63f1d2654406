"""A buyer that learns by an MLP: its scores find wrong labels, its trusted ones are held out and of the same unit, what
is lost is measured before it asks, and what is wrong with its records is said with numbers."""

from dataclasses import replace

import numpy as np
import pytest

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.models import LogisticRegression, load_scoring_model
from blindfair.influence.network import NetworkModel
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.scoring_model import ScoringModel
from blindfair.influence.table import Table
from blindfair.pricing import learners
from blindfair.pricing.learners import LEARNERS, LogisticLearner, MlpLearner
from blindfair.pricing.loss import ScoreLoss
from blindfair.pricing.ranks import auc, rank_correlation
from blindfair.pricing.scenario import Scenario, make_scenario
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.utility import measure_utility, scenario_schema
from blindfair.pricing.valuation import EXACT, Valuation, prepare_valuation
from blindfair.protocol import errors


@pytest.fixture(scope="module")
def scenario(trial: Table) -> Scenario:
    return make_scenario(trial, 0)


def prepared(
    scenario: Scenario, learner: learners.Learner | None = None, *, bits: tuple[int, ...] = EXACT
) -> Valuation:
    return prepare_valuation(
        scenario.train, scenario.validation, scenario_schema(scenario, ("arms",)),
        plain_modulus=DEFAULT.plain_modulus, rng=np.random.default_rng(0),
        learner=MlpLearner() if learner is None else learner, bits=bits,
    )  # fmt: skip


@pytest.fixture(scope="module")
def valuation(scenario: Scenario) -> Valuation:
    return prepared(scenario)


@pytest.mark.deep
def test_scores_in_the_clear_are_those_that_a_blind_evaluation_decrypts_to(
    scenario: Scenario, valuation: Valuation
) -> None:
    offer = scenario.offer[:200]
    rows = quantise_rows(valuation.model.rows(offer, valuation.projection), valuation.scale.row_scale).entries
    encrypted, secret = encrypt_queries(DEFAULT, valuation.queries, None)
    reply = evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes())
    blind = decrypt_reply(DEFAULT, secret, reply, len(offer), len(valuation.queries))
    np.testing.assert_array_equal(blind, valuation.integer_scores(offer))


def test_the_seller_computes_equal_rows_from_what_it_is_sent(scenario: Scenario, valuation: Valuation) -> None:
    config, weights = valuation.model.to_parts()
    model = load_scoring_model(valuation.model.name, config, weights)
    projection = Projection.from_parts(*valuation.projection.to_parts())
    theirs = quantise_rows(model.rows(scenario.offer, projection), valuation.scale.row_scale).entries
    ours = quantise_rows(valuation.model.rows(scenario.offer, valuation.projection), valuation.scale.row_scale).entries
    assert (theirs == ours).all()


def test_right_labels_score_above_flipped_ones_and_the_bad_share_is_estimated(
    scenario: Scenario, valuation: Valuation
) -> None:
    offered = valuation.read(valuation.integer_scores(scenario.offer))
    assert auc(~scenario.truth.flipped, offered.scores) > 0.8
    assert calibrated_trust(offered, valuation.right, valuation.wrong).bad_share == pytest.approx(0.3, abs=0.12)


def test_a_clean_offer_looks_like_the_trusted_records(trial: Table) -> None:
    clean = make_scenario(trial, 1, flip_share=0, duplicate_share=0)
    made = prepared(clean)
    offered = made.read(made.integer_scores(clean.offer))
    assert np.median(made.right.scores) == pytest.approx(np.median(offered.scores), rel=0.3)
    assert calibrated_trust(offered, made.right, made.wrong).bad_share < 0.12


def test_the_scoring_model_saw_no_validation_record(scenario: Scenario, valuation: Valuation) -> None:
    assert isinstance(valuation.model, NetworkModel)
    place = scenario.columns.index(scenario.label)
    flipped = tuple((*row[:place], 1 - int(str(row[place])), *row[place + 1 :]) for row in scenario.validation)
    other = prepared(replace(scenario, validation=flipped))
    assert other.model.weights.tobytes() == valuation.model.weights.tobytes()
    assert np.corrcoef(other.real_query, valuation.real_query)[0, 1] < 0.5


def test_the_same_records_give_the_same_question(scenario: Scenario, valuation: Valuation) -> None:
    again = prepared(scenario)
    assert (again.queries == valuation.queries).all() and again.scale == valuation.scale
    for one, other in ((again.right, valuation.right), (again.wrong, valuation.wrong)):
        assert one.scores.tobytes() == other.scores.tobytes()
    assert again.projection.to_parts() == valuation.projection.to_parts()


def test_the_loss_is_that_of_records_the_basis_was_not_found_in(scenario: Scenario, valuation: Valuation) -> None:
    assert valuation.loss.records == len(scenario.train) + len(scenario.validation)
    kept, poor = valuation.loss, prepared(scenario, MlpLearner(entries=4))
    assert kept.rounded_spearman is not None and kept.rounded_spearman > 0.98
    assert poor.loss.projected_spearman is not None and poor.loss.projected_spearman < 0.9
    assert any(f"{poor.loss.rounded_spearman:.4f}" in warning for warning in poor.warnings)
    assert valuation.warnings == ()
    # What was said beforehand of the loss is what happens in the offer, which neither had seen.
    for made in (valuation, poor):
        model = made.model
        assert isinstance(model, NetworkModel)
        best = MlpLearner().query(
            model, *(MlpLearner().encode(model.schema, part) for part in (scenario.train, scenario.validation))
        )
        whole = model.rows(scenario.offer) @ best
        true = ScoreLoss.measure(whole, whole, made.read(made.integer_scores(scenario.offer)).scores)
        assert made.loss.rounded_pearson is not None and true.rounded_pearson is not None
        assert made.loss.rounded_pearson == pytest.approx(true.rounded_pearson, abs=0.1)


def test_without_a_projection_only_rounding_loses(scenario: Scenario) -> None:
    loss = prepared(scenario, LogisticLearner()).loss
    assert loss.projected_spearman == pytest.approx(1) and loss.projected_pearson == pytest.approx(1)
    assert loss.rounded_spearman is not None and 0.999 < loss.rounded_spearman < 1


def test_the_noise_that_a_buyer_will_see_is_told_before_it_asks(scenario: Scenario) -> None:
    seen, bits = [], (3, 8)
    for each in bits:
        made = prepared(scenario, LogisticLearner(), bits=(each, 1))
        found = rank_correlation(
            made.seen_scores(scenario.offer, np.random.default_rng(7))[0].astype(np.float64),
            made.record_scores(scenario.offer),
        )
        assert made.loss.seen_spearman == pytest.approx(found, abs=0.1)
        assert f"seen through the noise of {each} bits: Spearman {made.loss.seen_spearman:.4f}" in made.loss.describe()
        seen.append(made.loss.seen_spearman)
    assert seen[0] is not None and seen[1] is not None and seen[0] < 0.97 < 0.99 < seen[1]


def test_of_exact_scores_no_noise_is_told(scenario: Scenario) -> None:
    loss = prepared(scenario, LogisticLearner()).loss
    assert loss.seen_spearman is None and "noise" not in loss.describe()


def test_a_loss_of_equal_scores_is_not_defined() -> None:
    loss = ScoreLoss.measure(np.ones(5), np.arange(5.0), np.arange(5.0))
    assert loss.projected_pearson is None and "not defined" in loss.describe() and loss.doubts()


def test_validation_records_of_one_class_are_refused(scenario: Scenario) -> None:
    place = scenario.columns.index(scenario.label)
    one_class = tuple(row for row in scenario.validation if row[place] == 0)
    for learner in (LogisticLearner(), MlpLearner()):
        with pytest.raises(errors.LabelUnusable):
            prepared(replace(scenario, validation=one_class), learner)
        with pytest.raises(errors.NoRecords):
            prepared(replace(scenario, validation=scenario.validation[:9]), learner)


def test_an_overlap_of_training_and_validation_is_counted(scenario: Scenario) -> None:
    overlapping = replace(scenario, validation=(*scenario.train[:7], *scenario.validation))
    (warning,) = prepared(overlapping, LogisticLearner()).warnings
    assert f"7 of {len(scenario.validation) + 7} validation records" in warning


def test_a_validation_record_that_is_there_more_than_once_is_counted(scenario: Scenario) -> None:
    """Its copy may be in the fold that its query was made of."""
    copied = replace(scenario, validation=(*scenario.validation, *scenario.validation[:3], scenario.validation[0]))
    (warning,) = prepared(copied, LogisticLearner()).warnings
    assert f"7 of {len(scenario.validation) + 4} validation records are there more than once" in warning
    both = replace(scenario, validation=(*scenario.train[:2], *scenario.train[:2], *scenario.validation))
    assert len(prepared(both, LogisticLearner()).warnings) == 2


def test_a_model_that_has_not_converged_is_said_with_its_gradient(scenario: Scenario) -> None:
    warnings = prepared(scenario, MlpLearner(early=1, steps=2)).warnings
    assert any("has not converged" in warning and "gradient" in warning for warning in warnings)


class Careless(LogisticLearner):
    """Sends a model at which `x . theta` is a sum of numbers so large that only their rounding is left."""

    def reference(self, schema: FeatureSchema, train: learners.Examples) -> ScoringModel:
        return LogisticRegression(schema, np.where(np.arange(schema.width) % 2, 1e14, -1e14))


def test_rows_that_no_audit_could_hold_are_not_asked_for(scenario: Scenario) -> None:
    with pytest.raises(errors.UnusableModel, match="disagree"):
        prepared(scenario, Careless())


@pytest.mark.deep
def test_a_purchase_by_its_scores_can_be_measured(trial: Table) -> None:
    block = measure_utility(trial, seeds=(0, 1), categorical=("arms",), learner=MlpLearner(steps=60)).to_document()
    assert block["flipped_label_auc"] > 0.75  # type: ignore[operator]
    assert block["bad_share_bought"] < block["bad_share_true"]  # type: ignore[operator]


def test_the_dimension_is_known_beforehand(scenario: Scenario, valuation: Valuation) -> None:
    records = len(scenario.train) + len(scenario.validation)
    assert MlpLearner().dimension(valuation.model.schema, records) == valuation.projection.k == 128
    assert MlpLearner().dimension(valuation.model.schema, 50) == 50
    assert set(LEARNERS) == {"logistic", "mlp", "cnn"}
