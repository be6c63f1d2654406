"""The two files of a LoRA adapter, `adapter_config.json` and `adapter_model.safetensors`, as other programs have them.

LoRA of one rank, plain or rank-stabilised; no variants that compute otherwise. Not here: applying it (`model`).
"""

import json
import math
import re
from pathlib import Path

from blindfair.influence.refusal import unusable
from blindfair.influence.text.difference import ALPHA_LIMIT, RANK_LIMIT, Difference, Lora, Singles
from blindfair.influence.text.json_file import read_json_file
from blindfair.influence.text.tensor_file import TensorFile
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import UnusableModel
from blindfair.protocol.fields import Fields

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"

_CONFIG_LIMIT = 2**20
_PREFIX = "base_model.model."
_LORA = re.compile(r"base_model\.model\.(?P<layer>[A-Za-z0-9_.]+)\.lora_(?P<side>[AB])\.weight")
_PART = re.compile(r"\.(lora_\w+|base_layer|token_adapter)(\.|$)")
"""What peft puts between the names of a module and of its tensors, where it changes more than a linear layer."""

_PLAIN: dict[str, tuple[JsonValue, ...]] = {
    "alora_invocation_tokens": (None,),
    "alpha_pattern": ({}, None),
    "arrow_config": (None,),
    "bias": ("none",),
    "fan_in_fan_out": (False, True),
    "init_lora_weights": (True, False, None, "gaussian", "orthogonal", "eva"),
    "layer_replication": (None,),
    "lora_bias": (False,),
    "peft_type": ("LORA",),
    "rank_pattern": ({}, None),
    "target_parameters": (None, []),
    "trainable_token_indices": (None, [], {}),
    "use_dora": (False,),
    "use_qalora": (False,),
    "use_rslora": (False, True),
}
"""Fields that change what an adapter computes, and the values that are taken. Some ways to begin a LoRA
(`init_lora_weights`) change the base's own weights."""

_HARMLESS = frozenset({
    "auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config", "exclude_modules",
    "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config", "lora_alpha", "lora_dropout",
    "megatron_config", "megatron_core", "modules_to_save", "peft_version", "qalora_group_size", "r", "revision",
    "target_modules", "task_type",
})  # fmt: skip
"""Fields that say how an adapter was trained, or what its tensors say themselves."""


def read_adapter(directory: Path) -> Difference:
    """The difference in a folder of an adapter. Raises FileMissing, UnusableModel."""
    config = read_json_file(directory / CONFIG_FILE, _CONFIG_LIMIT)
    for name, plain in _PLAIN.items():
        if name in config and config[name] not in plain:
            raise UnusableModel(
                f"The adapter's {name} is not supported",
                expected=" or ".join(map(str, plain)),
                found=ascii(config[name])[:80],
                hint="train a plain LoRA",
            )
    unknown = [name for name in config if name not in _HARMLESS and name not in _PLAIN and config[name]]
    if unknown:
        raise UnusableModel(
            "The adapter has a field that is not known, and may compute otherwise",
            expected="no field but those of a plain LoRA, unless it is null, false or empty",
            found=ascii(f"{unknown[0]} = {config[unknown[0]]}")[:80],
            hint="train a plain LoRA, or take the field out if it says nothing of what is computed",
        )
    with unusable("The config of the adapter cannot be used"):
        fields = Fields({name: config[name] for name in ("lora_alpha", "r") if name in config}, CONFIG_FILE)
        r, alpha = fields.integer("r", 1, RANK_LIMIT), fields.number("lora_alpha")
    if config.get("use_rslora"):
        # Rank-stabilised: alpha / sqrt(r) scales the product, and in a plain LoRA alpha / r does.
        alpha *= math.sqrt(r)
    if not 0 < alpha <= ALPHA_LIMIT:
        raise UnusableModel(
            "The adapter has an alpha out of range", expected=f"more than 0, at most {ALPHA_LIMIT:.0f}", found=alpha
        )
    file = TensorFile.read_header(directory / WEIGHTS_FILE)
    found, _ = file.read({name: name for name in file.entries})
    sides: dict[str, dict[str, Singles]] = {"A": {}, "B": {}}
    tensors = {}
    for name, tensor in found.items():
        match = _LORA.fullmatch(name)
        if match:
            sides[match["side"]][match["layer"]] = tensor.numpy()
        elif name.startswith(_PREFIX) and not _PART.search(name):
            tensors[name.removeprefix(_PREFIX)] = tensor.numpy()
        else:
            raise UnusableModel(
                "The adapter has a tensor that is not known",
                expected=f"{_PREFIX}<layer>.lora_A.weight, lora_B.weight, or a whole layer",
                found=name,
                hint="train a plain LoRA, of linear layers of the blocks alone",
            )
    twice = [name for name in tensors if name.rpartition(".")[0] in sides["A"]]
    if twice:
        # peft does not write that, and when it reads it, it takes the LoRA alone.
        raise UnusableModel(
            "The adapter replaces a layer that its LoRA changes too",
            expected="one of both for each layer",
            found=twice[0],
            hint="train a plain LoRA, and name none of its layers in peft's modules_to_save",
        )
    lora = Lora(r, alpha, sides["A"], sides["B"])
    if not tensors and not any(up.any() for up in lora.up.values()):
        raise UnusableModel(
            "The adapter changes nothing: all its matrices lora_B are zero",
            expected="an adapter that was trained",
            found=f"{len(lora.up)} layers as they were begun",
            hint="train the adapter, or leave `adapter` out: the base model scores alike",
        )
    return Difference(tensors, lora)


def write_adapter(difference: Difference, directory: Path, *, transposed: bool) -> None:
    """Write the two files into a folder that exists. `transposed` says that the base is a GPT-2.

    Raises UnusableModel where there is no LoRA.
    """
    if difference.lora is None:
        raise UnusableModel("This difference is no LoRA", expected="lora", found=difference.kind)
    _, weights = difference.to_parts()
    heads: list[JsonValue] = list(sorted({name.rpartition(".")[0] for name in difference.tensors}))
    targets: list[JsonValue] = list(sorted(difference.lora.down))
    config: Document = {
        "bias": "none",
        "fan_in_fan_out": transposed,
        "lora_alpha": difference.lora.alpha,
        "lora_dropout": 0.0,
        "modules_to_save": heads or None,
        "peft_type": "LORA",
        "r": difference.lora.r,
        "target_modules": targets,
    }
    (directory / CONFIG_FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (directory / WEIGHTS_FILE).write_bytes(weights)
