"""A buyer's own LoRA by the Python interface: whole trades, and adapters that cannot be used.

Most are what the library peft wrote, or changes of it.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from make_peft_adapters import FOLDER
from own_models import (
    assert_traded,
    assert_traded_by_classifier,
    notes,
    purchase_by,
    refusal,
    tuned_classifier,
)
from tiny_bases import build, write

from blindfair.api.adapters import ADAPTER_FILES, DIFFERENCE_LIMIT, load_adapter
from blindfair.api.buying import make_purchase
from blindfair.influence.text import BaseModel, Difference, Lora
from blindfair.influence.text.adapter import CONFIG_FILE, WEIGHTS_FILE, write_adapter
from blindfair.influence.text.applying import linear_layers
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.protocol.errors import BlindfairError, FileMissing, InvalidOption, UnusableModel

LAYER = "transformer.h.0.attn.c_attn"
ADAPTER = FOLDER / "gpt2_rank_2"
"""Trained by peft on texts like the buyer's own."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


def written(difference: Difference, folder: Path, *, transposed: bool) -> Path:
    folder.mkdir()
    write_adapter(difference, folder, transposed=transposed)
    return folder


@pytest.mark.deep
def test_texts_are_scored_by_the_buyers_own_model_and_the_buyer_is_told_first(base: Path, tmp_path: Path) -> None:
    sent = assert_traded(
        tmp_path / "market", base, adapter=ADAPTER, shows="shows the seller the adapter's weights",
        asks="asks at the adapted model: the loss of training texts falls by 1.",
    )  # fmt: skip
    assert (sent["kind"], sent["r"], sent["alpha"]) == ("lora", 2, 3.0)


@pytest.mark.deep
@pytest.mark.parametrize("with_head", [True, False])
def test_an_adapter_of_a_classifier_comes_with_its_head_or_without(with_head: bool, tmp_path: Path) -> None:
    folder = write(build("bert"), tmp_path / "bert")
    found = tuned_classifier(folder)
    mine = written(found if with_head else Difference({}, found.lora), tmp_path / "adapter", transposed=False)
    assert_traded_by_classifier(tmp_path / "market", folder, with_head=with_head, adapter=mine)


def config(**changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / CONFIG_FILE
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def tensors(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        path = folder / WEIGHTS_FILE
        safetensors.numpy.save_file(change(safetensors.numpy.load_file(path)), path)

    return changed


def layer(old: str, new: str) -> Callable[[Path], object]:
    return tensors(lambda found: {name.replace(old, new): tensor for name, tensor in found.items()})


def with_nan(found: dict[str, Any]) -> dict[str, Any]:
    name = next(iter(found))
    return {**found, name: np.full_like(found[name], np.nan)}


def without_b(found: dict[str, Any]) -> dict[str, Any]:
    return {name: np.zeros_like(tensor) if "lora_B" in name else tensor for name, tensor in found.items()}


def with_layer(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, f"base_model.model.{LAYER}.weight": np.ones((12, 36), np.float32)}


def huge(folder: Path) -> None:
    with (folder / WEIGHTS_FILE).open("r+b") as file:
        file.truncate(DIFFERENCE_LIMIT + 1)


def pickled(folder: Path) -> None:
    (folder / WEIGHTS_FILE).rename(folder / "adapter_model.bin")


WRONG: dict[str, tuple[Callable[[Path], object], type[BlindfairError], str]] = {
    "no config": (lambda folder: (folder / CONFIG_FILE).unlink(), FileMissing, "A file is missing"),
    "a pickle": (pickled, FileMissing, "adapter_model.bin"),
    "DoRA": (config(use_dora=True), UnusableModel, "use_dora"),
    "another kind": (config(peft_type="IA3"), UnusableModel, "peft_type"),
    "ranks by layer": (config(rank_pattern={"c_attn": 2}), UnusableModel, "rank_pattern"),
    "begun from changed weights": (config(init_lora_weights="pissa"), UnusableModel, "init_lora_weights"),
    "invoked by tokens": (config(alora_invocation_tokens=[1]), UnusableModel, "alora_invocation_tokens"),
    "another rank": (config(r=7), UnusableModel, "another rank"),
    "no rank": (config(r=0), UnusableModel, "config of the adapter"),
    "a vast rank": (config(r=10**6), UnusableModel, "config of the adapter"),
    "a vast alpha": (config(lora_alpha=1e9), UnusableModel, "alpha"),
    "unknown layers": (layer(".h.0.", ".h.7."), UnusableModel, "h.7.attn"),
    "layers of another kind": (layer("transformer.h", "model.layers"), UnusableModel, "model.layers"),
    "names of a bare base": (layer("base_model.model.transformer.", "base_model.model."), UnusableModel, "h.0.attn"),
    "not by its prefix": (layer("base_model.model.", ""), UnusableModel, "not known"),
    "NaN": (tensors(with_nan), UnusableModel, "not finite"),
    "one matrix of two": (tensors(lambda found: dict(list(found.items())[1:])), UnusableModel, "both matrices"),
    "a layer both whole and by its LoRA": (tensors(with_layer), UnusableModel, f"{LAYER}.weight"),
    "cut short": (lambda folder: (folder / WEIGHTS_FILE).write_bytes(b"\x10"), UnusableModel, "safe"),
    "a field of a later version": (config(brand_new_field=1), UnusableModel, "brand_new_field = 1"),
    "untrained": (tensors(without_b), UnusableModel, "changes nothing"),
    "too large": (huge, UnusableModel, "larger than what a request can carry"),
    "a nest of brackets": (lambda folder: (folder / CONFIG_FILE).write_text("[" * 10**5), UnusableModel, "deep"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_adapter_that_cannot_be_used_is_refused_by_name(case: str, base: Path, tmp_path: Path) -> None:
    change, error, word = WRONG[case]
    folder = shutil.copytree(ADAPTER, tmp_path / "wrong")
    change(folder)
    with pytest.raises(error) as told:
        purchase_by(base, adapter=folder)
    assert str(folder) in told.value.what and word in str(told.value) and told.value.hint


def test_fields_that_are_not_known_may_be_there_while_they_say_nothing(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(ADAPTER, tmp_path / "later")
    config(new_null=None, new_flag=False, new_list=[], new_map={}, new_text="")(folder)
    purchase_by(base, adapter=folder)


@pytest.mark.parametrize("seed", [5, 6])
def test_of_an_adapter_that_does_not_help_the_buyer_is_warned_before_it_asks(
    seed: int, base: Path, tmp_path: Path
) -> None:
    """Random changes: one makes the loss a little higher, one a little lower, and both by less than chance."""
    folder = shutil.copytree(ADAPTER, tmp_path / "idle")
    rng = np.random.default_rng(seed)
    tensors(
        lambda found: {
            name: np.float32(1e-3) * rng.standard_normal(tensor.shape).astype(np.float32)
            if "lora_B" in name
            else tensor
            for name, tensor in found.items()
        }
    )(folder)
    found = notes(base, load_adapter(folder))
    assert "does not clearly help on your own texts" in found[1] and " by 0." in found[0]
    assert "clearly help" not in " ".join(notes(base, load_adapter(ADAPTER)))


def test_an_adapter_of_another_base_is_refused_before_anything_is_asked(base: Path, tmp_path: Path) -> None:
    """By its sizes where they differ, or else because it makes the buyer's own texts worse."""
    wider = write(build("gpt2", n_embd=24), tmp_path / "wider")
    with pytest.raises(UnusableModel, match="another size") as told:
        purchase_by(wider, adapter=ADAPTER)
    assert "the base model that the adapter was trained on" in told.value.hint

    name = "transformer.h.1.mlp.c_proj"
    outputs, inputs = linear_layers(BaseModel.load(base))[name]
    rng = np.random.default_rng(1)
    down, up = (rng.normal(size=shape).astype(np.float32) for shape in ((4, inputs), (outputs, 4)))
    strange = Difference({}, Lora(4, 64.0, {name: down}, {name: up}))
    mine = written(strange, tmp_path / "strange", transposed=True)
    refusal(tmp_path / "market", base, "worse than the base model does", adapter=mine)


def test_a_head_for_texts_without_a_label_or_of_other_classes_is_refused(base: Path, tmp_path: Path) -> None:
    head = blank_head(BaseModel.load(base).config.width, 3, 1).tensors
    lora = Lora(1, 1.0, {LAYER: np.ones((1, 12), np.float32)}, {LAYER: np.zeros((36, 1), np.float32)})
    with pytest.raises(UnusableModel, match="the texts have no label"):
        purchase_by(base, adapter=written(Difference(head, lora), tmp_path / "headed", transposed=True))

    folder = write(build("bert"), tmp_path / "bert")
    layer = "bert.encoder.layer.0.attention.self.query"
    lora = Lora(1, 1.0, {layer: np.ones((1, 12), np.float32)}, {layer: np.zeros((12, 1), np.float32)})
    three = written(Difference(head, lora), tmp_path / "three", transposed=False)
    told = refusal(tmp_path / "market", folder, "another number of classes", labelled=True, adapter=three)
    assert "2 classes" in str(told.expected)


def test_an_adapter_is_for_texts() -> None:
    with pytest.raises(InvalidOption, match="`adapter` is for texts"):
        make_purchase(pd.DataFrame({"x": [1.0, 2.0]}), label="x", budget="0.01", adapter=ADAPTER)


def test_the_copied_files_are_those_that_are_read() -> None:
    assert ADAPTER_FILES == (CONFIG_FILE, WEIGHTS_FILE)
    assert load_adapter(ADAPTER).kind == "lora"
