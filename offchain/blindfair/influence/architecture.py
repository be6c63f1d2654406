"""Small networks for classes, as pure functions of one flat parameter vector: softmax regression, MLP, small CNN.

    logits(theta, X) = last layer of tanh of the layers before        loss = cross entropy in nats

`theta` holds the weight matrices of the layers one after another, row by row, the bias last in each row (`layers`).
tanh is smooth, so a gradient moves by a rounding error when its inputs do; with ReLU or maxima it could jump,
and two honest machines might disagree in an audit. Not here: gradients of single records (`gradients`), fitting
(`fitting`), and the scoring model with its preprocessing (`network`).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
import torch

from blindfair.influence.arrays import Floats
from blindfair.influence.layers import Convolution, Layer, Linear, halved
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import ShapeMismatch, UnusableModel
from blindfair.protocol.fields import Fields

PARAMETER_LIMIT = 2**20
CLASS_LIMIT = 1000
HIDDEN_LIMIT = 4
"""Layers before the last."""

_SIZE_LIMIT = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture(ABC):
    """The form of a network, without its weights. Raises UnusableModel where it is out of bounds."""

    NAME: ClassVar[str]

    classes: int

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= CLASS_LIMIT:
            raise UnusableModel("This is no number of classes", expected=f"2 ... {CLASS_LIMIT}", found=self.classes)
        layers = self.layers
        sizes = [self.features, *(size for layer in layers for size in (*layer.shape, layer.size))]
        if not all(1 <= size <= _SIZE_LIMIT for size in sizes):
            raise UnusableModel(
                "The network has a layer of a size that cannot be", expected=f"1 ... {_SIZE_LIMIT}", found=sizes
            )
        if len(layers) > HIDDEN_LIMIT + 1 or self.parameters > PARAMETER_LIMIT:
            raise UnusableModel(
                "The network is too large",
                expected=f"at most {HIDDEN_LIMIT + 1} layers and {PARAMETER_LIMIT} parameters",
                found=f"{len(layers)} and {self.parameters}",
            )

    @property
    @abstractmethod
    def features(self) -> int:
        """Numbers that it takes of a record."""

    @property
    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the features to the logits."""

    @abstractmethod
    def to_document(self) -> Document:
        """The config of the network; features and classes are the schema's."""

    @classmethod
    @abstractmethod
    def from_fields(cls, fields: Fields, features: int, classes: int) -> Self:
        """Read it from a counterparty's config. Raises MalformedMessage, UnusableModel."""

    @property
    def parameters(self) -> int:
        """`d`, the length of `theta`."""
        return sum(math.prod(layer.shape) for layer in self.layers)

    def initial(self, seed: int) -> Floats:
        """A `theta` to train from: normal weights of variance 1 / inputs, biases zero, the last layer all zero.

        So every class is equally likely at first, whatever the record.
        """
        rng = np.random.default_rng(seed)
        blocks = [rng.normal(size=layer.shape) / math.sqrt(layer.inputs) for layer in self.layers]
        for block in blocks:
            block[:, -1] = 0.0
        blocks[-1][:] = 0.0
        return np.concatenate([block.ravel() for block in blocks])

    def split(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """The weight matrices in `theta`, views of it. Raises ShapeMismatch."""
        if theta.shape != (self.parameters,):
            raise ShapeMismatch("Parameters and network differ", expected=self.parameters, found=tuple(theta.shape))
        flat = torch.split(theta, [math.prod(layer.shape) for layer in self.layers])
        return [block.reshape(layer.shape) for block, layer in zip(flat, self.layers, strict=True)]

    def logits(self, theta: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """`n x classes` of features `n x features`; differentiable in both. Raises ShapeMismatch."""
        self.check(X)
        signals = X
        *before, (last, weights) = zip(self.layers, self.split(theta), strict=True)
        for layer, inner in before:
            signals = torch.tanh(layer.respond(inner, signals))
        return last.respond(weights, signals)

    def losses(self, theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Cross entropy of each record, `n` nats, of features `n x features` and class codes `n`."""
        return torch.nn.functional.cross_entropy(self.logits(theta, X), y, reduction="none")

    def check(self, X: torch.Tensor | Floats) -> None:
        """Raises ShapeMismatch unless `X` is `n x features`."""
        if X.ndim != 2 or X.shape[1] != self.features:
            raise ShapeMismatch("Features and network differ", expected=f"n x {self.features}", found=tuple(X.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftmaxRegression(Architecture):
    """One layer: logistic regression for any number of classes."""

    NAME: ClassVar[str] = "softmax-regression"

    inputs: int

    @property
    def features(self) -> int:
        """Numbers that it takes of a record."""
        return self.inputs

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The only one."""
        return (Linear(self.inputs, self.classes),)

    def to_document(self) -> Document:
        """Nothing: features and classes are the schema's."""
        return {}

    @classmethod
    def from_fields(cls, fields: Fields, features: int, classes: int) -> "SoftmaxRegression":
        """See `Architecture`."""
        fields.done()
        return cls(inputs=features, classes=classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlp(Architecture):
    """Linear layers; `hidden` are the sizes of those between features and logits."""

    NAME: ClassVar[str] = "mlp"

    inputs: int
    hidden: tuple[int, ...]

    @property
    def features(self) -> int:
        """Numbers that it takes of a record."""
        return self.inputs

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One for each pair of neighbours among inputs, hidden sizes and classes."""
        sizes = (self.inputs, *self.hidden, self.classes)
        return tuple(Linear(one, next_) for one, next_ in pairwise(sizes))

    def to_document(self) -> Document:
        """The hidden sizes; features and classes are the schema's."""
        hidden: list[JsonValue] = list(self.hidden)
        return {"hidden": hidden}

    @classmethod
    def from_fields(cls, fields: Fields, features: int, classes: int) -> "Mlp":
        """See `Architecture`."""
        hidden = tuple(fields.integers("hidden", 1, _SIZE_LIMIT, HIDDEN_LIMIT))
        fields.done()
        return cls(inputs=features, hidden=hidden, classes=classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallCnn(Architecture):
    """Convolutions of 3 x 3 at every second place, then a linear layer.

    A record is an image of `depth` channels of `height` x `width` numbers, row by row; `channels` are the outputs of
    the convolutions.
    """

    NAME: ClassVar[str] = "small-cnn"

    height: int
    width: int
    channels: tuple[int, ...]
    depth: int = 1

    @property
    def features(self) -> int:
        """Numbers that it takes of a record."""
        return self.depth * self.height * self.width

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every convolution sees images of half the height and width of the one before."""
        found: list[Layer] = []
        before, height, width = self.depth, self.height, self.width
        for outputs in self.channels:
            found.append(Convolution(before, height, width, outputs))
            before, height, width = outputs, halved(height), halved(width)
        return (*found, Linear(before * height * width, self.classes))

    def to_document(self) -> Document:
        """The form of the images and the outputs of the convolutions; classes are the schema's. One channel is not
        said."""
        channels: list[JsonValue] = list(self.channels)
        depth: Document = {} if self.depth == 1 else {"depth": self.depth}
        return {"channels": channels, "height": self.height, "width": self.width, **depth}

    @classmethod
    def from_fields(cls, fields: Fields, features: int, classes: int) -> "SmallCnn":
        """See `Architecture`. Raises UnusableModel also where the records are no images of this form."""
        channels = tuple(fields.integers("channels", 1, _SIZE_LIMIT, HIDDEN_LIMIT))
        height, width = (fields.integer(name, 1, _SIZE_LIMIT) for name in ("height", "width"))
        depth = fields.integer("depth", 2, _SIZE_LIMIT) if fields.has("depth") else 1
        fields.done()
        if depth * height * width != features:
            raise UnusableModel(
                "The records are no images of this form",
                expected=f"{depth} x {height} x {width} numbers",
                found=features,
            )
        return cls(height=height, width=width, channels=channels, classes=classes, depth=depth)
