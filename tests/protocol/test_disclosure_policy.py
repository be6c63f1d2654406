"""Groups follow from a policy's name and the committed order alone, and are selected whole (PROTOCOL 4.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.disclosure_policy import PER_RECORD, DisclosurePolicy
from blindfair.protocol.errors import FieldMismatch, InvalidListing, MalformedMessage
from blindfair.protocol.quantities import RecordIndex

sizes = st.one_of(st.none(), st.integers(1, 40))


def selected(*records: int) -> tuple[RecordIndex, ...]:
    return tuple(map(RecordIndex, records))


@given(sizes)
def test_a_policy_is_its_name(size: int | None) -> None:
    policy = DisclosurePolicy(size)
    assert DisclosurePolicy.named(policy.name) == policy
    assert DisclosurePolicy.named("per-record") == PER_RECORD


@pytest.mark.parametrize(
    "name",
    ["", "top", "per-group", "per-group-", "per-group-0", "per-group-1", "per-group-01", "per-group--2", "per-group-2 ",
     "per-group-2\n", "per-group-9999999999", "per-group-٣", "Total", "top-of-budget"],
)  # fmt: skip
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidListing, match="no such disclosure policy"):
        DisclosurePolicy.named(name)


@given(sizes, st.integers(1, 200))
def test_every_record_is_in_one_group(size: int | None, records: int) -> None:
    policy = DisclosurePolicy(size)
    members = [record for group in range(policy.groups(records)) for record in policy.members(group, records)]
    assert members == list(range(records))
    assert all(len(policy.members(group, records)) > 0 for group in range(policy.groups(records)))


@given(st.integers(1, 12), st.integers(1, 60), st.data())
def test_only_whole_groups_are_a_selection(size: int, records: int, data: st.DataObject) -> None:
    policy = DisclosurePolicy(size)
    chosen = data.draw(st.sets(st.integers(0, policy.groups(records) - 1), min_size=1))
    whole = [record for group in sorted(chosen) for record in policy.members(group, records)]
    assert policy.groups_of(selected(*whole), records) == tuple(sorted(chosen))
    left_out = data.draw(st.sampled_from(whole))
    rest = [record for record in whole if record != left_out]
    if rest and left_out // size in {record // size for record in rest}:
        with pytest.raises(FieldMismatch, match="part of a group"):
            policy.groups_of(selected(*rest), records)


def test_of_all_together_nothing_can_be_left_out() -> None:
    policy = DisclosurePolicy.named("total")
    assert policy.groups_of(selected(0, 1, 2), 3) == (0,)
    with pytest.raises(FieldMismatch):
        policy.groups_of(selected(0, 1), 3)


@pytest.mark.parametrize("selection", [(), (1, 0), (0, 0), (4, 5)])
def test_what_is_no_selection_is_none_of_groups(selection: tuple[int, ...]) -> None:
    with pytest.raises(MalformedMessage):
        DisclosurePolicy(2).groups_of(selected(*selection), 5)
