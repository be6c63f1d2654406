"""A purchase that did not come off ends with the error and the exit code of what ended it."""

import pytest

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.settlement.ending import Ending
from blindfair.api.endings import raise_failure
from blindfair.protocol.errors import BlindfairError, Expired, FaultProven, NoAnswer, NoOpenings, Refused, RowsDisagree


@pytest.mark.parametrize(
    ("outcome", "by_clock", "error"),
    [
        (Outcome(Ending.REFUNDED, "chunk 7 is not the committed one"), False, FaultProven),
        (Outcome(Ending.REFUNDED, "the seller did not reveal the key in time"), True, NoAnswer),
        (Outcome(Ending.NO_ORDER, "the seller cancelled the offer", "Cancelled"), False, Refused),
        (Outcome(Ending.NO_ORDER, "the offer ran out", "Expired"), False, Expired),
        (Outcome.stopped(RowsDisagree("A row is another", expected=1, found=2, hint="go")), False, RowsDisagree),
        (Outcome.stopped(NoOpenings("Nothing came")), False, NoOpenings),
        # A name that is in the module and no error.
        (Outcome(Ending.NO_ORDER, "made up", "Mapping"), False, Refused),
    ],
)
def test_what_ended_it_is_raised(outcome: Outcome, by_clock: bool, error: type[BlindfairError]) -> None:
    with pytest.raises(error) as raised:
        raise_failure(outcome, refunded_by_clock=by_clock)
    assert type(raised.value) is error
    assert outcome.reason in str(raised.value) or raised.value.what in outcome.reason


@pytest.mark.parametrize(
    "outcome", [Outcome(Ending.RELEASED, "all verified"), Outcome(Ending.NO_ORDER, "nothing worth its price")]
)
def test_what_came_off_and_what_was_not_worth_it_are_no_errors(outcome: Outcome) -> None:
    raise_failure(outcome, refunded_by_clock=False)
