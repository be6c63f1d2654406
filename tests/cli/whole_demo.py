"""What a whole demo left: how the command ended, its table, result and report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import Ended

QUICK = ("--divisions", "3")
"""What a demo measures takes a third of the time then."""


@dataclass(frozen=True)
class Demo:
    """A demo that came to its end."""

    ended: Ended
    table: Path
    result: dict[str, Any]
    report: Path

    def trade(self, case: str) -> dict[str, Any]:
        (found,) = (trade for trade in self.result["trades"] if trade["case"] == case)
        return dict(found)


ENDINGS = {
    "honest": "Released",
    "corrupted_chunk": "Refunded",
    "no_reveal": "Refunded",
    "inflated_scores": "Released",
    "silent_buyer": "Released",
}
"""How the five trades end, in the order in which they are shown."""


def check_money(trade: dict[str, Any], result: dict[str, Any]) -> None:
    """Assert that a trade ended as it must, with the money right to the wei.

    The evaluation is paid for, then the sample, then the rest; what the cheat is after, and so the money at risk, is
    the sample. The fee is credited against the purchase.
    """
    fee, sample, price = result["scores"]["fee_wei"], result["audit"]["sample_price_wei"], trade["price_wei"]
    parts = [fee, sample, price - fee - sample]
    if trade["case"] != "honest":
        # Noise is drawn anew in every case, and another number of records is chosen.
        assert price - fee == pytest.approx(sample, rel=0.01)
        parts = [fee, price - fee]
    assert 0 < fee < sample
    assert trade["final"] == ENDINGS[trade["case"]]
    assert trade["bond_wei"] == sum(part // 10 for part in parts)
    seller = fee - parts[1] // 10 if trade["final"] == "Refunded" else price
    assert (trade["buyer_delta_wei"], trade["seller_delta_wei"]) == (-seller, seller)
