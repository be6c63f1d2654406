"""A base model that both parties have: config, weights and tokenizer in a folder, named by a digest and never sent.

Not here: what a scoring model changes of it (`difference`), and which configs are taken (`architectures`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from blindfair.protocol.quantities import Digest


@dataclass(frozen=True, slots=True, eq=False)
class BaseModel:
    """What a folder of `config.json`, `model.safetensors` and `tokenizer.json` holds, checked in full."""

    architecture: str
    """The name of the scoring architecture that takes it: `bert-classifier`, `gpt2-causal` or `llama-causal`."""

    digest: Digest
    """What names it, whoever loads it."""

    context: int
    """Tokens that it reads at once, at most."""

    vocabulary: int
    """Tokens that it knows."""

    @classmethod
    def load(cls, directory: Path) -> "BaseModel":
        """Read a folder. Raises UnusableModel, FileMissing, MissingPackage."""
        raise NotImplementedError


class BaseModels(Protocol):
    """Where a party finds the base models that it has."""

    def find(self, digest: Digest) -> BaseModel:
        """The base model of this digest. Raises UnusableModel where the party does not have it."""
        ...
