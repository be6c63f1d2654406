"""What the seller checks of a request and of a selection before it spends, computes or opens (PROTOCOL 4.2, 5.1).

All of it depends on the message and the manifest alone, never on a record: a refusal tells nothing of the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from blindfair.agents.evaluation.own_models import check_prescribed_model
from blindfair.agents.evaluation.preprocessing import check_reads
from blindfair.agents.evaluation.rows import NO_BASE_MODELS, BaseModels, batch_records, requested_model
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.sent_bases import check_sent_base
from blindfair.blind.estimate import working_space
from blindfair.blind.parameters import DEFAULT, ParameterSet, parameter_set
from blindfair.blind.plan import MESSAGE_LIMIT
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.reply import reply_size
from blindfair.bulk.store import StoredDataset
from blindfair.influence.plausible import check_projection
from blindfair.influence.projection import Projection
from blindfair.influence.scoring_model import BATCH_NUMBERS, RowModel
from blindfair.pricing.functions import PRICE_LIMIT, UniformPricing, pricing_from_document
from blindfair.protocol.audit import commit_buyer_randomness
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import (
    Expired,
    FieldMismatch,
    MalformedCiphertext,
    MessageTooLarge,
    ShapeMismatch,
    TooCostly,
    UnexpectedMessage,
)
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Agreement, Delivery, Request, Selection
from blindfair.protocol.parts import Part
from blindfair.protocol.quantities import RecordIndex, Timestamp
from blindfair.protocol.sealing import check_sealing_key, sealed_size
from blindfair.protocol.terms import Terms
from blindfair.protocol.units import Units

BLOCK = 8192
"""Records of one ciphertext."""

_COPIES = 5
"""Arrays as large as a batch of rows that are there while it is rounded."""

_OPENING = 2**24
"""Multiplications for one coordinate's ciphertext, an automorphism with its transforms."""

_DELIVERY = 4096
"""Bytes of a delivery besides what is sealed, at most: document and signature, and two counts."""


@dataclass(frozen=True, slots=True)
class RequestCost:
    """What the rows of one request take."""

    memory: int
    """Bytes at once at most: features and rows of a batch of records as doubles, with the copies that rounding takes,
    and the projection; or the encoding of some blocks of `BLOCK` records."""

    disk: int
    """Bytes of the rounded rows, of their encoding and of the coordinates, where these are not in memory."""

    products: int
    """Multiplications: gradients and projection of all records, making the query's ciphertexts ready, and the query
    over the rounded rows, of records or of groups."""

    @classmethod
    def of(
        cls,
        model: RowModel,
        projection: Projection,
        *,
        records: int,
        queries: int,
        parameters: ParameterSet = DEFAULT,
        rows: int | None = None,
    ) -> "RequestCost":
        """From the sizes alone; `rows` are scored, one a record if None. Without a projection there is none to hold or
        to multiply by."""
        n, d, k, scored = records, model.k, projection.k, records if rows is None else rows
        projected = 0 if projection.is_identity else 1
        batch = min(n, batch_records(model, k))
        computing = 8 * batch * (2 * model.features + _COPIES * k)
        if projection.sides:
            # Applied to a layer's two factors: rows before projection are never there.
            computing += 8 * sum(matrix.size for matrix in projection.matrices)
        else:
            computing += 8 * projected * (d * k + 2 * min(batch * d, max(BATCH_NUMBERS, model.batch * d)))
        scoring = working_space(parameters, scored, k, queries)
        return cls(
            memory=max(computing, scoring.memory),
            disk=2 * scored * k + scoring.disk,
            products=n * (model.products + projected * d * k) + scored * k * queries + _OPENING * k * queries,
        )

    @classmethod
    def of_request(cls, request: Request, manifest: Manifest, model: RowModel, projection: Projection) -> "RequestCost":
        """From what a request asks for. Raises UnknownParameters."""
        units = Units.named(request.disclosure, manifest.record_count)
        return cls.of(
            model,
            projection,
            records=units.records,
            queries=request.queries,
            parameters=parameter_set(request.parameters),
            rows=units.count,
        )

    def check(self, policy: SellerPolicy) -> None:
        """Raises TooCostly beyond what the policy gives to one request."""
        for what, most, found in (
            ("memory", policy.max_memory, self.memory),
            ("disk", policy.max_disk, self.disk),
            ("multiplications", policy.max_products, self.products),
        ):
            if found > most:
                raise TooCostly(
                    f"The request takes too much: {what}",
                    expected=f"<= {most}",
                    found=found,
                    hint="send a smaller scoring model, or fewer entries a row",
                )


def check_request(
    request: Request, manifest: Manifest, policy: SellerPolicy, now: Timestamp, bases: BaseModels = NO_BASE_MODELS
) -> int:
    """Check that a request is for this listing, in time, whole, of a bearable size, and the buyer's own in no more than
    the listing allows to a buyer that it does not name (PROTOCOL 2, 4.1, 8); return the multiplications that it takes.

    Raises FieldMismatch, Expired, MalformedMessage (pricing function, sealing key), UnusableModel, ColumnNotScored,
    ShapeMismatch, TooCostly, UnknownParameters, MalformedCiphertext.
    """
    for what, expected, found in (
        ("listing", manifest.listing.hex(), request.listing.hex()),
        ("chain", manifest.chain_id, request.chain_id),
        ("contract", manifest.contract, request.contract),
    ):
        if expected != found:
            raise FieldMismatch(f"The request is for another {what}", expected=expected, found=found)
    if request.token not in manifest.terms.tokens:
        raise FieldMismatch("The listing does not take this token", expected=manifest.terms.tokens, found=request.token)
    if now > request.expiry:
        raise Expired("The request has expired", expected=request.expiry, found=now)
    if request.disclosure not in manifest.terms.disclosures:
        raise FieldMismatch(
            "The listing does not offer this disclosure", expected=manifest.terms.disclosures, found=request.disclosure
        )
    check_bits(sum(request.bits) + request.exponent_bits, manifest.terms)
    reserve = pricing_from_document(request.pricing).reserve
    if reserve < manifest.terms.reserve_price:
        raise FieldMismatch(
            "The pricing function goes under the listing's reserve price",
            expected=f">= {manifest.terms.reserve_price}",
            found=reserve,
        )
    # Found out after the payment it would be nobody's gain.
    check_sealing_key(request.buyer_hpke)
    if not manifest.terms.own_models and request.buyer not in (policy.buyers or ()):
        check_prescribed_model(request, manifest)
    products = check_cost(request, manifest, policy, bases)
    _check_query(request)
    return products


def check_cost(request: Request, manifest: Manifest, policy: SellerPolicy, bases: BaseModels) -> int:
    """Check that the model is one, fits its projection, is of a bearable size, reads only columns that it may, and
    prepares these as the manifest says; return the multiplications that the request takes.

    Raises UnusableModel, ShapeMismatch, TooCostly, FieldMismatch, ColumnNotScored.
    """
    check_sent_base(request, manifest, policy)
    model, projection = requested_model(request, bases), Projection.from_parts(request.projection, request.basis)
    if projection.k != request.dimension:
        raise ShapeMismatch("Projection and query differ in length", expected=request.dimension, found=projection.k)
    projection.check(model.k)
    parameters, units = parameter_set(request.parameters), Units.named(request.disclosure, manifest.record_count)
    cost = RequestCost.of_request(request, manifest, model, projection)
    cost.check(policy)
    size = reply_size(parameters, units.count, request.queries)
    if size > MESSAGE_LIMIT:
        raise TooCostly(
            "The scores would fit in no message", expected=f"<= {MESSAGE_LIMIT:,} B", found=f"{size:,} B",
            hint="ask fewer queries",
        )  # fmt: skip
    check_reads(model, manifest, projection)
    check_projection(projection, model.k)
    return cost.products


def check_bits(bits: int, terms: Terms) -> None:
    """Check that an evaluation tells no more of a record than the listing allows (PROTOCOL 2).

    `bits` are those of all queries of the request and of its row exponent together; of a group where groups are scored.
    Raises FieldMismatch.

        >>> check_bits(3 + 1, terms)
    """
    if bits > terms.bits_per_record:
        raise FieldMismatch(
            "The request asks for more bits of a record than the listing tells",
            expected=f"<= {terms.bits_per_record}",
            found=bits,
            hint="ask fewer bits of each query, as by `score_bits`, or fewer queries",
        )


def _check_query(request: Request) -> None:
    parameters = parameter_set(request.parameters)
    query = EncryptedQueries.from_bytes(request.query)
    if query.parameters != parameters:
        raise MalformedCiphertext(
            "The query is of another parameter set than the request", expected=parameters.name,
            found=query.parameters.name,
        )  # fmt: skip
    if (query.bits, query.k) != (request.bits, request.dimension):
        raise ShapeMismatch(
            "The query has another shape than the request, or asks for other bits",
            expected=f"{request.dimension} entries, bits {request.bits}",
            found=f"{query.k} entries, bits {query.bits}",
        )


def check_selection_message(selection: Selection, request: Request, manifest: Manifest, now: Timestamp) -> None:
    """Whether a selection keeps to what the request and the listing allow, in the request's time (PROTOCOL 5.1).

    Raises FieldMismatch, also for a selection that cuts a group, Expired, and MalformedMessage for records outside the
    listing.
    """
    if now > request.expiry:
        raise Expired("The request of this selection has expired", expected=request.expiry, found=now)
    if commit_buyer_randomness(selection.buyer_random) != request.buyer_commitment:
        raise FieldMismatch("The buyer's number is not the one it committed to")
    Units.named(request.disclosure, manifest.record_count).of(selection.records)
    if selection.token != request.token:
        raise FieldMismatch("The request was to pay in another token", expected=request.token, found=selection.token)
    _check_price(selection, request, len(selection.records))


def check_deliverable(selection: Selection, units: Units, free: int, dataset: ChunkedDataset) -> None:
    """Whether a message holds each part that the selection may be ordered in, whichever units are drawn (PROTOCOL 5.1).

    `free` of the evaluation's `units` are opened free. What is on disk is delivered in segments, whatever its size.
    Raises MessageTooLarge.
    """
    if isinstance(dataset, StoredDataset):
        return
    most = 8 * len(dataset.first_chunks) + (4 + dataset.chunk_size) * len(dataset.chunks)
    if _DELIVERY + sealed_size(most) <= Delivery.LIMIT:
        return
    sizes = sorted(_delivered_size(units.members([unit]), dataset) for unit in units.of(selection.records))
    t = selection.audit_rows
    # Of a sample the largest may be drawn, and of the rest the smallest taken out.
    content = sum(sizes) if t <= free else max(sum(sizes[-t:]), sum(sizes[t:]))
    size = _DELIVERY + sealed_size(content)
    if size > Delivery.LIMIT:
        raise MessageTooLarge(
            "The selection is more than a delivery holds", expected=f"<= {Delivery.LIMIT:,} B", found=f"{size:,} B",
            hint="select fewer records",
        )  # fmt: skip


def _delivered_size(records: Sequence[RecordIndex], dataset: ChunkedDataset) -> int:
    """As `pack_delivery` writes them."""
    return sum(8 + sum(4 + len(dataset.chunks[j]) for j in dataset.chunks_of(record)) for record in records)


def agreed_part(agreement: Agreement, parts: Sequence[Part]) -> Part:
    """The part of a selection that an agreement names, at its price.

    Raises UnexpectedMessage for a part that the selection does not have, and FieldMismatch for another price.
    """
    for part in parts:
        if part.name is agreement.part:
            if agreement.price != part.price:
                raise FieldMismatch("This is not the price", expected=part.price, found=agreement.price)
            return part
    raise UnexpectedMessage(
        "The selection is not ordered in this part",
        expected=" or ".join(part.name for part in parts),
        found=agreement.part,
    )


def _check_price(selection: Selection, request: Request, count: int) -> None:
    """As far as it can be checked without scores: a uniform price is known, any other lies between two bounds."""
    pricing = pricing_from_document(request.pricing)
    if isinstance(pricing, UniformPricing) and selection.price != pricing.per_record * count:
        raise FieldMismatch(
            "The price is not the one of the agreed pricing function",
            expected=f"{pricing.per_record} x {count}",
            found=selection.price,
        )
    least = pricing.reserve * count
    if not least <= selection.price <= PRICE_LIMIT:
        raise FieldMismatch(
            "The price is under the reserve, or more than an offer can state",
            expected=f"{least} ... {PRICE_LIMIT}",
            found=selection.price,
        )
