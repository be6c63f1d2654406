"""Labels of every kind: how they are read, coded and published, and which cannot be learned."""

import json
from typing import Any

import numpy as np
import pytest

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import BOUND
from blindfair.influence.label import CLASSES_LIMIT, FEW_NUMBERS, LabelKind, choose_label_kind
from blindfair.protocol import errors
from blindfair.protocol.documents import canonical
from blindfair.protocol.records import Cell, Row

COLUMNS = ("x", "y")


def rows(labels: list[Any]) -> list[Row]:
    """Records whose other column varies."""
    return [(number * 37 % 101 / 10, label) for number, label in enumerate(labels)]


def made(labels: list[Any], kind: LabelKind | None = None) -> FeatureSchema:
    return FeatureSchema.infer(rows(labels), COLUMNS, "y", label_kind=kind)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["a", "b", "c"], LabelKind.CLASSES),
        ([0, 1], LabelKind.CLASSES),
        (list(range(FEW_NUMBERS)), LabelKind.CLASSES),
        (list(range(FEW_NUMBERS + 1)), LabelKind.NUMBER),
        ([n / 7 for n in range(30)], LabelKind.NUMBER),
        ([*map(str, range(30))], LabelKind.CLASSES),
        ([*range(30), True], LabelKind.CLASSES),
    ],
)
def test_many_different_numbers_are_a_number_and_all_else_is_classes(labels: list[Cell], kind: LabelKind) -> None:
    assert choose_label_kind(labels) is kind


def test_classes_are_coded_in_order_and_travel() -> None:
    schema = made(["red", "blue", "green"] * 20)
    assert schema.classes == ("blue", "green", "red") and schema.row_width == 3 * schema.width
    assert schema.encode(rows(["red", "blue"]))[1].tolist() == [2, 0]
    assert FeatureSchema.from_document(json.loads(canonical(schema.to_document()))) == schema
    assert "3 classes: " in schema.describe()
    with pytest.raises(errors.UnusableModel, match="label of record 1"):
        schema.encode(rows(["red", "black"]))


def test_a_document_of_two_classes_is_as_it_always_was() -> None:
    assert set(made(["no", "yes"] * 20).to_document()) == {"classes", "columns", "features", "label"}


def test_a_number_is_coded_by_robust_statistics_and_clipped() -> None:
    labels = [100 + n % 41 / 4 for n in range(205)]
    schema = made(labels)
    assert schema.label_kind is LabelKind.NUMBER and schema.row_width == schema.width and schema.classes == ()
    assert made([*labels, 1e300]).target == schema.target == made(labels[::-1]).target
    document = schema.to_document()
    assert document["classes"] is None and document["target"] == {"centre": 105.0, "kind": "number", "scale": 3.7}
    received = FeatureSchema.from_document(json.loads(canonical(document)))
    coded = received.encode(rows([105, 108.7, 1e300, -(10**30)]))[1]
    assert coded.tolist() == pytest.approx([0.0, 1.0, BOUND, -BOUND])
    assert coded.tobytes() == schema.encode(rows([105, 108.7, 1e300, -(10**30)]))[1].tobytes()
    for wrong in ("105", True, None):
        with pytest.raises(errors.UnusableModel, match="finite numbers"):
            schema.encode(rows([105, wrong]))


def test_a_count_is_divided_by_a_mean_that_few_records_do_not_move() -> None:
    labels = [n % 5 for n in range(100)]
    schema = made(labels, LabelKind.COUNT)
    assert schema.target is not None and schema.target.to_document() == {"centre": 0.0, "kind": "count", "scale": 1.9}
    assert made([*(n % 5 for n in range(80)), *[0, 1, 2, 3, 10**6] * 4], LabelKind.COUNT).target == schema.target
    assert schema.encode(rows([0, 19, 10**9]))[1].tolist() == pytest.approx([0.0, 8.0, 8.0])
    for wrong in (-1, 0.5):
        with pytest.raises(errors.UnusableModel, match="whole numbers"):
            schema.encode(rows([0, wrong]))


UNUSABLE = [
    ("one class", ["a"] * 20, None, "2 to 64"),
    ("65 classes", [f"c{n % 65}" for n in range(650)], None, "65: "),
    ("a number that is listed as classes", [n / 3 for n in range(100)], LabelKind.CLASSES, "label_kind='number'"),
    ("a rare class of three", ["a", "b"] * 20 + ["c"] * 4, None, "'c' in 4"),
    ("a text among numbers", [*range(100), "n/a"], LabelKind.NUMBER, "n/a"),
    ("a truth among numbers", [*range(100), True], LabelKind.NUMBER, "True"),
    ("a number that is infinite", [*map(float, range(100)), float("inf")], LabelKind.NUMBER, "inf"),
    ("a number that is none", [*map(float, range(100)), float("nan")], LabelKind.NUMBER, "nan"),
    ("a number that a double does not hold", [*range(100), 10**400], LabelKind.NUMBER, "1000"),
    ("a number that hardly varies", [1.0] * 100 + [2.0], LabelKind.NUMBER, "varies too little"),
    ("a negative count", [*range(100), -1], LabelKind.COUNT, "whole numbers from 0"),
    ("half a count", [*range(100), 0.5], LabelKind.COUNT, "whole numbers from 0"),
    ("a count that is hardly ever there", [0] * 100 + [1] * 8, LabelKind.COUNT, "varies too little"),
    ("a count that does not vary", [3] * 100, LabelKind.COUNT, "varies too little"),
]


@pytest.mark.parametrize(
    ("labels", "kind", "told"), [case[1:] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE]
)
def test_a_label_that_cannot_be_learned_is_refused_by_name(
    labels: list[Any], kind: LabelKind | None, told: str
) -> None:
    with pytest.raises(errors.LabelUnusable) as caught:
        made(labels, kind)
    assert told in str(caught.value) and caught.value.hint and len(str(caught.value)) < 600


def test_the_most_classes_are_taken_unless_their_rows_are_too_long() -> None:
    labels = [n % CLASSES_LIMIT for n in range(10 * CLASSES_LIMIT)]
    assert len(made(labels, LabelKind.CLASSES).classes) == CLASSES_LIMIT
    wide = [(*np.random.default_rng(n).normal(size=64).tolist(), label) for n, label in enumerate(labels)]
    columns = (*(f"x{n}" for n in range(64)), "y")
    with pytest.raises(errors.UnusableModel, match="65 times 64 classes"):
        FeatureSchema.infer(wide, columns, "y", label_kind=LabelKind.CLASSES)
