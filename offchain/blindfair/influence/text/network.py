"""A text model's network at its weights: what one batch of windows costs to predict, window by window.

Not here: gradient rows (`logra`), and which windows are in a batch (`batches`).
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from blindfair.influence.text.architectures import (
    HEAD,
    MEAN,
    OUTPUT,
    POOLER_LAYER,
    TextArchitecture,
    TextLayer,
    fill,
    outline,
    text_layers,
)
from blindfair.influence.text.base_config import BaseConfig
from blindfair.influence.text.batches import WindowBatch

_LINEAR = 40.0
"""Where `log(1 + exp(x))` is `x` in double precision."""


@dataclass(frozen=True, slots=True, eq=False)
class TextNetwork:
    """A module with frozen weights, and its layers in the order of a row."""

    architecture: TextArchitecture
    module: torch.nn.Module
    layers: tuple[TextLayer, ...]
    pooling: str

    @classmethod
    def build(
        cls,
        architecture: TextArchitecture,
        config: BaseConfig,
        tensors: Mapping[str, torch.Tensor],
        *,
        classes: int = 0,
        pooling: str = MEAN,
        output_layer: bool = False,
        attention: str = "sdpa",
    ) -> "TextNetwork":
        """The network at `tensors`, which it shares. They are those of the base, and of a head where it has classes.

        Raises MissingPackage.
        """
        module = outline(architecture, config, attention)
        if not architecture.causal:
            with torch.device("meta"):
                module.add_module(HEAD, torch.nn.Linear(config.width, classes))
            if pooling == MEAN:
                module.get_submodule("bert").pooler = None  # type: ignore[assignment]
                tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("bert.pooler.")}
        fill(module, config, tensors)
        layers = text_layers(architecture, module, classes=classes, pooling=pooling, output_layer=output_layer)
        return cls(architecture, module, layers, pooling)

    def twin(self) -> "TextNetwork":
        """The same network with hooks of its own, for another thread: it shares all weights."""
        shared = {id(tensor): tensor for tensor in (*self.module.parameters(), *self.module.buffers())}
        return replace(self, module=copy.deepcopy(self.module, memo=shared))

    def layer_module(self, layer: TextLayer) -> torch.nn.Module:
        """The module of a layer."""
        return self.module.get_submodule(layer.name)

    def losses(self, batch: WindowBatch) -> torch.Tensor:
        """For each window its part of its record's loss, in nats: `windows` numbers, a classifier's in double."""
        if self.architecture.causal:
            return self._predicted(batch)
        return class_losses(self.logits(batch), batch.classes) * batch.weights

    def logits(self, batch: WindowBatch) -> torch.Tensor:
        """`windows x classes` of a classifier."""
        logits: torch.Tensor = self.module.get_submodule(HEAD)(self.states(batch))
        return logits

    def states(self, batch: WindowBatch) -> torch.Tensor:
        """What a classifier's head reads of each window: `windows x width`."""
        bert = self.module.get_submodule("bert")
        states = bert(input_ids=batch.tokens, attention_mask=batch.mask.to(torch.int64)).last_hidden_state
        if self.pooling == MEAN:
            mask = batch.mask.to(states.dtype)[:, :, None]
            read: torch.Tensor = (states * mask).sum(1) / mask.sum(1)
            return read
        return torch.tanh(self.module.get_submodule(POOLER_LAYER)(states[:, 0]))

    def _predicted(self, batch: WindowBatch) -> torch.Tensor:
        # No mask of the padding: it is to the right, where no token looks.
        trunk = self.module.get_submodule(self.architecture.prefix.rstrip("."))
        states = trunk(input_ids=batch.tokens).last_hidden_state
        predicting = batch.predicting
        logits = self.module.get_submodule(OUTPUT)(states[:, :-1][predicting])
        each = functional.cross_entropy(logits, batch.tokens[:, 1:][predicting], reduction="none")
        spread = each.new_zeros(predicting.shape)
        spread[predicting] = each
        return spread.sum(1) * batch.weights


def class_losses(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The cross entropy of each window's class: `windows` numbers in double precision; NaN where its logit overflows.

    The gradient by the logits keeps its digits however sure the head is. That of torch's own cross entropy is `p - 1`
    for the right class: where `p` is nearly 1, rounding errors are all that is left of it, and a row is of length 1.
    """
    wide = logits.double()
    right = functional.one_hot(classes, logits.shape[1]).bool()
    # An infinite logit would pass for a head that is sure without limit, and give a row of zeros.
    own = torch.where(wide.isfinite(), wide, torch.nan)[right]
    others = wide.masked_fill(right, -torch.inf).logsumexp(1)
    # log(1 + exp(x)). Its gradient is a product of positive numbers; beyond the threshold it is x to all digits.
    return functional.softplus(others - own, threshold=_LINEAR)
