"""The interface of scoring models. The kinds and their registry are in `models` and `network`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.projection import Projection
from blindfair.protocol.documents import Document
from blindfair.protocol.quantities import Seconds
from blindfair.protocol.records import Cell

BATCH_NUMBERS = 2**22
"""Numbers of a batch's rows that are in memory at once: 32 MiB of doubles."""


@dataclass(frozen=True, slots=True)
class RowsEstimate:
    """The cost of computing gradient rows on this machine."""

    records: int
    """Number of records."""

    rows_bytes: int
    """Bytes of the result, `records x k` float64."""

    peak_bytes: int
    """Bytes at the worst moment: the result, the features and one batch."""

    seconds: Seconds
    """Rounded up, from a trial of one batch; encoding of the cells not counted."""

    windows: float = 1.0
    """Parts of a record that are computed one by one, on average: the windows of a text, and 1 of other records."""


class RowModel(Protocol):
    """The interface of every scoring model, of tables and of texts: gradient rows of records."""

    @property
    def name(self) -> str:
        """Its name in the registry."""
        ...

    @property
    def k(self) -> int:
        """Entries `d` of a gradient row, before projection."""
        ...

    @property
    def features(self) -> int:
        """Numbers that a record becomes."""
        ...

    @property
    def batch(self) -> int:
        """Records whose rows are computed together: parts of whole batches have the same rows as all at once."""
        ...

    @property
    def products(self) -> int:
        """Multiplications for one record's row, before projection."""
        ...

    def rows(self, records: Sequence[Sequence[Cell]], projection: Projection | None = None) -> Floats:
        """`n x d` gradients of each record's loss, or `n x k` projected ones.

        Sign +: the sign of a score is in the query (PROTOCOL 4.1). Raises ShapeMismatch, UnusableModel.
        """
        ...

    def estimate(self, records: int, sample: Sequence[Sequence[Cell]] = ()) -> RowsEstimate:
        """The cost of `rows` for so many records; of texts, for records as long as those of `sample`."""
        ...

    def to_parts(self) -> tuple[Document, bytes]:
        """Config and safetensors weights, as `load_scoring_model` takes them."""
        ...


@runtime_checkable
class ScoringModel(RowModel, Protocol):
    """The interface of a scoring model of tables."""

    @property
    def schema(self) -> FeatureSchema:
        """How records become numbers."""
        ...

    @property
    def weights(self) -> Floats:
        """`d` parameters, float64."""
        ...

    def gradients(self, X: Floats, y: Labels, projection: Projection | None = None) -> Floats:
        """The same of records that are numbers already: `n x features` and labels `n`."""
        ...

    def disagreement(self, X: Floats, y: Labels, projection: Projection, row_scales: Floats) -> float:
        """How far two honest machines may lie apart in these `n` rows at most, in units of each row's own scale."""
        ...
