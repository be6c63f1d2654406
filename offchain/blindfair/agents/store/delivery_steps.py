"""Names of a buyer's steps about the segments of a delivery."""

from blindfair.agents.store.steps import StepKind
from blindfair.protocol.parts import PartName

SEGMENT = StepKind[str]("segment")
"""A segment that came, by `segment_name`."""

ASKED_SEGMENTS = StepKind[str]("asked-segments")
"""Segments that were asked for, by the name of the first."""


def segment_name(part: PartName, number: int) -> str:
    """What a segment of a part's delivery is called."""
    return f"{part}:{number}"
