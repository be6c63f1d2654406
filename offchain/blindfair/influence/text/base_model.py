"""A base model that both parties compute with: config, weights and tokenizer in a folder or a message, and its digest.

    digest = H({"config": H(config), "tokenizer": H(tokenizer), "weights": H(weights)})

over canonical JSON: the checked fields of the config with defaults filled in, the parts of the tokenizer that are
taken, and for each tensor its name in the architecture, type, shape and the SHA-256 of its bytes. So the digest is that
of what is computed with, not of how a program laid it out in files. Not here: what a scoring model changes of it
(`difference`), its files (`base_files`), and which configs are taken (`base_config`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch

from blindfair.influence.refusal import unusable
from blindfair.influence.text.architectures import EMBEDDINGS, TextArchitecture, architecture_of
from blindfair.influence.text.base_config import BaseConfig
from blindfair.influence.text.base_files import OPTIONAL, OUTPUT, BaseFiles
from blindfair.influence.text.tokenizer import TextTokenizer
from blindfair.influence.text.tokenizer_file import CheckedTokenizer
from blindfair.protocol.documents import Document, digest
from blindfair.protocol.errors import UnusableModel
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import Digest

SPARE_TOKENS = 1024
"""A model may know so many tokens more than its tokenizer: vocabularies are filled up to round numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class BaseModel:
    """What a folder of `config.json`, `model.safetensors` and `tokenizer.json` holds, checked in full."""

    architecture: str
    """The name of the scoring architecture that takes it: `bert-classifier`, `gpt2-causal` or `llama-causal`."""

    digest: Digest
    """What names it, whoever loads it."""

    config: BaseConfig
    tensors: Mapping[str, torch.Tensor] = field(repr=False)
    """Single precision, under their names in the architecture; not to be changed."""

    tokenizer: TextTokenizer = field(repr=False)
    special: tuple[int, ...] = ()
    """Numbers of the tokens around each window."""

    @property
    def context(self) -> int:
        """Tokens that it reads at once, at most."""
        return self.config.context

    @property
    def vocabulary(self) -> int:
        """Tokens that it knows."""
        return self.config.vocabulary

    @property
    def has_pooler(self) -> bool:
        """Whether it has BERT's pooler."""
        return any(OPTIONAL.fullmatch(name) for name in self.tensors)

    @classmethod
    def load(cls, directory: Path) -> "BaseModel":
        """Read a folder. Every size is checked before anything of that size is allocated; nothing is unpickled.

        Raises FileMissing, UnusableModel naming what cannot be used, MissingPackage.
        """
        return cls._read(BaseFiles.of_folder(directory))

    @classmethod
    def from_bytes(cls, data: bytes) -> "BaseModel":
        """A counterparty's base model, as `SentBase.packed` packs one, by the same checks. Raises UnusableModel."""
        return cls._read(BaseFiles.of_bytes(data))

    @classmethod
    def _read(cls, files: "BaseFiles") -> "BaseModel":
        config, file, names = files.config, files.weights, files.names
        architecture = architecture_of(config)
        checked = files.tokenizer()
        special = _check_vocabulary(architecture, config, checked)
        tokenizer = TextTokenizer(checked)
        tensors, digests = file.read(names)
        _untie(config, tensors, digests)
        weights: Document = {
            given: {
                "dtype": file.entries[name].kind,
                "sha256": hex_text(digests[given]),
                "shape": list(file.entries[name].shape),
            }
            for name, given in names.items()
            if given in tensors
        }
        return cls(architecture.name, _digest(config, tokenizer.digest, weights), config, tensors, tokenizer, special)


class BaseModels(Protocol):
    """Where a party finds the base models that it has."""

    def find(self, digest: Digest) -> BaseModel:
        """The base model of this digest. Raises UnusableModel where the party does not have it."""
        ...


def find_base(bases: Mapping[Digest, BaseModel] | BaseModels, wanted: Digest) -> BaseModel:
    """The base model of this digest. Raises UnusableModel."""
    if not isinstance(bases, Mapping):
        return bases.find(wanted)
    if wanted not in bases:
        raise UnusableModel(
            "The base model of the scoring model is not here",
            expected=hex_text(wanted),
            found=f"{len(bases)} others",
            hint="get a folder of this base model and name it",
        )
    return bases[wanted]


def _untie(config: BaseConfig, tensors: dict[str, torch.Tensor], digests: Mapping[str, Digest]) -> None:
    """Drop the output layer of a tied model, which some files hold besides the embedding that it is."""
    if config.tied and OUTPUT in tensors:
        embedding = EMBEDDINGS[config.model_type]
        if digests[OUTPUT] != digests[embedding]:
            raise UnusableModel(
                "The output layer is said to be the embedding and is not", expected=embedding, found=OUTPUT
            )
        del tensors[OUTPUT]


def _check_vocabulary(
    architecture: TextArchitecture, config: BaseConfig, tokenizer: CheckedTokenizer
) -> tuple[int, ...]:
    """The numbers of the special tokens. Raises UnusableModel where tokenizer and model know other tokens."""
    largest = max(tokenizer.tokens.values())
    if largest >= config.vocabulary:
        raise UnusableModel(
            "The tokenizer knows more tokens than the model",
            expected=f"numbers below {config.vocabulary}",
            found=largest,
            hint="take the tokenizer that came with the model",
        )
    if len(tokenizer.tokens) + SPARE_TOKENS < config.vocabulary:
        raise UnusableModel(
            "The tokenizer is not the model's: it knows far fewer tokens",
            expected=f"{config.vocabulary}, or up to {SPARE_TOKENS} fewer",
            found=len(tokenizer.tokens),
            hint="take the tokenizer that came with the model",
        )
    missing = [token for token in architecture.special if token not in tokenizer.tokens]
    if missing:
        raise UnusableModel("The tokenizer lacks a special token", expected=" and ".join(missing), found="none")
    return tuple(tokenizer.tokens[token] for token in architecture.special)


def _digest(config: BaseConfig, tokenizer: Digest, weights: Document) -> Digest:
    with unusable("The base model has no digest"):
        parts = {
            "config": digest({"model_type": config.model_type, **config.values}),
            "tokenizer": tokenizer,
            "weights": digest(weights),
        }
        return digest({name: hex_text(part) for name, part in parts.items()})
