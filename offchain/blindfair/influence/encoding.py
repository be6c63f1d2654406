"""From records to the numbers that a model takes: a schema that the seller computes from its records and publishes in
the manifest, and that every scoring model is built on (PROTOCOL 2, 4.1).

    records --FeatureSchema.encode--> X (n x d float64, last column 1 for the bias), y (n class codes, or n numbers)

Not here: one column's arithmetic (`features`), the label's (`label`), and the model (`models`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.features import (
    CategoryFeature,
    NumberFeature,
    category_values,
    is_number,
    same_value,
)
from blindfair.influence.images.feature import ImageFeature
from blindfair.influence.label import (
    CLASSES_LIMIT,
    LabelKind,
    NumberTarget,
    check_labelled,
    choose_label_kind,
    read_classes,
)
from blindfair.influence.refusal import unusable
from blindfair.influence.spelling import shown
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import (
    InvalidOption,
    LabelMissing,
    MalformedMessage,
    ShapeMismatch,
    UnusableModel,
)
from blindfair.protocol.fields import Fields
from blindfair.protocol.records import Cell, PlainCell
from blindfair.protocol.schema import COLUMN_LIMIT, NAME_LIMIT

WIDTH_LIMIT = 4096
"""Entries of the longest gradient row that can be scored: features with the bias, times classes of more than two."""

IMAGE_WIDTH_LIMIT = 2**16 + 1
"""The same of images, whose rows are projected where they are longer than `WIDTH_LIMIT`."""

Feature = NumberFeature | CategoryFeature | ImageFeature

_SHOWN_CLASSES = 4


@dataclass(frozen=True, slots=True)
class FeatureSchema:
    """How records of these `columns` become features and labels. Columns without a feature are not read.

    `classes[c]` is coded `c`; numbers come before texts, texts by code point. A label that is a number has no classes
    but a `target`.
    """

    columns: tuple[str, ...]
    label: str
    classes: tuple[PlainCell, ...]
    features: tuple[Feature, ...]
    target: NumberTarget | None = None

    @classmethod
    def infer(
        cls,
        rows: Sequence[Sequence[Cell]],
        columns: Sequence[str],
        label: str,
        *,
        categorical: Collection[str] = (),
        excluded: Collection[str] = (),
        label_kind: LabelKind | None = None,
    ) -> "FeatureSchema":
        """Make a schema: a column is a number if all of its cells are, unless `categorical` names it.

        Columns that do not vary are left out, and those of `excluded`, which the listing keeps from all models. The
        label is of `label_kind`, or of the kind that `choose_label_kind` finds. The schema is public: it holds all
        classes, robust and rounded centres and scales, and categories that `RARE` records have. The order of the
        records does not matter.

        Raises LabelMissing, LabelUnusable, InvalidOption (`categorical` names no column), UnusableModel (nothing
        varies, or rows of more than `WIDTH_LIMIT` entries).
        """
        unknown = sorted(set(categorical) - set(columns))
        if unknown:
            raise InvalidOption("These columns are not in the table", expected="column names", found=", ".join(unknown))
        if label not in columns:
            raise LabelMissing("The label column is not in the table", expected=repr(label))
        place = list(columns).index(label)
        labels = [row[place] for row in rows]
        check_labelled(labels, label)
        kind = choose_label_kind(labels) if label_kind is None else label_kind
        features = infer_features(rows, columns, {label, *excluded}, categorical)
        if kind is LabelKind.CLASSES:
            schema = cls(tuple(columns), label, read_classes(labels, label), features)
        else:
            schema = cls(tuple(columns), label, (), features, NumberTarget.infer(kind, labels, label))
        schema._check_width()
        return schema

    @property
    def label_kind(self) -> LabelKind:
        """How the label is read."""
        return LabelKind.CLASSES if self.target is None else self.target.kind

    @property
    def image(self) -> ImageFeature | None:
        """How images are read, where the records hold any."""
        return next((feature for feature in self.features if isinstance(feature, ImageFeature)), None)

    @property
    def row_width(self) -> int:
        """Entries of a gradient row of the linear model: one for each feature, of more than two classes for each."""
        return self.width * (len(self.classes) if len(self.classes) > 2 else 1)

    @property
    def names(self) -> list[str]:
        """`d` names of features in order, the bias last."""
        return [name for feature in self.features for name in feature.names] + ["bias"]

    @property
    def width(self) -> int:
        """`d`, the number of features with the bias."""
        return len(self.names)

    def encode(self, rows: Sequence[Sequence[Cell]]) -> tuple[Floats, Labels]:
        """Features `n x d`, the last one 1, and labels `n`, from records in the order of `columns`.

        Labels are class codes or standardised numbers. Values that were not seen before never fail: a text for a number
        counts as missing, a new category as other. Raises ShapeMismatch for a record of another width, UnusableModel
        for a label that is no class, or no number of the label's kind.
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
        return features, self.encode_labels([row[place] for row in rows])

    def encode_labels(self, cells: Sequence[Cell]) -> Labels:
        """Labels `n` alone. Raises UnusableModel."""
        if self.target is None:
            return np.array([self._code(number, cell) for number, cell in enumerate(cells)], dtype=np.int64)
        for number, cell in enumerate(cells):
            if not self.target.takes(cell):
                raise self._refusal(number, self.target.expected)
        return self.target.encode(cells)

    def _code(self, number: int, cell: Cell) -> int:
        for code, value in enumerate(self.classes):
            if same_value(cell, value):
                return code
        shown_classes = " or ".join(map(repr, self.classes[:_SHOWN_CLASSES]))
        raise self._refusal(number, shown_classes + (" or ..." if len(self.classes) > _SHOWN_CLASSES else ""))

    def _refusal(self, number: int, expected: str) -> UnusableModel:
        # The label is a record's content and not for printing: it may be the counterparty's.
        return UnusableModel(
            f"The label of record {number} is none that the model takes",
            expected=f"{expected} in column {self.label!r}",
            found="another value",
        )

    def describe(self) -> str:
        """Lines for a person: what is predicted and how each column is used."""
        lines = [self._described_label()]
        for feature in self.features:
            if isinstance(feature, NumberFeature):
                flagged = ", one more feature where missing" if feature.flags_missing else ""
                lines.append(
                    f"{feature.column}: number, centre {feature.centre:.6g}, scale {feature.scale:.6g}{flagged}"
                )
            elif isinstance(feature, ImageFeature):
                lines.append(
                    f"{feature.column}: images of {feature.form}, centre {feature.centre:.6g}, "
                    f"scale {feature.scale:.6g}"
                )
            else:
                lines.append(f"{feature.column}: one feature each: {', '.join(feature.names)}")
        used = {feature.column for feature in self.features} | {self.label}
        unused = [column for column in self.columns if column not in used]
        if unused:
            lines.append(
                f"not used by models (constant, no frequent value, or excluded from them): {', '.join(unused)}; "
                "buyers still get the values with the records; `exclude` leaves a column out"
            )
        return "\n".join(lines)

    def _described_label(self) -> str:
        if self.target is None:
            if len(self.classes) == 2:
                return f"{self.label}: {self.classes[1]!r} is class 1, {self.classes[0]!r} is class 0"
            more = ", ..." if len(self.classes) > _SHOWN_CLASSES else ""
            return (
                f"{self.label}: {len(self.classes)} classes: "
                f"{', '.join(map(shown, self.classes[:_SHOWN_CLASSES]))}{more}"
            )
        centre = f" centre {self.target.centre:.6g}," if self.target.kind is LabelKind.NUMBER else ""
        return f"{self.label}: a {self.target.kind.value},{centre} scale {self.target.scale:.6g}"

    def to_document(self) -> Document:
        """The schema as a document: the manifest's `preprocessing`, and a part of each scoring model's config."""
        target: Document = {} if self.target is None else {"target": self.target.to_document()}
        return {
            "classes": list(self.classes) if self.target is None else None,
            "columns": list(self.columns),
            "features": [feature.to_document() for feature in self.features],
            "label": self.label,
            **target,
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
        classes, target = _label_of(fields)
        features = tuple(_feature(part) for part in fields.subs("features", COLUMN_LIMIT))
        fields.done()
        used = [feature.column for feature in features]
        if len(set(columns)) != len(columns) or len(set(used)) != len(used):
            raise MalformedMessage("a column is there twice")
        if label not in columns or label in used or not set(used) <= set(columns):
            raise MalformedMessage("the label or a feature does not belong to the columns")
        schema = cls(columns, label, classes, features, target)
        schema._check_width()
        return schema

    def _check_width(self) -> None:
        if self.image is not None and self.width <= IMAGE_WIDTH_LIMIT:
            return
        if not 2 <= self.width <= self.row_width <= WIDTH_LIMIT:
            times = f" times {len(self.classes)} classes" if self.row_width > self.width else ""
            raise UnusableModel(
                "The schema has a number of features that cannot be scored",
                expected=f"2 ... {WIDTH_LIMIT}, the bias included{', for all classes' if times else ''}",
                found=f"{self.width}{times}",
                hint="leave out columns, or use records in which some column varies",
            )


def infer_features(
    rows: Sequence[Sequence[Cell]],
    columns: Sequence[str],
    excluded: Collection[str],
    categorical: Collection[str] = (),
) -> tuple[Feature, ...]:
    """The features of all columns that vary, in order, but for those of `excluded`."""
    found = []
    for place, column in enumerate(columns):
        if column in excluded:
            continue
        cells = [row[place] for row in rows]
        is_amount = column not in categorical and all(cell is None or is_number(cell) for cell in cells)
        kind: type[Feature] = NumberFeature if is_amount else CategoryFeature
        if any(isinstance(cell, bytes) for cell in cells):
            kind = ImageFeature
        feature = kind.infer(column, cells)
        if feature is not None:
            found.append(feature)
    return tuple(found)


def _feature(fields: Fields) -> Feature:
    kinds: Mapping[str, type[Feature]] = {
        "category": CategoryFeature,
        "image": ImageFeature,
        "number": NumberFeature,
    }
    return kinds[fields.choice("kind", list(kinds))].from_fields(fields)


def _label_of(fields: Fields) -> tuple[tuple[PlainCell, ...], NumberTarget | None]:
    """The classes of a label, or its target where `classes` is null. Raises MalformedMessage."""
    if fields.has("target"):
        if fields.optional_document("classes") is not None:
            raise MalformedMessage("a label has classes and a target", expected="classes that are null")
        return (), NumberTarget.from_fields(fields.sub("target"))
    classes = category_values(fields.items("classes", CLASSES_LIMIT))
    if len(classes) < 2 or None in classes:
        raise MalformedMessage("a label has two classes or more", expected=f"2 ... {CLASSES_LIMIT}", found=len(classes))
    return classes, None
