"""The model at which a buyer of texts asks: the base model itself, or the buyer's own fine-tuned model, as a LoRA.

    no adapter              base                     + an untrained head where there are classes
    an adapter              base + LoRA              + an untrained head where there are classes
    an adapter with a head  base + LoRA + its head

Rows are computed there, and the direction is taken from there. The seller sees the adapter. Not here: the direction
(`directions`), and the files of an adapter (`influence.text.adapter`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel, Difference, TextModel
from blindfair.influence.text.applying import linear_layers, tensor_shapes
from blindfair.influence.text.architectures import HEAD, MEAN, POOLER
from blindfair.influence.text.bases import evenly
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.influence.text.scoring import windows_of
from blindfair.protocol.errors import UnusableModel

TRIED = 512
"""Own texts, evenly taken of more, on which an adapter is tried."""

_SURELY = 3.0
"""Standard errors by which an adapter may make own texts no worse."""

_HELPS = 2.0
"""Standard errors by which an adapter has to make own texts better, or the buyer is warned before it asks."""

_HEAD = (f"{HEAD}.weight", f"{HEAD}.bias")
_HINT = "name the base model that the adapter was trained on, or leave `adapter` out"

_NO_HELP = (
    "the adapter does not clearly help on your own texts: you would show it to the seller without a gain; leave "
    "`adapter` out in another directory"
)


@dataclass(frozen=True, slots=True, eq=False)
class AdaptedModel:
    """A model to ask at, and `notes` for the buyer's own people: what the adapter is worth, and that it is shown."""

    model: TextModel
    notes: tuple[str, ...]


def asked_difference(base: BaseModel, classes: int, seed: int, adapter: Difference | None) -> Difference:
    """How the model that is asked at differs from the base: what travels. Raises UnusableModel as `check_adapter`."""
    blank = blank_head(base.config.width, classes, seed) if classes else Difference()
    if adapter is None:
        return blank
    check_adapter(base, classes, adapter)
    return adapter if has_head(adapter) else Difference({**blank.tensors, **adapter.tensors}, adapter.lora)


def has_head(adapter: Difference) -> bool:
    """Whether an adapter brings the head of a classifier."""
    return any(name in adapter.tensors for name in _HEAD)


def check_adapter(base: BaseModel, classes: int, adapter: Difference) -> None:
    """Check that an adapter changes layers and tensors of this base alone, and that a head of its own is for `classes`.

    Raises UnusableModel.
    """
    shapes = tensor_shapes(base, classes)
    if has_head(adapter) and not classes:
        raise UnusableModel(
            "The adapter has the head of a classifier, and the texts have no label",
            expected="a LoRA of a language model",
            found=", ".join(name for name in _HEAD if name in adapter.tensors),
            hint="train the adapter on the language model itself",
        )
    head = adapter.tensors.get(_HEAD[0])
    if head is not None and (head.ndim != 2 or len(head) != classes):
        raise UnusableModel(
            "The adapter's head is for another number of classes than the listing's label",
            expected=f"{classes} classes, in the order of the listing",
            found=head.shape,
            hint="train the head on the classes of the listing, or leave the head out of the adapter",
        )
    try:
        adapter.check(shapes, linear_layers(base))
    except UnusableModel as error:
        raise UnusableModel(
            f"The adapter does not fit the base model: {error.what}",
            expected=error.expected,
            found=error.found,
            hint=_HINT,
        ) from error


def adapted_model(
    base: BaseModel,
    preprocessing: TextPreprocessing,
    seed: int,
    adapter: Difference | None,
    train: tuple[Sequence[str], Sequence[int] | None],
) -> AdaptedModel:
    """The model to ask at, tried on the buyer's training texts where there is an adapter.

    A head reads what it reads best: the mean of a window, or the pooler of a base that has one. Raises UnusableModel
    where the adapter does not fit, or makes own texts less probable than the base model alone, for certain: it is
    another base's then.
    """
    classes = len(preprocessing.classes)
    start, windows = asked_difference(base, classes, seed, adapter), windows_of(preprocessing, base)
    model = TextModel(base, start, windows, classes)
    if adapter is None:
        return AdaptedModel(model, ())
    shown = (f"the request shows the seller the adapter's weights, {adapter.size:,} numbers: your fine-tuned model",)
    places = evenly(len(train[0]), TRIED)
    tried = [train[0][place] for place in places], None if train[1] is None else [train[1][place] for place in places]
    after = model.losses(*tried)
    if classes and not has_head(adapter):
        _check_finite(after)
        return AdaptedModel(model, shown)
    if classes:
        if base.has_pooler:
            pooled = TextModel(base, start, windows, classes, POOLER)
            others = pooled.losses(*tried)
            # A mean that is no number is never the smaller one.
            if not after.mean() <= others.mean():
                model, after = pooled, others
        before = np.full(len(after), math.log(classes))
        over = f"a guess among {classes} classes"
    else:
        before = TextModel(base, Difference(), windows).losses(*tried)
        over = "the base model"
    _check_finite(after)
    falls = before - after
    gain = float(falls.mean())
    error = float(falls.std(ddof=1) / np.sqrt(len(falls))) if len(falls) > 1 else 0.0
    if gain < -_SURELY * error:
        raise UnusableModel(
            f"The adapter makes your own texts worse than {over} does",
            expected="a loss of training texts that falls",
            found=f"one that rises by {-gain:.4f} +- {error:.4f} nats",
            hint="train a head on the listing's classes in its order" if classes else _HINT,
        )
    moves = "falls" if gain >= 0 else "rises"
    measured = f"the loss of training texts {moves} by {abs(gain):.4f} +- {error:.4f} nats against {over}"
    reads = "" if not classes else f"; its head reads the {'pooler' if model.pooling != MEAN else 'mean of a window'}"
    helps = () if gain > _HELPS * error else (_NO_HELP,)
    return AdaptedModel(model, (f"asks at the adapted model: {measured}{reads}", *helps, *shown))


def _check_finite(losses: Floats) -> None:
    if not np.isfinite(losses).all():
        raise UnusableModel(
            "The adapted model overflows on some of the buyer's own texts",
            expected="a finite loss of each text",
            found="NaN or infinite",
            hint="train the adapter anew, or leave `adapter` out",
        )
