"""Write the adapters of `peft_adapters`, by the library peft itself: `make_peft_adapters.py`.

    python -m venv /tmp/peft
    /tmp/peft/bin/pip install peft==0.21.2 "transformers>=5,<6" "torch>=2.4,<2.14"
    PYTHONHASHSEED=0 /tmp/peft/bin/python tests/influence/text/make_peft_adapters.py

Each is a LoRA of a tiny base model, trained for a few steps from a fixed seed. Beside those that we take lies what peft
adds to the base model: the tensors of `merge_and_unload()`, less the base's own. `difference.safetensors` holds them.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import tiny_bases
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

FOLDER = Path(__file__).with_name("peft_adapters")
TOKENS = 16
STEPS, RATE, SEED = 20, 0.02, 1

GPT2 = {"r": 2, "lora_alpha": 4, "target_modules": ["c_attn"], "fan_in_fan_out": True, "task_type": "CAUSAL_LM"}
LLAMA = {"r": 2, "lora_alpha": 3.5, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
BERT = {"r": 2, "lora_alpha": 4, "target_modules": ["query", "value"], "task_type": "SEQ_CLS"}

TAKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2_rank_2": ("gpt2", {**GPT2, "lora_alpha": 3, "target_modules": ["c_attn", "c_proj", "c_fc"]}),
    "gpt2_rank_8": ("gpt2", {**GPT2, "r": 8, "lora_alpha": 16, "lora_dropout": 0.05}),
    "gpt2_one_block": ("gpt2", {**GPT2, "layers_to_transform": [1], "layers_pattern": "h"}),
    "gpt2_rslora": ("gpt2", {**GPT2, "use_rslora": True}),
    "gpt2_norm": ("gpt2", {**GPT2, "modules_to_save": ["ln_f"], "init_lora_weights": "gaussian"}),
    "llama_rank_2": ("llama", LLAMA),
    "llama_all_linear": ("llama", {**LLAMA, "target_modules": "all-linear"}),
    "bert_head": ("classifier", {**BERT, "modules_to_save": ["classifier"]}),
    "bert_pooler": ("classifier", {**BERT, "modules_to_save": ["classifier", "pooler"]}),
}
"""The kind of base model, and the options of peft's LoraConfig."""

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2_dora": ("gpt2", {**GPT2, "use_dora": True}),
    "gpt2_lora_only": ("gpt2", {**GPT2, "bias": "lora_only"}),
    "gpt2_lora_bias": ("gpt2", {**GPT2, "lora_bias": True}),
    "gpt2_rank_pattern": ("gpt2", {**GPT2, "rank_pattern": {"h.0.attn.c_attn": 1}}),
    "gpt2_alpha_pattern": ("gpt2", {**GPT2, "alpha_pattern": {"h.0.attn.c_attn": 9}}),
    "gpt2_pissa": ("gpt2", {**GPT2, "init_lora_weights": "pissa"}),
    "gpt2_tokens": ("gpt2", {**GPT2, "trainable_token_indices": [1, 2]}),
    "gpt2_embedding": ("gpt2", {**GPT2, "modules_to_save": ["wte"]}),
    "gpt2_of_embedding": ("gpt2", {**GPT2, "target_modules": ["c_attn", "wte"]}),
    "llama_embedding": ("llama", {**LLAMA, "modules_to_save": ["embed_tokens"]}),
    "bert_all_linear": ("classifier", {**BERT, "target_modules": "all-linear"}),
    "bert_bare": ("bert", {**BERT, "task_type": "FEATURE_EXTRACTION"}),
}


def network_of(kind: str) -> Any:
    """A tiny base model as peft takes it; `classifier` is the BERT with a head for two classes."""
    import transformers

    if kind != "classifier":
        return tiny_bases.build(kind)
    base = tiny_bases.build("bert")
    torch.manual_seed(SEED)
    made = transformers.BertForSequenceClassification(base.config)
    made.bert.load_state_dict(base.state_dict())
    return made.eval()


def loss_of(model: Any, kind: str) -> torch.Tensor:
    """The loss of some texts of one length; of a bare BERT, any number."""
    is_bert = kind in ("bert", "classifier")
    made = tiny_bases.word_tokenizer() if is_bert else tiny_bases.byte_level_tokenizer()
    tokenizer = Tokenizer.from_str(json.dumps({**made, "truncation": None}))
    texts = [text for text in tiny_bases.texts(80, 5, longest=40) if len(tokenizer.encode(text).ids) >= TOKENS]
    tokens = torch.tensor([tokenizer.encode(text).ids[:TOKENS] for text in texts])
    if kind == "bert":
        return torch.as_tensor(model(input_ids=tokens).last_hidden_state).square().mean()
    labels = torch.tensor([int("cat" in text) for text in texts]) if is_bert else tokens
    return torch.as_tensor(model(input_ids=tokens, labels=labels).loss)


def make(name: str, kind: str, options: dict[str, Any]) -> None:
    """Train an adapter and write it, and what it adds where we take it."""
    import peft

    network = network_of(kind)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(SEED)
    model = peft.get_peft_model(network, peft.LoraConfig(**options))
    optimiser = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=RATE)
    model.train()
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss_of(model, kind).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    model.eval()
    model.save_pretrained(FOLDER / name)
    (FOLDER / name / "README.md").unlink()
    if name in TAKEN:
        merged = model.merge_and_unload().state_dict()
        changed = {each: tensor - before[each] for each, tensor in merged.items() if not tensor.equal(before[each])}
        # A head is no part of the base.
        changed |= {each: tensor for each, tensor in merged.items() if each.startswith("classifier.")}
        save_file({each: changed[each].contiguous() for each in sorted(changed)}, FOLDER / name / DIFFERENCE)


DIFFERENCE = "difference.safetensors"


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, (kind, options) in {**TAKEN, **REFUSED}.items():
        make(name, kind, options)
