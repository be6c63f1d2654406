"""The demo's data where the label has more than two classes, or is a number or a count."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

from blindfair.influence.label import LabelKind
from blindfair.influence.table import Table
from blindfair.pricing.scenario import Scenario, make_scenario
from blindfair.pricing.utility import measure_utility
from blindfair.protocol import errors
from blindfair.protocol.records import Cell, Row

KINDS = tuple(LabelKind)


def table_of(kind: LabelKind) -> Table:
    """Digits, and the progress of diabetes, also counted in units of ten; numbered, so that no records are equal."""
    data = load_digits() if kind is LabelKind.CLASSES else load_diabetes()
    labels = (data.target // 10 if kind is LabelKind.COUNT else data.target).tolist()
    cast = float if kind is LabelKind.NUMBER else int
    rows = tuple((number, *map(float, x), cast(y)) for number, (x, y) in enumerate(zip(data.data, labels, strict=True)))
    return Table(("number", *(f"x{place}" for place in range(data.data.shape[1])), "y"), rows, "y")


def divided(kind: LabelKind, **options: float) -> tuple[Table, Scenario]:
    table = table_of(kind)
    return table, make_scenario(table, 3, label_kind=kind, **options)


def labels(rows: tuple[Row, ...]) -> list[float]:
    return [float(str(row[-1])) for row in rows]


def made(values: list[Cell]) -> Table:
    return Table(("x", "y"), tuple(enumerate(values)), "y")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_every_record_is_in_one_part_and_the_parts_are_alike(kind: LabelKind) -> None:
    table, scenario = divided(kind, duplicate_share=0.0)
    parts = scenario.train, scenario.validation, scenario.offer, scenario.test
    assert sorted(int(str(row[0])) for part in parts for row in part) == list(range(len(table.rows)))
    sizes = [len(part) / len(table.rows) for part in parts]
    assert sizes == pytest.approx([0.05, 0.10, 0.55, 0.30], abs=0.005)
    # The test set is not troubled, and large enough to have the table's mean.
    assert np.mean(labels(scenario.test)) == pytest.approx(np.mean(labels(table.rows)), rel=0.06)


def test_each_part_has_every_class() -> None:
    _, scenario = divided(LabelKind.CLASSES)
    for part in (scenario.train, scenario.validation, scenario.offer, scenario.test):
        assert len(set(labels(part))) == 10


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_only_labels_of_the_offer_are_wrong_and_only_as_the_truth_says(kind: LabelKind) -> None:
    table, scenario = divided(kind)
    known = set(table.labels())
    for row, wrong in zip(scenario.offer, scenario.truth.flipped, strict=True):
        source = table.rows[int(str(row[0]))]
        assert (row[-1] != source[-1]) == wrong
        assert row[:-1] == source[:-1] and row[-1] in known
    distinct = ~scenario.truth.duplicate
    assert scenario.truth.flipped[distinct].sum() == round(0.3 * distinct.sum())
    assert all(row == table.rows[int(str(row[0]))] for row in (*scenario.train, *scenario.validation, *scenario.test))


def test_a_label_is_read_as_its_owner_says_or_as_a_listing_reads_it() -> None:
    number, classes = table_of(LabelKind.NUMBER), table_of(LabelKind.CLASSES)
    assert make_scenario(number, 0).label_kind is LabelKind.NUMBER
    assert make_scenario(classes, 0).label_kind is LabelKind.CLASSES
    assert make_scenario(classes, 0, label_kind=LabelKind.COUNT).label_kind is LabelKind.COUNT


@pytest.mark.parametrize("sign", [1, -1], ids=["least", "largest"])
def test_most_labels_may_be_zero_and_no_part_is_of_zeros_alone(sign: int) -> None:
    """Twenty-one records of three hundred are not: each part has one at least."""
    values: list[Cell] = [sign * (number + 1.5) if number < 21 else 0.0 for number in range(300)]
    for seed in range(20):
        scenario = make_scenario(made(values), seed, label_kind=LabelKind.NUMBER)
        for part in (scenario.train, scenario.validation, scenario.test, scenario.offer):
            assert len(set(labels(part))) > 1


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([*range(19), *[50] * 281], LabelKind.NUMBER),
        ([*range(12), *[50] * 276, *range(100, 112)], LabelKind.NUMBER),
        ([-1, *range(299)], LabelKind.COUNT),
        ([0.5, *range(299)], LabelKind.COUNT),
        (["a", *range(299)], LabelKind.NUMBER),
        ([f"c{number}" for number in range(300)], LabelKind.CLASSES),
        ([*["a"] * 140, *["b"] * 141, *["c"] * 19], LabelKind.CLASSES),
        ([*["a"] * 148, *["b"] * 148, *["c"] * 4], LabelKind.CLASSES),
    ],
    ids=["few others", "few on a side", "negative", "no whole number", "text", "names", "rare", "too rare to list"],
)
def test_labels_that_cannot_be_divided_or_listed_are_refused(values: list[Cell], kind: LabelKind) -> None:
    with pytest.raises(errors.LabelUnusable):
        make_scenario(made(values), 0, label_kind=kind)


@pytest.mark.deep
@pytest.mark.parametrize(
    ("kind", "measure"),
    [(LabelKind.CLASSES, "accuracy"), (LabelKind.NUMBER, "r2"), (LabelKind.COUNT, "d2")],
    ids=["classes", "number", "count"],
)
def test_the_worth_of_a_purchase_is_measured_by_the_label_and_is_the_same_again(kind: LabelKind, measure: str) -> None:
    table = table_of(kind)
    table = Table(table.columns[1:], tuple(row[1:] for row in table.rows), "y")
    found, again = (
        measure_utility(table, seeds=(0, 1), flip_share=0.4, duplicate_share=0.05, label_kind=kind) for _ in range(2)
    )
    block = found.to_document()
    assert block == again.to_document()
    assert block["measure"] == measure
    means = {arm: float(str(block[f"{measure}_{arm}"])) for arm in ("before", "random", "by_score", "clean")}
    # What nobody could know is best; all four are those of models that have learned something.
    assert max(means, key=lambda arm: means[arm]) == "clean"
    assert min(means.values()) > {"accuracy": 0.6, "r2": 0.2, "d2": 0.2}[measure]
    assert block["bad_share_true"] == pytest.approx(0.4, abs=0.01)
    telling = float(str(block["flipped_label_auc"]))
    assert telling > (0.9 if kind is LabelKind.CLASSES else 0.55)
    if kind is LabelKind.CLASSES:
        assert means["by_score"] > means["random"] + 0.02
        assert float(str(block["bad_share_bought"])) < 0.3
