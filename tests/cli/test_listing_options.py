"""What `seller list` makes of its options."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from real_tables import LABEL, UGLY_HEADER, ugly

from blindfair.agents.evaluation.preprocessing import listed_schema
from blindfair.api.amounts import IN_ETHER
from blindfair.api.information import evaluation_bits, information_document, information_text, smallest_free_group
from blindfair.api.listing_options import ListingOptions
from blindfair.cli.seller.report import _openable, preprocessing_text
from blindfair.cli.seller.running import check_publishable
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import CategoryFeature, NumberFeature
from blindfair.influence.table import Table
from blindfair.influence.written import as_written
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import BlindfairError, InvalidListing, InvalidOption
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ETHER, Address, Secret, Wei
from blindfair.protocol.records import decode_row, encode_rows
from blindfair.protocol.schema import ColumnKind
from blindfair.protocol.signing import Domain

BUYER = "0x" + "ab" * 20
DEFAULTS: dict[str, Any] = {
    "label": LABEL, "exclude": ["patient id"], "name": "n", "description": "", "licence": "l", "consent": "c",
    "prices": IN_ETHER,
    "price_per_record": "0.001", "bits": 4, "free_share": 0.05, "evaluation_fee": None, "disclosed_share": 0.3,
    "accept_disclosed_share": None, "never_score": [], "score": [], "categorical": [],
    "disclosures": ["per-record"], "opened_share": 0.0, "opened_records": None, "buyers": [],
    "bond_share": 0.1, "reveal_window": 3600, "dispute_window": 86400, "chunk_size": 1024,
    "max_bonds": "1", "pay_to": None, "without_copies": False,
}  # fmt: skip


WRITTEN = ("cd4 before (as written)", "weight (as written)", "symptoms (as written)")
"""What the ugly table's listing holds besides: NA, ? and null, and numbers in other forms than the shortest."""


def read_by(made: ListingOptions, path: Path) -> Table:
    found = made.table(path)
    assert isinstance(found, Table)
    return found


def options(**changes: Any) -> ListingOptions:
    return ListingOptions(**(DEFAULTS | changes))


def listed(folder: Path, **changes: Any) -> Manifest:
    """The manifest of the ugly table, listed with these options."""
    made = options(**changes)
    listing_spec = made.listing_spec(made.table(ugly(folder / "table.csv")))
    dataset = ChunkedDataset.build(listing_spec.records, listing_spec.chunk_size, Secret(bytes(32)))
    return listing_spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))


def refused(folder: Path, **changes: Any) -> InvalidOption:
    with pytest.raises(InvalidOption) as caught:
        listed(folder, **changes)
    return caught.value


def test_by_default_strangers_learn_a_twentieth_of_a_record_free_and_all_buyers_a_third_at_most(tmp_path: Path) -> None:
    manifest = listed(tmp_path)
    terms, n, held = manifest.terms, manifest.record_count, manifest.terms.record_bits
    assert 20 < held < 40
    assert terms.bits_per_record == 4
    assert terms.free_bits == held * n // 20
    assert terms.disclosed_bits == held * n * 3 // 10
    # As large a share of all records' price as an evaluation tells of what they hold, and an amount of three digits.
    least = 4 * terms.reserve_price * n / held
    assert least <= terms.evaluation_fee < 1.01 * least
    assert len(str(terms.evaluation_fee).rstrip("0")) <= 3
    assert (terms.opened_share, terms.opened_records) == (0, 0)


def test_what_people_read_stands_beside_what_a_record_holds(tmp_path: Path) -> None:
    manifest = replace(
        listed(tmp_path),
        terms=replace(
            listed(tmp_path).terms, record_bits=109, bits_per_record=4, free_bits=5450, disclosed_bits=32_700
        ),
    )
    assert manifest.record_count == 1000
    assert information_text(manifest) == (
        "this listing holds about 109 bits a record; one evaluation tells at most 4 (4 %); strangers together at most "
        "5.5 (5 %) free of charge; all evaluations together 32.7 (30 %)"
    )
    # A budget is whole bits of all records: 3.4 and 20.4 bits of each, rounded down.
    whole = replace(manifest, terms=replace(manifest.terms, record_bits=68, free_bits=3399, disclosed_bits=20_399))
    assert "at most 3.4 (5 %) free of charge; all evaluations together 20.4 (30 %)" in information_text(whole)
    grouped = replace(manifest, terms=replace(manifest.terms, disclosures=("per-group-10",)))
    assert "one evaluation tells at most 4 (0.4 %) of a group of 10 records;" in information_text(grouped)
    total = replace(manifest, terms=replace(manifest.terms, disclosures=("total",)))
    assert "at most 4 (under 0.1 %) of all 1,000 records together;" in information_text(total)
    document = information_document(manifest)
    assert (document["record_bits"], document["first_evaluation_is_free"]) == (109, True)


def test_no_more_is_free_than_all_evaluations_together_tell(tmp_path: Path) -> None:
    terms = listed(tmp_path, free_share=0.5).terms
    assert terms.free_bits == terms.disclosed_bits == terms.record_bits * 1000 * 3 // 10


def test_records_without_a_price_need_a_fee_or_named_buyers(tmp_path: Path) -> None:
    assert refused(tmp_path, price_per_record="0").what.startswith("Records without a price")
    assert listed(tmp_path, price_per_record="0", evaluation_fee="0.1").terms.evaluation_fee == 10**17
    assert listed(tmp_path, price_per_record="0", buyers=[BUYER]).terms.evaluation_fee == 0


def test_copies_do_not_hide_an_identifier(tmp_path: Path) -> None:
    path = tmp_path / "numbered.csv"
    lines = [f"{1000 + n},{n * 7 % 101}.5,{n * 3 % 89}.25,{n % 2}" for n in range(400)]
    path.write_text(f"id,x,y,{LABEL}\n" + "\n".join([*lines, *lines[:3]]) + "\n")
    made = options(exclude=[], without_copies=True)
    assert made.unscored(read_by(made, path)) == ("id",)


def test_however_much_a_record_holds_strangers_get_32_bits_of_it_at_most(tmp_path: Path) -> None:
    manifest = listed(tmp_path, free_share=1, record_bits=10_000)
    assert manifest.terms.free_bits == 32 * manifest.record_count


@pytest.mark.parametrize(
    ("bits", "buyers", "most"), [(0, [], 8), (9, [], 8), (-1, [], 8), (0, [BUYER], 64), (65, [BUYER], 64)]
)
def test_bits_out_of_range_are_refused_by_name(bits: int, buyers: list[str], most: int, tmp_path: Path) -> None:
    error = refused(tmp_path, bits=bits, buyers=buyers)
    assert (error.what, error.expected) == ("`bits` is out of range", f"1 ... {most} bits a record")


@pytest.mark.parametrize(("bits", "buyers"), [(1, []), (8, []), (64, [BUYER])])
def test_bits_at_their_ends_are_taken(bits: int, buyers: list[str], tmp_path: Path) -> None:
    share = {"disclosed_share": 3.0, "accept_disclosed_share": 3.0}
    assert listed(tmp_path, bits=bits, buyers=buyers, **share).terms.bits_per_record == bits


def test_a_smaller_fee_than_the_share_that_is_told_is_refused_by_name(tmp_path: Path) -> None:
    terms = listed(tmp_path).terms
    least = Wei(-(-4 * terms.reserve_price * 1000 // terms.record_bits))
    assert listed(tmp_path, evaluation_fee=IN_ETHER.digits(least)).terms.evaluation_fee == least
    assert listed(tmp_path, evaluation_fee="3").terms.evaluation_fee == 3 * 10**18
    error = refused(tmp_path, evaluation_fee=IN_ETHER.digits(least - 1))
    assert error.what.startswith("`evaluation_fee` is smaller")
    assert str(error.expected).startswith(f"at least {IN_ETHER.show(least)}: 4 of ")


def test_models_of_a_buyers_own_are_for_named_buyers_unless_the_seller_says_otherwise(tmp_path: Path) -> None:
    assert listed(tmp_path).terms.own_models is False
    assert listed(tmp_path, own_models=True).terms.own_models is True
    assert listed(tmp_path, buyers=[BUYER]).terms.own_models is True


def test_named_buyers_pay_no_fee(tmp_path: Path) -> None:
    terms = listed(tmp_path, buyers=[BUYER]).terms
    assert (terms.evaluation_fee, terms.free_bits) == (0, 0)
    assert refused(tmp_path, buyers=[BUYER], evaluation_fee="1").what.startswith("`evaluation_fee` is for unnamed")


@pytest.mark.parametrize("repeated", [None, 0.4, 0.51])
def test_more_than_three_tenths_are_given_away_only_by_a_seller_that_repeats_the_figure(
    tmp_path: Path, repeated: float | None
) -> None:
    error = refused(tmp_path, disclosed_share=0.5, accept_disclosed_share=repeated)
    assert "`disclosed_share` gives away more than 30%" in error.what
    assert error.hint == "`accept_disclosed_share=0.5` if you mean it"
    terms = listed(tmp_path, disclosed_share=0.5, accept_disclosed_share=0.5).terms
    assert terms.disclosed_bits == terms.record_bits * 1000 // 2


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"free_share": 1.5}, "`free_share`"),
        ({"free_share": -0.1}, "`free_share`"),
        ({"free_share": float("nan")}, "`free_share`"),
        ({"disclosed_share": -0.1}, "`disclosed_share`"),
        ({"disclosed_share": float("inf")}, "`disclosed_share`"),
        ({"evaluation_fee": "-1"}, "`evaluation_fee`"),
        ({"evaluation_fee": "much"}, "`evaluation_fee`"),
        ({"never_score": ["nonsense"]}, "`never_score`"),
        ({"score": ["nonsense"]}, "`score`"),
        ({"categorical": ["nonsense"]}, "`categorical`"),
        ({"never_score": [LABEL]}, "`never_score`"),
        ({"never_score": ["weight"], "score": ["weight"]}, "`never_score`"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused_by_name(tmp_path: Path, changes: dict[str, Any], option: str) -> None:
    assert refused(tmp_path, **changes).what.startswith(option)


def test_a_budget_that_no_evaluation_fits_into_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, disclosed_share=0.01).what == "One evaluation would tell more than all together may"
    assert listed(tmp_path, disclosed_share=0.01, disclosures=["per-group-20"]).terms.disclosed_bits


def test_records_too_small_to_be_scored_alone_are_told_which_groups_are_free(tmp_path: Path) -> None:
    """A table of 28 bits a record: 4 bits are more than a twentieth of it. Groups of 3 would leave one record alone."""
    manifest = listed(tmp_path)
    assert evaluation_bits(manifest) == 4 * 1000 > manifest.terms.free_bits
    size = smallest_free_group(manifest)
    assert size == 4
    grouped = listed(tmp_path, disclosures=[f"per-group-{size}"])
    assert evaluation_bits(grouped) <= grouped.terms.free_bits
    assert information_document(grouped)["first_evaluation_is_free"] is True
    assert information_document(manifest)["first_evaluation_is_free"] is False
    assert smallest_free_group(listed(tmp_path, free_share=0)) is None


def test_the_manifest_says_how_models_prepare_the_columns_that_they_may_read(tmp_path: Path) -> None:
    manifest = listed(tmp_path, exclude=[])
    schema = listed_schema(manifest)
    assert schema.columns == (*UGLY_HEADER, *WRITTEN)
    assert "patient id" not in {feature.column for feature in schema.features}
    kept = listed_schema(listed(tmp_path, exclude=[], never_score=["weight"]))
    assert {f.column for f in schema.features} - {f.column for f in kept.features} == {"weight"}
    numbers = sum(isinstance(feature, NumberFeature) for feature in schema.features)
    text = preprocessing_text(manifest)
    assert f"the classes of {LABEL}, the rounded centre and scale of {numbers} columns" in text
    frequent = [feature.column for feature in schema.features if not isinstance(feature, NumberFeature)]
    assert f"frequent values of {len(frequent)} ({', '.join(frequent)});" in text


def test_a_column_of_codes_is_one_where_the_seller_says_so(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    lines = [f"{n * 7 % 101}.5,{n % 3},{n // 3 % 2}" for n in range(300)]
    path.write_text(f"x,arm,{LABEL}\n" + "\n".join(lines) + "\n")

    def kinds(**changes: Any) -> dict[str, type]:
        made = options(exclude=[], disclosures=["total"], without_copies=True, **changes)
        return {feature.column: type(feature) for feature in made.preprocessing(read_by(made, path)).features}

    assert kinds() == {"x": NumberFeature, "arm": NumberFeature}
    assert kinds(categorical=["arm"]) == {"x": NumberFeature, "arm": CategoryFeature}


def test_copies_that_are_left_out_leave_no_trace_in_the_preprocessing(tmp_path: Path) -> None:
    path = tmp_path / "copies.csv"
    lines = [f"{n}.5,{n % 2}" for n in range(40)]
    made = options(exclude=[], without_copies=True)
    schemas = []
    for more in ([], lines[-1:] * 100):
        path.write_text(f"x,{LABEL}\n" + "\n".join(lines + more) + "\n")
        schemas.append(made.preprocessing(read_by(made, path)))
    assert schemas[0] == schemas[1]


def test_what_looks_like_an_identifier_is_sold_and_not_scored(tmp_path: Path) -> None:
    assert listed(tmp_path, exclude=[]).schema.unscored == ("patient id", *WRITTEN)
    assert listed(tmp_path, exclude=[], score=["patient id"]).schema.unscored == WRITTEN
    kept = listed(tmp_path, exclude=[], never_score=["weight"])
    assert kept.schema.unscored == ("patient id", "weight", *WRITTEN)
    assert [column.name for column in kept.schema.columns] == [*UGLY_HEADER, *WRITTEN]


def test_columns_that_no_model_reads_count_nothing_of_what_a_record_holds(tmp_path: Path) -> None:
    """Otherwise a number in each record would raise what may be told of all others."""
    alone, beside = listed(tmp_path), listed(tmp_path, exclude=[])
    assert alone.terms.record_bits == beside.terms.record_bits
    assert listed(tmp_path, exclude=[], score=["patient id"]).terms.record_bits > alone.terms.record_bits


def test_a_table_of_identifiers_alone_is_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text(f"number,{LABEL}\n" + "\n".join(f"{n * 7919 % 10007},{n * n % 3 % 2}" for n in range(1000)) + "\n")
    made = options(exclude=[])
    with pytest.raises(InvalidOption, match="No column besides the label is left"):
        made.listing_spec(made.table(path))
    assert options(exclude=[], score=["number"], disclosures=["total"]).listing_spec(made.table(path)).records


def test_a_measure_that_was_taken_is_kept(tmp_path: Path) -> None:
    """The compressor of another machine or year may measure otherwise; the listing must stay the same."""
    path = ugly(tmp_path / "table.csv")
    checked = options().checked(path)
    assert checked.record_bits == listed(tmp_path).terms.record_bits
    assert ListingOptions.from_document(checked.to_document()) == checked
    assert replace(checked, record_bits=77).listing_spec(checked.table(path)).terms.record_bits == 77


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["1.5,0,0", "1.5,0,0", "1.5,0,0"] * 9, "hold too little"),
        ([f"{n % 2}.5,{n % 3},{n % 2}" for n in range(90)], "hold too little"),
    ],
    ids=["equal records", "records of two bits"],
)
def test_tables_that_hold_nothing_are_not_listed(tmp_path: Path, rows: list[str], words: str) -> None:
    path = tmp_path / "little.csv"
    path.write_text(f"x,c,{LABEL}\n" + "\n".join([*rows, "2.5,1,1"]) + "\n")
    made = options(exclude=[], without_copies=True)
    with pytest.raises(InvalidListing, match=words):
        made.checked(path)


def test_named_buyers_are_the_only_ones() -> None:
    named = to_checksum_address("0x" + "ab" * 20)
    assert options().policy().buyers is None
    assert options(buyers=[named]).policy().buyers == frozenset({Address(named.lower())})
    with pytest.raises(InvalidOption, match="`buyers`"):
        options(buyers=["somebody"]).policy()


def table_with_copies(folder: Path) -> Path:
    """Forty different records and two copies, the third and the last."""
    rows = [f"{n}.25,{n * n % 37},{'ab'[n % 2]},{n // 3 % 2}" for n in range(40)]
    path = folder / "copies.csv"
    lines = [*rows[:2], rows[0], *rows[2:], rows[8]]
    path.write_text(f"x,y,c,{LABEL}\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("policy", ["per-record", "per-group-4", "total"])
def test_copies_are_named_and_not_listed(tmp_path: Path, policy: str) -> None:
    made = options(exclude=[], disclosures=[policy], disclosed_share=1.0, accept_disclosed_share=1.0)
    with pytest.raises(InvalidListing) as refused:
        made.checked(table_with_copies(tmp_path))
    assert refused.value.expected == "42 different records"
    assert str(refused.value.found) == "40; copies, counted from 0: 2 of 0, 41 of 9"
    assert "`without_copies=True`" in str(refused.value.hint)


def test_without_copies_the_first_of_equal_records_is_listed(tmp_path: Path) -> None:
    path = table_with_copies(tmp_path)
    table = options(exclude=[]).table(path)
    assert isinstance(table, Table)
    every = encode_rows(table.rows)
    made = options(exclude=[], without_copies=True, disclosures=["per-group-4"])
    # The length of a record is seen before it is paid for.
    assert len({len(record) for record in every}) == 1
    assert made.listing_spec(made.table(path)).records == (*every[:2], *every[3:41])


def test_records_that_are_written_otherwise_are_no_copies(tmp_path: Path) -> None:
    """Two codes may be one number, and a buyer gets both as they were written."""
    path = tmp_path / "codes.csv"
    rows = [f"{300 + n}.1,{n * n % 37}.25,{n // 3 % 2}" for n in range(42)]
    path.write_text(f"code,x,{LABEL}\n" + "\n".join(["250.0,7.25,1", "250.00,7.25,1", *rows]) + "\n")
    made = options(exclude=[], without_copies=True, disclosures=["total"])
    listing_spec = made.listing_spec(made.table(path))
    assert len(listing_spec.records) == 44
    _, written = as_written(listing_spec.schema, [decode_row(record) for record in listing_spec.records])
    assert [row[0] for row in written[:2]] == ["250.0", "250.00"]


def codes_with_copies(folder: Path) -> Path:
    """700 different records and ten copies; the first two records differ only in how one number is written."""
    path = folder / "codes.csv"
    rows = [f"{300 + n}.1,{n * n % 37}.25,{n // 3 % 2}" for n in range(698)]
    lines = ["250.0,7.25,1", "250.00,7.25,1", *rows, *rows[:10]]
    path.write_text(f"code,x,{LABEL}\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("without_copies", "listed_records"), [(True, 700), (False, 710)])
def test_the_status_counts_the_records_that_are_listed(
    tmp_path: Path, without_copies: bool, listed_records: int
) -> None:
    made = options(exclude=[], without_copies=without_copies, disclosures=["total"], opened_share=0.01)
    path = codes_with_copies(tmp_path).rename(tmp_path / "records.csv")
    assert made.count(made.table(path)) == listed_records
    assert _openable(tmp_path, made) == made.openable(listed_records) == listed_records // 10
    path.unlink()
    # Once the listing was checked the table is not read again.
    assert _openable(tmp_path, replace(made, record_count=listed_records)) == listed_records // 10


def test_a_checked_listing_knows_how_many_records_it_has(tmp_path: Path) -> None:
    made = options(exclude=[], without_copies=True, disclosures=["total"], opened_share=0.01)
    path = codes_with_copies(tmp_path)
    assert made.checked(path).record_count == 700
    assert made.listing_spec(made.table(path)).terms.opened_records == 70


def test_records_that_differ_in_their_texts_alone_count_twice_in_the_preprocessing(tmp_path: Path) -> None:
    """They are two of the records that are listed, and copies are one."""
    made = options(exclude=[], without_copies=True, disclosures=["total"])
    path = tmp_path / "weights.csv"
    # Two in three of the listed records hold the same number in other texts; the median follows them.
    texts = [f"9.{'0' * n}" for n in range(1, 41)]
    others = [f"{n}.5" for n in range(20)]
    rows = [f"{text},{n % 2}" for n, text in enumerate([*texts, *others, others[0]])]
    path.write_text(f"x,{LABEL}\n" + "\n".join(rows) + "\n")
    table = read_by(made, path)
    (feature,) = made.preprocessing(table).features
    assert isinstance(feature, NumberFeature)
    by_listed = FeatureSchema.infer([row[:2] for row in dict.fromkeys(table.listed_rows())], table.columns, LABEL)
    by_rows = FeatureSchema.infer(list(dict.fromkeys(table.rows)), table.columns, LABEL)
    assert (feature,) == by_listed.features != by_rows.features


def test_columns_of_text_are_listed_as_categories(tmp_path: Path) -> None:
    made = options(text=["cd4 before"])
    table = made.table(ugly(tmp_path / "table.csv"))
    kinds = {column.name: column.kind for column in made.listing_spec(table).schema.columns}
    assert kinds["cd4 before"] is ColumnKind.CATEGORY
    assert "cd4 before (as written)" not in kinds
    with pytest.raises(InvalidOption, match="`text`"):
        options(text=["nonsense"]).table(ugly(tmp_path / "table.csv"))


@pytest.mark.parametrize(
    ("text", "error"), [("bad\udcff", InvalidOption), ("n" * 201, InvalidListing)], ids=["not UTF-8", "too long"]
)
def test_a_file_name_that_cannot_be_published_is_refused(text: str, error: type[BlindfairError]) -> None:
    with pytest.raises(error, match="--name, the file's name,") as caught:
        check_publishable(options(name=text), named=False)
    assert "--name NAME" in str(caught.value.hint)
    with pytest.raises(InvalidListing, match="--consent"):
        check_publishable(options(consent=""), named=True)
    with pytest.raises(InvalidOption, match="--licence"):
        check_publishable(options(licence="by \udcfc"), named=True)
    check_publishable(options(name="größe"), named=True)
