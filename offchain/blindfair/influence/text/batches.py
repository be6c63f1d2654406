"""Windows of texts in batches: sorted by length, padded on the right, and few enough to fit into memory.

Not here: cutting of windows (`windows`), and what a network makes of a batch (`network`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from blindfair.influence.text.base_config import BaseConfig

BATCH_NUMBERS = 2**26
"""Numbers of a batch that are in memory for the way back: 256 MiB in single precision."""

BATCH_TOKENS = 2**10
"""Tokens of a batch at most. More make no batch faster."""


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a record."""

    record: int
    tokens: Sequence[int]
    """Special ones included."""

    weight: float
    """Weight of its loss in its record's: 1 / windows for a classifier, 1 / predicted tokens for a language model."""

    label: int
    """The class of its record; 0 for a language model."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowBatch:
    """Windows side by side, padded on the right to the longest."""

    records: torch.Tensor
    """`windows` int64: the record of each."""

    tokens: torch.Tensor
    """`windows x longest` int64; padding is 0."""

    lengths: torch.Tensor
    """`windows` int64."""

    weights: torch.Tensor
    """`windows`, in the precision of the network."""

    classes: torch.Tensor
    """`windows` int64; all 0 for a language model."""

    @property
    def mask(self) -> torch.Tensor:
        """`windows x longest`: where a token is."""
        return torch.arange(self.tokens.shape[1], device=self.tokens.device) < self.lengths[:, None]

    @property
    def predicting(self) -> torch.Tensor:
        """`windows x (longest - 1)`: where the next token is one too."""
        return self.mask[:, 1:]


def batch_tokens(config: BaseConfig, *, causal: bool, longest: int) -> int:
    """How many tokens of padded windows fit into `BATCH_NUMBERS`."""
    return max(longest, min(BATCH_TOKENS, BATCH_NUMBERS // token_numbers(config, causal=causal, longest=longest)))


def token_numbers(config: BaseConfig, *, causal: bool, longest: int) -> int:
    """Numbers that are in memory for one token of a batch.

    A block keeps about twenty vectors a token for the way back and one number for each pair of tokens and head; logits
    are kept three times. All heads together may be wider than the model.
    """
    widest = max(config.width, config.heads * config.head_size)
    block = 16 * widest + 4 * config.inner + 2 * config.heads * longest
    return config.depth * block + (3 * config.vocabulary if causal else 0)


def batched(
    windows: Sequence[Window],
    *,
    tokens: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Iterator[WindowBatch]:
    """Batches of at most `tokens` padded tokens, windows of about one length together, the longest first.

    The order of windows of one length is that of the records, so that the same texts make the same batches.
    """
    ordered = sorted(windows, key=lambda window: -len(window.tokens))
    start = 0
    while start < len(ordered):
        longest = len(ordered[start].tokens)
        part = ordered[start : start + max(1, tokens // longest)]
        start += len(part)
        padded = torch.zeros((len(part), longest), dtype=torch.int64)
        for place, window in enumerate(part):
            padded[place, : len(window.tokens)] = torch.tensor(window.tokens)
        yield WindowBatch(
            records=torch.tensor([window.record for window in part], device=device),
            tokens=padded.to(device),
            lengths=torch.tensor([len(window.tokens) for window in part], device=device),
            weights=torch.tensor([window.weight for window in part], dtype=dtype, device=device),
            classes=torch.tensor([window.label for window in part], device=device),
        )
