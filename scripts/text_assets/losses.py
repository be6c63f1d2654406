"""What the small GPT-2 has learned: its loss on texts of held-out documents, against word frequencies alone.

A loss is in nats a token: the mean over all tokens of all texts but each text's first. Not here: training
(`base_model`).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import PreTrainedModel

TEXTS_AT_ONCE = 32


def model_loss(model: PreTrainedModel, tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Loss of a model."""
    total, count = 0.0, 0
    ids = sorted((text.ids for text in tokenizer.encode_batch(list(texts))), key=len)
    with torch.inference_mode():
        for start in range(0, len(ids), TEXTS_AT_ONCE):
            batch = ids[start : start + TEXTS_AT_ONCE]
            tokens = torch.zeros((len(batch), max(map(len, batch))), dtype=torch.int64)
            # What follows a text cannot change what is said of it: attention looks back only.
            wanted = torch.full_like(tokens, -100)
            for row, text in enumerate(batch):
                tokens[row, : len(text)] = wanted[row, : len(text)] = torch.tensor(text)
            logits = model(input_ids=tokens).logits[:, :-1].transpose(1, 2)
            total += float(torch.nn.functional.cross_entropy(logits, wanted[:, 1:], reduction="sum"))
            count += sum(len(text) - 1 for text in batch)
    return total / count


def unigram_loss(stream: NDArray[np.int64], vocabulary: int, tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Loss of the tokens' frequencies in the training documents, each counted once more than it occurs."""
    counts = np.bincount(stream, minlength=vocabulary) + 1
    logs = np.log(counts / counts.sum())
    ids = [text.ids[1:] for text in tokenizer.encode_batch(list(texts))]
    return -float(sum(logs[text].sum() for text in ids)) / sum(map(len, ids))
