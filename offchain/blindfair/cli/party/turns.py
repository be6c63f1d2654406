"""Taking turns in real time before a person's eyes: waits and troubles are shown on the screen."""

from blindfair.api.turns import PATIENCE, RealTime
from blindfair.cli.options import POLL
from blindfair.cli.party.screen import PartyScreen
from blindfair.protocol.errors import BlindfairError, NodeFailure


class Turns(RealTime):
    """See `RealTime`. `screen` is told what is waited for, and what went wrong and is tried again."""

    def __init__(
        self,
        screen: PartyScreen,
        poll: float = POLL,
        *,
        patience: float = PATIENCE,
        retried: type[BlindfairError] = NodeFailure,
    ) -> None:
        super().__init__(poll, patience=patience, retried=retried, on_wait=screen.waiting, on_trouble=screen.trouble)
