"""The manifest of a listing: what a seller says in public about a data set that it has committed to (PROTOCOL 2), and
the check that manifest and leaf list belong together.

Not here: the signed `Listing` message that carries both (`messages`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from blindfair.protocol.chunk_runs import ChunkRuns
from blindfair.protocol.chunks import CHUNK_COUNT_LIMIT, CHUNK_SIZES, LISTED_CHUNKS_LIMIT, check_chunk_size
from blindfair.protocol.documents import SAFE_INTEGER, Document, JsonValue, digest
from blindfair.protocol.errors import InvalidListing, MalformedMessage, RootMismatch
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.hashing import keccak256, sha256
from blindfair.protocol.merkle import root_of
from blindfair.protocol.quantities import Address, Digest, ListingId, Root
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.schema import Column, ColumnKind, Schema
from blindfair.protocol.terms import Terms

__all__ = ["Column", "ColumnKind", "Manifest", "Schema", "Terms", "check_listing", "listing_id"]

NAME_LIMIT = 200
STATEMENT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """A listing's public description. Its SHA-256 goes on chain.

    Raises `InvalidListing` where a rule of PROTOCOL 2 is broken that needs no leaf list.
    """

    name: str
    """At most 200 characters, not empty."""

    description: str
    """At most 10,000 characters."""

    licence: str
    """What a buyer may do with the records; at most 10,000 characters, not empty."""

    consent: str
    """The ground on which the records may be sold; at most 10,000 characters, not empty."""

    encoding: RecordEncoding
    """How records become bytes."""

    schema: Schema
    """The columns of a record."""

    preprocessing: Document | None
    """How scoring models prepare records: a feature schema of the columns that may be scored, or how texts are read.
    None where records are not scored. Package `influence` checks its contents."""

    record_count: int
    """Number of records, from 1."""

    chunk_size: int
    """Bytes of a full chunk: 1024, 4096 or 16384."""

    chunk_count: int
    """Number of chunks, from `record_count` up to 2^24."""

    first_chunks: Sequence[int]
    """The number of the first chunk of every record; strictly ascending from 0. Kept as `ChunkRuns`."""

    listing_root: Root
    """Root of the listing tree."""

    leaf_digest: Digest
    """`H(L_0 || ... || L_last)`."""

    chain_id: int
    """EIP-155 number of the chain, from 1."""

    contract: Address
    """The escrow contract."""

    seller: Address
    """The account that commits the listing and signs for it."""

    seller_hpke: bytes
    """The seller's X25519 public key, 32 bytes."""

    terms: Terms
    """The seller's prices and limits."""

    def __post_init__(self) -> None:
        for what, text, limit in (
            ("name", self.name, NAME_LIMIT),
            ("licence", self.licence, STATEMENT_LIMIT),
            ("consent", self.consent, STATEMENT_LIMIT),
        ):
            if not 1 <= len(text) <= limit:
                raise InvalidListing(f"The {what} has a wrong length", expected=f"1 ... {limit}", found=len(text))
        if len(self.description) > STATEMENT_LIMIT:
            raise InvalidListing("The description is too long", expected=STATEMENT_LIMIT, found=len(self.description))
        check_chunk_size(self.chunk_size)
        if self.encoding is RecordEncoding.TEXT and [c.kind for c in self.schema.columns] != [ColumnKind.TEXT]:
            raise InvalidListing("A listing of texts has another schema", expected="one column of kind text")
        for encoding, kind in ((RecordEncoding.ARRAY, ColumnKind.ARRAY), (RecordEncoding.BYTES, ColumnKind.FILE)):
            places = [place for place, column in enumerate(self.schema.columns) if column.kind is kind]
            if places != ([0] if self.encoding is encoding else []):
                raise InvalidListing(
                    f"The encoding of a listing does not fit its columns of kind {kind.value}",
                    expected=f"with the encoding {encoding.value} the first column alone, else none",
                    found=f"{self.encoding.value}, and {len(places)} columns of this kind",
                )
        self._check_first_chunks()

    def _check_first_chunks(self) -> None:
        if not 1 <= self.chunk_count <= LISTED_CHUNKS_LIMIT:
            raise InvalidListing(
                "A listing has a wrong number of chunks",
                expected=f"1 ... {LISTED_CHUNKS_LIMIT}",
                found=self.chunk_count,
            )
        first = self.first_chunks
        if isinstance(first, ChunkRuns):
            # Its numbers ascend by construction.
            if (len(first), first.chunk_count) != (self.record_count, self.chunk_count):
                raise InvalidListing(
                    "The chunks of the records are not all chunks",
                    expected=f"{self.record_count} records of {self.chunk_count} chunks",
                    found=f"{len(first)} of {first.chunk_count}",
                )
            return
        if len(first) != self.record_count:
            raise InvalidListing("Not every record has a first chunk", expected=self.record_count, found=len(first))
        if not first or first[0] != 0 or first[-1] >= self.chunk_count or any(a >= b for a, b in pairwise(first)):
            raise InvalidListing(
                "The first chunks do not divide the chunks among the records",
                expected=f"strictly ascending from 0 to below {self.chunk_count}",
            )
        object.__setattr__(self, "first_chunks", ChunkRuns.of_firsts(first, self.chunk_count))

    def to_document(self) -> Document:
        """The manifest as a document.

        `first_chunks` is written as `chunks_of_records`: how many records in a row have how many chunks each, as a
        flat list `[records, chunks, records, chunks, ...]`, neighbours differing in `chunks`.
        """
        pairs = ChunkRuns.of_firsts(self.first_chunks, self.chunk_count).runs()
        runs: list[JsonValue] = [number for run in pairs for number in run]
        return {
            "name": self.name,
            "description": self.description,
            "licence": self.licence,
            "consent": self.consent,
            "encoding": self.encoding.value,
            "schema": self.schema.to_document(),
            "preprocessing": self.preprocessing,
            "record_count": self.record_count,
            "chunk_size": self.chunk_size,
            "chunk_count": self.chunk_count,
            "chunks_of_records": runs,
            "listing_root": hex_text(self.listing_root),
            "leaf_digest": hex_text(self.leaf_digest),
            "chain_id": self.chain_id,
            "contract": self.contract,
            "seller": self.seller,
            "seller_hpke": hex_text(self.seller_hpke),
            "terms": self.terms.to_document(),
        }

    @classmethod
    def from_document(cls, document: Document) -> "Manifest":
        """Read and check a manifest. Raises `MalformedMessage` for its form, `InvalidListing` for its rules."""
        fields = Fields(document, "manifest")
        record_count = fields.integer("record_count", 1, LISTED_CHUNKS_LIMIT)
        runs = fields.integers("chunks_of_records", 1, LISTED_CHUNKS_LIMIT, 2 * record_count)
        manifest = cls(
            name=fields.text("name", NAME_LIMIT),
            description=fields.text("description", STATEMENT_LIMIT),
            licence=fields.text("licence", STATEMENT_LIMIT),
            consent=fields.text("consent", STATEMENT_LIMIT),
            encoding=RecordEncoding(fields.choice("encoding", [encoding.value for encoding in RecordEncoding])),
            schema=Schema.from_fields(fields.sub("schema")),
            preprocessing=fields.optional_document("preprocessing"),
            record_count=record_count,
            chunk_size=fields.integer("chunk_size", min(CHUNK_SIZES), max(CHUNK_SIZES)),
            chunk_count=fields.integer("chunk_count", 1, LISTED_CHUNKS_LIMIT),
            first_chunks=_first_chunks(runs, record_count),
            listing_root=Root(fields.data("listing_root", 32)),
            leaf_digest=Digest(fields.data("leaf_digest", 32)),
            chain_id=fields.integer("chain_id", 1, SAFE_INTEGER),
            contract=fields.address("contract"),
            seller=fields.address("seller"),
            seller_hpke=fields.data("seller_hpke", 32),
            terms=Terms.from_fields(fields.sub("terms")),
        )
        fields.done()
        return manifest

    def digest(self) -> Digest:
        """`manifest_hash = H(manifest)`."""
        return digest(self.to_document())

    @property
    def gives_leaves(self) -> bool:
        """Whether the leaf list travels with the manifest; if not, a delivery proves its leaves (PROTOCOL 2, 6.8)."""
        return self.chunk_count <= CHUNK_COUNT_LIMIT

    @property
    def listing(self) -> ListingId:
        """The listing's number on chain."""
        return listing_id(self.seller, self.listing_root, self.digest())


def _first_chunks(runs: Sequence[int], record_count: int) -> ChunkRuns:
    times, chunks = runs[::2], runs[1::2]
    if len(times) != len(chunks) or sum(times) != record_count:
        raise MalformedMessage("manifest.chunks_of_records does not count every record once", expected=record_count)
    if any(a == b for a, b in pairwise(chunks)):
        raise MalformedMessage("manifest.chunks_of_records is not in its shortest form")
    return ChunkRuns(zip(times, chunks, strict=True))


def check_listing(manifest: Manifest, leaf_hashes: Sequence[Digest]) -> None:
    """Check that a leaf list is the one the manifest was made for (PROTOCOL 6.6).

    Raises `InvalidListing` for another number of leaves or leaves that are no digests, `RootMismatch` for another
    `leaf_digest` or `listing_root`.
    """
    if len(leaf_hashes) != manifest.chunk_count:
        raise InvalidListing("The leaf list is not as long", expected=manifest.chunk_count, found=len(leaf_hashes))
    if any(len(leaf) != 32 for leaf in leaf_hashes):
        raise InvalidListing("The leaf list holds something that is no digest", expected="32 bytes each")
    joined = b"".join(leaf_hashes)
    leaf_digest = sha256(joined)
    if leaf_digest != manifest.leaf_digest:
        raise RootMismatch(
            "The leaf list has another digest", expected=manifest.leaf_digest.hex(), found=leaf_digest.hex()
        )
    root = root_of(joined)
    if root != manifest.listing_root:
        raise RootMismatch("The leaf list has another root", expected=manifest.listing_root.hex(), found=root.hex())


def listing_id(seller: Address, listing_root: Root, manifest_hash: Digest) -> ListingId:
    """`keccak256(abi.encode(seller, listing_root, manifest_hash))` (PROTOCOL 3)."""
    return ListingId(keccak256(bytes(12) + bytes.fromhex(seller[2:]) + listing_root + manifest_hash))
