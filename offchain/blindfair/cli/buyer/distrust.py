"""Listings that failed an audit, or whose paid reply was none, remembered beside the keystore (PROTOCOL 4.7, 5.3).

All purchases of that account know of them, whatever their directories. A plain file for its owner, who may take an
entry out.
"""

import json
from pathlib import Path

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.store.directory import write_atomically
from blindfair.protocol import errors
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import AuditError, CommittedGarbage, FaultProven, InvalidOption, MalformedFile
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import ListingId

FILE = "distrusted.json"

_CAUGHT = (AuditError, CommittedGarbage, FaultProven)


def remember_failure(keystore: Path, listing: ListingId, outcome: Outcome) -> None:
    """Write the listing down if its seller was caught. Raises CannotWrite, MalformedFile."""
    error = getattr(errors, outcome.error or "", None)
    if not (isinstance(error, type) and issubclass(error, _CAUGHT)):
        return
    known = _read(keystore)
    known.setdefault(hex_text(listing), outcome.reason)
    write_atomically(keystore.parent / FILE, json.dumps(known, indent=2).encode())


def check_trusted(keystore: Path, listing: ListingId) -> None:
    """Raises InvalidOption for a listing that was remembered, and MalformedFile."""
    reason = _read(keystore).get(hex_text(listing))
    if reason is not None:
        raise InvalidOption(
            "The seller of this listing was caught before",
            expected="a listing that was not caught",
            found=reason,
            hint=f"buy elsewhere; {keystore.parent / FILE} remembers it, and its owner may take the entry out",
        )


def _read(keystore: Path) -> dict[str, str]:
    path = keystore.parent / FILE
    if not path.exists():
        return {}
    try:
        found = json_value(path.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MalformedFile(f"{path} is damaged", expected="listings and reasons", found="something else")
    return {str(listing): str(reason) for listing, reason in found.items()}
