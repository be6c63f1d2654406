"""Columns are matched by name: only those that differ are told, and in a way that tells them apart."""

import unicodedata

import pytest

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import NumberFeature
from blindfair.influence.own_columns import OwnColumns
from blindfair.protocol.errors import ColumnsDiffer, InvalidOption

NFC, NFD = (unicodedata.normalize(form, "âge") for form in ("NFC", "NFD"))


def refused(own: OwnColumns, *columns: str, label: str = "y") -> ColumnsDiffer:
    with pytest.raises(ColumnsDiffer) as caught:
        own.check(columns, label)
    assert "nothing was asked" in caught.value.hint
    return caught.value


def test_order_does_not_matter() -> None:
    own = OwnColumns(("y", "b", "a"), "y")
    own.check(("a", "b", "y"), "y")
    assert own.aligned(("a", "b", "y"), [(1, 2, 3)]) == [(3, 2, 1)]


def test_of_many_columns_only_those_that_differ_are_told() -> None:
    names = tuple(f"column {number}" for number in range(200))
    error = refused(OwnColumns((*names, "mine", "y"), "y"), *names, "theirs", "y")
    assert (error.expected, error.found) == ("'theirs'", "'mine'")
    assert "`exclude=['mine']`" in error.hint and "add an empty column 'theirs'" in error.hint
    many = refused(OwnColumns(("y",), "y"), *names, "y")
    assert str(many.expected).endswith("'column 7' and 192 more") and many.found == "no such column"


def test_names_are_one_in_every_unicode_form() -> None:
    own = OwnColumns((NFC, "y"), "y")
    own.check((NFD, "y"), "y")
    assert own.aligned((NFD, "y"), [(7, 0)]) == [(7, 0)]
    OwnColumns(("b", NFD), NFD).check(("b", NFC), NFC)


def test_two_columns_that_are_one_in_nfc_are_matched_as_they_are() -> None:
    own = OwnColumns((NFC, NFD, "y"), "y")
    own.check((NFD, NFC, "y"), "y")
    assert own.aligned((NFD, NFC, "y"), [(1, 2, 0)]) == [(2, 1, 0)]


@pytest.mark.parametrize(
    ("mine", "theirs", "shown_mine", "shown_theirs"),
    [
        ("\u0430ge", "age", r"'\u0430ge'", "'age'"),
        ("a\xa0b", "a b", r"'a\xa0b'", "'a b'"),
        ("Age", "age", "'Age'", "'age'"),
        ("a  b", "a b", "'a  b'", "'a b'"),
    ],
)
def test_names_that_look_alike_are_told_apart(mine: str, theirs: str, shown_mine: str, shown_theirs: str) -> None:
    error = refused(OwnColumns(("b", mine, "y"), "y"), "b", theirs, "y")
    assert (error.expected, error.found) == (shown_theirs, shown_mine)
    assert f"write {shown_theirs} for {shown_mine}" in error.hint


def test_another_label_is_named() -> None:
    error = refused(OwnColumns(("a", "b"), "a"), "a", "b", label="b")
    assert (error.expected, error.found) == ("'b'", "'a'") and "`label='b'`" in error.hint


def test_a_column_that_is_left_out_is_not_read_whether_the_listing_has_it_or_not() -> None:
    features = tuple(NumberFeature(name, 0.0, 1.0, False) for name in ("a", NFD))
    listed = FeatureSchema(("a", NFD, "y"), "y", (0, 1), features)
    own = OwnColumns(("a", "y"), "y", (NFC, "elsewhere"))
    own.check(listed.columns, "y")
    assert [feature.column for feature in own.read_by(listed).features] == ["a"]
    assert own.aligned(listed.columns, [(5, 1)]) == [(5, None, 1)]
    with pytest.raises(InvalidOption, match="`exclude`"):
        OwnColumns(("y",), "y", ("a", NFC)).read_by(listed)
