"""What a whole demo left: how the command ended, its table, result and report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
