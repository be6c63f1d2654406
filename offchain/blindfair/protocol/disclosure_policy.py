"""How records are put together for one score each (PROTOCOL 4.5): each alone, some in a row, or all.

Groups follow from the policy's name and the committed order of records alone, so that both parties know them before
anything is computed and neither can move a record. Not here: a group's row (`influence.grouping`), and how many bits
its score tells (`blind.disclosure`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from blindfair.protocol.errors import FieldMismatch, InvalidListing
from blindfair.protocol.quantities import RecordIndex
from blindfair.protocol.selection import check_selection

_PER_GROUP = re.compile(r"per-group-([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class DisclosurePolicy:
    """Runs of `size` records from the first on, the last run perhaps shorter; all records together if None."""

    size: int | None

    @classmethod
    def named(cls, name: str) -> "DisclosurePolicy":
        """`per-record`, `per-group-<size>` of 2 records or more, or `total`. Raises InvalidListing for any other."""
        if name == "per-record":
            return cls(1)
        if name == "total":
            return cls(None)
        match = _PER_GROUP.fullmatch(name)
        if match is None or match[1] == "1":
            raise InvalidListing(
                "There is no such disclosure policy",
                expected="per-record, per-group-<2 or more> or total",
                found=name[:64],
            )
        return cls(int(match[1]))

    @property
    def name(self) -> str:
        """The policy's name in manifests and requests."""
        if self.size is None:
            return "total"
        return "per-record" if self.size == 1 else f"per-group-{self.size}"

    def group_size(self, records: int) -> int:
        """Records of every group but perhaps the last, of a listing of so many."""
        return records if self.size is None else min(self.size, records)

    def groups(self, records: int) -> int:
        """How many groups, and so scores for each query, a listing of so many records has."""
        return -(-records // self.group_size(records))

    def members(self, group: int, records: int) -> range:
        """The record numbers of a group, counted from 0."""
        size = self.group_size(records)
        return range(group * size, min((group + 1) * size, records))

    def groups_of(self, selection: Sequence[RecordIndex], records: int) -> tuple[int, ...]:
        """The groups that a selection consists of, ascending: what is drawn and opened in an audit.

        Raises MalformedMessage as `check_selection`, FieldMismatch for a selection that takes part of a group: what is
        priced by a group's score is bought as a group.
        """
        check_selection(selection, records)
        size = self.group_size(records)
        groups = tuple(dict.fromkeys(record // size for record in selection))
        if len(selection) != sum(len(self.members(group, records)) for group in groups):
            raise FieldMismatch("A selection takes part of a group", expected=f"whole groups of {size} records")
        return groups


PER_RECORD = DisclosurePolicy(1)
"""A score for each record."""
