"""A word of warning where the windows of an offer are short for the chain (PROTOCOL 7).

Where finality takes long, be it that blocks stay away or that the chain stood still, an honest seller may not show its
key in time, and a buyer's dispute may come too late. What windows a party insists on is its policy's decision.
"""

from blindfair.agents.context import Tell
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.protocol.quantities import Seconds

_MARGIN = 4
"""Windows are to be so many times as long as finality takes. The seller uses the first half of its one alone."""


def warn_of_short_windows(
    exchange: DataExchange, finality: Finality, tell: Tell, reveal_window: Seconds, dispute_window: Seconds
) -> None:
    """Tell those who watch of each window that is short for the chain as it is now. Raises NodeFailure."""
    lag = exchange.time_to_final(finality)
    for name, window in (("reveal", reveal_window), ("dispute", dispute_window)):
        if lag is not None and window < _MARGIN * lag:
            tell("warning", f"the {name} window of {window} s is short here: the latest final block is {lag} s old")
