"""What `--accept-kinds` and `--exclude` make of a table that is written otherwise than the listing."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from real_tables import LABEL, tumours
from test_disclosure_option import PURCHASE, manifest

from blindfair.agents.buyer.valuer import Question
from blindfair.agents.evaluation.own_models import check_prescribed_model
from blindfair.agents.evaluation.preprocessing import listed_schema
from blindfair.api.listing_valuer import ListingValuer
from blindfair.api.own_records import OwnRecords, TableOptions
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.influence.built_on import check_built_on
from blindfair.influence.models import LogisticRegression
from blindfair.influence.table import Table, read_table
from blindfair.protocol.errors import ColumnsDiffer, InvalidOption, KindsDiffer
from blindfair.protocol.manifest import Manifest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tumours(tmp_path / "table.csv")


def own_records(table: Table, left_out: tuple[str, ...] = ()) -> OwnRecords:
    kept = [place for place, name in enumerate(table.columns) if name not in left_out]
    rows = [tuple(row[place] for place in kept) for row in table.rows[:180]]
    columns = tuple(table.columns[place] for place in kept)
    return OwnRecords(columns, table.label, tuple(rows[:60]), tuple(rows[60:]), left_out)


def asked(own: OwnRecords, purchase: PurchaseOptions, listing: Manifest) -> Question:
    """The question, if one is asked; else nothing is said of what asking takes."""
    told: list[Manifest] = []
    valuer = ListingValuer(own, TableOptions(LABEL, [], 0), purchase, told.append)
    try:
        valuer.check_listing(listing)
        return valuer.question(listing)
    except Exception:
        assert told == []
        raise


def test_only_who_accepts_other_kinds_asks(path: Path) -> None:
    table, listing = read_table(path, LABEL), manifest(path, "per-record")
    name = table.columns[0]
    texts = replace(table, rows=tuple((str(row[0]) + " mm", *row[1:]) for row in table.rows))
    with pytest.raises(KindsDiffer, match=f"Column '{name}' has numbers in the listing and text in your table"):
        asked(own_records(texts), PURCHASE, listing)
    accepting = replace(PURCHASE, accept_kinds=True)
    notes = asked(own_records(texts), accepting, listing).notes
    assert len([note for note in notes if f"Column '{name}': 180 of 180 cells do not fit" in note]) == 1


def test_columns_that_do_not_fit_are_told_once_before_what_asking_takes(path: Path) -> None:
    table, listing = read_table(path, LABEL), manifest(path, "per-record")
    texts = replace(table, rows=tuple((str(row[0]) + " mm", *row[1:]) for row in table.rows))
    purchase = replace(PURCHASE, accept_kinds=True)
    told: list[str] = []
    valuer = ListingValuer(
        own_records(texts), TableOptions(LABEL, [], 0), purchase, lambda _: told.append("estimate"), told.append
    )
    valuer.check_listing(listing)
    question = valuer.question(listing)
    assert "180 of 180 cells do not fit" in told[0] and told[1:] == ["estimate"]
    assert not any("do not fit" in note for note in question.notes)


def test_a_column_that_is_left_out_is_not_read_by_the_model_that_the_seller_takes(path: Path) -> None:
    table, listing = read_table(path, LABEL), manifest(path, "per-record")
    name = table.columns[0]
    own = own_records(replace(table, rows=tuple((str(row[0]) + " mm", *row[1:]) for row in table.rows)), (name,))
    question = asked(own, PURCHASE, listing)
    check_prescribed_model(question, listing)
    asked_schema = LogisticRegression.from_parts(question.model_config, question.weights).schema
    check_built_on(asked_schema, listed_schema(listing))
    assert name not in {feature.column for feature in asked_schema.features}
    assert question.queries.shape[1] == asked_schema.width == listed_schema(listing).width - 1
    with pytest.raises(InvalidOption, match="every column"):
        asked(own_records(table, tuple(set(table.columns) - {LABEL})), PURCHASE, listing)


def test_the_order_of_columns_changes_nothing_that_is_asked(path: Path) -> None:
    table, listing = read_table(path, LABEL), manifest(path, "per-record")
    turned = replace(table, columns=table.columns[::-1], rows=tuple(row[::-1] for row in table.rows))
    one, other = (asked(own_records(each), PURCHASE, listing) for each in (table, turned))
    assert (one.queries == other.queries).all() and replace(one, queries=other.queries) == other


def test_a_column_that_the_buyer_lacks_is_named_before_asking(path: Path) -> None:
    table, listing = read_table(path, LABEL), manifest(path, "per-record")
    lacking = replace(own_records(table, (table.columns[0],)), left_out=())
    with pytest.raises(ColumnsDiffer) as caught:
        asked(lacking, PURCHASE, listing)
    assert (caught.value.expected, caught.value.found) == (repr(table.columns[0]), "no such column")


def test_a_buyer_needs_no_column_that_no_model_reads(path: Path, tmp_path: Path) -> None:
    header, *lines = path.read_text().splitlines()
    numbered = tmp_path / "numbered.csv"
    numbered.write_text("\n".join([f"pâtient,{header}", *(f"p{place},{line}" for place, line in enumerate(lines))]))
    listing = manifest(numbered, "per-record")
    assert "pâtient" in listing.schema.unscored
    with_it, without = (asked(own_records(read_table(each, LABEL)), PURCHASE, listing) for each in (numbered, path))
    assert (with_it.queries == without.queries).all() and replace(with_it, queries=without.queries) == without
    numbered.write_text(unicodedata.normalize("NFD", numbered.read_text()))
    decomposed = asked(own_records(read_table(numbered, LABEL)), PURCHASE, listing)
    assert (decomposed.queries == without.queries).all()
