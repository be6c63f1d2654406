"""What seller and buyer are told of a listing: bits beside what a record holds, the fee, and what no model reads."""

from dataclasses import replace
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from test_listing_options import BUYER, listed, options

from blindfair.api.amounts import IN_ETHER
from blindfair.api.listing_text import columns_document
from blindfair.cli.buyer.find import ChainListing
from blindfair.cli.buyer.report import found_document, show_found
from blindfair.cli.lines import Lines
from blindfair.cli.options import Begun
from blindfair.cli.seller.report import listing_document, show_listing
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ETHER, Address, BlockNumber, Secret, Wei
from blindfair.protocol.signing import Domain


def to_the_seller(manifest: Manifest, folder: Path, **changes: Any) -> str:
    """What `seller list` prints, in one line."""
    said = StringIO()
    begun = Begun(folder, "http://127.0.0.1:8545", folder / "deployment.json")
    show_listing(Lines(Console(file=said)), manifest, options(**changes), begun)
    return " ".join(said.getvalue().split())


def to_a_buyer(manifest: Manifest) -> str:
    """What `buyer find` prints, in one line."""
    said = StringIO()
    event = ChainListing(manifest.listing, manifest.seller, BlockNumber(7))
    show_found(Lines(Console(file=said)), [event], {manifest.listing: manifest}, {ETHER: IN_ETHER})
    assert found_document([event], {manifest.listing: manifest})["listings"]
    return " ".join(said.getvalue().split())


def test_both_read_the_bits_beside_what_a_record_holds_and_the_fee(tmp_path: Path) -> None:
    manifest = listed(tmp_path)
    held = manifest.terms.record_bits
    fee = IN_ETHER.show(manifest.terms.evaluation_fee)
    for said in (to_the_seller(manifest, tmp_path), to_a_buyer(manifest)):
        assert f"this listing holds about {held} bits a record; one evaluation tells at most 4 (14 %)" in said
        assert "free of charge; all evaluations together 8.4 (30 %)" in said
        assert fee in said
    assert listing_document(manifest)["information"] == {
        "disclosed_bits": 8400,
        "evaluation_bits_per_record": 4,
        "evaluation_fee_wei": str(manifest.terms.evaluation_fee),
        "first_evaluation_is_free": False,
        "free_bits": 1400,
        "own_models": False,
        "record_bits": held,
        "unscored_columns": [],
    }


def test_a_seller_of_small_records_is_told_the_ways_that_are_left(tmp_path: Path) -> None:
    said = to_the_seller(listed(tmp_path), tmp_path)
    assert "One evaluation tells 4,000 bits; only 1,400 are free. So every evaluation costs the fee." in said
    assert "--disclosure per-group-4 or larger" in said
    assert "pay the fee, or name your buyers (--buyer)" in said
    assert "learns up to 4 bits more from each score of a record that it has bought" in said
    assert "besides" not in said
    assert "1 bit a record is too little" not in said
    assert "1 bit a record is too little" in to_the_seller(listed(tmp_path, bits=1), tmp_path)
    # Larger records are not said to be small.
    large = listed(tmp_path, record_bits=109)
    assert "every evaluation costs" not in to_the_seller(large, tmp_path)


def test_a_seller_that_could_not_lock_the_bond_for_its_fee_is_told_so(tmp_path: Path) -> None:
    manifest = listed(tmp_path)
    bond = Decimal(manifest.terms.evaluation_fee) / 10 / 10**18
    assert "--max-bonds allows" not in to_the_seller(manifest, tmp_path, max_bonds=str(bond))
    said = to_the_seller(manifest, tmp_path, max_bonds=str(bond / 2))
    assert f"its bond would be {bond.normalize()} ether, and --max-bonds allows {(bond / 2).normalize()} ether" in said
    assert "Serve with a larger --max-bonds, or list in another directory with fewer --bits" in said
    assert "--max-bonds allows" not in to_the_seller(manifest, tmp_path, max_bonds=str(bond / 2), buyers=[BUYER])


def test_named_buyers_are_asked_no_fee_and_nothing_is_called_small(tmp_path: Path) -> None:
    manifest = listed(tmp_path, buyers=[BUYER])
    said = to_the_seller(manifest, tmp_path, buyers=[BUYER])
    assert "none: only the buyers that you named are answered" in said
    assert "every evaluation costs" not in said
    assert "an evaluation that is not free costs nothing" in to_a_buyer(manifest)


def test_a_seller_that_takes_models_of_anybody_is_told_what_it_gives_away(tmp_path: Path) -> None:
    words = "aim all bits of an evaluation at few chosen people"
    assert words in to_the_seller(listed(tmp_path, own_models=True), tmp_path, own_models=True)
    assert words not in to_the_seller(listed(tmp_path), tmp_path)
    named: dict[str, Any] = {"buyers": [BUYER], "own_models": True}
    assert words not in to_the_seller(listed(tmp_path, **named), tmp_path, **named)


def test_columns_that_no_model_reads_are_named_and_why(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"exclude": [], "never_score": ["weight"]}
    manifest = listed(tmp_path, **changes)
    said = to_the_seller(manifest, tmp_path, **changes)
    assert "no model reads weight; buyers get the values with the records all the same; --exclude COLUMN" in said
    assert "no model reads patient id: all values differ, as in an identifier; --score COLUMN" in said
    assert said.count("buyers get the values with the records all the same") == 2
    assert "no model reads: patient id, weight" in to_a_buyer(manifest)


def test_records_that_are_opened_free_are_counted_out_to_the_seller(tmp_path: Path) -> None:
    manifest = listed(tmp_path, opened_share=0.2)
    said = to_the_seller(manifest, tmp_path, opened_share=0.2)
    assert f"count in full: {1400 // manifest.terms.record_bits} at the most" in said


def test_a_fee_in_a_token_that_is_not_known_is_in_its_units(tmp_path: Path) -> None:
    token = Address("0x" + "12" * 20)
    manifest = listed(tmp_path)
    manifest = replace(manifest, terms=replace(manifest.terms, tokens=(token,), evaluation_fee=Wei(12345)))
    assert f"12345 units of {token} for 4 bits a record" in to_a_buyer(manifest)


def test_a_buyer_sees_kinds_categories_and_classes_before_it_asks(tmp_path: Path) -> None:
    """As they are written: what a buyer must write, too."""
    path = tmp_path / "table.csv"
    lines = [f"{number % 7},{('male', 'female')[number % 2]},{number % 5 > 2}" for number in range(100)]
    path.write_text("age,sex,y\n" + "\n".join(lines) + "\n")
    made = options(label="y", exclude=[], never_score=[], categorical=[], record_bits=20, without_copies=True)
    listing_spec = made.listing_spec(made.table(path))
    dataset = ChunkedDataset.build(listing_spec.records, listing_spec.chunk_size, Secret(bytes(32)))
    manifest = listing_spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))
    told = to_a_buyer(manifest)
    assert "label y, 'False' or 'True'" in told
    assert "columns: age (number), sex (text: 'female', 'male')" in told
    document = columns_document(manifest)
    assert document["classes"] == ["False", "True"]
    assert document["kinds"] == {"age": "number", "sex": "category", "y": "category"}
    assert document["categories"] == {"sex": ["female", "male"]}
    # A listing whose preprocessing cannot be read is shown all the same.
    assert "columns: age (number), sex (text)" in to_a_buyer(replace(manifest, preprocessing=None))


def test_a_seller_is_told_how_many_audits_its_free_openings_are_enough_for(tmp_path: Path) -> None:
    manifest = listed(tmp_path, opened_share=0.5, opened_records=118, free_share=1)
    assert "audits" not in to_the_seller(listed(tmp_path), tmp_path)
    many = replace(manifest, terms=replace(manifest.terms, free_bits=118 * manifest.terms.record_bits))
    told = to_the_seller(many, tmp_path, opened_share=0.5, opened_records=118)
    assert "free openings: 118 records in all, enough for 2 audits of 59 each" in told
    one = replace(manifest, terms=replace(many.terms, opened_records=59))
    assert "enough for 1 audit of 59 each; once they are used up, buyers buy" in to_the_seller(one, tmp_path)
    # Free bits bound them too.
    few = replace(manifest, terms=replace(many.terms, free_bits=58 * manifest.terms.record_bits))
    assert "fewer than one default audit" in to_the_seller(few, tmp_path)
