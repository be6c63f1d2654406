"""The measure of each kind of label is the one that scikit-learn has, of the models that learners fit."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, d2_tweedie_score, r2_score, roc_auc_score

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.pricing.learners import Learner, LogisticLearner, MlpLearner
from blindfair.pricing.quality import ACCURACY, AUC, D2, R2, Quality, quality_of
from blindfair.protocol.errors import LabelUnusable
from blindfair.protocol.records import Row

DATA: dict[str, tuple[Any, LabelKind]] = {
    "auc": (load_breast_cancer, LabelKind.CLASSES),
    "accuracy": (load_wine, LabelKind.CLASSES),
    "r2": (load_diabetes, LabelKind.NUMBER),
    "d2": (load_diabetes, LabelKind.COUNT),
}
"""Data whose label has each measure; the count is in units of thirty."""


def records(key: str) -> list[Row]:
    """Records with the label last, in a fixed random order."""
    load, kind = DATA[key]
    data = load()
    labels = data.target // 30 if kind is LabelKind.COUNT else data.target
    order = np.random.default_rng(0).permutation(len(labels))
    cast = float if kind is LabelKind.NUMBER else int
    return [(*map(float, data.data[place]), cast(labels[place])) for place in order]


def fitted(key: str, learner: Learner) -> tuple[FeatureSchema, Floats, Floats, Labels]:
    """The schema, the raw features of the test records, the learner's margins of them, and their labels."""
    rows, (_, kind) = records(key), DATA[key]
    columns = (*(f"x{place}" for place in range(len(rows[0]) - 1)), "y")
    schema = FeatureSchema.infer(rows, columns, "y", label_kind=kind)
    learner = learner.for_label(schema)
    own, test = (learner.encode(schema, part) for part in (rows[:100], rows[100:]))
    return schema, test[0], learner.margins(learner.fit(own), test[0]), test[1]


@pytest.mark.parametrize("key", DATA)
def test_each_kind_of_label_has_a_measure_that_scikit_learn_has_too(key: str) -> None:
    schema, _, margins, labels = fitted(key, LogisticLearner())
    quality = quality_of(schema)
    assert quality.key == key
    expected = {
        "auc": lambda: roc_auc_score(labels, margins),
        "accuracy": lambda: accuracy_score(labels, margins.argmax(axis=1)),
        "r2": lambda: r2_score(labels, margins),
        "d2": lambda: d2_tweedie_score(labels, np.exp(margins), power=1),
    }[key]()
    assert quality.measure(margins, labels) == pytest.approx(expected, abs=1e-9)
    # Of data that a linear model learns: a measure turned round, or of another link, would not be there.
    assert expected > {"auc": 0.97, "accuracy": 0.9, "r2": 0.3, "d2": 0.3}[key]


def test_margins_of_classes_are_the_logits_of_softmax_regression() -> None:
    """Also where the learner keeps the bias to itself: the predicted classes are those of scikit-learn's fit."""
    schema, features, margins, _ = fitted("accuracy", LogisticLearner())
    own = schema.encode(records("accuracy")[:100])
    reference = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=1000).fit(*own)
    with_bias = np.column_stack([features, np.ones(len(features))])
    expected = reference.predict_log_proba(with_bias)
    found = margins - np.log(np.exp(margins).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_network_finds_more_than_two_classes() -> None:
    schema, _, margins, labels = fitted("accuracy", MlpLearner())
    assert margins.shape == (len(labels), 3)
    assert quality_of(schema).measure(margins, labels) > 0.9


@pytest.mark.parametrize("quality", [R2, D2], ids=lambda quality: quality.name)
def test_guessing_the_best_constant_is_worth_nothing_and_the_truth_one(quality: Quality) -> None:
    labels = np.array([0.0, 1.0, 4.0, 7.0])
    link = np.log if quality is D2 else np.asarray
    assert quality.measure(np.full(4, link(labels.mean())), labels) == pytest.approx(0) == quality.guessing
    assert quality.measure(np.asarray(link(np.maximum(labels, 1e-12))), labels) == pytest.approx(1)


def test_a_count_predicted_beyond_all_measure_is_finitely_wrong() -> None:
    assert -np.inf < D2.measure(np.array([1e6, 0.0]), np.array([1.0, 2.0])) < -1e9


@pytest.mark.parametrize("quality", [AUC, R2, D2], ids=lambda quality: quality.name)
def test_labels_that_are_all_alike_measure_nothing(quality: Quality) -> None:
    with pytest.raises(LabelUnusable):
        quality.measure(np.array([0.1, 0.2]), np.array([1.0, 1.0]))


def test_what_guessing_reaches_in_classes_depends_on_them() -> None:
    assert (AUC.guessing, ACCURACY.guessing) == (0.5, None)
