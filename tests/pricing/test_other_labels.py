"""Valuation of labels that have not two classes: wrong labels, trusted scores, blind = clear, what a choice finds."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.usefulness import compare_losses
from blindfair.pricing.label_calibration import Scored, calibrate
from blindfair.pricing.learners import LogisticLearner, QueryKind
from blindfair.pricing.ranks import auc
from blindfair.pricing.trust import calibrated_trust, clean_share_interval
from blindfair.pricing.valuation import EXACT, Valuation, prepare_valuation
from blindfair.pricing.wrong_labels import OTHERS, wrong_labels
from blindfair.protocol import errors
from blindfair.protocol.records import Row

KINDS = tuple(LabelKind)
OWN = 200


def records(kind: LabelKind) -> tuple[tuple[str, ...], list[Row]]:
    """Digits by their pixels, and the progress of diabetes, also counted in units of ten; in a fixed random order."""
    data = load_digits() if kind is LabelKind.CLASSES else load_diabetes()
    labels = data.target // 10 if kind is LabelKind.COUNT else data.target
    order = np.random.default_rng(0).permutation(len(labels))
    cast = float if kind is LabelKind.NUMBER else int
    rows: list[Row] = [(*map(float, data.data[place]), cast(labels[place])) for place in order]
    return (*(f"x{number}" for number in range(data.data.shape[1])), "y"), rows


def schema_of(kind: LabelKind) -> FeatureSchema:
    columns, rows = records(kind)
    return FeatureSchema.infer(rows, columns, "y", label_kind=kind)


def prepared(kind: LabelKind, **options: Any) -> Valuation:
    _, rows = records(kind)
    return prepare_valuation(
        rows[: OWN // 3], rows[OWN // 3 : OWN], schema_of(kind), plain_modulus=DEFAULT.plain_modulus,
        rng=np.random.default_rng(0), **options,
    )  # fmt: skip


def spoilt(kind: LabelKind, share: float = 0.3) -> tuple[list[Row], Any]:
    """Offered records of which a share have the label of another record, and which these are."""
    rows = records(kind)[1][OWN : OWN + 240]
    rng = np.random.default_rng(3)
    wrong = rng.random(len(rows)) < share
    places = rng.permutation(len(rows))
    found = [(*row[:-1], rows[place][-1]) if bad else row for row, bad, place in zip(rows, wrong, places, strict=True)]
    return found, np.array([row != other for row, other in zip(rows, found, strict=True)])


def test_of_few_classes_every_other_one_is_a_wrong_label() -> None:
    for classes in (2, 3, OTHERS + 1):
        schema = FeatureSchema(("x", "y"), "y", tuple(range(classes)), ())
        labels = np.arange(classes).repeat(2)
        found = wrong_labels(schema, labels, labels, np.random.default_rng(0))
        together = np.sort(np.stack([*found, labels]), axis=0)
        assert (together == np.arange(classes)[:, np.newaxis]).all()


def test_of_many_classes_some_are_drawn_all_alike() -> None:
    schema = FeatureSchema(("x", "y"), "y", tuple(range(10)), ())
    labels = np.arange(10).repeat(500)
    found = np.stack(wrong_labels(schema, labels, labels, np.random.default_rng(0)))
    assert len(found) == OTHERS and not (found == labels).any()
    assert all(len(set(column)) == OTHERS for column in found.T)
    counts = np.array([[(found[:, labels == one] == other).sum() for other in range(10)] for one in range(10)])
    assert (np.abs(counts[~np.eye(10, dtype=bool)] - 500 * OTHERS / 9) < 80).all()


def test_wrong_numbers_are_those_of_other_records_that_differ() -> None:
    schema = schema_of(LabelKind.COUNT)
    known = np.array([0.0, 0.0, 0.0, 1.0, 2.0, 2.0])
    labels = np.array([0.0, 1.0, 2.0]).repeat(1000)
    found = np.stack(wrong_labels(schema, labels, known, np.random.default_rng(0)))
    assert not (found == labels).any()
    # As often as the others have them.
    assert (found[:, labels == 0.0] == 2.0).mean() == pytest.approx(2 / 3, abs=0.03)
    assert (found[:, labels == 1.0] == 0.0).mean() == pytest.approx(3 / 5, abs=0.03)


def test_several_wrong_scores_weigh_as_much_as_one() -> None:
    rng = np.random.default_rng(0)
    none = np.zeros(50)
    right, wrong = Scored(rng.normal(1, 1, 50), none), rng.normal(-1, 1, 50)
    one = calibrate(right, Scored(wrong, none))
    three = calibrate(right, Scored(np.tile(wrong, 3), np.tile(none, 3)))
    points = Scored(np.linspace(-3, 3, 50), none)
    np.testing.assert_allclose(one.log_odds(points), three.log_odds(points), atol=0.02)
    for wrongs in (0, 25, 75):
        with pytest.raises(errors.ShapeMismatch):
            calibrate(right, Scored(np.resize(wrong, wrongs), np.zeros(wrongs)))
    drawn = Scored(np.arange(12.0), np.zeros(12)).each_of(np.array([3, 0]), 4)
    assert drawn.scores.tolist() == [3.0, 0.0, 7.0, 4.0, 11.0, 8.0]


@pytest.mark.deep
@pytest.mark.parametrize("kind", KINDS)
def test_a_blind_evaluation_decrypts_to_the_scores_in_the_clear(kind: LabelKind) -> None:
    made = prepared(kind, bits=EXACT)
    offer = records(kind)[1][OWN : OWN + 100]
    assert made.bits == (32,) and len(made.queries) == 1
    rows = made.rounding.apply(made.model.rows(offer)).entries
    encrypted, secret = encrypt_queries(DEFAULT, made.queries, made.bits)
    blind = decrypt_reply(DEFAULT, secret, evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes()), len(offer), 1)
    assert (blind == made.integer_scores(offer)).all()
    real = made.model.rows(offer) @ made.real_query
    assert np.corrcoef(made.read(blind).scores, real)[0, 1] > 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_trust_finds_wrong_labels_and_their_share(kind: LabelKind) -> None:
    made = prepared(kind)
    offer, wrong = spoilt(kind)
    assert len(made.wrong) == OTHERS * len(made.right) and made.bits == (3,) and not made.right.sides.any()
    offered = made.read(made.seen_scores(offer, np.random.default_rng(1)))
    trust = calibrated_trust(offered, made.right, made.wrong)
    # A number of another record is often near the right one.
    assert auc(~wrong, trust.clean) > (0.95 if kind is LabelKind.CLASSES else 0.57)
    assert trust.bad_share == pytest.approx(wrong.mean(), abs=0.2)
    low, high = clean_share_interval(offered, made.right, made.wrong, np.random.default_rng(2), resamples=20)
    assert 0 <= low < trust.clean_share < high <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_trusted_scores_are_held_out(kind: LabelKind) -> None:
    made = prepared(kind, bits=EXACT)
    validation = records(kind)[1][OWN // 3 : OWN]
    seen = made.read(made.integer_scores(validation)).scores
    # Each record has helped to fit the model that scores it in `seen`, and scores better there.
    assert made.right.scores.mean() < seen.mean()
    assert np.corrcoef(made.right.scores, seen)[0, 1] > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_preprocessing_that_hides_everything_is_told(kind: LabelKind) -> None:
    columns, rows = records(kind)
    schema = schema_of(kind)
    honest = compare_losses(rows[:120], rows[120:400], schema)
    assert honest is not None and not honest.misleads and honest.listed < honest.constant
    one = FeatureSchema(columns, "y", schema.classes, schema.features[:1], schema.target)
    hidden = compare_losses(rows[:120], rows[120:400], one)
    assert hidden is not None and hidden.misleads and hidden.own < hidden.listed


def test_what_only_two_classes_have_is_refused_by_name() -> None:
    _, rows = records(LabelKind.NUMBER)
    schema = schema_of(LabelKind.NUMBER)
    learner = LogisticLearner().for_label(schema)
    with pytest.raises(errors.LabelUnusable):
        learner.side_query(learner.reference(schema, learner.encode(schema, rows[:5])))
    with pytest.raises(errors.InvalidOption):
        LogisticLearner(QueryKind.TEXTBOOK).for_label(schema)
    with pytest.raises(errors.LabelUnusable, match="same label"):
        prepare_valuation(
            rows[:20], [(*row[:-1], 100.0) for row in rows[20:60]], schema, plain_modulus=DEFAULT.plain_modulus,
            rng=np.random.default_rng(0),
        )  # fmt: skip
