"""The changed layers of a fine-tuned model: all that differs, nothing else, and they make the very model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from text_models import example
from tiny_bases import build, write
from tuned_folders import WEIGHTS, change_tensors, write_tuned

from blindfair.influence.text import BaseModel, Difference, TextModel
from blindfair.influence.text.applying import linear_layers
from blindfair.influence.text.changed_layers import read_changed_layers
from blindfair.influence.text.fine_tuning import fine_tune
from blindfair.protocol.errors import UnusableModel

KINDS = ("bert", "gpt2", "llama")
LAYER = "transformer.h.1.mlp.c_fc.weight"


@pytest.mark.parametrize("kind", KINDS)
def test_changed_layers_make_the_fine_tuned_model_and_are_all_that_differs(
    bases: dict[str, BaseModel], kind: str, tmp_path: Path
) -> None:
    base, one = bases[kind], example(bases[kind])
    tuned = fine_tune(one.model, one.texts, one.labels, steps=3, seed=1, rank=2, rate=0.05, batch=12).difference
    folder = write_tuned(write(build(kind), tmp_path / "base"), tmp_path / "tuned", tuned)
    found = read_changed_layers(folder, base)
    head = {"classifier.weight", "classifier.bias"} if kind == "bert" else set()
    assert found.tensors.keys() == {f"{name}.weight" for name in linear_layers(base)} | head
    models = [TextModel(base, each, one.model.windows, one.model.classes) for each in (found, tuned)]
    mine, trained = (model.losses(one.texts, one.labels) for model in models)
    assert (mine == trained).all()
    assert (mine != one.model.losses(one.texts, one.labels)).all()


def test_embeddings_norms_and_biases_may_differ_too(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    names = ("transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f.bias", "transformer.h.0.ln_1.weight")
    folder = write(build("gpt2"), tmp_path / "tuned")
    change_tensors(folder, lambda found: found | {name: found[name] + 1e-6 for name in names})
    found = read_changed_layers(folder, bases["gpt2"])
    assert found.tensors.keys() == set(names)
    TextModel(bases["gpt2"], found, example(bases["gpt2"]).model.windows)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_a_model_that_was_saved_in_half_precision_differs_where_it_was_trained(
    bases: dict[str, BaseModel], half: torch.dtype, tmp_path: Path
) -> None:
    folder = write(build("gpt2"), tmp_path / "tuned")
    change_tensors(
        folder, lambda found: {name: (tensor * (1 + (name == LAYER))).to(half) for name, tensor in found.items()}
    )
    found = read_changed_layers(folder, bases["gpt2"])
    assert found.tensors.keys() == {LAYER} and found.tensors[LAYER].dtype == np.float32


def test_a_pooler_that_the_base_lacks_is_refused_and_one_that_the_model_lacks_is_the_bases(
    bases: dict[str, BaseModel], tmp_path: Path
) -> None:
    def bare(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor for name, tensor in found.items() if not name.startswith("pooler")}

    whole, without = write(build("bert"), tmp_path / "whole"), write(build("bert"), tmp_path / "without")
    base = BaseModel.load(change_tensors(without, bare))
    assert bases["bert"].has_pooler and not base.has_pooler
    with pytest.raises(UnusableModel, match="has layers that the base model lacks") as caught:
        read_changed_layers(whole, base)
    assert "bert.pooler.dense.weight" in str(caught.value.found) and "pooler" in caught.value.hint
    query = "encoder.layer.0.attention.self.query.weight"
    change_tensors(without, lambda found: found | {query: -found[query]})
    assert read_changed_layers(without, bases["bert"]).tensors.keys() == {f"bert.{query}"}


@pytest.mark.parametrize(
    "shapes",
    [
        {"classifier.weight": (3, 12)},
        {"classifier.weight": (1, 12), "classifier.bias": (1,)},
        {"classifier.weight": (3, 13), "classifier.bias": (3,)},
        {"classifier.weight": (3, 12), "classifier.bias": (2,)},
        {"classifier.dense.weight": (12, 12), "classifier.out_proj.weight": (3, 12)},
    ],
)
def test_a_head_that_is_not_one_layer_over_classes_is_refused(
    bases: dict[str, BaseModel], shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    folder = write(build("bert"), tmp_path / "tuned")
    change_tensors(folder, lambda found: found | {name: torch.ones(shape) for name, shape in shapes.items()})
    with pytest.raises(UnusableModel, match="a head that is not one layer") as caught:
        read_changed_layers(folder, bases["bert"])
    assert "classifier." in str(caught.value.found)


def test_a_head_alone_is_a_difference(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    folder = write(build("bert"), tmp_path / "tuned")
    head = {"classifier.weight": torch.ones(3, 12), "classifier.bias": torch.zeros(3)}
    change_tensors(folder, lambda found: found | head)
    assert read_changed_layers(folder, bases["bert"]).tensors.keys() == head.keys()


def test_an_output_layer_that_is_not_the_embedding_is_refused(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    """It would be left out otherwise, and the model be another one."""
    folder = write(build("gpt2"), tmp_path / "tuned")
    change_tensors(folder, lambda found: found | {"lm_head.weight": 2 * found["transformer.wte.weight"]})
    with pytest.raises(UnusableModel, match="said to be the embedding and is not"):
        read_changed_layers(folder, bases["gpt2"])


def test_kept_layers_come_back_as_they_were(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    folder = write(build("gpt2"), tmp_path / "tuned")
    change_tensors(folder, lambda found: found | {LAYER: -found[LAYER]})
    found = read_changed_layers(folder, bases["gpt2"])
    document, weights = found.to_parts()
    (tmp_path / WEIGHTS).write_bytes(weights)
    assert Difference.of_file(tmp_path / WEIGHTS).to_parts() == (document, weights)
