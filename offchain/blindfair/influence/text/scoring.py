"""A text model asked of a listing's records: which cell is the text, which the label, and rows of one length.

    records --TextScoring.rows--> n x k     a row divided by its own length, where the request says `normalised`

Rows are normalised because the gradient of a text that the model finds hard is long in every direction: without it,
shuffled words would score highest. Not here: the model and its rows (`model`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.features import same_value
from blindfair.influence.projection import Projection
from blindfair.influence.refusal import unusable
from blindfair.influence.scoring_model import RowsEstimate
from blindfair.influence.text.base_model import BaseModel, BaseModels
from blindfair.influence.text.logra import check_sides
from blindfair.influence.text.model import AT_ONCE, TextModel
from blindfair.influence.text.windows import TextWindows
from blindfair.protocol.documents import Document, canonical
from blindfair.protocol.errors import FieldMismatch, ShapeMismatch, UnusableModel
from blindfair.protocol.fields import Fields
from blindfair.protocol.quantities import Digest
from blindfair.protocol.records import Cell
from blindfair.protocol.schema import COLUMN_LIMIT, NAME_LIMIT


@dataclass(frozen=True, slots=True, eq=False)
class TextScoring:
    """`model` on records of these `columns`, read as `preprocessing` says. Raises UnusableModel where they differ."""

    NAME: ClassVar[str] = TextModel.NAME

    model: TextModel
    preprocessing: TextPreprocessing
    columns: tuple[str, ...]
    normalised: bool

    def __post_init__(self) -> None:
        asked, listed = self.model.windows, windows_of(self.preprocessing, self.model.base)
        if asked != listed:
            raise UnusableModel("The model reads other windows than the listing says", expected=listed, found=asked)
        if self.model.classes != len(self.preprocessing.classes):
            raise UnusableModel(
                "The model has another number of classes than the listing's label",
                expected=len(self.preprocessing.classes),
                found=self.model.classes,
            )
        self.preprocessing.check_base(self.model.base.digest)
        if not {self.preprocessing.column, self.preprocessing.label} - {None} <= set(self.columns):
            raise UnusableModel("The text or the label is not among the columns", found=", ".join(self.columns[:12]))

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.NAME

    @property
    def k(self) -> int:
        """Entries of a gradient row, before projection."""
        return self.model.k

    @property
    def features(self) -> int:
        """Numbers that a record becomes: its tokens."""
        return self.preprocessing.window * self.preprocessing.max_windows

    @property
    def batch(self) -> int:
        """Records that are sorted by length together; the model makes smaller batches of these by itself."""
        return AT_ONCE

    def rows(self, records: Sequence[Sequence[Cell]], projection: Projection | None = None) -> Floats:
        """`n x k` projected gradients of each record's loss, sign +, of length 1 where they are normalised.

        A text in which the model finds nothing to score has a row of zeros: a refusal would tell, without any noise,
        which texts have words that a buyer's own tokenizer knows. Raises ShapeMismatch for a record of another width,
        UnusableModel for no projection or a label that is no class.
        """
        if projection is None:
            raise UnusableModel("Rows of a text model are too long without a projection", expected="a projection")
        texts, codes = self.texts(records), self.codes(records)
        kept = self.model.readable(texts)
        rows = np.zeros((len(texts), projection.k))
        if kept:
            some = None if codes is None else [codes[place] for place in kept]
            rows[kept] = self.model.rows([texts[place] for place in kept], some, projection)
        return unit_rows(rows) if self.normalised else rows

    def texts(self, records: Sequence[Sequence[Cell]]) -> list[str]:
        """The text of each record; nothing where it is missing. Raises ShapeMismatch."""
        return [str(cell) if cell is not None else "" for cell in self._cells(records, self.preprocessing.column)]

    def codes(self, records: Sequence[Sequence[Cell]]) -> list[int] | None:
        """The class of each record, None without a label. Raises ShapeMismatch, UnusableModel."""
        if self.preprocessing.label is None:
            return None
        return class_codes(self._cells(records, self.preprocessing.label), self.preprocessing.classes)

    def estimate(self, records: int, sample: Sequence[Sequence[Cell]] = ()) -> RowsEstimate:
        """What `rows` of so many records will cost, if they have as many windows as those of `sample`; one each without
        a sample. Raises ShapeMismatch."""
        return self.model.estimate(records, windows=self.model.mean_windows(self.texts(sample)) if sample else 1.0)

    @property
    def products(self) -> int:
        """Multiplications for one record's row: forward and back, each weight once a token."""
        return 3 * self.model.k * self.features

    def check_projection(self, projection: Projection) -> None:
        """Check that a projection has two matrices for each layer of the model, of its sizes. Raises ShapeMismatch."""
        check_sides(self.model.network, projection)

    def check_built_on(self, listed: Document, columns: Sequence[str]) -> None:
        """Check that the model reads texts and columns as the listing says. Raises FieldMismatch."""
        if tuple(columns) != self.columns:
            raise FieldMismatch(
                "The scoring model is for records of other columns than the listing's",
                expected=", ".join(columns[:12]),
                found=", ".join(self.columns[:12]),
            )
        if canonical(self.preprocessing.to_document()) != canonical(listed):
            raise FieldMismatch(
                "The scoring model reads texts otherwise than the listing says",
                expected="the manifest's preprocessing",
                found="another one",
                hint="build the scoring model on the manifest's preprocessing",
            )

    def to_parts(self) -> tuple[Document, bytes]:
        """Config and safetensors weights, as `from_parts` takes them."""
        config, weights = self.model.to_parts()
        return {
            "columns": list(self.columns),
            "model": config,
            "normalised": self.normalised,
            "preprocessing": self.preprocessing.to_document(),
        }, weights

    @classmethod
    def from_parts(
        cls, config: Document, weights: bytes, bases: Mapping[Digest, BaseModel] | BaseModels
    ) -> "TextScoring":
        """A counterparty's model, checked in full. Raises UnusableModel."""
        with unusable("The config of the scoring model cannot be used"):
            fields = Fields(config, "config")
            columns = tuple(fields.texts("columns", NAME_LIMIT, COLUMN_LIMIT))
            model, normalised = fields.document("model"), fields.flag("normalised")
            preprocessing = TextPreprocessing.from_document(fields.document("preprocessing"))
            fields.done()
        return cls(TextModel.from_parts(model, weights, bases), preprocessing, columns, normalised)

    def _cells(self, records: Sequence[Sequence[Cell]], column: str) -> list[Cell]:
        place = self.columns.index(column)
        for number, record in enumerate(records):
            if len(record) != len(self.columns):
                raise ShapeMismatch(
                    f"Record {number} does not have the model's columns", expected=len(self.columns), found=len(record)
                )
        return [record[place] for record in records]


def windows_of(preprocessing: TextPreprocessing, base: BaseModel) -> TextWindows:
    """The windows that a base model reads of a listing's texts: as long as the listing says, if it reads so much."""
    return TextWindows(min(preprocessing.window, base.context - len(base.special)), preprocessing.max_windows)


def unit_rows(rows: Floats) -> Floats:
    """Rows `n x k` divided by their lengths. One of zeros stays; one that is not finite has no finite entry but 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths == 0, 1.0, lengths), dtype=np.float64)


def class_codes(labels: Sequence[Cell], classes: Sequence[Cell]) -> list[int]:
    """The place of each label among the classes. Raises UnusableModel for one that is none of them."""
    codes: list[int] = []
    for number, label in enumerate(labels):
        place = next((code for code, value in enumerate(classes) if same_value(label, value)), None)
        if place is None:
            # The label is a record's content and not for printing: it may be the counterparty's.
            raise UnusableModel(
                f"The label of record {number} is not a class of the model",
                expected=f"one of {len(classes)} classes",
                found="another value",
            )
        codes.append(place)
    return codes
