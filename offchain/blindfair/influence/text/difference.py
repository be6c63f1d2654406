"""What travels of a scoring model: how it differs from the base model that both parties have.

Nothing, tensors that replace the base's whole (a head), or a LoRA beside such tensors. Not here: the base (`base_model`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from blindfair.protocol.documents import Document

Singles: TypeAlias = NDArray[np.float32]
"""Numbers in single precision, as weights travel."""


@dataclass(frozen=True, slots=True, eq=False)
class Lora:
    """`alpha / r B A` is added to the weights of each named layer: `down` is A, `r x inputs`, `up` B, `outputs x r`."""

    r: int
    alpha: float
    down: Mapping[str, Singles]
    up: Mapping[str, Singles]


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Tensors by their names in the model, and a LoRA; both may be missing."""

    tensors: Mapping[str, Singles] = field(default_factory=dict)
    lora: Lora | None = None

    def to_parts(self) -> tuple[Document, bytes]:
        """A field of the config, and safetensors."""
        raise NotImplementedError

    @classmethod
    def from_parts(cls, document: Document, weights: bytes) -> "Difference":
        """A counterparty's difference, checked in full. Raises UnusableModel."""
        raise NotImplementedError
