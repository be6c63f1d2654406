"""Signed evidence of a seller that did not keep to its commitments, in plain files for people: where no proof on chain
exists, no contract judges it (PROTOCOL 5.3, 5.7)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from blindfair.agents.store.directory import private_directory, write_atomically
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.purchase_steps import CLAIM, EVIDENCE, OPENED_REPLY
from blindfair.agents.store.steps import LISTING, RECEIVED, REPLY, REQUEST, WRITTEN, Step, part_message
from blindfair.protocol.messages import Agreement, Delivery, Openings, Selection
from blindfair.protocol.parts import PartName


def _of_parts(written: str, received: str, parts: Iterable[PartName]) -> Iterator[Step]:
    """The steps of a message about each part and of its answer, by their types."""
    for part in parts:
        yield WRITTEN.of(part_message(written, part))
        yield RECEIVED.of(part_message(received, part))


MESSAGES = (
    RECEIVED.of(LISTING),
    WRITTEN.of(REQUEST),
    RECEIVED.of(REPLY),
    OPENED_REPLY,
    *_of_parts(Selection.TYPE, Openings.TYPE, (PartName.WHOLE, PartName.SAMPLE)),
    *_of_parts(Agreement.TYPE, Delivery.TYPE, PartName),
)
"""Steps of the buyer's journal whose messages, each signed by its sender, say together what was promised."""


def keep_evidence(directory: Path, journal: Journal, finding: Mapping[str, object]) -> None:
    """Write `finding.json` and the messages so far to `directory`, once for a trade. Raises CannotWrite, InsecureStore.

    The finding may hold scores: like the rest of the buyer's directory it is for its owner, to show to whom it likes.
    """
    if journal.intent(EVIDENCE) is not None:
        return
    _write(directory, journal, "finding.json", finding)
    journal.note(EVIDENCE, json.dumps(dict(finding)))


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
