"""A scoring model is built on the listing's preprocessing, and the buyer's own records are written as it says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from blindfair.influence.built_on import check_built_on
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import CategoryFeature, NumberFeature
from blindfair.influence.label import LabelKind, NumberTarget
from blindfair.influence.own_kinds import check_own_records
from blindfair.protocol.errors import FieldMismatch
from blindfair.protocol.records import Cell, Row

AGE = NumberFeature("age", 38.0, 8.5, True)
SITE = CategoryFeature("site", ("north", "south"))
ARM = CategoryFeature("arm", (0, 1, 2))
LISTED = FeatureSchema(("age", "site", "arm", "note", "y"), "y", (0, 1), (AGE, SITE, ARM))


def with_features(*features: NumberFeature | CategoryFeature) -> FeatureSchema:
    return replace(LISTED, features=features)


@pytest.mark.parametrize(
    "asked",
    [
        LISTED,
        FeatureSchema.from_document(LISTED.to_document()),
        with_features(AGE),
        with_features(AGE, ARM),
        with_features(SITE, ARM),
        # 1.0 is the number 1 in JSON, and the same category.
        with_features(AGE, SITE, replace(ARM, values=(0.0, 1.0, 2.0))),
    ],
)
def test_the_listings_preprocessing_is_taken_also_in_part(asked: FeatureSchema) -> None:
    check_built_on(asked, LISTED)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (with_features(replace(AGE, scale=8.6), SITE, ARM), "column 'age' otherwise"),
        (with_features(replace(AGE, scale=1.0, centre=0.0), SITE, ARM), "column 'age' otherwise"),
        (with_features(replace(AGE, centre=38.00000000000001), SITE), "column 'age' otherwise"),
        (with_features(replace(AGE, flags_missing=False)), "column 'age' otherwise"),
        (with_features(AGE, replace(SITE, values=("south", "north"))), "column 'site' otherwise"),
        (with_features(AGE, replace(SITE, values=("north",))), "column 'site' otherwise"),
        (with_features(AGE, replace(SITE, values=("north", "south", "west"))), "column 'site' otherwise"),
        # Equal in Python, and another category.
        (with_features(AGE, SITE, replace(ARM, values=(False, True, 2))), "column 'arm' otherwise"),
        (with_features(AGE, SITE, NumberFeature("arm", 0.0, 1.0, False)), "column 'arm' otherwise"),
        (with_features(AGE, CategoryFeature("note", ("x",))), "column 'note' otherwise"),
        (with_features(SITE, AGE, ARM), "another order"),
        (replace(LISTED, classes=(1, 0)), "other classes"),
        (replace(LISTED, classes=(False, True)), "other classes"),
        (replace(LISTED, classes=(0, 1, 2)), "other classes"),
        (replace(LISTED, classes=(), target=NumberTarget(LabelKind.NUMBER, 0.0, 1.0)), "other classes"),
        (replace(LISTED, label="note"), "other label"),
        (replace(LISTED, columns=("age", "site", "arm", "text", "y")), "other columns"),
        (replace(LISTED, columns=("site", "age", "arm", "note", "y")), "other columns"),
    ],
)
def test_a_model_of_other_preprocessing_is_refused_by_name(asked: FeatureSchema, named: str) -> None:
    with pytest.raises(FieldMismatch) as caught:
        check_built_on(asked, LISTED)
    error = caught.value
    assert named in error.what
    assert error.expected is not None and error.found is not None and error.hint is not None
    assert error.expected != error.found


def own(change: Callable[[int, list[Any]], None] = lambda number, cells: None) -> list[Row]:
    rows = []
    for number in range(40):
        cells: list[Cell] = [30 + number, ("north", "south", "east")[number % 3], number % 3, "free text", number % 2]
        change(number, cells)
        rows.append(tuple(cells))
    return rows


def changing(place: int, value: Any, *, below: int = 40) -> list[Row]:
    def change(number: int, cells: list[Any]) -> None:
        if number < below:
            cells[place] = value(cells[place]) if callable(value) else value

    return own(change)


def test_records_that_are_written_as_the_listings_give_no_warning() -> None:
    assert check_own_records(LISTED, own()) == ()
    # Unknown or missing categories, floats for integers and missing numbers are what schemas are for.
    assert check_own_records(LISTED, changing(1, "elsewhere", below=39)) == ()
    assert check_own_records(LISTED, changing(1, None)) == check_own_records(LISTED, changing(0, None)) == ()
    assert check_own_records(LISTED, changing(2, float)) == ()
    assert check_own_records(LISTED, changing(0, 7)) == ()


@pytest.mark.parametrize(
    ("spelling", "found"),
    [
        (lambda label: ("no", "yes")[label], "'no' and 'yes'"),
        (lambda label: ("0", "1")[label], "'0' and '1'"),
        (bool, "False and True"),
        (lambda label: label + 1, "1 and 2"),
    ],
)
def test_a_label_that_is_spelt_otherwise_is_refused_with_both_spellings(spelling: Any, found: str) -> None:
    with pytest.raises(FieldMismatch, match="other classes in the label 'y'") as caught:
        check_own_records(LISTED, changing(4, spelling))
    assert (caught.value.expected, caught.value.found) == ("0 and 1", found)


@pytest.mark.parametrize(
    ("place", "value", "expected", "found"),
    [
        (0, "41 years", "numbers", "'41 years' in your records"),
        (1, 3, "values such as 'north', 'south'", "3 in your records"),
        (2, "two", "values such as 0, 1, 2", "'two' in your records"),
    ],
)
def test_a_column_of_another_kind_is_warned_of_and_refused_beyond_half_of_the_records(
    place: int, value: Any, expected: str, found: str
) -> None:
    (warning,) = check_own_records(LISTED, changing(place, value, below=20))
    assert f"Column {LISTED.columns[place]!r}: 20 of 40 cells" in warning
    assert expected in warning and found in warning
    with pytest.raises(FieldMismatch, match=rf"Column {LISTED.columns[place]!r}.*21 of 40") as caught:
        check_own_records(LISTED, changing(place, value, below=21))
    assert (caught.value.expected, caught.value.found) == (expected, found)


def test_categories_that_never_match_are_refused_or_warned_of() -> None:
    """`N` and `S` for `north` and `south`: each cell would be "other"."""
    with pytest.raises(FieldMismatch, match=r"Column 'site'.*40 of 40"):
        check_own_records(LISTED, changing(1, lambda cell: cell[0].upper()))
    few = [(*row[:1], "N" if number < 9 else None, *row[2:]) for number, row in enumerate(own())]
    (warning,) = check_own_records(LISTED, few)
    assert "Column 'site': 9 of 40 cells" in warning and "'N' in your records" in warning


def test_a_column_of_which_only_missing_cells_are_named_is_not_compared() -> None:
    listed = with_features(replace(SITE, values=(None,)))
    assert check_own_records(listed, changing(1, "anything")) == ()


@pytest.mark.parametrize(("far", "warned"), [(2, False), (3, True)])
def test_numbers_that_the_listing_clips_are_told(far: int, warned: bool) -> None:
    """Of ten; 38 and 8 scales of 8.5 more are 106."""
    records = [(106 if number < far else 105, "north", 1, None, number % 2) for number in range(10)]
    found = check_own_records(LISTED, [*records, (None, "south", 2, None, 0)])
    assert [warning[:21] for warning in found] == (["3 of 10 numbers in yo"] if warned else [])


def test_a_number_is_coded_as_the_listing_says() -> None:
    listed = replace(LISTED, classes=(), target=NumberTarget(LabelKind.NUMBER, 2.0, 1.5))
    check_built_on(listed, FeatureSchema.from_document(listed.to_document()))
    for target in (NumberTarget(LabelKind.NUMBER, 2.0, 1.6), NumberTarget(LabelKind.COUNT, 0.0, 1.5)):
        with pytest.raises(FieldMismatch, match="other target"):
            check_built_on(replace(listed, target=target), listed)
