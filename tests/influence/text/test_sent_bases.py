"""A base model that travels: the same model arrives, nothing else of its folder, and hostile bytes are refused."""

import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_bases
import torch
from safetensors.torch import load_file, save_file
from tiny_bases import build, write

from blindfair.influence.text import BaseModel
from blindfair.influence.text.base_files import BaseFiles, SentBase
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import UnusableModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("kind", tiny_bases.KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_base_model_arrives(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    folder = write(build(kind), tmp_path / "base")
    weights = folder / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(weights).items()}, weights)
    base, sent = BaseModel.load(folder), SentBase(folder)
    data = sent.packed()
    found = BaseModel.from_bytes(data)
    assert (found.digest, found.architecture, found.special) == (base.digest, base.architecture, base.special)
    assert found.tensors.keys() == base.tensors.keys()
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in base.tensors.items())
    texts = tiny_bases.texts(5, 1)
    assert found.tokenizer.encode(texts) == base.tokenizer.encode(texts)
    assert 0 <= len(data) - sent.size < 150 * (len(base.tensors) + 1)


def test_nothing_else_of_the_folder_travels(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for path in folder.iterdir():
        (mine / path.name).write_bytes(path.read_bytes())
    config = mine / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "_name_or_path": "/home/ann/secret"}))
    tensors = load_file(mine / "model.safetensors")
    save_file(
        {**tensors, "transformer.h.0.attn.bias": torch.full((3,), 7.0)},
        mine / "model.safetensors",
        {"note": "secret"},
    )
    assert SentBase(mine).packed() == SentBase(folder).packed()


def test_checking_a_base_model_that_travels_copies_no_weights(tmp_path: Path) -> None:
    data = SentBase(write(build("gpt2", n_positions=2**15), tmp_path / "long")).packed()
    # Libraries are loaded by then.
    BaseFiles.of_bytes(data)
    tracemalloc.start()
    try:
        files = BaseFiles.of_bytes(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 4 * files.numbers > 1_500_000 and peak < len(data) / 2


def parts(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    first, second = struct.unpack(">QQ", data[:16])
    config, tokenizer = data[16 : 16 + first], data[16 + first : 16 + first + second]
    return json.loads(config), json.loads(tokenizer), data[16 + first + second :]


def whole(config: bytes, tokenizer: bytes, weights: bytes) -> bytes:
    return struct.pack(">QQ", len(config), len(tokenizer)) + config + tokenizer + weights


def changed(**fields: Any) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        config, tokenizer, weights = parts(data)
        return whole(canonical({**config, **fields}), canonical(tokenizer), weights)

    return change


def tokenizer_with(**fields: Any) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        config, tokenizer, weights = parts(data)
        return whole(canonical(config), canonical({**tokenizer, **fields}), weights)

    return change


def header(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        config, tokenizer, weights = parts(data)
        (length,) = struct.unpack("<Q", weights[:8])
        found = json.loads(weights[8 : 8 + length])
        change(found)
        text = json.dumps(found).encode()
        return whole(
            canonical(config), canonical(tokenizer), struct.pack("<Q", len(text)) + text + weights[8 + length :]
        )

    return changed


def bomb(found: dict[str, Any]) -> None:
    found["transformer.wte.weight"]["shape"] = [2**20, 2**20]


def of_number(number: float) -> Callable[[bytes], bytes]:
    """The last weight replaced."""
    return lambda data: data[:-4] + struct.pack("<f", number)


def in_loose_form(data: bytes) -> bytes:
    config, tokenizer, weights = parts(data)
    return whole(json.dumps(config).encode(), canonical(tokenizer), weights)


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda _: b"", "cut short"),
    "a head alone": (lambda data: data[:15], "cut short"),
    "a config without an end": (lambda data: b"\xff" * 8 + data[8:], "too long"),
    "a tokenizer without an end": (lambda data: data[:8] + b"\xff" * 8 + data[16:], "too long"),
    "a tokenizer longer than all": (lambda data: data[:8] + struct.pack(">Q", 2**24) + data[16:], "cut short"),
    "weights cut short": (lambda data: data[:-1], "fill it"),
    "bytes behind the weights": (lambda data: data + b"\0", "fill it"),
    "a pickle": (lambda data: data[: -len(parts(data)[2])] + b"\x80\x04\x95" + bytes(64), "safetensors"),
    "a vast width": (changed(n_embd=3 * 2**12), "another shape"),
    "a depth of thousands": (changed(n_layer=4096), "n_layer"),
    "a vast vocabulary": (changed(vocab_size=2**18), "another shape"),
    "code of its own": (changed(auto_map={"AutoModel": "evil.py"}), "auto_map"),
    "a field that is not taken": (changed(attn_pdrop=0.1), "other fields"),
    "another architecture": (changed(model_type="oracle"), "architecture"),
    "a regular expression of its own": (
        tokenizer_with(
            pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
        ),
        "tokenizer",
    ),
    "a tokenizer with parts that are not taken": (tokenizer_with(padding={"strategy": "BatchLongest"}), "other parts"),
    "tensors of a million millions": (header(bomb), "another length"),
    "a tensor more": (
        header(lambda found: found.update(more={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})),
        "does not have",
    ),
    "a tensor less": (header(lambda found: found.pop("transformer.ln_f.bias")), "fill it"),
    "numbers of another type": (header(lambda found: found["transformer.ln_f.bias"].update(dtype="I32")), "type"),
    "weights of NaN": (of_number(float("nan")), "not finite"),
    "weights without bound": (of_number(float("-inf")), "not finite"),
    "a config in another form": (in_loose_form, "config that travels"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_bytes_are_refused_by_name(case: str, folder: Path) -> None:
    change, word = HOSTILE[case]
    with pytest.raises(UnusableModel) as told:
        BaseModel.from_bytes(change(SentBase(folder).packed()))
    assert word in str(told.value)
