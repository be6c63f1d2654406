"""A buyer's own whole fine-tuned model by the Python interface: whole trades, and folders that cannot be used."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from own_models import (
    assert_traded,
    assert_traded_by_classifier,
    notes,
    purchase_by,
    refusal,
    tuned,
    tuned_classifier,
)
from tiny_bases import build, byte_level_tokenizer, write
from tuned_folders import change_tensors, write_tuned

from blindfair.agents.buyer.sent_base import check_travels
from blindfair.api.adapters import DIFFERENCE_LIMIT
from blindfair.api.buying import make_purchase
from blindfair.api.fine_tuned import load_fine_tuned
from blindfair.influence.text import BaseModel, Difference
from blindfair.influence.text.adapter import CONFIG_FILE
from blindfair.influence.text.applying import linear_layers
from blindfair.influence.text.base_files import SentBase
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.protocol.errors import BlindfairError, FileMissing, InvalidOption, MessageTooLarge, UnusableModel

LAYER = "transformer.h.0.attn.c_attn.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def mine(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model that was fine-tuned on texts like the buyer's own."""
    return write_tuned(base, tmp_path_factory.mktemp("tuned") / "model", tuned(base))


@pytest.mark.deep
def test_texts_are_scored_by_the_buyers_own_model_and_the_buyer_is_told_first(
    base: Path, mine: Path, tmp_path: Path
) -> None:
    sent = assert_traded(
        tmp_path / "market", base, fine_tuned=mine, shows="shows the seller all changed layers",
        asks="asks at the fine-tuned model: the loss of training texts falls by 0.",
    )  # fmt: skip
    layers = linear_layers(BaseModel.load(base))
    assert sent == {"kind": "tensors", "tensors": sorted(f"{name}.weight" for name in layers)}


@pytest.mark.deep
@pytest.mark.parametrize("with_head", [True, False])
def test_a_classifier_comes_with_its_head_or_without(with_head: bool, tmp_path: Path) -> None:
    folder = write(build("bert"), tmp_path / "bert")
    found = tuned_classifier(folder)
    model = write_tuned(folder, tmp_path / "mine", found if with_head else Difference({}, found.lora))
    assert_traded_by_classifier(tmp_path / "market", folder, with_head=with_head, fine_tuned=model)


Change = Callable[[Path], object]


def tensors(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Change:
    return lambda folder: change_tensors(folder, change)


def another(kind: str, **sizes: Any) -> Change:
    def change(folder: Path) -> None:
        shutil.rmtree(folder)
        write(build(kind, **sizes), folder)

    return change


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def other_tokenizer(folder: Path) -> None:
    write(build("gpt2"), folder, tokenizer=byte_level_tokenizer(290))


def an_adapter(folder: Path) -> None:
    (folder / "config.json").rename(folder / CONFIG_FILE)


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


WRONG: dict[str, tuple[Change, type[BlindfairError], str, str]] = {
    "no folder": (shutil.rmtree, FileMissing, "no such folder", "save_pretrained"),
    "no config": (without("config.json"), FileMissing, "A file is missing", "save_pretrained"),
    "no tokenizer": (without("tokenizer.json"), FileMissing, "tokenizer.json", "copy the base model's tokenizer.json"),
    "no weights": (without("model.safetensors"), FileMissing, "A file of the model is missing", "save_pretrained"),
    "an adapter": (an_adapter, FileMissing, "config.json", "name it with `adapter`"),
    "a pickle": (pickled, FileMissing, "pytorch_model.bin", "as one file"),
    "another architecture": (another("llama"), UnusableModel, "of another architecture", "fine-tuned from"),
    "wider": (another("gpt2", n_embd=24), UnusableModel, "n_embd = 24", "fine-tuned from"),
    "deeper": (another("gpt2", n_layer=3), UnusableModel, "n_layer = 3", "fine-tuned from"),
    "more tokens": (another("gpt2", vocab_size=301), UnusableModel, "vocab_size = 301", "more tokens cannot be sent"),
    "an output layer of its own": (
        another("gpt2", tie_word_embeddings=False), UnusableModel, "tie_word_embeddings = False", "fine-tuned from"
    ),
    "another tokenizer": (other_tokenizer, UnusableModel, "another tokenizer", "copy its tokenizer.json"),
    "another shape": (
        tensors(lambda found: found | {LAYER: torch.zeros(12, 35)}), UnusableModel, "another shape", "save_pretrained"
    ),
    "a layer less": (
        tensors(lambda found: {name: found[name] for name in found if name != LAYER}), UnusableModel, "lacks tensors",
        "save_pretrained",
    ),
    "NaN": (
        tensors(lambda found: found | {LAYER: found[LAYER] * np.nan}), UnusableModel, "not finite",
        "that tensor in model.safetensors",
    ),
    "the base model": (another("gpt2"), UnusableModel, "no layer differs", "leave `fine_tuned` out"),
    "cut short": (
        lambda folder: (folder / "model.safetensors").write_bytes(b"\x10"), UnusableModel, "safe", "save_pretrained"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_model_that_cannot_be_used_is_refused_by_name(case: str, base: Path, mine: Path, tmp_path: Path) -> None:
    change, error, word, hint = WRONG[case]
    folder = shutil.copytree(mine, tmp_path / "wrong")
    change(folder)
    with pytest.raises(error) as told:
        purchase_by(base, fine_tuned=folder)
    assert str(folder) in told.value.what and word in str(told.value) and hint in told.value.hint
    assert "The fine-tuned model in" in told.value.what


def test_more_changed_layers_than_a_request_carries_are_refused_with_their_size(base: Path, mine: Path) -> None:
    held = BaseModel.load(base)
    size = 4 * load_fine_tuned(mine, held).size
    assert size == 4 * sum(outputs * inputs for outputs, inputs in linear_layers(held).values())
    load_fine_tuned(mine, held, most=size)
    with pytest.raises(UnusableModel, match="larger than what a request can carry") as told:
        load_fine_tuned(mine, held, most=size - 1)
    assert "MiB in 8 tensors" in str(told.value.found) and "`send_base_model`" in told.value.hint


@pytest.mark.deep
def test_the_limit_of_a_request_is_that_of_the_seller(tmp_path: Path) -> None:
    """One tensor of more than 160 MiB, of which one number changed."""
    base = write(build("gpt2", n_embd=1284, n_layer=1, n_inner=1, n_positions=2**15), tmp_path / "base")
    folder = shutil.copytree(base, tmp_path / "tuned")
    change_tensors(folder, lambda found: found | {"transformer.wpe.weight": found["transformer.wpe.weight"] + 1})
    assert DIFFERENCE_LIMIT < 4 * 1284 * 2**15
    with pytest.raises(UnusableModel, match=r"at most 160 MiB.*160\.5 MiB in 1 tensors"):
        load_fine_tuned(folder, BaseModel.load(base))


def test_changed_layers_count_beside_a_base_model_that_travels(base: Path) -> None:
    held, most = BaseModel.load(base), 504 * 2**20 // 4
    check_travels(held, SentBase(base), (), Difference({LAYER: np.zeros(most // 2, np.float32)}))
    with pytest.raises(MessageTooLarge, match="together are larger"):
        check_travels(held, SentBase(base), (), Difference({LAYER: np.zeros(most - 1000, np.float32)}))


def test_of_a_model_that_does_not_help_the_buyer_is_warned_before_it_asks(
    base: Path, mine: Path, tmp_path: Path
) -> None:
    idle = shutil.copytree(base, tmp_path / "idle")
    change_tensors(idle, lambda found: found | {LAYER: found[LAYER] * (1 + 1e-6)})
    held = BaseModel.load(base)
    told = notes(base, load_fine_tuned(idle, held))
    assert told[1].startswith("the fine-tuned model does not clearly help on your own texts") and " by 0." in told[0]
    assert "leave `fine_tuned` out" in told[1]
    assert "clearly help" not in " ".join(notes(base, load_fine_tuned(mine, held)))


def test_a_model_of_another_base_is_refused_before_anything_is_asked(base: Path, tmp_path: Path) -> None:
    """Of the same sizes, and so by the loss of the buyer's own texts."""
    torch.manual_seed(9)
    other = shutil.copytree(base, tmp_path / "other")
    change_tensors(other, lambda found: {name: 5 * torch.randn(tensor.shape) for name, tensor in found.items()})
    told = refusal(tmp_path / "market", base, "fine-tuned model makes your own texts worse", fine_tuned=other)
    assert "that the fine-tuned model was trained on, or leave `fine_tuned` out" in told.hint


def test_a_head_of_other_classes_is_refused(tmp_path: Path) -> None:
    folder = write(build("bert"), tmp_path / "bert")
    three = write_tuned(folder, tmp_path / "three", blank_head(12, 3, 1))
    match = "The fine-tuned model's head is for another number of classes"
    refusal(tmp_path / "market", folder, match, labelled=True, fine_tuned=three)


def test_a_fine_tuned_model_is_for_texts_and_not_beside_an_adapter(base: Path, mine: Path) -> None:
    with pytest.raises(InvalidOption, match="`fine_tuned` is for texts"):
        make_purchase(pd.DataFrame({"x": [1.0, 2.0]}), label="x", budget="0.01", fine_tuned=mine)
    with pytest.raises(InvalidOption, match="asks at one model"):
        purchase_by(base, adapter="nowhere", fine_tuned=mine)


def test_a_whole_model_given_as_adapter_is_told_the_option_for_it(base: Path, mine: Path) -> None:
    with pytest.raises(FileMissing, match="A file is missing") as told:
        purchase_by(base, adapter=mine)
    assert "name it with `fine_tuned`" in told.value.hint
