"""What has one score each, and how many of these are opened for nothing (PROTOCOL 4.5, 5.6)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.errors import FieldMismatch, InvalidListing
from blindfair.protocol.manifest import Terms
from blindfair.protocol.messages import Selection
from blindfair.protocol.parts import OPENED_RECORDS_LIMIT, free_openings, free_units
from blindfair.protocol.quantities import ETHER, Digest, RecordIndex, Wei
from blindfair.protocol.units import Units

names = st.one_of(st.just("per-record"), st.just("total"), st.integers(2, 40).map(lambda size: f"per-group-{size}"))
TERMS = Terms(
    tokens=(ETHER,),
    reserve_price=Wei(1),
    precision_bits=32,
    evaluations=1,
    disclosed_bits=10**6,
    opened_records=100,
    opened_share=0.5,
    disclosures=("per-record",),
)


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


@given(names, st.integers(1, 300), st.floats(0, 1), st.data())
def test_no_more_records_are_opened_for_nothing_than_the_share_whichever_groups_are_drawn(
    name: str, records: int, share: float, data: st.DataObject
) -> None:
    units, terms = Units.named(name, records), replace(TERMS, opened_share=share)
    members = units.members(chosen_units(units, data))
    free = free_units(terms, len(members), units)
    drawn = selection(members, free).drawn(bytes(32), units)
    assert len(units.members(drawn)) <= free_openings(terms, len(members))
    assert set(drawn) <= set(units.of(members))
    assert selection(members, free).ordered(terms, bytes(32), units)[0].records == members
    # With one more the drawn groups are bought, and the parts are all of the selection.
    parts = selection(members, free + 1).ordered(terms, bytes(32), units)
    assert sorted(record for part in parts for record in part.records) == list(members)
    assert all(units.of(part.records) for part in parts)


def test_of_records_alone_it_is_the_share_up_to_what_a_message_holds() -> None:
    units = Units.named("per-record", 10**6)
    assert [free_units(TERMS, selected, units) for selected in (1, 7, 8192, 10**6)] == [0, 3, 4096, 4096]
    assert free_units(TERMS, 10**6, Units.named("per-group-100", 10**6)) == OPENED_RECORDS_LIMIT // 100 == 40


def test_a_selection_that_cuts_a_group_is_neither_drawn_from_nor_parted() -> None:
    units = Units.named("per-group-4", 20)
    cut = selection((RecordIndex(0), RecordIndex(1), RecordIndex(2)), 3)
    with pytest.raises(FieldMismatch, match="part of a group"):
        cut.drawn(bytes(32), units)
    with pytest.raises(FieldMismatch, match="part of a group"):
        cut.ordered(TERMS, bytes(32), units)


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
