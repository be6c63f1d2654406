"""What has one score each: records, or groups of them (PROTOCOL 4.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.errors import FieldMismatch, InvalidListing
from blindfair.protocol.messages import Selection
from blindfair.protocol.quantities import ETHER, Digest, RecordIndex, Wei
from blindfair.protocol.units import Units

names = st.one_of(st.just("per-record"), st.just("total"), st.integers(2, 40).map(lambda size: f"per-group-{size}"))


def chosen_units(units: Units, data: st.DataObject) -> tuple[int, ...]:
    return tuple(sorted(data.draw(st.sets(st.integers(0, units.count - 1), min_size=1))))


def selection(records: tuple[RecordIndex, ...], t: int) -> Selection:
    return Selection(Digest(bytes(32)), b"\1" * 32, ETHER, Wei(10**6), t, records)


@given(names, st.integers(1, 100), st.data())
def test_records_of_units_are_their_units_and_are_parted_by_them(name: str, records: int, data: st.DataObject) -> None:
    units = Units.named(name, records)
    chosen = chosen_units(units, data)
    members = units.members(chosen)
    assert units.of(members) == chosen
    parts = units.parted(chosen, [str(record) for record in members])
    assert [[str(record) for record in units.members([unit])] for unit in chosen] == parts


def test_a_selection_that_cuts_a_group_is_neither_drawn_from_nor_parted() -> None:
    units = Units.named("per-group-4", 20)
    cut = selection((RecordIndex(0), RecordIndex(1), RecordIndex(2)), 3)
    with pytest.raises(FieldMismatch, match="part of a group"):
        cut.drawn(bytes(32), units)
    with pytest.raises(FieldMismatch, match="part of a group"):
        cut.ordered(bytes(32), units, 2)


def test_what_is_no_policy_has_no_units() -> None:
    with pytest.raises(InvalidListing):
        Units.named("top-of-budget", 3)


@pytest.mark.parametrize(
    ("name", "called", "total"),
    [("per-record", "record", False), ("per-group-2", "group", False), ("total", "group", True)],
)
def test_units_are_called_what_they_are(name: str, called: str, total: bool) -> None:
    """Also where all records of a listing are one group by chance: that group can be drawn."""
    for records in (1, 2, 9):
        units = Units.named(name, records)
        assert (units.name, units.is_total) == (called, total)
