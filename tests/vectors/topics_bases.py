"""Vectors of base models that travel in a request: their bytes, their digests, and bytes that are none."""

import json
import struct
from collections.abc import Mapping
from typing import Any

from vectors.reference import sha256, u64

Case = dict[str, Any]

CONFIG = {
    "hidden_act": "gelu", "hidden_size": 2, "intermediate_size": 3, "layer_norm_eps": 0.001,
    "max_position_embeddings": 4, "model_type": "bert", "num_attention_heads": 1, "num_hidden_layers": 1,
    "type_vocab_size": 1, "vocab_size": 5,
}  # fmt: skip

TOKENIZER: dict[str, Any] = {
    "added_tokens": [],
    "decoder": None,
    "model": {
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "vocab": {"[CLS]": 1, "[SEP]": 2, "[UNK]": 0, "cat": 3, "dog": 4},
    },
    "normalizer": None,
    "padding": None,
    "post_processor": None,
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "truncation": None,
    "version": "1.0",
}

_LAYER = "bert.encoder.layer.0."
SHAPES: Mapping[str, list[int]] = {
    "bert.embeddings.LayerNorm.bias": [2],
    "bert.embeddings.LayerNorm.weight": [2],
    "bert.embeddings.position_embeddings.weight": [4, 2],
    "bert.embeddings.token_type_embeddings.weight": [1, 2],
    "bert.embeddings.word_embeddings.weight": [5, 2],
    **{f"{_LAYER}attention.self.{name}.bias": [2] for name in ("key", "query", "value")},
    **{f"{_LAYER}attention.self.{name}.weight": [2, 2] for name in ("key", "query", "value")},
    f"{_LAYER}attention.output.LayerNorm.bias": [2],
    f"{_LAYER}attention.output.LayerNorm.weight": [2],
    f"{_LAYER}attention.output.dense.bias": [2],
    f"{_LAYER}attention.output.dense.weight": [2, 2],
    f"{_LAYER}intermediate.dense.bias": [3],
    f"{_LAYER}intermediate.dense.weight": [3, 2],
    f"{_LAYER}output.LayerNorm.bias": [2],
    f"{_LAYER}output.LayerNorm.weight": [2],
    f"{_LAYER}output.dense.bias": [2],
    f"{_LAYER}output.dense.weight": [2, 3],
}


def _canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _tensors(kind: str) -> dict[str, bytes]:
    """Number `i` of tensor `j`, in the order of names, is `(i + 3 j) mod 7 - 3`, over 8."""
    found = {}
    for place, name in enumerate(sorted(SHAPES)):
        count = SHAPES[name][0] * (SHAPES[name][1] if len(SHAPES[name]) > 1 else 1)
        numbers = [((each + 3 * place) % 7 - 3) / 8 for each in range(count)]
        singles = struct.pack(f"<{count}f", *numbers)
        # A bfloat16 is the upper half of a single, which holds these exactly.
        halves = b"".join(singles[4 * each + 2 : 4 * each + 4] for each in range(count))
        found[name] = singles if kind == "F32" else halves
    return found


def _safetensors(tensors: Mapping[str, bytes], kind: str) -> bytes:
    header, end = {}, 0
    for name in sorted(tensors):
        length = len(tensors[name])
        header[name] = {"data_offsets": [end, end + length], "dtype": kind, "shape": SHAPES.get(name, [0])}
        end += length
    text = _canonical(header)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(tensors[name] for name in sorted(tensors))


def _packed(config: bytes, tokenizer: bytes, weights: bytes) -> bytes:
    """PROTOCOL 4.1: `u64(config) || u64(tokenizer) || config || tokenizer || weights`."""
    return u64(len(config)) + u64(len(tokenizer)) + config + tokenizer + weights


def _digest(config: bytes, tokenizer: bytes, tensors: Mapping[str, bytes], kind: str) -> str:
    weights = {
        name: {"dtype": kind, "sha256": _hex(sha256(data)), "shape": SHAPES[name]} for name, data in tensors.items()
    }
    parts = {"config": config, "tokenizer": tokenizer, "weights": _canonical(weights)}
    return _hex(sha256(_canonical({name: _hex(sha256(part)) for name, part in parts.items()})))


def bases() -> list[Case]:
    """A tiny BERT: packed, with its digest, and bytes that are refused."""
    config, tokenizer = _canonical(CONFIG), _canonical(TOKENIZER)
    cases: list[Case] = []
    for kind in ("F32", "BF16"):
        tensors = _tensors(kind)
        cases.append(
            {
                "name": f"weights of type {kind}",
                "expect": "ok",
                "base": _packed(config, tokenizer, _safetensors(tensors, kind)).hex(),
                "digest": _digest(config, tokenizer, tensors, kind),
            }
        )
    tensors = _tensors("F32")
    weights = _safetensors(tensors, "F32")
    whole = _packed(config, tokenizer, weights)
    less = {name: data for name, data in tensors.items() if name != "bert.embeddings.LayerNorm.bias"}
    spaced = json.dumps(CONFIG, sort_keys=True).encode()
    more = _canonical({**CONFIG, "use_cache": True})
    padded = _canonical({**TOKENIZER, "padding": {"strategy": "BatchLongest"}})
    for name, data in (
        ("no bytes", b""),
        ("a config longer than all bytes", u64(2**20) + whole[8:]),
        ("a config longer than any may be", u64(2**20 + 1) + whole[8:]),
        ("a tokenizer longer than any may be", whole[:8] + u64(2**25 + 1) + whole[16:]),
        ("a config that is not canonical", _packed(spaced, tokenizer, weights)),
        ("a config with a field that is not taken", _packed(more, tokenizer, weights)),
        ("a config of other sizes", _packed(_canonical({**CONFIG, "hidden_size": 4}), tokenizer, weights)),
        ("a tokenizer with a part that is not taken", _packed(config, padded, weights)),
        ("a tensor less", _packed(config, tokenizer, _safetensors(less, "F32"))),
        ("a tensor more", _packed(config, tokenizer, _safetensors({**tensors, "more": b""}, "F32"))),
        ("bytes behind the weights", whole + b"\x00"),
        ("weights cut short", whole[:-1]),
    ):  # fmt: skip
        cases.append({"name": name, "expect": "UnusableModel", "base": data.hex()})
    return cases
