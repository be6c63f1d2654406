"""A multilayer perceptron with one hidden layer."""

from dataclasses import dataclass

from blindfair.influence.architecture import Mlp
from blindfair.pricing.learners.networks import NetworkLearner


@dataclass(frozen=True, slots=True, kw_only=True)
class MlpLearner(NetworkLearner):
    """With the penalty `l2` of 1 an MLP learns a few hundred records by heart, and its score tells wrong labels worse
    (docs/explanation/valuation.md)."""

    hidden: int = 16

    @property
    def name(self) -> str:
        """See `NetworkLearner`."""
        return "mlp"

    def network(self, features: int) -> Mlp:
        """See `NetworkLearner`."""
        return Mlp(inputs=features, hidden=(self.hidden,), classes=self.classes)
