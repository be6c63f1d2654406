"""Where senders stand in a receiver's queue, for people who wait: written beside the mail, signed by nobody.

    MAIL/.queue-SELLER      {"ACCOUNT":[PLACE,SECONDS],...}

Nothing but what a person reads depends on it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.store.regular_files import opened_regular
from blindfair.protocol.documents import canonical, parse
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.quantities import Address

LIMIT = 2**20
"""Bytes that are read at most."""

SHOWN = 10_000
"""Senders that are told at most, those at the front."""

_LONGEST = 10**9


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """The place of a sender's first question, 1 for the one that is being answered, and how long until its answer;
    None where nothing was measured yet."""

    place: int
    seconds: int | None

    def __str__(self) -> str:
        if self.seconds is None:
            return f"place {self.place:,} in the queue"
        if self.seconds < 90:
            return f"place {self.place:,} in the queue, about {self.seconds} seconds"
        return f"place {self.place:,} in the queue, about {round(self.seconds / 60):,} minutes"

    def to_list(self) -> list[int | None]:
        """As it is written."""
        return [self.place, self.seconds]


def place_from(found: object) -> QueuePlace | None:
    """Read what `to_list` gave; None for anything else, which anybody may have written."""
    match found:
        case [int(place), None] if 0 < place < _LONGEST:
            return QueuePlace(place, None)
        case [int(place), int(seconds)] if 0 < place < _LONGEST and 0 <= seconds < _LONGEST:
            return QueuePlace(place, seconds)
    return None


def queue_name(receiver: Address) -> str:
    """Name of the file beside the mailboxes."""
    return f".queue-{receiver}"


def places_to_bytes(places: Mapping[Address, QueuePlace]) -> bytes:
    """What is written of a queue."""
    return canonical({account: [*place.to_list()] for account, place in list(places.items())[:SHOWN]})


def place_in(data: bytes, sender: Address) -> QueuePlace | None:
    """The place of a sender in what was written; None where it has none, or something else was written."""
    try:
        # Not any reader of JSON: what is nested deeply enough ends a program.
        return place_from(parse(data, LIMIT).get(sender))
    except BlindfairError:
        return None


def read_place(root: Path, receiver: Address, sender: Address) -> QueuePlace | None:
    """The place of a sender by the mail folder `root`; None where nothing is told. No link is followed."""
    try:
        with opened_regular(root / queue_name(receiver), flags=os.O_NOFOLLOW) as file:
            data = file.read(LIMIT + 1)
    except OSError:
        return None
    return place_in(data, sender) if len(data) <= LIMIT else None
