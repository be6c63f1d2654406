"""Units: what has one row, one leaf and one score in an evaluation, a record or a group of records (PROTOCOL 4.5).

Everything that counts scores asks here; everything that counts records, money among it, does not. Not here: the
policies and where their groups lie (`disclosure_policy`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from blindfair.protocol.disclosure_policy import DisclosurePolicy
from blindfair.protocol.quantities import RecordIndex

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Units:
    """A disclosure policy at a listing of so many records. Units are counted from 0, in the order of their records."""

    policy: DisclosurePolicy

    records: int
    """Records of the listing."""

    @classmethod
    def named(cls, disclosure: str, records: int) -> "Units":
        """The units of a request at a listing. Raises InvalidListing for a name that is no policy."""
        return cls(DisclosurePolicy.named(disclosure), records)

    @property
    def count(self) -> int:
        """How many there are: rows, leaves of the row tree, scores for each query."""
        return self.policy.groups(self.records)

    def score_bits(self, bits: Sequence[int], exponent_bits: int) -> int:
        """Return the bits of all scores and exponents of one evaluation: what its fee is counted by (PROTOCOL 2, 4.5).

        `bits` are those of each query.
        """
        return (sum(bits) + exponent_bits) * self.count

    @property
    def size(self) -> int:
        """Records of every unit but perhaps the last, which may have fewer."""
        return self.policy.group_size(self.records)

    @property
    def name(self) -> str:
        """The word for one unit in texts."""
        return "record" if self.policy.size == 1 else "group"

    @property
    def is_total(self) -> bool:
        """Whether all records are one by the policy: then no draw is short of everything (PROTOCOL 5.5)."""
        return self.policy.size is None

    def of(self, selection: Sequence[RecordIndex]) -> tuple[int, ...]:
        """The units that a selection consists of, ascending. Raises as `DisclosurePolicy.groups_of`."""
        return self.policy.groups_of(selection, self.records)

    def members(self, units: Iterable[int]) -> tuple[RecordIndex, ...]:
        """The records of these units, in their order."""
        return tuple(RecordIndex(record) for unit in units for record in self.policy.members(unit, self.records))

    def parted(self, units: Iterable[int], items: Sequence[Item]) -> list[Sequence[Item]]:
        """One item for each of `members(units)`, as one sequence for each unit."""
        parts, start = [], 0
        for unit in units:
            stop = start + len(self.policy.members(unit, self.records))
            parts.append(items[start:stop])
            start = stop
        return parts
