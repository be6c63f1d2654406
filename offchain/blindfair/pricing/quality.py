"""How well a model predicts labels that it has not seen: one measure for each kind of label, greater is better.

    two classes     AUC         0.5 is guessing, 1 is perfect
    more classes    accuracy    1 is perfect
    a number        R2          0 is the best constant, 1 is perfect
    a count         D2          the same, of the Poisson deviance

Not here: the fit (`learners`), and what a purchase adds to it (`utility`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.pricing.ranks import auc
from blindfair.protocol.errors import LabelUnusable


@dataclass(frozen=True, slots=True)
class Quality:
    """A measure: its `key` in documents, its `name` and `meaning` for people.

    `measure` takes a model's margins (`Learner.margins`) and the labels of `n` records, as the schema codes them.
    `guessing` is what it gives a model that says the same of every record; None where that depends on the labels.
    """

    key: str
    name: str
    meaning: str
    guessing: float | None
    measure: Callable[[Floats, Labels], float]


def quality_of(schema: FeatureSchema) -> Quality:
    """The measure of the schema's label."""
    if schema.label_kind is LabelKind.NUMBER:
        return R2
    if schema.label_kind is LabelKind.COUNT:
        return D2
    return AUC if len(schema.classes) == 2 else ACCURACY


_MOST_LOGARITHM = 300.0
"""Predicted counts beyond this are as wrong as can be told in finite numbers."""


def _auc(margins: Floats, labels: Labels) -> float:
    return auc(labels == 1, margins)


def _accuracy(margins: Floats, labels: Labels) -> float:
    return float((margins.argmax(axis=1) == labels).mean())


def _r2(margins: Floats, labels: Labels) -> float:
    return _part_taken_off((margins - labels) ** 2, (labels - labels.mean()) ** 2)


def _d2(margins: Floats, labels: Labels) -> float:
    # Of counts the loss of a perfect prediction is not zero.
    perfect = labels - labels * np.log(np.where(labels > 0, labels, 1.0))
    mean = float(labels.mean())
    constant = mean - labels * np.log(mean if mean > 0 else 1.0)
    losses = np.exp(np.minimum(margins, _MOST_LOGARITHM)) - labels * margins
    return _part_taken_off(losses - perfect, constant - perfect)


def _part_taken_off(losses: Floats, constant: Floats) -> float:
    """1 less the losses as a part of those of the best constant. Raises LabelUnusable where these are zero."""
    most = float(constant.mean())
    if not most > 0:
        raise LabelUnusable("All test records have the same label", expected="at least 2 different labels", found=1)
    return 1.0 - float(losses.mean()) / most


AUC = Quality("auc", "AUC", "how well the model tells the two classes apart: 0.5 is guessing, 1 is perfect", 0.5, _auc)
ACCURACY = Quality("accuracy", "accuracy", "the share of test records whose class the model finds", None, _accuracy)
R2 = Quality(
    "r2",
    "R2",
    "how much less the model's squared error is than that of the best constant guess: 0 is no better, 1 is perfect",
    0.0,
    _r2,
)
D2 = Quality(
    "d2",
    "D2",
    "how much less the model's Poisson deviance is than that of the best constant guess: 0 is no better, 1 is perfect",
    0.0,
    _d2,
)
