"""What is told of gas beforehand is not less than docs/explanation/escrow.md measured, and not much more."""

import re
from pathlib import Path

import pytest

from blindfair.chain import costs
from blindfair.protocol.quantities import Gas

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "escrow.md"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("`commit`", costs.COMMIT),
        ("`accept`", costs.ACCEPT),
        ("`release`", costs.RELEASE),
        *((f"`dispute` of {size} bytes among 2^20 chunks", costs.dispute_gas(size)) for size in (1024, 4096, 16384)),
    ],
)
def test_what_is_told_is_what_was_measured(row: str, told: Gas) -> None:
    found = re.search(rf"^\| {re.escape(row)} \| ([\d,]+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert found is not None
    measured = int(found.group(1).replace(",", ""))
    assert measured <= told <= 1.5 * measured
