"""A small convolutional network, for images."""

from dataclasses import dataclass, replace
from typing import Self

from blindfair.influence.architecture import SmallCnn
from blindfair.influence.encoding import FeatureSchema
from blindfair.pricing.learners.networks import NetworkLearner
from blindfair.protocol.errors import InvalidOption


@dataclass(frozen=True, slots=True, kw_only=True)
class CnnLearner(NetworkLearner):
    """Two convolutions, each at every second place, and a linear layer; of images of the listing's form.

    Small, and fitted for few steps: on handwritten digits of 8 x 8 and 28 x 28 numbers, ten classes and two, in two
    divisions each, its scores told wrong labels with an AUC of .94 to .98. Those of a network twice as wide, fitted for
    as many steps as an MLP, did with .69 to .96: what a query loses grows with its length.
    """

    steps: int = 40
    early: int = 10
    channels: tuple[int, ...] = (4, 8)
    height: int = 1
    width: int = 1
    depth: int = 1

    @property
    def name(self) -> str:
        """See `NetworkLearner`."""
        return "cnn"

    def for_label(self, schema: FeatureSchema) -> Self:
        """For images of the form that the schema has, and its classes. Raises InvalidOption where it has no images."""
        image = schema.image
        if image is None or len(schema.features) > 1:
            raise InvalidOption(
                "`model='cnn'` learns images, and the listing has none",
                expected="a listing of images",
                found=f"columns {', '.join(schema.columns[:8])}"[:80],
                hint="begin another directory with `model='mlp'`; nothing was asked",
            )
        # By name: a dataclass with slots is another class than the one that `super()` would look for.
        learner = NetworkLearner.for_label(self, schema)
        return replace(learner, height=image.height, width=image.width, depth=image.depth)

    def network(self, features: int) -> SmallCnn:
        """See `NetworkLearner`."""
        return SmallCnn(
            height=self.height, width=self.width, depth=self.depth, channels=self.channels, classes=self.classes
        )
