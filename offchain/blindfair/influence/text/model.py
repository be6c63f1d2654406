"""A text model as scoring model: a base that both parties have, a difference that travels, and how texts are cut.

Not here: gradient rows (`logra`), what travels (`difference`), and how a buyer finds one (`fine_tuning`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection
from blindfair.influence.scoring_model import RowsEstimate
from blindfair.influence.text.base_model import BaseModel, BaseModels
from blindfair.influence.text.difference import Difference
from blindfair.influence.text.windows import TextWindows
from blindfair.protocol.documents import Document
from blindfair.protocol.quantities import Digest


@dataclass(frozen=True, slots=True, eq=False)
class TextModel:
    """`base` with `difference`, reading `windows`. `classes` is 0 for a language model."""

    NAME: ClassVar[str] = "text-model"

    base: BaseModel
    difference: Difference
    windows: TextWindows
    classes: int = 0

    @property
    def k(self) -> int:
        """Entries `d` of a gradient row, before projection."""
        raise NotImplementedError

    def rows(self, texts: Sequence[str], labels: Sequence[int] | None, projection: Projection) -> Floats:
        """`n x k` projected gradients of each record's loss, sign +; computed in single precision.

        Raises UnusableText, ShapeMismatch, UnusableModel.
        """
        raise NotImplementedError

    def losses(self, texts: Sequence[str], labels: Sequence[int] | None) -> Floats:
        """Each record's loss, `n` nats: a token's mean for a language model, a window's for a classifier."""
        raise NotImplementedError

    def disagreement(
        self, texts: Sequence[str], labels: Sequence[int] | None, projection: Projection, row_scales: Floats
    ) -> float:
        """How far two honest machines may lie apart in these `n` rows at most, in units of each row's own scale."""
        raise NotImplementedError

    def estimate(self, records: int) -> RowsEstimate:
        """What `rows` of so many records of full windows will cost."""
        raise NotImplementedError

    def to_parts(self) -> tuple[Document, bytes]:
        """Config and safetensors weights, as `from_parts` takes them."""
        raise NotImplementedError

    @classmethod
    def from_parts(
        cls, config: Document, weights: bytes, bases: Mapping[Digest, BaseModel] | BaseModels
    ) -> "TextModel":
        """A counterparty's model, checked in full. Raises UnusableModel."""
        raise NotImplementedError
