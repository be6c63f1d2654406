"""`inquiry` and `listing`: a buyer asks, the seller gives manifest and leaf list together (PROTOCOL 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.manifest import Manifest, check_listing
from blindfair.protocol.messages.envelope import Envelope, envelope_size
from blindfair.protocol.quantities import Digest, ListingId


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Buyer to seller: send me this listing."""

    TYPE: ClassVar[str] = "inquiry"
    LIMIT: ClassVar[int] = 4096

    listing: ListingId

    def to_body(self) -> Document:
        """The document's body."""
        return {"listing": hex_text(self.listing)}

    def to_parts(self) -> Mapping[str, bytes]:
        """No binary parts."""
        return {}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        message = cls(ListingId(fields.data("listing", 32)))
        fields.done()
        return message


@dataclass(frozen=True, slots=True)
class Listing:
    """Seller to buyer: what is for sale, and the leaf hash of every chunk of it, unless these are too many."""

    TYPE: ClassVar[str] = "listing"
    LIMIT: ClassVar[int] = 512 * 2**20

    manifest: Manifest
    leaf_hashes: Sequence[Digest]
    """Empty for a listing of more than 2^20 chunks (`Manifest.gives_leaves`)."""

    def to_body(self) -> Document:
        """The document's body."""
        return {"manifest": self.manifest.to_document()}

    def to_parts(self) -> Mapping[str, bytes]:
        """`leaves`: the leaf hashes, concatenated; none where there are too many."""
        return {"leaves": b"".join(self.leaf_hashes)} if self.manifest.gives_leaves else {}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Checked whole: the leaf list hashes to the manifest's digest and root.

        Raises MalformedMessage, InvalidListing, RootMismatch.
        """
        fields = Fields(envelope.body)
        manifest = Manifest.from_document(fields.document("manifest"))
        fields.done()
        if not manifest.gives_leaves:
            if envelope.parts:
                raise MalformedMessage("A listing of so many chunks has no leaf list", found=sorted(envelope.parts))
            return cls(manifest, ())
        leaves = part(envelope, "leaves")
        if len(leaves) != 32 * manifest.chunk_count:
            raise MalformedMessage(
                "The leaf list has another length than the manifest says",
                expected=32 * manifest.chunk_count,
                found=len(leaves),
            )
        hashes = tuple(Digest(leaves[i : i + 32]) for i in range(0, len(leaves), 32))
        check_listing(manifest, hashes)
        return cls(manifest, hashes)


def listing_size(manifest: Manifest) -> int:
    """Bytes of the `Listing` message of a manifest, known before it is made."""
    leaves = {"leaves": 32 * manifest.chunk_count} if manifest.gives_leaves else {}
    return envelope_size(Listing.TYPE, {"manifest": manifest.to_document()}, leaves, sender=manifest.seller)


def part(envelope: Envelope, name: str, *, only: bool = True) -> bytes:
    """The binary part `name`; the only one unless `only` is False. Raises MalformedMessage."""
    if name not in envelope.parts or (only and len(envelope.parts) != 1):
        raise MalformedMessage(
            f"The {envelope.type} has the wrong binary parts", expected=name, found=sorted(envelope.parts)
        )
    return envelope.parts[name]
