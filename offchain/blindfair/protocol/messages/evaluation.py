"""`request` and `reply`: the blind evaluation (PROTOCOL 4.1, 4.3). Package `blind` knows what the ciphertexts hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import MalformedMessage, MessageTooLarge
from blindfair.protocol.fields import Fields, amount_text, hex_text
from blindfair.protocol.messages.envelope import Envelope
from blindfair.protocol.messages.listing import part
from blindfair.protocol.quantities import Address, Digest, ListingId, Root, Timestamp, Wei
from blindfair.protocol.rows import EXPONENT_BITS_LIMIT, ROW_LIMIT
from blindfair.protocol.units import Units

MODEL_NAME_LIMIT = 64
DIMENSION_LIMIT = 4096
QUERY_LIMIT = 16
"""Queries in one request (SCORING: 1 ... 16)."""

BASE_PART_LIMIT = 504 * 2**20
"""Bytes of a base model that travels: the largest projection and 32 MiB of query and document fit beside it."""

SCORE_BITS_LIMIT = 32
"""Bits of a score that a query may ask for, at which it is exact (SCORING requirement 4)."""


@dataclass(frozen=True, slots=True)
class Request:
    """Buyer to seller: score your records for this encrypted query (PROTOCOL 4.1).

    `base` is the base model of a text model that the seller does not hold, or nothing.

    `model_config` holds all preprocessing; `weights` are safetensors; `fidelity` is set when the scoring model stands
    in for another. `basis` holds the matrices of `projection` as safetensors, or nothing. `row_scale` multiplies a
    projected gradient before it is rounded and clipped to +-`clip`; with `exponent_bits` the seller divides each row by
    a power of two of so many bits first, and discloses it. `bits` is what each query asks for of a record, 1 ... 32
    (PROTOCOL 4.6). `query` is the blind package's encrypted query of `queries` x `dimension` integers under the set
    `parameters`. `fee` is the most that the buyer pays for the reply, 0 if it takes only a free one; all that it pays
    is in `token` (PROTOCOL 4.7).
    """

    TYPE: ClassVar[str] = "request"
    LIMIT: ClassVar[int] = 600 * 2**20

    listing: ListingId
    chain_id: int
    contract: Address
    buyer: Address
    buyer_hpke: bytes
    nonce: bytes
    model_name: str
    model_config: Document
    fidelity: float | None
    projection: Document
    dimension: int
    bits: tuple[int, ...]
    row_scale: float
    exponent_bits: int
    parameters: str
    disclosure: str
    pricing: Document
    token: Address
    fee: Wei
    buyer_commitment: Digest
    expiry: Timestamp
    weights: bytes
    basis: bytes
    query: bytes
    base: bytes = b""

    @property
    def queries(self) -> int:
        """How many queries there are."""
        return len(self.bits)

    def score_bits(self, records: int) -> int:
        """Return the bits of all scores and exponents of a listing of `records` records: what a fee is counted by."""
        return Units.named(self.disclosure, records).score_bits(self.bits, self.exponent_bits)

    def to_body(self) -> Document:
        """The document's body."""
        return {
            "bits": list(self.bits),
            "buyer": self.buyer,
            "buyer_commitment": hex_text(self.buyer_commitment),
            "buyer_hpke": hex_text(self.buyer_hpke),
            "chain_id": self.chain_id,
            "clip": ROW_LIMIT,
            "contract": self.contract,
            "dimension": self.dimension,
            "disclosure": self.disclosure,
            "expiry": self.expiry,
            "exponent_bits": self.exponent_bits,
            "fee": amount_text(self.fee),
            "fidelity": self.fidelity,
            "listing": hex_text(self.listing),
            "model_config": self.model_config,
            "model_name": self.model_name,
            "nonce": hex_text(self.nonce),
            "parameters": self.parameters,
            "pricing": self.pricing,
            "projection": self.projection,
            "row_scale": self.row_scale,
            "token": self.token,
        }

    def to_parts(self) -> Mapping[str, bytes]:
        """`basis`: the projection's matrices, if it has any; `query`: the encrypted query; `weights`: the model's; and
        `base` where a base model travels."""
        parts = {"basis": self.basis, "query": self.query, "weights": self.weights}
        return {**parts, "base": self.base} if self.base else parts

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage, MessageTooLarge; what the model and the ciphertexts hold is checked by their
        packages."""
        fields = Fields(envelope.body)
        clip = fields.integer("clip", 0, 2**31)
        if clip != ROW_LIMIT:
            raise MalformedMessage("The clipping bound is not the one of this version", expected=ROW_LIMIT, found=clip)
        scale = fields.number("row_scale")
        if not scale > 0:
            raise MalformedMessage("The scale of the rows is not positive", expected="> 0", found=scale)
        base = envelope.parts.get("base", b"")
        if len(envelope.parts) != (4 if base else 3):
            raise MalformedMessage("The request has the wrong binary parts", found=sorted(envelope.parts))
        if len(base) > BASE_PART_LIMIT:
            raise MessageTooLarge("The base model is too large", expected=BASE_PART_LIMIT, found=len(base))
        message = cls(
            listing=ListingId(fields.data("listing", 32)),
            chain_id=fields.integer("chain_id", 1, 2**53 - 1),
            contract=fields.address("contract"),
            buyer=fields.address("buyer"),
            buyer_hpke=fields.data("buyer_hpke", 32),
            nonce=fields.data("nonce", 32),
            model_name=fields.text("model_name", MODEL_NAME_LIMIT),
            model_config=fields.document("model_config"),
            fidelity=fields.optional_number("fidelity"),
            projection=fields.document("projection"),
            dimension=fields.integer("dimension", 1, DIMENSION_LIMIT),
            bits=_bits(fields),
            row_scale=scale,
            exponent_bits=fields.integer("exponent_bits", 0, EXPONENT_BITS_LIMIT),
            parameters=fields.text("parameters", 64),
            disclosure=fields.text("disclosure", 64),
            pricing=fields.document("pricing"),
            token=fields.address("token"),
            fee=Wei(fields.amount("fee")),
            buyer_commitment=Digest(fields.data("buyer_commitment", 32)),
            expiry=Timestamp(fields.integer("expiry", 0, 2**53 - 1)),
            weights=part(envelope, "weights", only=False),
            basis=part(envelope, "basis", only=False),
            query=part(envelope, "query", only=False),
            base=base,
        )
        fields.done()
        if message.buyer != envelope.sender:
            raise MalformedMessage(
                "The request is for another buyer than its sender", expected=envelope.sender, found=message.buyer
            )
        return message


@dataclass(frozen=True, slots=True)
class Reply:
    """Seller to buyer: one encrypted score per record and query, and the commitment to the rows (PROTOCOL 4.3).

    `exponents` is one byte a record, or empty where the request gives them no bits. All replies to one request have the
    same size, whatever is in them: the size of a reply that nobody paid for tells nothing.
    """

    TYPE: ClassVar[str] = "reply"
    LIMIT: ClassVar[int] = 600 * 2**20

    request: Digest
    row_root: Root
    seller_commitment: Digest
    exponents: bytes
    scores: bytes

    def to_body(self) -> Document:
        """The document's body."""
        return {
            "request": hex_text(self.request),
            "row_root": hex_text(self.row_root),
            "seller_commitment": hex_text(self.seller_commitment),
        }

    def to_parts(self) -> Mapping[str, bytes]:
        """`scores`: the reply ciphertexts; `exponents`: those of the rows."""
        return {"exponents": self.exponents, "scores": self.scores}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        if len(envelope.parts) != 2:
            raise MalformedMessage("The reply has the wrong binary parts", found=sorted(envelope.parts))
        message = cls(
            request=Digest(fields.data("request", 32)),
            row_root=Root(fields.data("row_root", 32)),
            seller_commitment=Digest(fields.data("seller_commitment", 32)),
            exponents=part(envelope, "exponents", only=False),
            scores=part(envelope, "scores", only=False),
        )
        fields.done()
        return message


def _bits(fields: Fields) -> tuple[int, ...]:
    bits = fields.integers("bits", 1, SCORE_BITS_LIMIT, QUERY_LIMIT)
    if not bits:
        raise MalformedMessage("The request has no query", expected=f"1 ... {QUERY_LIMIT}", found=0)
    return tuple(bits)
