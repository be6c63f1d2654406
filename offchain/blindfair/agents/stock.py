"""What a seller has for sale and on what terms, and the manifest that it makes of it (PROTOCOL 2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from blindfair.blind.disclosure import Disclosure
from blindfair.blind.parameters import parameter_set
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.hashing import sha256
from blindfair.protocol.manifest import Manifest, Schema, Terms
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Address
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.signing import Domain
from blindfair.protocol.terms import PER_RECORD


@dataclass(frozen=True, slots=True)
class Stock:
    """The manifest's contents that are not computed; `records` are canonical bytes.

    Raises InvalidListing for terms that offer a disclosure policy this version cannot keep.
    """

    name: str
    description: str
    licence: str
    consent: str
    encoding: RecordEncoding
    schema: Schema
    records: Sequence[bytes]
    terms: Terms
    chunk_size: int = 1024

    def __post_init__(self) -> None:
        if self.terms.disclosures != (PER_RECORD,):
            raise InvalidListing(
                "The terms offer what this version cannot answer",
                expected=(PER_RECORD,),
                found=self.terms.disclosures,
                hint="offer the disclosure policy per-record alone",
            )

    def disclosure(self, request: Request) -> Disclosure:
        """What the answer to a request would disclose. Raises UnknownParameters."""
        return Disclosure.of(
            parameter_set(request.parameters),
            records=len(self.records),
            queries=request.queries,
            precision_bits=self.terms.precision_bits,
            exponent_bits=request.exponent_bits,
        )

    def manifest(self, dataset: ChunkedDataset, domain: Domain, *, seller: Address, seller_hpke: bytes) -> Manifest:
        """What the public may know; `dataset` is made of `records`. Raises InvalidListing."""
        return Manifest(
            name=self.name,
            description=self.description,
            licence=self.licence,
            consent=self.consent,
            encoding=self.encoding,
            schema=self.schema,
            record_count=len(self.records),
            chunk_size=self.chunk_size,
            chunk_count=len(dataset.chunks),
            first_chunks=dataset.first_chunks,
            listing_root=dataset.root,
            leaf_digest=sha256(b"".join(dataset.leaf_hashes)),
            chain_id=domain.chain_id,
            contract=domain.contract,
            seller=seller,
            seller_hpke=seller_hpke,
            terms=self.terms,
        )
