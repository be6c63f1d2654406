"""What `seller list` makes of its options."""

import math
from pathlib import Path
from typing import Any

import pytest
from real_tables import LABEL, ugly

from blindfair.agents.ledger import CLIPPED_SHARE_BITS
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.parameters import DEFAULT
from blindfair.cli.amounts import IN_ETHER
from blindfair.cli.seller.listing import ListingOptions
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.rows import EXPONENT_BITS_LIMIT

DEFAULTS: dict[str, Any] = {
    "label": LABEL, "leave_out": ["patient id"], "name": "n", "description": "", "licence": "l", "consent": "c",
    "money": IN_ETHER.to_document(),
    "price_per_record": "0.001", "evaluations": 1, "disclosures": ["per-record"], "opened_share": 0.2,
    "opened_records": None, "buyers": [],
    "bond_share": 0.1, "reveal_window": 3600, "dispute_window": 86400, "chunk_size": 1024,
    "most_bonds": "1", "pay_to": None,
}  # fmt: skip


def options(**changes: Any) -> ListingOptions:
    return ListingOptions(**(DEFAULTS | changes))


@pytest.mark.parametrize("evaluations", [1, 4])
def test_as_many_usual_requests_are_answered_as_were_promised(tmp_path: Path, evaluations: int) -> None:
    """A usual request asks two queries, and may ask for exponents."""
    made = options(evaluations=evaluations)
    stock = made.stock(made.table(ugly(tmp_path / "table.csv")))
    once = Disclosure.of(DEFAULT, records=len(stock.records), queries=2, exponent_bits=EXPONENT_BITS_LIMIT)
    bits = math.ceil(once.total_bits) + CLIPPED_SHARE_BITS
    assert evaluations * bits <= stock.terms.disclosed_bits < (evaluations + 1) * bits


def test_named_buyers_are_the_only_ones() -> None:
    named = "0x" + "aB" * 20
    assert options().policy().buyers is None
    assert options(buyers=[named]).policy().buyers == {named.lower()}
    with pytest.raises(InvalidOption, match="--buyer"):
        options(buyers=["somebody"]).policy()
