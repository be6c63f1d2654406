"""Which direction a buyer of texts asks for: where its own fit leads, or its own gradient at the base model.

    own training texts --fine-tuned for some steps--> displacement of every layer     score = -g . (theta - theta_0)
    own training texts --a head fitted to states----> displacement of the head        the same, for texts with labels
    own training texts --at the base model---------->  mean gradient of every layer    score = +g . mean g

In trials on two domains displacement won where a fit helped on unseen texts, and the gradient where it did
not. The buyer can measure which: by the loss of its validation texts. Not here: the projection and the rounding
(`valuation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.linear_fits import Softmax
from blindfair.influence.text import TextModel, fine_tune
from blindfair.influence.text.architectures import HEAD
from blindfair.protocol.errors import UnusableModel

STRENGTHS = (36, 12)
"""Steps of fine-tuning that are tried, one after the other until one helps."""

HEAD_PENALTIES = (1.0, 3.0, 10.0)
"""Penalties of the weights of a head that is fitted to states of training texts, against one text; tried likewise."""

RATE = 2e-3
"""Learning rate of fine-tuning."""

_SURELY = 1.0
"""Standard errors by which fine-tuning must help."""


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """`layers` is a matrix `outputs x inputs` for each layer: what a row is multiplied by, positive = helpful.

    `steps` are those of fine-tuning, 0 for the gradient at the base, None for a head fitted by itself. `gain` is how
    many nats the validation texts' mean loss falls by that fit, or by the best fine-tuning where none helps for
    certain; `error` is its standard error over texts.
    """

    layers: tuple[Floats, ...]
    steps: int | None
    gain: float
    error: float

    def describe(self, at: str = "the base model") -> str:
        """A sentence for the buyer's own people; `at` names the model that was asked at."""
        measured = f"lowers the loss of validation texts by {self.gain:.4f} +- {self.error:.4f} nats"
        if self.steps is None:
            return f"asks by the displacement of a head that is fitted to its own texts: it {measured}"
        measured = f"fine-tuning {measured}"
        if self.steps:
            return f"asks by the displacement of {self.steps} steps of fine-tuning: {measured}"
        return f"asks by the gradient of its own texts at {at}: {measured}, which is no help for certain"


def choose_direction(
    model: TextModel,
    train: tuple[Sequence[str], Sequence[int] | None],
    validation: tuple[Sequence[str], Sequence[int] | None],
    *,
    seed: int,
    strengths: Sequence[int] = STRENGTHS,
) -> Direction:
    """Fit a head where there are labels, then fine-tune for each number of steps, and take the first fit that helps for
    certain on the validation texts.

    Where none does, it is the gradient at the base: on so few texts a choice among several that help is chance.

    Raises UnusableModel where the model overflows on a text, and what `fine_tune` and `TextModel.losses` raise.
    """
    before = model.losses(*validation)
    if not np.isfinite([*before, *model.losses(*train)]).all():
        raise UnusableModel(
            "The base model overflows on some of the buyer's own texts",
            expected="a finite loss of each text",
            found="NaN or infinite",
            hint="take another base model that the listing names",
        )
    if train[1] is not None and validation[1] is not None:
        head = _head(model, (train[0], train[1]), (validation[0], validation[1]), before)
        if head is not None:
            return head
    best: Direction | None = None
    for steps in strengths:
        tuned = fine_tune(model, *train, steps=steps, seed=seed, rate=RATE)
        falls = before - replace(model, difference=tuned.difference).losses(*validation)
        gain, error = float(falls.mean()), float(falls.std(ddof=1) / np.sqrt(len(falls)))
        found = Direction(tuple(-layer for layer in tuned.displacements), steps, gain, error)
        if gain > _SURELY * error:
            return found
        if best is None or gain > best.gain:
            best = found
    count = len(train[0])
    gradient = tuple(layer / count for layer in model.layer_gradients(*train))
    return Direction(gradient, 0, best.gain if best else 0.0, best.error if best else 0.0)


def _head(
    model: TextModel,
    train: tuple[Sequence[str], Sequence[int]],
    validation: tuple[Sequence[str], Sequence[int]],
    before: Floats,
) -> Direction | None:
    """The direction to a head that is fitted exactly, if it helps for certain."""
    if len(set(train[1])) < 2:
        return None
    fit = Softmax(model.classes)
    mine, others = (
        np.column_stack([each, np.ones(len(each))]) for each in map(model.states, (train[0], validation[0]))
    )
    labels, unseen = (np.array(each, dtype=np.int64) for each in (train[1], validation[1]))
    tensors = model.difference.tensors
    start = np.column_stack([tensors[f"{HEAD}.weight"], tensors[f"{HEAD}.bias"]]).astype(np.float64)
    for penalty in HEAD_PENALTIES:
        theta = fit.fit(mine, labels, penalty)
        falls = before - fit.losses(theta, others, unseen)
        gain, error = float(falls.mean()), float(falls.std(ddof=1) / np.sqrt(len(falls)))
        if gain > _SURELY * error:
            layers = [np.zeros((layer.outputs, layer.inputs)) for layer in model.network.layers]
            layers[-1] = start - theta.reshape(start.shape)
            return Direction(tuple(layers), None, gain, error)
    return None
