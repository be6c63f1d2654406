"""Names of steps about a delivery: its segments, what was found in it, and its package for a second machine."""

from blindfair.agents.store.steps import Step, StepKind
from blindfair.protocol.parts import PartName

SEGMENT = StepKind[str]("segment")
"""A segment that came, by `segment_name`."""

ASKED_SEGMENTS = StepKind[str]("asked-segments")
"""Segments that were asked for, by the name of the first."""

REPEATED = Step("repeated")
"""Near-duplicates among the delivered texts, as one JSON document; there only where texts were compared."""


HANDED_OVER = StepKind[PartName]("watch-signature")
"""The buyer's signature of an order for `blindfair watch`, which serves nobody else's."""


SENT_SEGMENT = StepKind[str]("sent-segment")
"""A segment that a seller sent, by the offer and the message's handle: it lies in a mailbox until it is fetched."""


def segment_name(part: PartName, number: int) -> str:
    """What a segment of a part's delivery is called."""
    return f"{part}:{number}"
