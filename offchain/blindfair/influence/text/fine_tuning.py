"""Fine-tuning a base model on a buyer's own texts by LoRA, the same result for the same seed and number of threads.

Not here: gradient rows (`logra`), and what a query is (`influence.query`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from blindfair.influence.arrays import Floats
from blindfair.influence.text.applying import linear_layers
from blindfair.influence.text.arithmetic import whole_products
from blindfair.influence.text.batches import batched
from blindfair.influence.text.difference import Difference, Lora
from blindfair.influence.text.model import TextModel
from blindfair.protocol.errors import InvalidOption, NoRecords, UnusableModel


@dataclass(frozen=True, slots=True, eq=False)
class FineTuned:
    """A fine-tuned model's difference from its base, and from the model that it began from, a matrix a layer."""

    difference: Difference
    displacements: tuple[Floats, ...]


def fine_tune(
    model: TextModel,
    texts: Sequence[str],
    labels: Sequence[int] | None,
    *,
    steps: int,
    seed: int,
    rank: int = 8,
    rate: float = 2e-3,
    batch: int = 16,
) -> FineTuned:
    """`steps` steps of AdamW on `batch` texts each. Raises InvalidOption, NoRecords, UnusableModel, UnusableText."""
    if steps < 1 or batch < 1 or rank < 1:
        raise InvalidOption("Fine-tuning takes steps, texts a step and a rank", expected=">= 1", found=steps)
    if not texts:
        raise NoRecords("There are no texts to learn from", expected=">= 1", found=0)
    if model.difference.lora is not None:
        raise UnusableModel("A model with a LoRA is not fine-tuned further", expected="a base model")
    changed = linear_layers(model.base)
    layers = [layer for layer in model.network.layers if layer.name in changed]
    drawn = torch.Generator().manual_seed(seed)
    down = {layer.name: torch.randn(rank, layer.inputs, generator=drawn) / layer.inputs**0.5 for layer in layers}
    up = {layer.name: torch.zeros(layer.outputs, rank) for layer in layers}
    parameters = [tensor.requires_grad_() for tensor in (*down.values(), *up.values())]
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    rng = np.random.default_rng(seed)

    def hook(name: str) -> Callable[..., torch.Tensor]:
        return lambda _, inputs, output: output + (inputs[0] @ down[name].T) @ up[name].T

    handles = [model.network.layer_module(layer).register_forward_hook(hook(layer.name)) for layer in layers]
    try:
        order: list[int] = []
        for _ in range(steps):
            while len(order) < batch:
                order += rng.permutation(len(texts)).tolist()
            chosen, order = order[:batch], order[batch:]
            windows = model.read(
                [texts[place] for place in chosen], None if labels is None else [labels[place] for place in chosen]
            )
            optimiser.zero_grad()
            for part in batched(windows, tokens=model.batch_tokens):
                with whole_products(), torch.enable_grad():
                    loss = model.network.losses(part).sum() / len(chosen)
                loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    finally:
        for handle in handles:
            handle.remove()
    lora = Lora(
        rank,
        float(rank),
        {name: matrix.detach().numpy() for name, matrix in down.items()},
        {name: matrix.detach().numpy() for name, matrix in up.items()},
    )
    displacements = tuple(
        lora.displacement(layer.name) if layer.name in changed else np.zeros((layer.outputs, layer.inputs))
        for layer in model.network.layers
    )
    return FineTuned(Difference(model.difference.tensors, lora), displacements)
