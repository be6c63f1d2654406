"""Fine-tuning a base model on a buyer's own texts by LoRA, the same result for the same seed and number of threads.

    W + alpha / r B A        A: normal, B: zero at first, both trained for every linear layer of the blocks; alpha = 2 r

The head of a classifier is trained whole beside it. AdamW (Loshchilov and Hutter 2019) in single precision; the step
falls to zero in a straight line. Not here: gradient rows (`logra`), and what a query is (`influence.query`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from blindfair.influence.arrays import Floats
from blindfair.influence.text.applying import linear_layers
from blindfair.influence.text.architectures import HEAD
from blindfair.influence.text.arithmetic import whole_products
from blindfair.influence.text.batches import Window, batched
from blindfair.influence.text.difference import Difference, Lora
from blindfair.influence.text.model import TextModel
from blindfair.protocol.errors import InvalidOption, NoRecords, UnusableModel

RANK = 8
RATE = 2e-3
BATCH = 16
HEAD_RATE = 5.0
"""So many times faster a head is learned: it begins from nothing."""

_DECAY = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class FineTuned:
    """A fine-tuned model's difference from its base, and from the model that it began from."""

    difference: Difference
    displacements: tuple[Floats, ...]
    """For each layer of the model `outputs x inputs`: what a displacement query is of."""

    losses: tuple[float, ...]
    """The mean loss of each step's batch, in nats."""


def blank_head(width: int, classes: int, seed: int) -> Difference:
    """A head to begin from: small normal weights, so that what is below it learns too."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(classes, width)) / math.sqrt(width) / 10
    return Difference(
        {f"{HEAD}.weight": weights.astype(np.float32), f"{HEAD}.bias": np.zeros(classes, dtype=np.float32)}
    )


def fine_tune(
    model: TextModel,
    texts: Sequence[str],
    labels: Sequence[int] | None,
    *,
    steps: int,
    seed: int,
    rank: int = RANK,
    rate: float = RATE,
    batch: int = BATCH,
    head_only: bool = False,
) -> FineTuned:
    """`steps` steps on `batch` texts each, from the model as it is. With `head_only` the blocks stay as they are.

    A LoRA that the model has stays as it is, and another one is trained beside it. Raises InvalidOption, NoRecords,
    UnusableText, and UnusableModel where the model does not stay finite.
    """
    for name, value, valid in (
        ("number of steps", steps, steps >= 1),
        ("rank", rank, 1 <= rank <= 256),
        ("rate", rate, math.isfinite(rate) and rate > 0),
        ("batch", batch, batch >= 1),
    ):
        if not valid:
            raise InvalidOption(f"The {name} of fine-tuning is out of range", expected="positive", found=value)
    if not len(texts):
        raise NoRecords("A model needs texts to be fine-tuned on", expected="at least 1", found=0)
    if head_only and not model.classes:
        raise InvalidOption("A language model has no head to train alone", expected="a classifier", found=model.name)
    by_record: dict[int, list[Window]] = {}
    for window in model.read(texts, labels):
        by_record.setdefault(window.record, []).append(window)
    trained = _Trained.begin(model, 0 if head_only else rank, seed)
    losses = _train(model, trained, list(by_record.values()), steps, seed, rate, batch)
    difference = trained.difference(model.difference)
    if not all(np.isfinite(tensor).all() for tensor in difference.tensors.values()) or not np.isfinite(losses).all():
        raise UnusableModel("Fine-tuning does not stay finite", hint="take a smaller rate")
    return FineTuned(difference, _displacements(model, trained.lora, difference), tuple(losses))


@dataclass(frozen=True, slots=True, eq=False)
class _Trained:
    """What is trained."""

    rank: int
    down: dict[str, torch.Tensor]
    up: dict[str, torch.Tensor]
    head: dict[str, torch.Tensor]

    @classmethod
    def begin(cls, model: TextModel, rank: int, seed: int) -> "_Trained":
        generator = torch.Generator().manual_seed(seed)
        down, up = {}, {}
        for name, (outputs, inputs) in linear_layers(model.base).items() if rank else ():
            down[name] = (torch.randn((rank, inputs), generator=generator) / math.sqrt(inputs)).requires_grad_()
            up[name] = torch.zeros((outputs, rank)).requires_grad_()
        head = {
            name: torch.from_numpy(tensor.copy()).requires_grad_()
            for name, tensor in model.difference.tensors.items()
            if name.startswith(f"{HEAD}.")
        }
        return cls(rank, down, up, head)

    @property
    def lora(self) -> Lora | None:
        """What was trained of the blocks."""
        if not self.down:
            return None
        down = {name: matrix.detach().numpy() for name, matrix in self.down.items()}
        up = {name: matrix.detach().numpy() for name, matrix in self.up.items()}
        return Lora(self.rank, 2.0 * self.rank, down, up)

    def difference(self, before: Difference) -> Difference:
        """The difference of the trained model from its base, if it began from `before`."""
        tensors = {**before.tensors, **{name: tensor.detach().numpy() for name, tensor in self.head.items()}}
        lora, first = self.lora, before.lora
        return Difference(tensors, first if lora is None else lora if first is None else first.stacked(lora))


def _train(
    model: TextModel, trained: _Trained, records: list[list[Window]], steps: int, seed: int, rate: float, batch: int
) -> list[float]:
    rng = np.random.default_rng(seed)
    blocks = [*trained.down.values(), *trained.up.values()]
    optimiser = torch.optim.AdamW(
        [
            {"params": blocks, "lr": rate, "share": rate},
            {"params": list(trained.head.values()), "lr": HEAD_RATE * rate, "share": HEAD_RATE * rate},
        ],
        weight_decay=_DECAY,
        foreach=False,
    )
    handles = [
        model.network.module.get_submodule(name).register_forward_hook(_added(trained.down[name], trained.up[name]))
        for name in trained.down
    ]
    if trained.head:
        handles.append(model.network.module.get_submodule(HEAD).register_forward_hook(_replaced(trained.head)))
    losses = []
    waiting: list[int] = []
    try:
        with whole_products(), torch.enable_grad():
            for step in range(steps):
                while len(waiting) < min(batch, len(records)):
                    waiting = [*rng.permutation(len(records)).tolist(), *waiting]
                drawn = [waiting.pop() for _ in range(min(batch, len(records)))]
                for group in optimiser.param_groups:
                    group["lr"] = group["share"] * (1 - step / steps)
                optimiser.zero_grad()
                windows = [window for place in drawn for window in records[place]]
                spent = 0.0
                for part in batched(windows, tokens=model.batch_tokens):
                    loss = model.network.losses(part).sum() / len(drawn)
                    loss.backward()  # type: ignore[no-untyped-call]
                    spent += float(loss.detach())
                optimiser.step()
                losses.append(spent)
    finally:
        for handle in handles:
            handle.remove()
    return losses


def _added(down: torch.Tensor, up: torch.Tensor) -> Callable[..., torch.Tensor]:
    def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        narrow = inputs[0].flatten(0, -2) @ down.T
        return torch.addmm(output.flatten(0, -2), narrow, up.T, alpha=2.0).view(output.shape)

    return hook


def _replaced(head: dict[str, torch.Tensor]) -> Callable[..., torch.Tensor]:
    def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(inputs[0], head[f"{HEAD}.weight"], head[f"{HEAD}.bias"])

    return hook


def _displacements(model: TextModel, lora: Lora | None, difference: Difference) -> tuple[Floats, ...]:
    found = []
    for layer in model.network.layers:
        moved = np.zeros((layer.outputs, layer.inputs))
        if lora is not None and layer.name in lora.down:
            moved += lora.displacement(layer.name)
        if layer.name == HEAD:
            for name, part in ((f"{HEAD}.weight", moved[:, :-1]), (f"{HEAD}.bias", moved[:, -1])):
                part += difference.tensors[name].astype(np.float64) - model.difference.tensors[name]
        found.append(moved)
    return tuple(found)
