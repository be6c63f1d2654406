"""The three files of a base model, in a folder or in one byte string: checked so far that no number was read yet.

    base = u64(length of config) || u64(length of tokenizer) || config || tokenizer || weights

Config and tokenizer are canonical JSON of what is taken of them, and weights are safetensors under the names of the
architecture: nothing else of a folder travels. Not here: what is made of them (`base_model`).
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
from blindfair.influence.text.tokenizer_file import TOKENIZER_LIMIT, CheckedTokenizer, check_tokenizer
from blindfair.protocol.documents import Document, canonical, parse
from blindfair.protocol.errors import FileMissing, MalformedMessage, MessageTooLarge, UnusableModel
from blindfair.protocol.hashing import u64

CONFIG_LIMIT = 2**20
"""Bytes of a `config.json` at most."""

WEIGHTS = "model.safetensors"

OPTIONAL = re.compile(r"bert\.pooler\..*")
"""Tensors that a base may have or not."""

OUTPUT = "lm_head.weight"
"""The output layer of a language model."""

_OTHER_FORMATS = ("model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_OLD_NAMES = (
    (re.compile(r"LayerNorm\.gamma$"), "LayerNorm.weight"),
    (re.compile(r"LayerNorm\.beta$"), "LayerNorm.bias"),
)
_LENGTHS = 16


@dataclass(frozen=True, slots=True, eq=False)
class BaseFiles:
    """A checked config, weights whose names, shapes and types are those of its architecture, and the tokenizer."""

    config: BaseConfig
    weights: TensorFile
    names: Mapping[str, str]
    """From the names of tensors in the file to those in the architecture."""

    tokenizer: Callable[[], CheckedTokenizer] = field(repr=False)
    """Reads and checks it. Raises FileMissing, UnusableModel."""

    @property
    def numbers(self) -> int:
        """Numbers of all tensors."""
        return sum(torch.Size(self.weights.entries[name].shape).numel() for name in self.names)

    @classmethod
    def of_folder(cls, directory: Path) -> "BaseFiles":
        """The files in a folder, as programs write them. Raises FileMissing, UnusableModel, MissingPackage."""
        config = check_config(read_json_file(directory / "config.json", CONFIG_LIMIT))
        path = directory / WEIGHTS
        _check_format(directory, path)
        file = TensorFile.read_header(path)
        return cls._checked(
            config,
            file,
            _names(architecture_of(config), file.entries),
            lambda: check_tokenizer(read_json_file(directory / "tokenizer.json", TOKENIZER_LIMIT)),
        )

    @classmethod
    def of_bytes(cls, data: bytes) -> "BaseFiles":
        """What a counterparty packed. Every length is checked before anything of it is read, and there is one form of
        config and tokenizer only. Raises UnusableModel, MissingPackage."""
        first, second = (int.from_bytes(data[place : place + 8], "big") for place in (0, 8))
        if len(data) < _LENGTHS or first > CONFIG_LIMIT or second > TOKENIZER_LIMIT:
            raise UnusableModel(
                "The base model that travels is cut short, or its parts are too long",
                expected=f"a config of at most {CONFIG_LIMIT} bytes and a tokenizer of at most {TOKENIZER_LIMIT}",
                found=f"{first} and {second} of {len(data)} bytes",
            )
        middle, begin = _LENGTHS + first, _LENGTHS + first + second
        if begin > len(data):
            raise UnusableModel("The base model that travels is cut short", expected=begin, found=len(data))
        found = _document(data[_LENGTHS:middle], "config", CONFIG_LIMIT)
        config = check_config(found)
        if found != _config(config):
            raise UnusableModel("The config that travels has other fields than are taken", expected="these alone")

        def tokenizer() -> CheckedTokenizer:
            given = _document(data[middle:begin], "tokenizer", TOKENIZER_LIMIT)
            checked = check_tokenizer(given)
            if given != checked.document:
                raise UnusableModel("The tokenizer that travels has other parts than are taken", expected="these alone")
            return checked

        file = TensorFile.of_bytes(data, "the file of weights", begin)
        return cls._checked(config, file, {name: name for name in file.entries}, tokenizer)

    @classmethod
    def _checked(
        cls, config: BaseConfig, file: TensorFile, names: Mapping[str, str], tokenizer: Callable[[], CheckedTokenizer]
    ) -> "BaseFiles":
        shapes = _shapes(architecture_of(config), config, set(names.values()))
        check_readable(file.name, {given: file.entries[name] for name, given in names.items()}, shapes)
        return cls(config, file, names, tokenizer)


@dataclass(frozen=True, slots=True)
class SentBase:
    """The base model of a folder, as it travels: what is computed with, and nothing else of its files."""

    directory: Path

    @property
    def size(self) -> int:
        """About how many bytes `packed` gives, from the header. Raises as `packed`."""
        files = BaseFiles.of_folder(self.directory)
        numbers = sum(files.weights.entries[name].length for name in _sent_names(files))
        return numbers + len(canonical(_config(files.config))) + len(canonical(files.tokenizer().document))

    def packed(self) -> bytes:
        """The bytes, as `BaseModel.from_bytes` takes them. Raises FileMissing, UnusableModel, MissingPackage."""
        files = BaseFiles.of_folder(self.directory)
        config, tokenizer = canonical(_config(files.config)), canonical(files.tokenizer().document)
        weights = files.weights.repacked(_sent_names(files))
        return b"".join((u64(len(config)), u64(len(tokenizer)), config, tokenizer, weights))


def _sent_names(files: BaseFiles) -> dict[str, str]:
    """The tensors that travel: an output layer that is the embedding is there once."""
    return {name: given for name, given in files.names.items() if not (files.config.tied and given == OUTPUT)}


def _config(config: BaseConfig) -> Document:
    return {"model_type": config.model_type, **config.values}


def _document(data: bytes, name: str, limit: int) -> Document:
    with unusable(f"The {name} that travels cannot be used"):
        try:
            return parse(data, limit)
        except MessageTooLarge as error:
            raise MalformedMessage(error.what, expected=error.expected, found=error.found) from error


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
    if not any(OPTIONAL.fullmatch(name) for name in present):
        shapes = {name: shape for name, shape in shapes.items() if not OPTIONAL.fullmatch(name)}
    if config.tied and OUTPUT in present:
        shapes[OUTPUT] = (config.vocabulary, config.width)
    numbers = sum(torch.Size(shape).numel() for shape in shapes.values())
    if numbers > PARAMETER_LIMIT:
        raise UnusableModel("The base model is too large", expected=f"at most {PARAMETER_LIMIT} numbers", found=numbers)
    return shapes
