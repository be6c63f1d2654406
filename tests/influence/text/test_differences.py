"""Differences: applied they equal the full model; hostile ones are refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from text_models import example, head, random_projection

from blindfair.influence.text import BaseModel, Difference, Lora, TextModel, TextWindows
from blindfair.influence.text.adapter import CONFIG_FILE, read_adapter, write_adapter
from blindfair.influence.text.fine_tuning import fine_tune
from blindfair.influence.text.json_file import read_json_file
from blindfair.protocol.documents import canonical, parse
from blindfair.protocol.errors import UnusableModel

KINDS = ("bert", "gpt2", "llama")


@pytest.mark.parametrize("kind", KINDS)
def test_a_lora_equals_the_model_that_has_its_weights(bases: dict[str, BaseModel], kind: str) -> None:
    """The fine-tuned model predicts as its training said, and as the base with the whole changed tensors."""
    one = example(bases[kind])
    tuned = fine_tune(one.model, one.texts, one.labels, steps=3, seed=1, rank=2, rate=0.05, batch=12)
    windows, classes = one.model.windows, one.model.classes
    adapted = TextModel(one.model.base, tuned.difference, windows, classes)
    again = fine_tune(one.model, one.texts, one.labels, steps=4, seed=1, rank=2, rate=0.05 * 3 / 4, batch=12)
    assert len(again.losses) == 4
    tensors = dict(tuned.difference.tensors)
    for layer, moved in zip(one.model.network.layers, tuned.displacements, strict=True):
        if not layer.bias:
            before = one.model.base.tensors[f"{layer.name}.weight"].numpy().astype(np.float64)
            tensors[f"{layer.name}.weight"] = (before + (moved.T if kind == "gpt2" else moved)).astype(np.float32)
    whole = TextModel(one.model.base, Difference(tensors), windows, classes)
    assert (adapted.losses(one.texts, one.labels) == whole.losses(one.texts, one.labels)).all()
    assert (adapted.losses(one.texts, one.labels) != one.model.losses(one.texts, one.labels)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_travels(bases: dict[str, BaseModel], kind: str) -> None:
    one = example(bases[kind])
    tuned = fine_tune(one.model, one.texts, one.labels, steps=2, seed=1, rank=2)
    for difference in (one.model.difference, tuned.difference):
        model = TextModel(one.model.base, difference, one.model.windows, one.model.classes)
        config, weights = model.to_parts()
        again = TextModel.from_parts(parse(canonical(config), 2**20), weights, {model.base.digest: model.base})
        projection = random_projection(model)
        assert (again.rows(one.texts, one.labels, projection) == model.rows(one.texts, one.labels, projection)).all()
        assert again.to_parts() == (config, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapters_files_come_back(bases: dict[str, BaseModel], kind: str, tmp_path: Path) -> None:
    one = example(bases[kind])
    tuned = fine_tune(one.model, one.texts, one.labels, steps=2, seed=1, rank=2)
    write_adapter(tuned.difference, tmp_path, transposed=kind == "gpt2")
    assert read_adapter(tmp_path).to_parts() == tuned.difference.to_parts()
    config = read_json_file(tmp_path / CONFIG_FILE, 2**20)
    assert config["r"] == 2 and config["lora_alpha"] == 4.0
    with pytest.raises(UnusableModel):
        write_adapter(head(), tmp_path, transposed=False)


@pytest.mark.parametrize("field, value", [("use_dora", True), ("peft_type", "IA3"), ("r", 0)])
def test_adapters_that_compute_otherwise_are_refused(
    bases: dict[str, BaseModel], tmp_path: Path, field: str, value: Any
) -> None:
    import json

    one = example(bases["gpt2"])
    write_adapter(fine_tune(one.model, one.texts, None, steps=1, seed=1).difference, tmp_path, transposed=True)
    config = json.loads((tmp_path / CONFIG_FILE).read_text())
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config | {field: value}))
    with pytest.raises(UnusableModel):
        read_adapter(tmp_path)


LAYER = "transformer.h.0.attn.c_attn"


def lora(r: int = 2, inputs: int = 12, outputs: int = 36, layer: str = LAYER) -> Difference:
    return Difference(
        {}, Lora(r, 4.0, {layer: np.ones((r, inputs), np.float32)}, {layer: np.ones((outputs, r), np.float32)})
    )


def test_differences_that_do_not_fit_are_refused(bases: dict[str, BaseModel]) -> None:
    base, windows = bases["gpt2"], TextWindows(8, 3)
    wrong = [
        lora(inputs=13),
        lora(outputs=12),
        lora(layer="transformer.h.7.attn.c_attn"),
        lora(layer="transformer.wte", inputs=300, outputs=12),
        head(),
        Difference({"transformer.ln_f.weight": np.ones(13, np.float32)}),
    ]
    for difference in wrong:
        with pytest.raises(UnusableModel):
            TextModel(base, difference, windows)
    with pytest.raises(UnusableModel, match="lacks the head"):
        TextModel(bases["bert"], Difference(), windows, 3)
    for broken in (np.nan, np.inf):
        with pytest.raises(UnusableModel, match="not finite"):
            Difference({"transformer.ln_f.weight": np.full(12, broken, np.float32)})


def test_parts_that_lie_are_refused(bases: dict[str, BaseModel]) -> None:
    base = bases["gpt2"]
    config, weights = TextModel(base, lora(), TextWindows(8, 3)).to_parts()
    known = {base.digest: base}
    stranger = dict(config) | {"base": "0x" + "11" * 32}
    tensors = safetensors.numpy.load(weights)
    first = next(iter(tensors))
    assert isinstance(config["difference"], dict)
    difference = config["difference"]
    cases: list[tuple[Any, bytes]] = [
        (stranger, weights),
        (config | {"architecture": "llama-causal"}, weights),
        (config | {"architecture": "code"}, weights),
        (config | {"classes": 3}, weights),
        (config | {"extra": 1}, weights),
        (config | {"windows": {"max_windows": 1, "window": 41}}, weights),
        (config | {"windows": {"max_windows": 1, "window": 2}}, weights),
        (config | {"difference": difference | {"r": 3}}, weights),
        (config | {"difference": difference | {"r": 10**6}}, weights),
        (config | {"difference": difference | {"alpha": 1e9}}, weights),
        (config | {"difference": difference | {"layers": [LAYER, LAYER]}}, weights),
        (config | {"difference": difference | {"layers": ["../../etc"]}}, weights),
        (config | {"difference": difference | {"tensors": ["transformer.ln_f.weight"]}}, weights),
        (config | {"difference": {"kind": "none"}}, weights),
        (config | {"difference": {"kind": "pickle"}}, weights),
        (config, weights[:-1]),
        (config, b"\x80\x04\x95" + weights),
        (config, weights + bytes(10_000)),
        (config, safetensors.numpy.save({name: tensors[name] for name in tensors if name != first})),
        (config, safetensors.numpy.save(tensors | {first: tensors[first].astype(np.float64)})),
        (config, safetensors.numpy.save(tensors | {first: tensors[first] * np.float32("nan")})),
        (config, safetensors.numpy.save(tensors | {"more": np.zeros(2, np.float32)})),
    ]
    TextModel.from_parts(config, weights, known)
    for number, (document, data) in enumerate(cases):
        with pytest.raises(UnusableModel):
            TextModel.from_parts(document, data, known)
            pytest.fail(f"case {number} was taken")


def test_the_bases_own_tensors_are_shared_and_not_changed(bases: dict[str, BaseModel]) -> None:
    base = bases["gpt2"]
    before = {name: tensor.clone() for name, tensor in base.tensors.items()}
    model = TextModel(base, lora(), TextWindows(8, 3))
    fine_tune(TextModel(base, Difference(), TextWindows(8, 3)), ["the cat sat on the mat"], None, steps=3, seed=1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.tensors.items())
    shared = model.network.module.get_parameter("transformer.wte.weight")
    assert shared.data_ptr() == base.tensors["transformer.wte.weight"].data_ptr()
