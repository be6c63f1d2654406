"""Signed evidence of a seller that did not keep to its commitments, in plain files for people: where no proof on chain
exists, no contract judges it (PROTOCOL 5.3, 5.7)."""

import json
from collections.abc import Mapping
from pathlib import Path

from blindfair.agents.store.directory import private_directory, write_atomically
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import CLAIM, step_of
from blindfair.protocol.parts import PartName

OPENED_REPLY = "opened:paid-reply"
"""Step of the buyer's journal that keeps the bytes of a reply that was paid for (PROTOCOL 4.7)."""

_AUDITED = ("message:selection", "received:openings")

MESSAGES = (
    "received:listing",
    "message:request",
    "received:reply",
    OPENED_REPLY,
    *(step_of(step, part) for part in (PartName.WHOLE, PartName.SAMPLE) for step in _AUDITED),
    *(step_of(step, part) for part in PartName for step in ("message:agreement", "received:delivery")),
)
"""Steps of the buyer's journal whose messages, each signed by its sender, say together what was promised."""


def keep_evidence(directory: Path, journal: Journal, finding: Mapping[str, object]) -> None:
    """Write `finding.json` and the messages so far to `directory`, once for a trade. Raises CannotWrite, InsecureStore.

    The finding may hold scores: like the rest of the buyer's directory it is for its owner, to show to whom it likes.
    """
    if journal.intent("evidence") is not None:
        return
    _write(directory, journal, "finding.json", finding)
    journal.note("evidence", json.dumps(dict(finding)))


def keep_claim(directory: Path, journal: Journal, claim: Mapping[str, object]) -> None:
    """Write `claim.json` and the messages so far to `directory`, once for a trade, for a word that nobody can check.

    It accuses nobody. Beside other buyers' messages it may show later that the seller lied (PROTOCOL 5.6). Raises
    CannotWrite, InsecureStore.
    """
    if journal.intent(CLAIM) is None:
        _write(directory, journal, "claim.json", claim)
        journal.note(CLAIM, json.dumps(dict(claim)))


def _write(directory: Path, journal: Journal, name: str, finding: Mapping[str, object]) -> None:
    private_directory(directory)
    for step in MESSAGES:
        message = journal.get(step)
        if message is not None:
            write_atomically(directory / f"{step.partition(':')[2].replace(':', '-')}.message", message)
    write_atomically(directory / name, json.dumps(dict(finding), indent=2).encode())
