"""The untrained scoring model of a listing's label, which any buyer may bring, and the largest entry of its rows
(PROTOCOL 4.1).

    two classes    logistic-regression   (1/2 - y) x
    more classes   softmax-regression    (1/C - [c is the record's class]) x, for each class c
    a number       linear-regression     -t x
    a count        poisson-regression    (1 - t) x

Features and `t` are within +-`BOUND`, a count's `t` is not negative: that bounds the entries of any record whatever.
Not here: the scale that follows (`pricing.rounding`).
"""

import numpy as np

from blindfair.influence.architecture import SoftmaxRegression
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import BOUND
from blindfair.influence.label import LabelKind
from blindfair.influence.models import LogisticRegression
from blindfair.influence.network import NetworkModel
from blindfair.influence.regression import LinearRegression, PoissonRegression
from blindfair.influence.scoring_model import ScoringModel


def untrained_model(schema: FeatureSchema) -> ScoringModel:
    """The linear model of the schema's label, all weights zero: it discloses nothing but the schema."""
    if schema.label_kind is LabelKind.NUMBER:
        return LinearRegression.untrained(schema)
    if schema.label_kind is LabelKind.COUNT:
        return PoissonRegression.untrained(schema)
    if len(schema.classes) == 2:
        return LogisticRegression.untrained(schema)
    network = SoftmaxRegression(inputs=schema.width - 1, classes=len(schema.classes))
    return NetworkModel(schema, network, np.zeros(network.parameters))


def untrained_bound(schema: FeatureSchema) -> float:
    """The largest entry that any record's row has under the untrained model."""
    if schema.label_kind is LabelKind.NUMBER:
        return BOUND * BOUND
    if schema.label_kind is LabelKind.COUNT:
        return BOUND * (BOUND - 1)
    return BOUND * (1 - 1 / len(schema.classes))
