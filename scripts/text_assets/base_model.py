"""The small GPT-2, and a Llama of the same size for the studies: tokenizer, training, and files.

Weights are rounded to float16 when they are stored, and loaded as float32. Not here: what it has learned (`losses`).
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

END = "<|endoftext|>"
"""Stands before each document."""

VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS = 4_096, 128, 128, 4, 4
LLAMA_INNER = 352
"""Three matrices of this width have about as many weights as the GPT-2's two, which are four times a token's width."""
STEPS, BATCH, WARM_UP = 1_000, 16, 50
RATE, LAST_RATE, DECAY, LARGEST_NORM = 2e-3, 2e-4, 0.1, 1.0
SEED = 15

_WRITTEN = (
    "activation_function", "architectures", "attention_bias", "attn_pdrop", "bos_token_id", "dtype", "embd_pdrop",
    "eos_token_id", "head_dim", "hidden_act", "hidden_size", "intermediate_size", "layer_norm_epsilon",
    "max_position_embeddings", "mlp_bias", "model_type", "n_embd", "n_head", "n_layer", "n_positions",
    "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "resid_pdrop", "rms_norm_eps",
    "rope_parameters", "tie_word_embeddings", "vocab_size",
)  # fmt: skip
"""Fields of the config that differ between models of this architecture, or that a reader needs."""


def trained_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """A byte-level BPE tokenizer of `VOCABULARY` tokens: every text comes back unchanged."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def token_stream(tokenizer: Tokenizer, texts: Sequence[str]) -> NDArray[np.int64]:
    """All texts as one row of tokens, with `END` before each."""
    end = tokenizer.token_to_id(END)
    encoded = tokenizer.encode_batch(list(texts))
    return np.concatenate([np.array([end, *text.ids], dtype=np.int64) for text in encoded])


def new_model() -> GPT2LMHeadModel:
    """An untrained GPT-2, the same on every call."""
    torch.manual_seed(SEED)
    return GPT2LMHeadModel(config())


def new_llama() -> LlamaForCausalLM:
    """An untrained Llama of the GPT-2's width, depth and vocabulary, the same on every call."""
    torch.manual_seed(SEED)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            max_position_embeddings=CONTEXT,
            hidden_size=WIDTH,
            intermediate_size=LLAMA_INNER,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def training(model: PreTrainedModel, stream: NDArray[np.int64], steps: int = STEPS) -> Iterator[float]:
    """Train a model on windows drawn from the stream, and yield the loss of each step."""
    draws = np.random.default_rng(SEED)
    matrices = [value for value in model.parameters() if value.ndim > 1]
    others = [value for value in model.parameters() if value.ndim == 1]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95))
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(step, steps)
        starts = draws.integers(0, len(stream) - CONTEXT, BATCH)
        tokens = torch.from_numpy(np.stack([stream[start : start + CONTEXT] for start in starts]))
        logits = model(input_ids=tokens).logits[:, :-1].transpose(1, 2)
        loss = torch.nn.functional.cross_entropy(logits, tokens[:, 1:])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_NORM)
        optimiser.step()
        yield loss.item()


def config() -> GPT2Config:
    """The architecture; without dropout, because no text is drawn twice."""
    return GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )


def rate(step: int, steps: int) -> float:
    """Learning rate: rises for `WARM_UP` steps, then falls along a half cosine."""
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    part = (step - WARM_UP) / max(1, steps - WARM_UP)
    return LAST_RATE + (RATE - LAST_RATE) * (1 + math.cos(math.pi * part)) / 2


def round_weights(model: PreTrainedModel) -> None:
    """Give each weight the value that it has after it was stored as float16 and loaded again."""
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(value.half().float())


def save(folder: Path, tokenizer: Tokenizer, model: PreTrainedModel) -> None:
    """Write `config.json`, `model.safetensors` and `tokenizer.json`; the output layer is the embedding, stored once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
    known = model.config.to_dict() | {"architectures": [type(model).__name__], "dtype": "float32"}
    written = {name: known[name] for name in _WRITTEN if name in known}
    (folder / "config.json").write_text(json.dumps(written, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    weights = {name: value.half() for name, value in model.state_dict().items() if name != "lm_head.weight"}
    path = folder / "model.safetensors"
    save_file(weights, str(path), metadata={"format": "pt"})
    path.chmod(0o644)
