"""What a listing's free openings come to, and what a buyer does once other buyers have used them up (PROTOCOL 5.6).

How many are left is the seller's and the other buyers' business: a buyer learns that there are none by a refusal.
"""

from blindfair.protocol.disclosure_policy import DisclosurePolicy
from blindfair.protocol.errors import OpeningsUsedUp, Refused
from blindfair.protocol.manifest import Manifest


def is_used_up(refused: Refused) -> bool:
    """Return whether a seller refuses to open records because the listing's budget of free openings is used up."""
    return str(refused.found).startswith(f"{OpeningsUsedUp.__name__}:")


def with_way_out(refused: Refused) -> Refused:
    """Return a refusal with what to do about it, where that is to buy a larger sample; others as they are."""
    if not is_used_up(refused):
        return refused
    return Refused(
        refused.what,
        expected="openings, or options that allow a bought sample instead",
        found=refused.found,
        hint="raise `sample_share` in another directory, so that the audited sample can be bought",
    )


def whole_audits(manifest: Manifest, audit_rows: int, *, charges: bool = True) -> int:
    """Return how many audits of `audit_rows` records, or groups, the listing opens free in all.

    With `charges` its free bits bound them too: each opened record counts in full against these.
    """
    terms, n = manifest.terms, manifest.record_count
    size = min(DisclosurePolicy.named(name).group_size(n) for name in terms.disclosures)
    openable = min(terms.opened_records, n)
    if charges:
        openable = min(openable, terms.free_bits // terms.record_bits)
    return openable // (audit_rows * size)
