"""A base model that both parties have: config, weights and tokenizer in a folder, named by a digest and never sent.

    digest = H({"config": H(config), "tokenizer": H(tokenizer), "weights": H(weights)})

over canonical JSON: the checked fields of the config with defaults filled in, the parts of the tokenizer that are
taken, and for each tensor its name in the architecture, type, shape and the SHA-256 of its bytes. So the digest is that
of what is computed with, not of how a program laid it out in files. Not here: what a scoring model changes of it
(`difference`), and which configs are taken (`base_config`).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch

from blindfair.influence.refusal import unusable
from blindfair.influence.text.architectures import (
    PARAMETER_LIMIT,
    TextArchitecture,
    architecture_of,
    expected_shapes,
    outline,
)
from blindfair.influence.text.base_config import BaseConfig, check_config
from blindfair.influence.text.json_file import read_json_file
from blindfair.influence.text.tensor_file import TensorEntry, TensorFile, check_readable
from blindfair.influence.text.tokenizer import TextTokenizer
from blindfair.influence.text.tokenizer_file import TOKENIZER_LIMIT, CheckedTokenizer, check_tokenizer
from blindfair.protocol.documents import Document, digest
from blindfair.protocol.errors import FileMissing, UnusableModel
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import Digest

CONFIG_LIMIT = 2**20
"""Bytes of a `config.json` at most."""

SPARE_TOKENS = 1024
"""A model may know so many tokens more than its tokenizer: vocabularies are filled up to round numbers."""

_OTHER_FORMATS = ("model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_OLD_NAMES = (
    (re.compile(r"LayerNorm\.gamma$"), "LayerNorm.weight"),
    (re.compile(r"LayerNorm\.beta$"), "LayerNorm.bias"),
)
_OPTIONAL = re.compile(r"bert\.pooler\..*")
_OUTPUT = "lm_head.weight"


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
        return any(_OPTIONAL.fullmatch(name) for name in self.tensors)

    @classmethod
    def load(cls, directory: Path) -> "BaseModel":
        """Read a folder. Every size is checked before anything of that size is allocated; nothing is unpickled.

        Raises FileMissing, UnusableModel naming what cannot be used, MissingPackage.
        """
        config = check_config(read_json_file(directory / "config.json", CONFIG_LIMIT))
        architecture = architecture_of(config)
        path = directory / "model.safetensors"
        _check_format(directory, path)
        file = TensorFile.read_header(path)
        names = _names(architecture, file.entries)
        shapes = _shapes(architecture, config, set(names.values()))
        check_readable(path.name, {given: file.entries[name] for name, given in names.items()}, shapes)
        checked = check_tokenizer(read_json_file(directory / "tokenizer.json", TOKENIZER_LIMIT))
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
        return cls(architecture.name, _digest(config, checked, weights), config, tensors, tokenizer, special)


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


def _check_format(directory: Path, path: Path) -> None:
    others = [name for name in _OTHER_FORMATS if (directory / name).exists()]
    if not path.is_file() and others:
        raise FileMissing(
            "The weights are in files that are not read",
            expected=path.name,
            found=others[0],
            hint="save the model as one file: save_pretrained(folder, max_shard_size='100GB')",
        )


def _names(architecture: TextArchitecture, entries: Mapping[str, TensorEntry]) -> dict[str, str]:
    """From the names of the file to those of the architecture, without what is not read."""
    bare = not any(name.startswith(architecture.prefix) for name in entries)
    found = {}
    for name in entries:
        given = (
            architecture.prefix + name if bare and not name.startswith(("lm_head.", "classifier.", "cls.")) else name
        )
        for old, new in _OLD_NAMES:
            given = old.sub(new, given)
        if not architecture.ignored.fullmatch(given):
            found[name] = given
    if len(set(found.values())) != len(found):
        raise UnusableModel("Two tensors of the base model have one name", expected="a name each")
    return found


def _shapes(architecture: TextArchitecture, config: BaseConfig, present: Collection[str]) -> dict[str, tuple[int, ...]]:
    """What the file must hold. A pooler may be missing; an output layer that is tied may be there once more."""
    shapes = expected_shapes(outline(architecture, config))
    if not any(_OPTIONAL.fullmatch(name) for name in present):
        shapes = {name: shape for name, shape in shapes.items() if not _OPTIONAL.fullmatch(name)}
    if config.tied and _OUTPUT in present:
        shapes[_OUTPUT] = (config.vocabulary, config.width)
    numbers = sum(torch.Size(shape).numel() for shape in shapes.values())
    if numbers > PARAMETER_LIMIT:
        raise UnusableModel("The base model is too large", expected=f"at most {PARAMETER_LIMIT} numbers", found=numbers)
    return shapes


def _untie(config: BaseConfig, tensors: dict[str, torch.Tensor], digests: Mapping[str, Digest]) -> None:
    """Drop the output layer of a tied model, which some files hold besides the embedding that it is."""
    if config.tied and _OUTPUT in tensors:
        embedding = {"gpt2": "transformer.wte.weight", "llama": "model.embed_tokens.weight"}[config.model_type]
        if digests[_OUTPUT] != digests[embedding]:
            raise UnusableModel(
                "The output layer is said to be the embedding and is not", expected=embedding, found=_OUTPUT
            )
        del tensors[_OUTPUT]


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


def _digest(config: BaseConfig, tokenizer: CheckedTokenizer, weights: Document) -> Digest:
    with unusable("The base model has no digest"):
        parts = {
            "config": digest({"model_type": config.model_type, **config.values}),
            "tokenizer": digest(tokenizer.document),
            "weights": digest(weights),
        }
        return digest({name: hex_text(part) for name, part in parts.items()})
