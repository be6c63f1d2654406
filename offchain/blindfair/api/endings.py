"""Errors of purchases that failed; each has its exit code."""

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.settlement.ending import Ending
from blindfair.protocol.errors import FaultProven, NoAnswer


def raise_failure(outcome: Outcome, *, refunded_by_clock: bool) -> None:
    """Raise the error that ended a trade, if there was one. A trade in which nothing was worth buying has no error.

    An order that was refunded is NoAnswer where no key came in time, else FaultProven; a cancelled one is Refused.
    """
    if outcome.final is Ending.REFUNDED:
        kind = NoAnswer if refunded_by_clock else FaultProven
        raise kind("Price and bond came back", expected="a verified delivery", found=outcome.reason)
    if outcome.error is not None:
        raise outcome.to_error()
