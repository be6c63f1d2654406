"""Names of steps that are taken for each part of a selection (PROTOCOL 5.6)."""

from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Digest


def step_of(step: str, part: PartName) -> str:
    """A step of the buyer's journal; where the selection is bought whole, the step's name alone."""
    return step if part is PartName.WHOLE else f"{step}:{part}"


def offer_name(selection: Digest, part: PartName) -> str:
    """What the seller calls its offer for a part, in the names of its steps and of its secrets."""
    return selection.hex() if part is PartName.WHOLE else f"{selection.hex()}-{part}"
