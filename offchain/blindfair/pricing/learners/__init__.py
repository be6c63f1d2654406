"""How the buyer learns: which models it fits, which one it sends as scoring model, and which query it asks there.

Not here: trusted scores and rounding (`pricing.valuation`).
"""

from collections.abc import Callable, Mapping

from blindfair.pricing.learners.cnn import CnnLearner
from blindfair.pricing.learners.learner import BEST_L2, L2, Examples, Learner, QueryKind, joined
from blindfair.pricing.learners.linear import LinearLearner
from blindfair.pricing.learners.logistic import LogisticLearner
from blindfair.pricing.learners.mlp import MlpLearner

__all__ = [
    "BEST_L2",
    "L2",
    "LEARNERS",
    "CnnLearner",
    "Examples",
    "Learner",
    "LinearLearner",
    "LogisticLearner",
    "MlpLearner",
    "QueryKind",
    "joined",
]

LEARNERS: Mapping[str, Callable[[], Learner]] = {"logistic": LogisticLearner, "mlp": MlpLearner, "cnn": CnnLearner}
"""Learners by the name that a person gives; the first is the default."""
