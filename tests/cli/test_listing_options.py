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
from blindfair.protocol.errors import InvalidListing, InvalidOption
from blindfair.protocol.rows import EXPONENT_BITS_LIMIT

DEFAULTS: dict[str, Any] = {
    "label": LABEL, "leave_out": ["patient id"], "name": "n", "description": "", "licence": "l", "consent": "c",
    "money": IN_ETHER.to_document(),
    "price_per_record": "0.001", "evaluations": 1, "disclosures": ["per-record"], "opened_share": 0.2,
    "opened_records": None, "buyers": [],
    "bond_share": 0.1, "reveal_window": 3600, "dispute_window": 86400, "chunk_size": 1024,
    "most_bonds": "1", "pay_to": None, "without_copies": False,
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


def table_with_copies(folder: Path) -> Path:
    """Eight different records and two copies, the third and the last; `1` and `1.0` are the same number."""
    rows = ["1,a,0", "2,b,1", "1,a,0", "3,a,1", "4,b,0", "5,a,1", "6,b,0", "7,a,1", "8,b,0", "7.0,a,1"]
    path = folder / "copies.csv"
    path.write_text(f"x,c,{LABEL}\n" + "\n".join(rows) + "\n")
    return path


def test_copies_are_named_where_they_cannot_be_listed(tmp_path: Path) -> None:
    made = options(leave_out=[], disclosures=["per-group-4"])
    with pytest.raises(InvalidListing) as refused:
        made.stock(made.table(table_with_copies(tmp_path)))
    assert refused.value.expected == "10 different records"
    assert str(refused.value.found) == "8; copies, counted from 0: 2 of 0, 9 of 7"
    assert "--without-copies" in str(refused.value.hint)


def test_without_copies_the_first_of_equal_records_is_listed(tmp_path: Path) -> None:
    path = table_with_copies(tmp_path)
    every, once = options(leave_out=[]), options(leave_out=[], without_copies=True, disclosures=["per-group-4"])
    records = every.stock(every.table(path)).records
    assert len(records) == 10
    assert once.stock(once.table(path)).records == (*records[:2], *records[3:9])
