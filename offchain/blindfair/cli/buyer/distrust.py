"""Listings that failed an audit, or whose paid reply was none, remembered beside the keystore (PROTOCOL 4.7, 5.3).

All purchases of that account know of them, whatever their directories (`remembered`).
"""

from pathlib import Path

from blindfair.agents.buyer.outcome import Outcome
from blindfair.cli.buyer.remembered import remember, remembered
from blindfair.cli.lines import Lines
from blindfair.protocol import errors
from blindfair.protocol.errors import AuditError, CommittedGarbage, FaultProven, InvalidOption
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import ListingId

FILE = "distrusted.json"

_CAUGHT = (AuditError, CommittedGarbage, FaultProven)


def remember_failure(keystore: Path, listing: ListingId, outcome: Outcome, notices: Lines) -> None:
    """Write the listing down if its seller was caught; `notices` tell where that fails."""
    error = getattr(errors, outcome.error or "", None)
    if isinstance(error, type) and issubclass(error, _CAUGHT):
        remember(keystore.parent / FILE, hex_text(listing), outcome.reason, notices)


def check_trusted(keystore: Path, listing: ListingId) -> None:
    """Raises InvalidOption for a listing that was remembered, and MalformedFile."""
    reason = remembered(keystore.parent / FILE).get(hex_text(listing))
    if reason is not None:
        raise InvalidOption(
            "The seller of this listing was caught before",
            expected="a listing that was not caught",
            found=reason,
            hint=f"buy elsewhere; {keystore.parent / FILE} remembers it, and its owner may take the entry out",
        )
