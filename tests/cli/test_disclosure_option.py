"""What `--disclosure` makes of a listing and of a question."""

from dataclasses import replace
from pathlib import Path

import pytest
from real_tables import LABEL, tumours
from test_listing_options import options

from blindfair.api.amounts import IN_ETHER
from blindfair.api.information import evaluation_bits
from blindfair.api.listing_valuer import ListingValuer
from blindfair.api.own_records import OwnRecords, TableOptions
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.cli.buyer.report import scored
from blindfair.influence.table import read_table
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import InvalidListing, InvalidOption
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ETHER, Secret
from blindfair.protocol.signing import Domain
from blindfair.protocol.units import Units

RECORDS = 569
PURCHASE = PurchaseOptions(
    listing=None,
    prices=IN_ETHER,
    budget="1",
    price_per_record=None,
    value=None,
    audit_rows=10,
    min_audit_rows=10,
    sample_share=0.5,
    disclosure="per-record",
    model="logistic",
    score_bits=3,
    release_on_chain=False,
    refund_to=None,
    bandwidth=100.0,
    fee=None,
    accept_preprocessing=False,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tumours(tmp_path_factory.mktemp("tables") / "table.csv")


def manifest(path: Path, *disclosures: str, own_models: bool = False) -> Manifest:
    made = options(disclosures=list(disclosures), exclude=[], own_models=own_models)
    listing_spec = made.listing_spec(made.table(path))
    dataset = ChunkedDataset.build(listing_spec.records, listing_spec.chunk_size, Secret(bytes(32)))
    return listing_spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))


@pytest.mark.parametrize(
    ("disclosures", "scores"),
    [(["per-record"], RECORDS), (["per-group-10"], 57), (["total"], 1), (["total", "per-group-10"], 57),
     (["per-group-5", "per-record"], RECORDS)],
)  # fmt: skip
def test_the_budget_of_bits_is_the_same_whatever_is_scored(path: Path, disclosures: list[str], scores: int) -> None:
    terms = manifest(path, *disclosures).terms
    assert terms.disclosures == tuple(disclosures)
    assert terms.disclosed_bits == 3 * terms.record_bits * RECORDS // 10
    assert evaluation_bits(manifest(path, *disclosures)) == 4 * scores


@pytest.mark.parametrize(
    ("changes", "records", "opened"),
    [({"opened_share": 0.0}, 5000, 0), ({}, 60, 59), ({}, 5000, 500), ({"disclosures": ["total"]}, 5000, 500),
     ({"disclosures": ["per-group-2"]}, 569, 113), ({"disclosures": ["per-record", "per-group-2"]}, 900, 118),
     ({"disclosures": ["per-group-20"]}, 5000, 1000), ({"disclosures": ["per-group-20"], "opened_records": 3}, 5000, 3),
     ({"disclosures": ["per-group-20"], "opened_share": float("nan")}, 5000, 500)],
)  # fmt: skip
def test_a_default_audit_of_groups_may_see_all_that_a_selection_opens(
    changes: dict[str, object], records: int, opened: int
) -> None:
    assert options(**({"opened_share": 0.2} | changes)).openable(records) == opened


def test_a_policy_that_is_none_is_neither_offered_nor_asked_for(path: Path) -> None:
    with pytest.raises(InvalidOption, match="`disclosures`"):
        manifest(path, "per-record", "per-group-0")
    with pytest.raises(InvalidOption, match="`disclosure`"):
        replace(PURCHASE, disclosure="top-of-budget").check()
    with pytest.raises(InvalidListing, match="their differences"):
        manifest(path, "per-group-4", "per-group-6")


@pytest.mark.parametrize("asked", ["per-record", "per-group-5"])
def test_what_a_listing_does_not_offer_is_refused_before_anything_is_made_or_asked(path: Path, asked: str) -> None:
    table = read_table(path, LABEL)
    told: list[Manifest] = []
    own = OwnRecords(table.columns, table.label, train=table.rows[:40], validation=table.rows[40:80])
    valuer = ListingValuer(own, TableOptions(LABEL, [], 0), replace(PURCHASE, disclosure=asked), told.append)
    with pytest.raises(InvalidOption, match="`disclosure='per-group-10'` or `disclosure='total'`"):
        valuer.check_listing(manifest(path, "per-group-10", "total"))
    assert told == []


def test_a_model_of_the_buyers_own_is_asked_by_only_where_the_listing_takes_it(path: Path) -> None:
    table = read_table(path, LABEL)
    told: list[Manifest] = []
    own = OwnRecords(table.columns, table.label, train=table.rows[:40], validation=table.rows[40:80])
    valuer = ListingValuer(own, TableOptions(LABEL, [], 0), replace(PURCHASE, model="mlp"), told.append)
    with pytest.raises(InvalidOption, match="takes no `model` of your own") as caught:
        valuer.check_listing(manifest(path, "per-record"))
    assert "`own_models=True`" in str(caught.value.hint)
    assert told == []
    assert valuer.question(manifest(path, "per-record", own_models=True)).model_name == "mlp"


@pytest.mark.parametrize(
    ("name", "words"),
    [("per-record", "1,200 records"), ("per-group-7", "172 groups of 7 records"),
     ("total", "all 1,200 records together"), ("per-group-5000", "all 1,200 records together")],
)  # fmt: skip
def test_people_are_told_what_is_scored(name: str, words: str) -> None:
    assert scored(Units.named(name, 1200)) == words
