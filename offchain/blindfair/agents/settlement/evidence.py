"""Signed evidence of a seller that did not keep to its commitments, in plain files for people: where no proof on chain
exists, no contract judges it (PROTOCOL 5.3, 5.7)."""

import json
from collections.abc import Mapping
from pathlib import Path

from blindfair.agents.store.directory import private_directory, write_atomically
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import step_of
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
    private_directory(directory)
    for step in MESSAGES:
        message = journal.get(step)
        if message is not None:
            name = step.partition(":")[2].replace(":", "-")
            write_atomically(directory / f"{name}.message", message)
    write_atomically(directory / "finding.json", json.dumps(dict(finding), indent=2).encode())
    journal.note("evidence", json.dumps(dict(finding)))
