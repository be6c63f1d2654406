"""What a seller has for sale and on what terms, and the manifest that it makes of it (PROTOCOL 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from blindfair.blind.disclosure import Disclosure
from blindfair.blind.parameters import parameter_set
from blindfair.pricing.information import check_record_bits
from blindfair.protocol.arrays import decode_array_row
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.disclosure_policy import DisclosurePolicy
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.files import decode_file_row
from blindfair.protocol.hashing import sha256
from blindfair.protocol.manifest import Manifest, Schema, Terms
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Address, Digest, RecordIndex
from blindfair.protocol.records import RecordEncoding, Row, decode_row, decode_text
from blindfair.protocol.signing import Domain

_SHOWN_COPIES = 5
"""So many that a person sees which kind they are."""


def copies_of(records: Sequence[bytes]) -> list[tuple[RecordIndex, RecordIndex]]:
    """Every record that is the same as an earlier one, with the first that is."""
    first: dict[Digest, RecordIndex] = {}
    digests = enumerate(map(sha256, records))
    both = ((RecordIndex(number), first.setdefault(digest, RecordIndex(number))) for number, digest in digests)
    return [(number, earlier) for number, earlier in both if earlier < number]


@dataclass(frozen=True, slots=True)
class ListingSpec:
    """The manifest's contents that are not computed; `records` are canonical bytes. `preprocessing` is a feature schema
    of the records as a document, and nothing where these are no tables.

    Raises InvalidListing for fewer than two records, for copies among them, for records that hold fewer than
    `MIN_RECORD_BITS` bits, for an unknown disclosure policy, for groups of two sizes that tell more together than
    either (docs/explanation/disclosure.md), and for groups whose last is one record alone.
    """

    name: str
    description: str
    licence: str
    consent: str
    encoding: RecordEncoding
    schema: Schema
    preprocessing: Document | None
    records: Sequence[bytes]
    terms: Terms
    chunk_size: int = 1024

    source: str | None = None
    """Names the records and their state where that is known without reading them, to go on with an interrupted
    listing. Such records are kept on disk."""

    are_distinct: bool = False
    """Whether the records were checked before: large ones are not to be read again."""

    def __post_init__(self) -> None:
        n = len(self.records)
        if not self.are_distinct:
            _check_distinct(self.records)
        check_record_bits(self.terms.record_bits)
        sizes = sorted({DisclosurePolicy.named(name).group_size(n) for name in self.terms.disclosures})
        for smaller, larger in pairwise(sizes):
            if larger < n and larger % smaller:
                raise InvalidListing(
                    "Groups of these sizes tell more together than either: their differences",
                    expected="sizes of which the smaller divides the larger",
                    found=f"{smaller} and {larger}",
                    hint="offer one of them alone",
                )
        for size in sizes:
            if 1 < size < n and n % size == 1:
                raise InvalidListing(
                    "The last group would be one record, and the record's own score told",
                    expected="groups of 2 records or more",
                    found=f"{n} records in groups of {size}",
                    hint=f"take {_near(size, n)}, or offer per-record if a record may be scored alone",
                )

    def __repr__(self) -> str:
        columns, bits = len(self.schema.columns), self.terms.bits_per_record
        return (
            f"ListingSpec({self.name!r}, {len(self.records):,} records of {columns} columns, "
            f"label {self.schema.label!r}, {bits} bits a record)"
        )

    def disclosure(self, request: Request) -> Disclosure:
        """What the answer to a request would disclose. Raises UnknownParameters."""
        return Disclosure.of(
            parameter_set(request.parameters),
            records=len(self.records),
            bits=request.bits,
            exponent_bits=request.exponent_bits,
            policy=DisclosurePolicy.named(request.disclosure),
        )

    def decode(self, record: bytes) -> Row:
        """The cells of a record that models may read, from its canonical bytes: of a file, None. Raises
        MalformedRecord."""
        if self.encoding is RecordEncoding.ARRAY:
            return decode_array_row(record, self.schema.array_form)
        if self.encoding is RecordEncoding.BYTES:
            return (None, *decode_file_row(record)[1:])
        return decode_row(record) if self.encoding is RecordEncoding.CBOR_ROW else (decode_text(record),)

    def manifest(self, dataset: ChunkedDataset, domain: Domain, *, seller: Address, seller_hpke: bytes) -> Manifest:
        """What the public may know; `dataset` is made of `records`. Raises InvalidListing."""
        return Manifest(
            name=self.name,
            description=self.description,
            licence=self.licence,
            consent=self.consent,
            encoding=self.encoding,
            schema=self.schema,
            preprocessing=self.preprocessing,
            record_count=len(self.records),
            chunk_size=self.chunk_size,
            chunk_count=len(dataset.chunks),
            first_chunks=dataset.first_chunks,
            listing_root=dataset.root,
            leaf_digest=dataset.leaf_digest,
            chain_id=domain.chain_id,
            contract=domain.contract,
            seller=seller,
            seller_hpke=seller_hpke,
            terms=self.terms,
        )


def _check_distinct(records: Sequence[bytes]) -> None:
    """Raises InvalidListing for copies, whose scores would tell more of the record with each, and for one record."""
    # Digests: the records may be more than the memory holds.
    n, different = len(records), len(set(map(sha256, records)))
    if different < 2:
        raise InvalidListing(
            "A listing needs different records: the score of one alone, beside its price, tells too much of it",
            expected=">= 2 different records",
            found=f"{different} in {n} records",
            hint="sell a single record without blind evaluation",
        )
    if different < n:
        copies = copies_of(records)
        shown = ", ".join(f"{copy} of {first}" for copy, first in copies[:_SHOWN_COPIES])
        raise InvalidListing(
            "Some records are exact copies: their scores would tell more of one record, and an audit that opens "
            "copies fails",
            expected=f"{n} different records",
            found=f"{different}; copies, counted from 0: {shown}{', ...' if copies[_SHOWN_COPIES:] else ''}",
            hint="list the first of each alone: `without_copies=True`",
        )


def _near(size: int, records: int) -> str:
    """The sizes next to one that leave no record alone."""
    fits = [other for other in range(2, records + 1) if records % other != 1]
    smaller = [other for other in fits if other < size][-1:]
    return " or ".join(
        str(other) for other in (*smaller, *(other for other in fits if other > size))[: len(smaller) + 1]
    )
