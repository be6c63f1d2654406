"""Fine-tuning a base model on a buyer's own texts by LoRA, the same result for the same seed and number of threads.

Not here: gradient rows (`logra`), and what a query is (`influence.query`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from blindfair.influence.arrays import Floats
from blindfair.influence.text.difference import Difference
from blindfair.influence.text.model import TextModel


@dataclass(frozen=True, slots=True, eq=False)
class FineTuned:
    """A fine-tuned model's difference from its base, and from the model that it began from, a matrix a layer."""

    difference: Difference
    displacements: tuple[Floats, ...]


def fine_tune(
    model: TextModel,
    texts: Sequence[str],
    labels: Sequence[int] | None,
    *,
    steps: int,
    seed: int,
    rank: int = 8,
    rate: float = 2e-3,
    batch: int = 16,
) -> FineTuned:
    """`steps` steps of AdamW on `batch` texts each. Raises InvalidOption, NoRecords, UnusableModel, UnusableText."""
    raise NotImplementedError
