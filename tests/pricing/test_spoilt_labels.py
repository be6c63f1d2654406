"""Wrong labels that are put in on purpose are wrong, as many as said, and drawn evenly from all others."""

from collections import Counter

import numpy as np
import pytest

from blindfair.influence.label import LabelKind
from blindfair.pricing.spoilt_labels import spoilt_labels
from blindfair.protocol.records import Cell

LABELS: dict[LabelKind, list[Cell]] = {
    LabelKind.CLASSES: [f"c{number % 4}" for number in range(400)],
    LabelKind.NUMBER: [number % 40 / 8 for number in range(400)],
    LabelKind.COUNT: [0 if number % 2 else number % 7 for number in range(400)],
}


@pytest.mark.parametrize("kind", LabelKind, ids=lambda kind: kind.value)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_as_many_labels_are_wrong_as_said_and_the_others_stay(kind: LabelKind, share: float) -> None:
    labels = LABELS[kind]
    found, wrong = spoilt_labels(labels, kind, share, np.random.default_rng(0))
    assert wrong.sum() == round(share * len(labels))
    assert [label != other for label, other in zip(labels, found, strict=True)] == wrong.tolist()
    assert set(found) <= set(labels)


def test_a_wrong_class_is_any_other_alike() -> None:
    labels: list[Cell] = [*["a"] * 3000, "b", "c", "d"]
    found, wrong = spoilt_labels(labels, LabelKind.CLASSES, 0.9, np.random.default_rng(0))
    counts = Counter(label for label, is_wrong in zip(found[:3000], wrong[:3000], strict=True) if is_wrong)
    assert set(counts) == {"b", "c", "d"}
    assert min(counts.values()) > 800


def test_a_wrong_number_is_that_of_any_record_with_another() -> None:
    """Frequent numbers are frequent among wrong ones, too; those that equal the record's own are passed over."""
    labels: list[Cell] = [1.0, 0.0, 2.0, 1.0, 2.0, 2.0] * 500
    found, wrong = spoilt_labels(labels, LabelKind.NUMBER, 0.9, np.random.default_rng(0))
    drawn = Counter((own, new) for own, new, is_wrong in zip(labels, found, wrong, strict=True) if is_wrong)
    assert drawn[1.0, 2.0] / (drawn[1.0, 2.0] + drawn[1.0, 0.0]) == pytest.approx(3 / 4, abs=0.05)
    assert drawn[2.0, 1.0] / (drawn[2.0, 1.0] + drawn[2.0, 0.0]) == pytest.approx(2 / 3, abs=0.05)


def test_two_classes_take_nothing_from_the_generator_but_which_are_wrong() -> None:
    """Divisions of two classes, and all that was measured on them, stay as they were before there were others."""
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    spoilt_labels(["a", "b"] * 50, LabelKind.CLASSES, 0.3, one)
    other.choice(100, 30, replace=False)
    assert one.bit_generator.state == other.bit_generator.state
