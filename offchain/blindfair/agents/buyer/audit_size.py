"""How many units a buyer audits of a purchase, and whether any purchase from a listing could be audited (PROTOCOL 5.5,
5.6).

Not here: which of them are drawn (`protocol.draw`), and the audit (`buyer.checks`).
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.policy import BuyerPolicy
from blindfair.protocol.errors import OfferTooSmall
from blindfair.protocol.free_units import OPENED_RECORDS_LIMIT, free_openings, free_units, opening_size
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import RecordIndex, Wei
from blindfair.protocol.units import Units

_MENDS = "raise `budget`, lower `audit_rows` or `min_audit_rows`, or raise `sample_share`"


@dataclass(frozen=True, slots=True)
class AuditSize:
    """At one listing, of what one evaluation scores."""

    manifest: Manifest
    units: Units

    dimension: int
    """Entries of a row."""

    @classmethod
    def of(cls, evaluated: Evaluated) -> "AuditSize":
        """At the listing of an evaluation."""
        return cls(evaluated.listing.manifest, evaluated.units, evaluated.request.dimension)

    def rows(self, policy: BuyerPolicy, records: tuple[RecordIndex, ...]) -> int:
        """As many units as are opened free where those are enough, else a sample to be bought (PROTOCOL 5.6).

        None where one score is of all records: the buyer that asked for that knew (PROTOCOL 5.5). Raises OfferTooSmall,
        and what `Units.of` raises.
        """
        units = self.units
        selected = len(units.of(records))
        if units.is_total:
            return 0
        opened = free_units(self.manifest, units, records, self.dimension)
        if opened >= min(policy.fewest_audit_rows, selected):
            return min(policy.audit_rows, opened)
        sample = min(policy.audit_rows, self._buyable(policy, records))
        if sample < min(policy.fewest_audit_rows, selected):
            raise OfferTooSmall(
                f"The purchase cannot be audited: of {selected} selected {units.name}s the listing opens {opened} "
                f"free, and your options allow a bought sample of {sample}",
                expected=f"an audit of at least {policy.fewest_audit_rows} {units.name}s",
                found=f"at most {max(opened, sample)}",
                hint=f"{_MENDS}, in another directory",
            )
        return sample

    def sample(self, policy: BuyerPolicy, records: tuple[RecordIndex, ...]) -> int:
        """Return how many records are bought first as the audited sample; 0 where the audit sees records free.

        Raises as `rows`.
        """
        rows = self.rows(policy, records)
        if rows <= free_units(self.manifest, self.units, records, self.dimension):
            return 0
        return min(rows * self.units.size, len(records))

    def rows_instead(self, policy: BuyerPolicy, records: tuple[RecordIndex, ...]) -> int:
        """Return how many units to buy as a sample where other buyers have used up the free openings; 0 where the
        policy allows no such sample. More than would be opened: by that number both sides know that it is bought."""
        free = free_units(self.manifest, self.units, records, self.dimension)
        sample = min(max(policy.audit_rows, free + 1), self._buyable(policy, records), OPENED_RECORDS_LIMIT)
        is_enough = sample >= min(policy.fewest_audit_rows, len(self.units.of(records)))
        return sample if sample > free and is_enough else 0

    def _buyable(self, policy: BuyerPolicy, records: tuple[RecordIndex, ...]) -> int:
        """Units that may be bought as a sample."""
        return int(policy.max_sample_share * len(records)) // self.units.size if policy.buys_sample else 0

    def check(self, policy: BuyerPolicy, price: Wei) -> None:
        """Check, before an evaluation is spent, that some selection which the budget pays for can be audited.

        `price` is the least of a record that may be bought. Raises OfferTooSmall.
        """
        affordable = policy.budget // price if price > 0 else self.units.records
        refused = None
        for records in self._most_auditable(policy, affordable):
            try:
                self.rows(policy, records)
            except OfferTooSmall as error:
                refused = refused or error
            else:
                return
        if refused is not None:
            raise OfferTooSmall(
                "No purchase that the budget pays for could be audited, whatever is chosen: nothing was asked",
                expected=refused.expected,
                found=refused.found,
                hint=f"{_MENDS}, in another directory",
            ) from refused
        raise OfferTooSmall(
            "The budget cannot pay anything of the listing: nothing was asked",
            expected=f"the price of one {self.units.name} at least",
            found=f"a budget for {affordable} records",
            hint="raise `budget`, in another directory",
        )

    def _most_auditable(self, policy: BuyerPolicy, affordable: int) -> Iterator[tuple[RecordIndex, ...]]:
        """The selections of at most `affordable` records that are likeliest to be auditable, if there are any.

        As many records as can be: of the largest selection most is opened or bought, but for what a message holds. The
        same without a short last group, which is one unit fewer to audit. And the smallest units, so few that the
        listing's share is just enough: in a larger selection those that may be drawn are larger, too.
        """
        units = self.units
        whole, short = divmod(units.records, units.size)
        smallest = sorted(range(whole), key=lambda unit: opening_size(self.manifest, units, unit, self.dimension))
        if 0 < short <= affordable:
            beside = min(whole, (affordable - short) // units.size)
            yield units.members([*sorted(smallest[:beside]), whole])
        whole = min(whole, affordable // units.size)
        if whole:
            yield units.members(sorted(smallest[:whole]))
        fewest = policy.fewest_audit_rows * units.size

        def is_enough(count: int) -> bool:
            records = count * units.size
            return free_openings(self.manifest.terms, records) >= min(fewest, records)

        # More records are opened of more: from some number on it is enough.
        count = 1 + bisect_left(range(1, whole + 1), True, key=is_enough)
        if count <= whole:
            yield units.members(sorted(smallest[:count]))
