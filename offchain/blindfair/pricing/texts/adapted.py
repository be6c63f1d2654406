"""The model at which a buyer of texts asks: the base model itself, or the buyer's own fine-tuned model.

    nothing of its own      base                            + an untrained head where there are classes
    an adapter              base + LoRA                     + an untrained head where there are classes
    a fine-tuned model      base with its changed tensors   + an untrained head where there are classes
    either with a head      the same                        + its head

Rows are computed there, and the direction is taken from there. The seller sees the adapter, or the changed tensors. Not
here: the direction (`directions`), and the files (`influence.text.adapter`, `influence.text.changed_layers`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel, Difference, TextModel
from blindfair.influence.text.applying import linear_layers, tensor_shapes
from blindfair.influence.text.architectures import ARCHITECTURES, EMBEDDINGS, HEAD, MEAN, OUTPUT, POOLER
from blindfair.influence.text.bases import evenly
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.influence.text.scoring import windows_of
from blindfair.protocol.errors import UnusableModel

TRIED = 512
"""Own texts, evenly taken of more, on which a fine-tuned model is tried."""

_SURELY = 3.0
"""Standard errors by which a fine-tuned model may make own texts no worse."""

_HELPS = 2.0
"""Standard errors by which a fine-tuned model has to make own texts better, or the buyer is warned before it asks."""

_HEAD = (f"{HEAD}.weight", f"{HEAD}.bias")


@dataclass(frozen=True, slots=True, eq=False)
class AdaptedModel:
    """A model to ask at, and `notes` for the buyer's own people: what the adapter is worth, and that it is shown."""

    model: TextModel
    notes: tuple[str, ...]


def asked_difference(base: BaseModel, classes: int, seed: int, fine_tuned: Difference | None) -> Difference:
    """How the model that is asked at differs from the base: what travels. Raises UnusableModel as `check_fits`."""
    blank = blank_head(base.config.width, classes, seed) if classes else Difference()
    if fine_tuned is None:
        return blank
    check_fits(base, classes, fine_tuned)
    return fine_tuned if has_head(fine_tuned) else Difference({**blank.tensors, **fine_tuned.tensors}, fine_tuned.lora)


def has_head(fine_tuned: Difference) -> bool:
    """Whether a fine-tuned model brings the head of a classifier."""
    return any(name in fine_tuned.tensors for name in _HEAD)


def named_form(fine_tuned: Difference) -> str:
    """The form in which a buyer gave its fine-tuned model, in words: `adapter` or `fine-tuned model`."""
    return "fine-tuned model" if fine_tuned.lora is None else "adapter"


def check_fits(base: BaseModel, classes: int, fine_tuned: Difference) -> None:
    """Check that a fine-tuned model changes layers and tensors of this base alone, and that a head of its own is for
    `classes`.

    Raises UnusableModel.
    """
    named = named_form(fine_tuned)
    shapes = tensor_shapes(base, classes)
    if has_head(fine_tuned) and not classes:
        raise UnusableModel(
            f"The {named} has the head of a classifier, and the texts have no label",
            expected="a language model",
            found=", ".join(name for name in _HEAD if name in fine_tuned.tensors),
            hint=f"train the {named} on the language model itself",
        )
    head = fine_tuned.tensors.get(_HEAD[0])
    if head is not None and (head.ndim != 2 or len(head) != classes):
        raise UnusableModel(
            f"The {named}'s head is for another number of classes than the listing's label",
            expected=f"{classes} classes, in the order of the listing",
            found=head.shape,
            hint=f"train the head on the classes of the listing, or leave the head out of the {named}",
        )
    if fine_tuned.lora is not None and base.config.tied:
        _check_tied(base, fine_tuned)
    try:
        fine_tuned.check(shapes, linear_layers(base))
    except UnusableModel as error:
        raise UnusableModel(
            f"The {named} does not fit the base model: {error.what}",
            expected=error.expected,
            found=error.found,
            hint=_other_layers(base, fine_tuned) or _other_base(fine_tuned),
        ) from error


def _check_tied(base: BaseModel, adapter: Difference) -> None:
    """Check that an adapter leaves embedding and output layer alone where both are one tensor. Raises UnusableModel."""
    # peft replaces one of both and leaves the other, so its model is none that the base's config can have.
    names = (EMBEDDINGS[base.config.model_type], f"{OUTPUT}.weight")
    found = [name for name in names if name in adapter.tensors]
    if found:
        raise UnusableModel(
            "The adapter replaces the embedding or the output layer, which are one tensor in the base model",
            expected=f"neither {names[0]} nor {names[1]}",
            found=" and ".join(found),
            hint="leave both out of peft's modules_to_save, and save the adapter with save_embedding_layers=False",
        )


def _other_layers(base: BaseModel, fine_tuned: Difference) -> str:
    """What to train instead, where a LoRA is this base's and of layers that cannot be changed; or nothing."""
    known, prefix = linear_layers(base), ARCHITECTURES[base.architecture].prefix
    strange = [] if fine_tuned.lora is None else [name for name in fine_tuned.lora.down if name not in known]
    if any(prefix + name in known for name in strange):
        return "train the adapter on the model with its head, such as AutoModelForCausalLM, not on the bare AutoModel"
    others = [name for name in strange if name == OUTPUT or f"{name}.weight" in base.tensors]
    return f"train the adapter with peft's exclude_modules={others}" if others else ""


def adapted_model(
    base: BaseModel,
    preprocessing: TextPreprocessing,
    seed: int,
    fine_tuned: Difference | None,
    train: tuple[Sequence[str], Sequence[int] | None],
) -> AdaptedModel:
    """The model to ask at, tried on the buyer's training texts where it is not the base model.

    A head reads what it reads best: the mean of a window, or the pooler of a base that has one. Raises UnusableModel
    where the fine-tuned model does not fit, or makes own texts less probable than the base model alone, for certain: it
    is another base's then.
    """
    classes = len(preprocessing.classes)
    start, windows = asked_difference(base, classes, seed, fine_tuned), windows_of(preprocessing, base)
    model = TextModel(base, start, windows, classes)
    if fine_tuned is None:
        return AdaptedModel(model, ())
    named = named_form(fine_tuned)
    weights = "the adapter's weights" if fine_tuned.lora is not None else "all changed layers"
    shown = (f"the request shows the seller {weights}, {fine_tuned.size:,} numbers: your fine-tuned model",)
    places = evenly(len(train[0]), TRIED)
    tried = [train[0][place] for place in places], None if train[1] is None else [train[1][place] for place in places]
    after = model.losses(*tried)
    if classes and not has_head(fine_tuned):
        _check_finite(after, fine_tuned)
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
    _check_finite(after, fine_tuned)
    falls = before - after
    gain = float(falls.mean())
    error = float(falls.std(ddof=1) / np.sqrt(len(falls))) if len(falls) > 1 else 0.0
    if gain < -_SURELY * error:
        raise UnusableModel(
            f"The {named} makes your own texts worse than {over} does",
            expected="a loss of training texts that falls",
            found=f"one that rises by {-gain:.4f} +- {error:.4f} nats",
            hint="train a head on the listing's classes in its order" if classes else _other_base(fine_tuned),
        )
    moves = "falls" if gain >= 0 else "rises"
    measured = f"the loss of training texts {moves} by {abs(gain):.4f} +- {error:.4f} nats against {over}"
    reads = "" if not classes else f"; its head reads the {'pooler' if model.pooling != MEAN else 'mean of a window'}"
    no_help = (
        f"the {named} does not clearly help on your own texts: you would show it to the seller without a gain; leave "
        f"`{_option(fine_tuned)}` out in another directory"
    )
    helps = () if gain > _HELPS * error else (no_help,)
    return AdaptedModel(model, (f"asks at {asked_model(fine_tuned)}: {measured}{reads}", *helps, *shown))


def asked_model(fine_tuned: Difference | None) -> str:
    """The model that is asked at, in words."""
    if fine_tuned is None:
        return "the base model"
    return "the fine-tuned model" if fine_tuned.lora is None else "the adapted model"


def _option(fine_tuned: Difference) -> str:
    return "fine_tuned" if fine_tuned.lora is None else "adapter"


def _other_base(fine_tuned: Difference) -> str:
    named, option = named_form(fine_tuned), _option(fine_tuned)
    return f"name the base model that the {named} was trained on, or leave `{option}` out"


def _check_finite(losses: Floats, fine_tuned: Difference) -> None:
    if not np.isfinite(losses).all():
        raise UnusableModel(
            f"{asked_model(fine_tuned).capitalize()} overflows on some of the buyer's own texts",
            expected="a finite loss of each text",
            found="NaN or infinite",
            hint=f"train the {named_form(fine_tuned)} anew, or leave `{_option(fine_tuned)}` out",
        )
