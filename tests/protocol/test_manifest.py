"""A manifest is read with every rule of PROTOCOL 2 checked, and it and a leaf list belong together or are refused."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.arrays import ArrayForm
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.documents import canonical, parse
from blindfair.protocol.errors import InvalidListing, MalformedRecord, RootMismatch
from blindfair.protocol.fields import Fields
from blindfair.protocol.hashing import sha256
from blindfair.protocol.manifest import Column, ColumnKind, Manifest, Schema, Terms, check_listing, listing_id
from blindfair.protocol.quantities import ETHER, Address, Digest, Root, Secret, Wei
from blindfair.protocol.records import RecordEncoding, Row, encode_row
from protocol.vector_files import Case, changed, each, load, outcome
from vectors.reference import pattern

FILE = load("listings/listings.json")
LEAVES = [Digest(bytes.fromhex(leaf)) for leaf in FILE["leaf_hashes"]]
MANIFEST = Manifest.from_document(FILE["manifest"])
TEXT_SCHEMA = Schema((Column("text", ColumnKind.TEXT),), None)


@each("listings/listings.json")
def test_a_listing_is_right_in_every_field_or_refused(case: Case) -> None:
    document = changed(FILE["manifest"], case)
    leaves = [Digest(bytes.fromhex(leaf)) for leaf in case.get("leaf_hashes", FILE["leaf_hashes"])]

    def read() -> Manifest:
        manifest = Manifest.from_document(document)
        check_listing(manifest, leaves)
        return manifest

    manifest = outcome(case, read)
    if manifest is not None:
        # What is hashed is what was read: a second form of the same manifest would have a second hash.
        assert canonical(manifest.to_document()) == canonical(document)


def test_the_hash_and_number_of_a_listing() -> None:
    assert canonical(MANIFEST.to_document()).hex() == FILE["canonical"]
    assert MANIFEST.digest().hex() == FILE["manifest_hash"]
    assert MANIFEST.listing.hex() == FILE["listing"]
    assert listing_id(MANIFEST.seller, MANIFEST.listing_root, MANIFEST.digest()).hex() == FILE["listing"]


@pytest.mark.parametrize("seller", ["0x" + "11" * 20, "0x" + "00" * 20])
def test_a_listing_of_another_seller_is_another_listing(seller: str) -> None:
    assert listing_id(Address(seller), MANIFEST.listing_root, MANIFEST.digest()) != MANIFEST.listing


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60), st.sampled_from([1024, 4096]))
def test_first_chunks_survive_their_compact_form(lengths: list[int], chunk_size: int) -> None:
    data_set = ChunkedDataset.build([pattern(r, n) for r, n in enumerate(lengths)], chunk_size, Secret(bytes(32)))
    manifest = replace(
        MANIFEST,
        record_count=len(lengths),
        chunk_size=chunk_size,
        chunk_count=len(data_set.chunks),
        first_chunks=data_set.first_chunks,
        listing_root=data_set.root,
        leaf_digest=sha256(b"".join(data_set.leaf_hashes)),
    )
    again = Manifest.from_document(parse(canonical(manifest.to_document()), 2**20))
    assert again == manifest
    check_listing(again, data_set.leaf_hashes)


def test_a_large_table_has_a_small_manifest() -> None:
    count = 1_000_000
    manifest = replace(MANIFEST, record_count=count, chunk_count=count, first_chunks=tuple(range(count)))
    assert len(canonical(manifest.to_document())) < 2000


@pytest.mark.parametrize(
    ("record_count", "chunk_count", "first_chunks"),
    [
        (0, 1, ()),
        (1, 0, (0,)),
        (2, 3, (0, 3)),
        (2, 3, (1, 2)),
        (2, 3, (0, 0)),
        (3, 4, (0, 2, 1)),
        (3, 4, (0, 1)),
        (1, 4, (0, 1)),
        (2, 3, (-1, 2)),
        (1, 2**24 + 1, (0,)),
    ],
)
def test_first_chunks_divide_the_chunks(record_count: int, chunk_count: int, first_chunks: tuple[int, ...]) -> None:
    with pytest.raises(InvalidListing):
        replace(MANIFEST, record_count=record_count, chunk_count=chunk_count, first_chunks=first_chunks)


def test_too_long_a_description_is_refused() -> None:
    with pytest.raises(InvalidListing):
        replace(MANIFEST, description="x" * 10_001)


def test_a_listing_of_texts_has_one_text_column() -> None:
    texts = replace(MANIFEST, encoding=RecordEncoding.TEXT, schema=TEXT_SCHEMA, preprocessing=None)
    assert Manifest.from_document(texts.to_document()) == texts
    with pytest.raises(InvalidListing):
        replace(MANIFEST, encoding=RecordEncoding.TEXT, preprocessing=None)


def test_a_listing_of_texts_says_how_they_are_read() -> None:
    texts = replace(MANIFEST, encoding=RecordEncoding.TEXT, schema=TEXT_SCHEMA, preprocessing={"kind": "text"})
    assert Manifest.from_document(texts.to_document()) == texts


def test_the_preprocessing_is_part_of_what_is_committed_on_chain() -> None:
    """A seller cannot give one buyer other scales than another: the listing's number would be another."""
    assert MANIFEST.preprocessing is not None
    changed = [replace(MANIFEST, preprocessing=other) for other in (None, {}, {**MANIFEST.preprocessing, "label": "x"})]
    assert len({manifest.listing for manifest in (MANIFEST, *changed)}) == 4


@pytest.mark.parametrize("names", [[], [""], ["x" * 201], ["a", "a"], [str(i) for i in range(4097)]], ids=len)
def test_columns_out_of_bounds_are_refused(names: list[str]) -> None:
    with pytest.raises(InvalidListing):
        Schema(tuple(Column(name, ColumnKind.TEXT) for name in names), None)


@pytest.mark.parametrize("names", [["x"], ["x" * 200], [str(i) for i in range(4096)]], ids=len)
def test_columns_at_their_bounds_are_taken(names: list[str]) -> None:
    assert len(Schema(tuple(Column(name, ColumnKind.TEXT) for name in names), names[-1]).columns) == len(names)


TOKENS = [Address(f"0x{i:040x}") for i in range(17)]
TERMS = Terms((ETHER,), Wei(0), 1, 1, 0, Wei(0), 1, 0, 0.0, ("t",), False)
BOUNDS: list[tuple[str, list[Any], list[Any]]] = [
    ("tokens", [tuple(TOKENS[:1]), tuple(TOKENS[:16])], [(), tuple(TOKENS), (ETHER, ETHER), ("",), ("0x" + "0" * 41,)]),
    ("reserve_price", [0, 2**256 - 1], [-1, 2**256]),
    ("record_bits", [1, 2**53 - 1], [0, 2**53]),
    ("bits_per_record", [1, 512], [0, 513]),
    ("free_bits", [0, 2**53 - 1], [-1, 2**53]),
    ("evaluation_fee", [0, 2**128 - 1], [-1, 2**128]),
    ("disclosed_bits", [1, 2**53 - 1], [0, 2**53]),
    ("opened_records", [0, 2**53 - 1], [-1, 2**53]),
    ("opened_share", [0, 1, 0.5], [-0.01, 1.01, math.nan, math.inf]),
    ("disclosures", [("t",), ("x" * 64,), tuple(TOKENS[:16])], [(), tuple(TOKENS), ("t", "t"), ("",), ("x" * 65,)]),
]


@pytest.mark.parametrize(("name", "good", "bad"), BOUNDS, ids=[case[0] for case in BOUNDS])
def test_terms_keep_their_bounds_whoever_makes_them(name: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        terms = replace(TERMS, **{name: value})
        assert Terms.from_fields(Fields(parse(canonical(terms.to_document()), 4096))) == terms
    for value in bad:
        with pytest.raises(InvalidListing):
            replace(TERMS, **{name: value})


@pytest.mark.parametrize(
    ("fee", "bits", "records", "expected"),
    [
        (1000, 4 * 9, 9, 1000),
        (1000, 2 * 9, 9, 500),
        # Never rounded in the buyer's favour: a fee that is split into many small evaluations costs no less.
        (1000, 1, 9, 28),
        (1, 1, 9, 1),
        (1000, 0, 9, 0),
        (0, 4 * 9, 9, 0),
        # Exact where doubles are not.
        (2**128 - 1, 4 * (2**53 - 1) - 1, 2**53 - 1, 2**128 - 1 - (2**128 - 1) // (4 * (2**53 - 1))),
    ],
)
def test_a_fee_is_in_proportion_to_the_bits_and_rounded_up(fee: int, bits: int, records: int, expected: int) -> None:
    assert replace(TERMS, bits_per_record=4, evaluation_fee=Wei(fee)).fee(bits, records) == expected


GOOD_ROWS: list[Row] = [
    (40, "arm 1", None, 1),
    (40.5, 2, "", "yes"),
    (None, True, "note", False),
    (-1, None, None, None),
]
BAD_ROWS: list[Row] = [
    (),
    (40, "arm 1", None),
    (40, "arm 1", None, 1, 1),
    ("40", "arm 1", None, 1),
    (True, "arm 1", None, 1),
    (40, 1.5, None, 1),
    (40, "arm 1", 3, 1),
    (40, "arm 1", False, 1),
]


@pytest.mark.parametrize("row", GOOD_ROWS, ids=repr)
def test_a_row_of_the_schema_is_decoded(row: Row) -> None:
    assert MANIFEST.schema.decode(RecordEncoding.CBOR_ROW, encode_row(row)) == row


@pytest.mark.parametrize("row", BAD_ROWS, ids=repr)
def test_a_row_that_does_not_fit_is_refused(row: Row) -> None:
    with pytest.raises(MalformedRecord):
        MANIFEST.schema.decode(RecordEncoding.CBOR_ROW, encode_row(row))


def test_a_text_is_a_row_of_one_cell() -> None:
    assert TEXT_SCHEMA.decode(RecordEncoding.TEXT, b"Call me Ishmael.") == ("Call me Ishmael.",)
    with pytest.raises(MalformedRecord):
        TEXT_SCHEMA.decode(RecordEncoding.TEXT, b"\xff")


def test_the_root_of_another_leaf_list_is_not_taken() -> None:
    leaves = [Digest(bytes([i]) * 32) for i in range(len(LEAVES))]
    manifest = replace(MANIFEST, leaf_digest=sha256(b"".join(leaves)), listing_root=Root(bytes(32)))
    with pytest.raises(RootMismatch, match="root"):
        check_listing(manifest, leaves)


def test_a_listing_of_arrays_begins_with_them_and_no_other_listing_has_any() -> None:
    image, label = Column("image", ColumnKind.ARRAY, form=ArrayForm("|u1", (2, 3))), Column("l", ColumnKind.NUMBER)
    right = replace(MANIFEST, encoding=RecordEncoding.ARRAY, schema=Schema((image, label), "l"), preprocessing=None)
    assert Manifest.from_document(right.to_document()) == right
    for encoding, columns in (
        (RecordEncoding.ARRAY, (label, image)),
        (RecordEncoding.ARRAY, (label,)),
        (RecordEncoding.ARRAY, (image, replace(image, name="second"), label)),
        (RecordEncoding.CBOR_ROW, (image, label)),
    ):
        with pytest.raises(InvalidListing, match="does not fit its columns of kind array"):
            replace(right, encoding=encoding, schema=Schema(columns, "l"))
