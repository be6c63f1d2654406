"""Adapters that the library peft wrote: what we add to the base model is what peft adds, and the rest is refused.

`make_peft_adapters.py` says how they were made.
"""

from pathlib import Path

import numpy as np
import pytest
from make_peft_adapters import DIFFERENCE, FOLDER, REFUSED, TAKEN
from safetensors.numpy import load_file

from blindfair.api.adapters import check_fits_base, load_adapter
from blindfair.influence.text import BaseModel, Difference
from blindfair.influence.text.applying import applied
from blindfair.protocol.errors import UnusableModel


def base_of(kind: str, bases: dict[str, BaseModel]) -> BaseModel:
    return bases["bert" if kind == "classifier" else kind]


def read(folder: Path, base: BaseModel) -> Difference:
    """As a purchase reads it."""
    found = load_adapter(folder)
    check_fits_base(folder, base, found, labelled=base.architecture == "bert-classifier")
    return found


@pytest.mark.parametrize("name", TAKEN)
def test_an_adapter_adds_to_the_base_model_what_peft_adds(name: str, bases: dict[str, BaseModel]) -> None:
    base = base_of(TAKEN[name][0], bases)
    mine = {
        each: (tensor.double() - base.tensors[each].double()).numpy() if each in base.tensors else tensor.numpy()
        for each, tensor in applied(base, read(FOLDER / name, base)).items()
    }
    peft = load_file(FOLDER / name / DIFFERENCE)
    assert {each for each in mine if mine[each].any()} == peft.keys()
    for each, added in peft.items():
        # peft rounds the sum with the base's weights.
        assert np.abs(mine[each] - added).max() < 1e-6 < 0.02 < np.abs(added).max(), each


WORDS = {
    "gpt2_dora": ("use_dora", "train a plain LoRA"),
    "gpt2_lora_only": ("bias is not supported", "train a plain LoRA"),
    "gpt2_lora_bias": ("lora_bias", "train a plain LoRA"),
    "gpt2_rank_pattern": ("rank_pattern", "train a plain LoRA"),
    "gpt2_alpha_pattern": ("alpha_pattern", "train a plain LoRA"),
    "gpt2_pissa": ("init_lora_weights", "train a plain LoRA"),
    "gpt2_tokens": ("trainable_token_indices", "train a plain LoRA"),
    "gpt2_embedding": ("found transformer.wte.weight", "leave both out"),
    "gpt2_of_embedding": ("wte.lora_embedding_A", "of linear layers of the blocks alone"),
    "llama_embedding": ("found model.embed_tokens.weight", "leave both out"),
    "bert_all_linear": ("found bert.pooler.dense", "exclude_modules=['bert.pooler.dense']"),
    "bert_bare": ("found encoder.layer.0.", "not on the bare AutoModel"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_adapter_that_peft_computes_otherwise_is_refused_by_name(name: str, bases: dict[str, BaseModel]) -> None:
    word, hint = WORDS[name]
    with pytest.raises(UnusableModel) as told:
        read(FOLDER / name, base_of(REFUSED[name][0], bases))
    assert word in str(told.value) and hint in told.value.hint
