"""Tiny base models with random weights, written to a folder as other programs write them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

KINDS = ("bert", "gpt2", "llama")
SENTENCE = "the a cat dog sat on mat ran to house and saw red blue sun moon is was in of it he she big small"
WORDS = SENTENCE.split(" ")


def texts(n: int, seed: int, longest: int = 24) -> list[str]:
    """`n` texts of 3 to `longest` words."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(3, longest + 1))) for _ in range(n)]


def byte_level_tokenizer(size: int = 300) -> dict[str, Any]:
    """A byte-level BPE trained on the words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts(200, 0), trainer)
    found: dict[str, Any] = json.loads(made.to_str())
    return found


def word_tokenizer() -> dict[str, Any]:
    """A WordPiece of the words and of single characters."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokens += [each for each in "bcdefghijklmnopqrstuvwxyz"] + ["##" + each for each in "abcdefghijklmnopqrstuvwxyz"]
    special = [
        {
            "content": token,
            "id": number,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for number, token in enumerate(tokens[:5])
    ]
    return {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: number for number, token in enumerate(tokens)},
        },
    }


def build(kind: str, **changes: Any) -> Any:
    """A random network of the library's, `bert`, `gpt2` or `llama`, a few thousand weights."""
    import transformers

    torch.manual_seed(5)
    nothing = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    if kind == "bert":
        vocabulary = len(word_tokenizer()["model"]["vocab"])
        given = {
            "vocab_size": vocabulary,
            "hidden_size": 12,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "intermediate_size": 20,
            "max_position_embeddings": 40,
            "initializer_range": 0.3,
        }
        network = transformers.BertModel(transformers.BertConfig(**given | changes))
    elif kind == "gpt2":
        given = {
            "vocab_size": 300,
            "n_embd": 12,
            "n_layer": 2,
            "n_head": 3,
            "n_positions": 40,
            "initializer_range": 0.3,
        }
        network = transformers.GPT2LMHeadModel(transformers.GPT2Config(**given | nothing | changes))
    else:
        given = {
            "vocab_size": 300,
            "hidden_size": 12,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "intermediate_size": 20,
            "max_position_embeddings": 40,
            "initializer_range": 0.3,
            "tie_word_embeddings": True,
        }
        network = transformers.LlamaForCausalLM(transformers.LlamaConfig(**given | nothing | changes))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            # Biases and norms that are not what they begin as.
            if parameter.ndim == 1:
                parameter += 0.2 * torch.randn(parameter.shape)
            if "wpe" in name or "wte" in name:
                parameter *= 2.0
    return network.eval()


def write(network: Any, folder: Path, *, tokenizer: dict[str, Any] | None = None) -> Path:
    """A folder as `BaseModel.load` takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = network.config.to_dict()
    config["architectures"] = [type(network).__name__]
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    tied = getattr(network.config, "tie_word_embeddings", False) and hasattr(network, "lm_head")
    tensors = {
        name: tensor.clone() for name, tensor in network.state_dict().items() if not (tied and "lm_head" in name)
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    if tokenizer is None:
        tokenizer = word_tokenizer() if network.config.model_type == "bert" else byte_level_tokenizer()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder
