"""Folders of fine-tuned models as other programs write them: all tensors, most of them the base's own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from blindfair.influence.text import BaseModel, Difference
from blindfair.influence.text.applying import applied

WEIGHTS = "model.safetensors"


def write_tuned(base: Path, folder: Path, difference: Difference) -> Path:
    """The model of a base's folder with a difference applied, head included, in a folder of its own."""
    shutil.copytree(base, folder)
    tensors = applied(BaseModel.load(base), difference)
    save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS)
    return folder


def change_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Path:
    """Write the weights again as `change` gives them."""
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)
    return folder
