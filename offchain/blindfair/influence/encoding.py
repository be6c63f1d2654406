"""From records to the numbers that a model takes: a schema that the seller computes from its records and publishes in
the manifest, and that every scoring model is built on (PROTOCOL 2, 4.1).

    records --FeatureSchema.encode--> X (n x d float64, last column 1 for the bias), y (n, 0 or 1)

Not here: one column's arithmetic (`features`), and the model (`models`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.features import (
    CategoryFeature,
    Feature,
    NumberFeature,
    category_values,
    is_number,
    same_value,
)
from blindfair.influence.refusal import unusable
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import (
    InvalidOption,
    LabelMissing,
    MalformedMessage,
    NotTwoClasses,
    ShapeMismatch,
    UnusableModel,
)
from blindfair.protocol.fields import Fields
from blindfair.protocol.records import Cell
from blindfair.protocol.schema import COLUMN_LIMIT, NAME_LIMIT

WIDTH_LIMIT = 4096
"""Features at most, bias included: the longest gradient row that can be scored."""


@dataclass(frozen=True, slots=True)
class FeatureSchema:
    """How records of these `columns` become features and classes. Columns without a feature are not read.

    `classes[1]` is coded 1: the greater of the two values, texts by code point.
    """

    columns: tuple[str, ...]
    label: str
    classes: tuple[Cell, Cell]
    features: tuple[Feature, ...]

    @classmethod
    def infer(
        cls,
        rows: Sequence[Sequence[Cell]],
        columns: Sequence[str],
        label: str,
        *,
        categorical: Collection[str] = (),
        excluded: Collection[str] = (),
    ) -> "FeatureSchema":
        """Make a schema: a column is a number if all of its cells are, unless `categorical` names it.

        Columns that do not vary are left out, and those of `excluded`, which the listing keeps from all models. The
        schema is public: it holds both classes, robust and rounded centres and scales, and categories that `RARE`
        records have. The order of the records does not matter.

        Raises LabelMissing, NotTwoClasses, InvalidOption (`categorical` names no column), UnusableModel (nothing
        varies, or more than `WIDTH_LIMIT` features).
        """
        unknown = sorted(set(categorical) - set(columns))
        if unknown:
            raise InvalidOption("These columns are not in the table", expected="column names", found=", ".join(unknown))
        if label not in columns:
            raise LabelMissing("The label column is not in the table", expected=repr(label))
        classes = _two_classes([row[list(columns).index(label)] for row in rows], label)
        features = []
        for place, column in enumerate(columns):
            if column == label or column in excluded:
                continue
            cells = [row[place] for row in rows]
            is_amount = column not in categorical and all(cell is None or is_number(cell) for cell in cells)
            feature = (NumberFeature if is_amount else CategoryFeature).infer(column, cells)
            if feature is not None:
                features.append(feature)
        schema = cls(tuple(columns), label, classes, tuple(features))
        schema._check_width()
        return schema

    @property
    def names(self) -> list[str]:
        """`d` names of features in order, the bias last."""
        return [name for feature in self.features for name in feature.names] + ["bias"]

    @property
    def width(self) -> int:
        """`d`, the number of features with the bias."""
        return len(self.names)

    def encode(self, rows: Sequence[Sequence[Cell]]) -> tuple[Floats, Classes]:
        """Features `n x d`, the last one 1, and classes `n`, from records in the order of `columns`.

        Values that were not seen before never fail: a text for a number counts as missing, a new category as other.
        Raises ShapeMismatch for a record of another width, UnusableModel for a label that is neither class.
        """
        for number, row in enumerate(rows):
            if len(row) != len(self.columns):
                raise ShapeMismatch(
                    f"Record {number} does not have the model's columns", expected=len(self.columns), found=len(row)
                )
        places = {column: place for place, column in enumerate(self.columns)}
        blocks = [feature.encode([row[places[feature.column]] for row in rows]) for feature in self.features]
        features = np.column_stack([*blocks, np.ones(len(rows))])
        place = places[self.label]
        return features, np.array([self._code(number, row[place]) for number, row in enumerate(rows)], dtype=np.int64)

    def _code(self, number: int, cell: Cell) -> int:
        for code, value in enumerate(self.classes):
            if same_value(cell, value):
                return code
        # The label is a record's content and not for printing: it may be the counterparty's.
        raise UnusableModel(
            f"The label of record {number} is not a class of the model",
            expected=f"{self.classes[0]!r} or {self.classes[1]!r} in column {self.label!r}",
            found="another value",
        )

    def describe(self) -> str:
        """Lines for a person: what is predicted and how each column is used."""
        lines = [f"{self.label}: {self.classes[1]!r} is class 1, {self.classes[0]!r} is class 0"]
        for feature in self.features:
            if isinstance(feature, NumberFeature):
                flagged = ", one more feature where missing" if feature.flags_missing else ""
                lines.append(
                    f"{feature.column}: number, centre {feature.centre:.6g}, scale {feature.scale:.6g}{flagged}"
                )
            else:
                lines.append(f"{feature.column}: one feature each: {', '.join(feature.names)}")
        used = {feature.column for feature in self.features} | {self.label}
        unused = [column for column in self.columns if column not in used]
        if unused:
            lines.append(
                f"not used, as they do not vary, have no frequent value, or are kept from models: {', '.join(unused)}"
            )
        return "\n".join(lines)

    def to_document(self) -> Document:
        """The schema as a document: the manifest's `preprocessing`, and a part of each scoring model's config."""
        return {
            "classes": list(self.classes),
            "columns": list(self.columns),
            "features": [feature.to_document() for feature in self.features],
            "label": self.label,
        }

    @classmethod
    def from_document(cls, document: Document) -> "FeatureSchema":
        """A counterparty's schema, checked in full. Raises UnusableModel."""
        with unusable("The schema of the scoring model cannot be used"):
            return cls.from_fields(Fields(document, "schema"))

    @classmethod
    def from_fields(cls, fields: Fields) -> "FeatureSchema":
        """The same, as a part of a greater document. Raises MalformedMessage, UnusableModel."""
        columns = tuple(fields.texts("columns", NAME_LIMIT, COLUMN_LIMIT))
        label = fields.text("label", NAME_LIMIT)
        classes = category_values(fields.items("classes", 2))
        features = tuple(_feature(part) for part in fields.subs("features", COLUMN_LIMIT))
        fields.done()
        if len(classes) != 2 or None in classes:
            raise MalformedMessage("a label has two classes", expected=2, found=len(classes))
        used = [feature.column for feature in features]
        if len(set(columns)) != len(columns) or len(set(used)) != len(used):
            raise MalformedMessage("a column is there twice")
        if label not in columns or label in used or not set(used) <= set(columns):
            raise MalformedMessage("the label or a feature does not belong to the columns")
        schema = cls(columns, label, (classes[0], classes[1]), features)
        schema._check_width()
        return schema

    def _check_width(self) -> None:
        if not 2 <= self.width <= WIDTH_LIMIT:
            raise UnusableModel(
                "The schema has a number of features that cannot be scored",
                expected=f"2 ... {WIDTH_LIMIT}, the bias included",
                found=self.width,
                hint="leave out columns, or use records in which some column varies",
            )


def _feature(fields: Fields) -> Feature:
    if fields.choice("kind", ("category", "number")) == "number":
        return NumberFeature.from_fields(fields)
    return CategoryFeature.from_fields(fields)


def _two_classes(labels: Sequence[Cell], label: str) -> tuple[Cell, Cell]:
    if None in labels:
        raise LabelMissing("A record has no label", expected=f"a value in column {label!r}")
    found = sorted(set(labels), key=lambda cell: (isinstance(cell, str), cell if is_number(cell) else 0, str(cell)))
    if len(found) != 2:
        raise NotTwoClasses(
            f"The records do not hold two classes of {label!r}",
            expected=2,
            found=len(found),
            hint="take records of both classes",
        )
    with unusable("The classes of the label cannot be used"):
        first, second = category_values(found)
    return first, second
