"""A base model's tensors with a difference applied, and what a difference may change of it.

A LoRA is multiplied out and added once, in double precision, so that it costs nothing afterwards. Not here: what a
difference is (`difference`).
"""

from collections.abc import Mapping

import torch

from blindfair.influence.text.architectures import ARCHITECTURES, HEAD
from blindfair.influence.text.base_model import BaseModel
from blindfair.influence.text.difference import Difference


def tensor_shapes(base: BaseModel, classes: int) -> dict[str, tuple[int, ...]]:
    """The tensors that a difference may replace: all of the base, and a head for `classes` where there are any."""
    shapes = {name: tuple(tensor.shape) for name, tensor in base.tensors.items()}
    if classes:
        shapes |= {f"{HEAD}.weight": (classes, base.config.width), f"{HEAD}.bias": (classes,)}
    return shapes


def linear_layers(base: BaseModel) -> dict[str, tuple[int, int]]:
    """Outputs and inputs of the layers that a LoRA may change: all linear ones of the blocks."""
    block = ARCHITECTURES[base.architecture].block
    found = {}
    for name, tensor in base.tensors.items():
        layer, _, kind = name.rpartition(".")
        if kind == "weight" and tensor.ndim == 2 and block.fullmatch(layer):
            rows, columns = tensor.shape
            found[layer] = (columns, rows) if transposed(base) else (rows, columns)
    return found


def applied(base: BaseModel, difference: Difference) -> Mapping[str, torch.Tensor]:
    """The tensors of the model; those that do not differ are the base's own. The difference fits, as `check` says."""
    tensors = dict(base.tensors)
    tensors |= {name: torch.from_numpy(tensor) for name, tensor in difference.tensors.items()}
    if difference.lora is not None:
        for layer in difference.lora.down:
            name = f"{layer}.weight"
            more = torch.from_numpy(difference.lora.displacement(layer))
            tensors[name] = (tensors[name].double() + (more.T if transposed(base) else more)).float()
    return tensors


def transposed(base: BaseModel) -> bool:
    """Whether the base stores linear weights as `inputs x outputs`."""
    return base.config.model_type == "gpt2"
