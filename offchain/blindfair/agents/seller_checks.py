"""What the seller checks of a request and of a selection before it spends, computes or opens (PROTOCOL 4.2, 5.1).

All of it depends on the message and the manifest alone, never on a record: a refusal tells nothing of the data.
"""

from dataclasses import dataclass

from blindfair.agents.ledger import free_openings
from blindfair.agents.policy import SellerPolicy
from blindfair.blind.parameters import parameter_set
from blindfair.blind.query import EncryptedQueries
from blindfair.influence.gradients import BATCH_NUMBERS
from blindfair.influence.models import load_scoring_model
from blindfair.influence.projection import Projection
from blindfair.influence.scoring_model import ScoringModel
from blindfair.pricing.functions import PRICE_LIMIT, UniformPricing, pricing_from_document
from blindfair.protocol.audit import commit_buyer_randomness
from blindfair.protocol.errors import (
    Expired,
    FieldMismatch,
    MalformedCiphertext,
    OfferTooSmall,
    ShapeMismatch,
    TooCostly,
)
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request, Selection
from blindfair.protocol.quantities import Timestamp
from blindfair.protocol.sealing import seal
from blindfair.protocol.selection import check_selection


@dataclass(frozen=True, slots=True)
class RequestCost:
    """What the rows of one request take."""

    memory: int
    """Bytes: features and rows as doubles; and the projection, with a batch of rows before it."""

    products: int
    """Multiplications: gradients, projection, and the query over the rounded rows."""

    @classmethod
    def of(cls, model: ScoringModel, projection: Projection, *, records: int, queries: int) -> "RequestCost":
        """From the sizes alone. Without a projection there is none to hold or to multiply by."""
        n, d, k = records, model.k, projection.k
        projected = 0 if projection.is_identity else 1
        return cls(
            memory=8 * (2 * n * model.features + n * k + projected * (d * k + 2 * min(n * d, BATCH_NUMBERS))),
            products=n * (model.products + projected * d * k + k * queries),
        )

    def check(self, policy: SellerPolicy) -> None:
        """Raises TooCostly beyond what the policy gives to one request."""
        for what, most, found in (
            ("memory", policy.most_memory, self.memory),
            ("multiplications", policy.most_products, self.products),
        ):
            if found > most:
                raise TooCostly(
                    f"The request takes too much: {what}",
                    expected=f"<= {most}",
                    found=found,
                    hint="send a smaller scoring model, or fewer entries a row",
                )


def check_request(request: Request, manifest: Manifest, policy: SellerPolicy, now: Timestamp) -> None:
    """Whether a request is for this listing, in time, whole, and of a bearable size (PROTOCOL 4.1, 8).

    Raises FieldMismatch, Expired, MalformedMessage (pricing function, sealing key), UnusableModel, ShapeMismatch,
    TooCostly, UnknownParameters, MalformedCiphertext.
    """
    for what, expected, found in (
        ("listing", manifest.listing.hex(), request.listing.hex()),
        ("chain", manifest.chain_id, request.chain_id),
        ("contract", manifest.contract, request.contract),
    ):
        if expected != found:
            raise FieldMismatch(f"The request is for another {what}", expected=expected, found=found)
    if now > request.expiry:
        raise Expired("The request has expired", expected=request.expiry, found=now)
    if request.disclosure not in manifest.terms.disclosures:
        raise FieldMismatch(
            "The listing does not offer this disclosure", expected=manifest.terms.disclosures, found=request.disclosure
        )
    reserve = pricing_from_document(request.pricing).reserve
    if reserve < manifest.terms.reserve_price:
        raise FieldMismatch(
            "The pricing function goes under the listing's reserve price",
            expected=f">= {manifest.terms.reserve_price}",
            found=reserve,
        )
    # Sealing says whether the key is one. Found out after the payment it would be nobody's gain.
    seal(request.buyer_hpke, b"", b"")
    _check_model(request, manifest, policy)
    _check_query(request)


def _check_model(request: Request, manifest: Manifest, policy: SellerPolicy) -> None:
    model = load_scoring_model(request.model_name, request.model_config, request.weights)
    projection = Projection.from_parts(request.projection, request.basis)
    if projection.k != request.dimension:
        raise ShapeMismatch("Projection and query differ in length", expected=request.dimension, found=projection.k)
    projection.check(model.k)
    cost = RequestCost.of(model, projection, records=manifest.record_count, queries=request.queries)
    cost.check(policy)


def _check_query(request: Request) -> None:
    parameters = parameter_set(request.parameters)
    query = EncryptedQueries.from_bytes(request.query)
    if query.parameters != parameters:
        raise MalformedCiphertext(
            "The query is of another parameter set than the request", expected=parameters.name,
            found=query.parameters.name,
        )  # fmt: skip
    if (query.queries, query.k) != (request.queries, request.dimension):
        raise ShapeMismatch(
            "The query has another shape than the request",
            expected=f"{request.queries} x {request.dimension}",
            found=f"{query.queries} x {query.k}",
        )


def check_selection_message(selection: Selection, request: Request, manifest: Manifest) -> None:
    """Whether a selection keeps to what the request and the listing allow (PROTOCOL 5.1, 5.6).

    Raises FieldMismatch, MalformedMessage for records outside the listing, OfferTooSmall for too large an audit.
    """
    terms, count = manifest.terms, len(selection.records)
    if commit_buyer_randomness(selection.buyer_random) != request.buyer_commitment:
        raise FieldMismatch("The buyer's number is not the one it committed to")
    check_selection(selection.records, manifest.record_count)
    if selection.token not in terms.tokens:
        raise FieldMismatch("The listing does not take this token", expected=terms.tokens, found=selection.token)
    _check_price(selection, request, count)
    largest = free_openings(terms, count)
    if selection.audit_rows > largest:
        raise OfferTooSmall(
            "The audit would open more of the selection than the listing gives away",
            expected=f"<= {largest} of {count}",
            found=selection.audit_rows,
            hint="select more records, or audit fewer rows",
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
