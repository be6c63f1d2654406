"""The rule by which a document becomes windows of tokens that a model reads, and what its loss is a mean of.

Not here: which tokenizers are taken (`tokenizer_file`), and the model (`model`).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextWindows:
    """Consecutive windows of `window` tokens without overlap, the last one shorter, at most `max_windows` of them."""

    window: int
    max_windows: int

    def cut(self, tokens: Sequence[int], shortest: int) -> list[Sequence[int]]:
        """The windows of one document; those under `shortest` tokens are dropped, unless it is the only one."""
        raise NotImplementedError
