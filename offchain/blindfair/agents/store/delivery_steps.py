"""Names of a buyer's steps about a delivery: its segments, and what was found in it."""

from blindfair.agents.store.steps import Step, StepKind
from blindfair.protocol.parts import PartName

SEGMENT = StepKind[str]("segment")
"""A segment that came, by `segment_name`."""

ASKED_SEGMENTS = StepKind[str]("asked-segments")
"""Segments that were asked for, by the name of the first."""

REPEATED = Step("repeated")
"""Near-duplicates among the delivered texts, as one JSON document; there only where texts were compared."""


def segment_name(part: PartName, number: int) -> str:
    """What a segment of a part's delivery is called."""
    return f"{part}:{number}"
