"""The buyer's preparation: scores equal to the blind ones, trusted scores that did not see their own record."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, spearmanr

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.influence.arrays import Floats
from blindfair.influence.noise import centred, noise_bound
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.scoring_model import ScoringModel
from blindfair.influence.table import Table
from blindfair.pricing.learners import LogisticLearner, QueryKind
from blindfair.pricing.ranks import auc
from blindfair.pricing.scenario import Scenario, make_scenario
from blindfair.pricing.selection import distinct_records
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.utility import scenario_schema
from blindfair.pricing.valuation import DEFAULT_BITS, EXACT, VALIDATION_NEEDED, Valuation, prepare_valuation
from blindfair.protocol import errors

MODULUS = DEFAULT.plain_modulus


@pytest.fixture(scope="module")
def scenario(trial: Table) -> Scenario:
    return make_scenario(trial, 0)


def prepared(
    scenario: Scenario, kind: QueryKind = QueryKind.DISPLACEMENT, seed: int = 0, bits: tuple[int, ...] = EXACT
) -> Valuation:
    return prepare_valuation(
        scenario.train,
        scenario.validation,
        scenario_schema(scenario, ("arms",)),
        plain_modulus=MODULUS,
        rng=np.random.default_rng(seed),
        learner=LogisticLearner(kind),
        bits=bits,
    )


@pytest.fixture(scope="module")
def valuation(scenario: Scenario) -> Valuation:
    return prepared(scenario)


def test_scores_in_the_clear_are_those_that_a_blind_evaluation_decrypts_to(
    scenario: Scenario, valuation: Valuation
) -> None:
    rows = quantise_rows(valuation.model.rows(scenario.offer), valuation.scale.row_scale).entries
    encrypted, secret = encrypt_queries(DEFAULT, valuation.queries, None)
    reply = evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes())
    blind = decrypt_reply(DEFAULT, secret, reply, len(scenario.offer), 2)
    np.testing.assert_array_equal(blind, valuation.integer_scores(scenario.offer))


def test_through_few_bits_a_blind_evaluation_decrypts_to_what_is_seen_in_the_clear(scenario: Scenario) -> None:
    made = prepared(scenario, bits=DEFAULT_BITS)
    rows = quantise_rows(made.model.rows(scenario.offer), made.scale.row_scale).entries
    encrypted, secret = encrypt_queries(DEFAULT, made.queries, made.bits)
    reply = evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes())
    blind = decrypt_reply(DEFAULT, secret, reply, len(scenario.offer), 2)
    exact = made.integer_scores(scenario.offer)
    clear = made.seen_scores(scenario.offer, np.random.default_rng(3))
    for query, bits in enumerate(made.bits):
        noise = [centred(seen[query] - exact[query], MODULUS) for seen in (blind, clear)]
        bound = noise_bound(MODULUS, bits)
        # Rounding under encryption moves a score by a unit.
        assert max(np.abs(each).max() for each in noise) <= bound + 2
        assert ks_2samp(*noise).pvalue > 1e-6
    assert (made.read(blind).sides == made.read(clear).sides).all()


def test_the_second_query_tells_the_class_of_every_record(scenario: Scenario, valuation: Valuation) -> None:
    place = scenario.columns.index(scenario.label)
    offered = valuation.read(valuation.integer_scores(scenario.offer))
    assert offered.sides.tolist() == [1.0 if row[place] == 1 else -1.0 for row in scenario.offer]
    assert valuation.right.sides.tolist() == [1.0 if row[place] == 1 else -1.0 for row in scenario.validation]
    assert (valuation.wrong.sides == -valuation.right.sides).all()
    with pytest.raises(errors.ShapeMismatch):
        valuation.read(valuation.integer_scores(scenario.offer)[:1])


class Mute(LogisticLearner):
    """Asks for the class along a direction that does not tell it."""

    def side_query(self, model: ScoringModel) -> Floats:
        return np.asarray(np.eye(model.k)[0], dtype=np.float64)


def test_a_query_that_does_not_tell_the_class_is_not_asked(scenario: Scenario) -> None:
    made = prepare_valuation(
        scenario.train, scenario.validation, scenario_schema(scenario, ("arms",)), plain_modulus=MODULUS,
        rng=np.random.default_rng(0), learner=Mute(), bits=EXACT,
    )  # fmt: skip
    offered = made.read(made.integer_scores(scenario.offer))
    assert len(made.queries) == 1 and not offered.sides.any() and not made.right.sides.any()
    assert calibrated_trust(offered, made.right, made.wrong).bad_share == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("kind", QueryKind)
def test_right_labels_score_above_flipped_ones_and_real_scores_are_faithful(
    scenario: Scenario, kind: QueryKind
) -> None:
    made = prepared(scenario, kind)
    scores = made.read(made.integer_scores(scenario.offer)).scores
    real = made.model.rows(scenario.offer) @ made.real_query
    assert spearmanr(scores, real).statistic > 0.9999
    found = auc(~scenario.truth.flipped, scores)
    # The textbook query asks for shrinkage, and wrong labels shrink: it does not find them.
    assert found > 0.8 if kind is QueryKind.DISPLACEMENT else found < 0.6


def test_trusted_scores_are_held_out(scenario: Scenario, valuation: Valuation) -> None:
    seen = valuation.read(valuation.integer_scores(scenario.validation)).scores
    # Each record has helped to fit the model that scores it in `seen`, and scores better there.
    assert valuation.right.scores.mean() < seen.mean()
    assert np.corrcoef(valuation.right.scores, seen)[0, 1] > 0.9
    flipped = list(scenario.validation)
    place = scenario.columns.index(scenario.label)
    flipped[5] = (*flipped[5][:place], 1 - int(str(flipped[5][place])), *flipped[5][place + 1 :])
    other = prepare_valuation(
        scenario.train, flipped, scenario_schema(scenario, ("arms",)), plain_modulus=MODULUS,
        rng=np.random.default_rng(0), bits=EXACT,
    )  # fmt: skip
    # The query that scores record 5 was made without it, so turning its label turns its score and nothing else.
    assert other.right.scores[5] == pytest.approx(-valuation.right.scores[5], rel=1e-3)
    # What it was before is what it would be with the other label.
    assert other.wrong.scores[5] == pytest.approx(valuation.right.scores[5], rel=1e-3)


def test_trusted_scores_have_the_unit_of_the_offers_scores(trial: Table) -> None:
    clean = make_scenario(trial, 3, flip_share=0, duplicate_share=0)
    made = prepared(clean)
    scores = made.read(made.integer_scores(clean.offer)).scores
    assert np.median(made.right.scores) == pytest.approx(np.median(scores), rel=0.25)
    assert made.right.scores.std() == pytest.approx(scores.std(), rel=0.25)


def test_copies_have_equal_scores_and_different_records_do_not(scenario: Scenario, valuation: Valuation) -> None:
    found = distinct_records(valuation.integer_scores(scenario.offer))
    assert found.tolist() == np.flatnonzero(~scenario.truth.duplicate).tolist()


def test_the_question_discloses_no_fitted_weights_unless_it_is_the_textbooks(
    scenario: Scenario, valuation: Valuation
) -> None:
    assert not valuation.model.weights.any()
    assert prepared(scenario, QueryKind.TEXTBOOK).model.weights.any()


def test_the_same_seed_gives_the_same_question(scenario: Scenario, valuation: Valuation) -> None:
    again = prepared(scenario)
    assert (again.queries == valuation.queries).all() and again.scale == valuation.scale
    for one, other in ((again.right, valuation.right), (again.wrong, valuation.wrong)):
        assert one.scores.tobytes() == other.scores.tobytes()
    # The seed is for the folds alone.
    assert (prepared(scenario, seed=1).queries == valuation.queries).all()


def test_a_buyer_without_enough_records_is_told(scenario: Scenario) -> None:
    def prepare(train: int, validation: int) -> Valuation:
        return prepare_valuation(
            scenario.train[:train], scenario.validation[:validation], scenario_schema(scenario, ("arms",)),
            plain_modulus=MODULUS, rng=np.random.default_rng(0),
        )  # fmt: skip

    with pytest.raises(errors.NoRecords):
        prepare(50, VALIDATION_NEEDED - 1)
    place = scenario.columns.index(scenario.label)
    one_class = [row for row in scenario.train if row[place] == 0]
    with pytest.raises(errors.LabelUnusable):
        prepare_valuation(
            one_class, one_class, scenario_schema(scenario, ("arms",)),
            plain_modulus=MODULUS, rng=np.random.default_rng(0),
        )  # fmt: skip
    with pytest.raises(errors.QueryOutOfBounds):
        prepare_valuation(
            scenario.train, scenario.validation, scenario_schema(scenario, ("arms",)),
            plain_modulus=4099, rng=np.random.default_rng(0), bits=EXACT,
        )  # fmt: skip
