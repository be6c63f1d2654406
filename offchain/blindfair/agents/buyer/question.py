"""Making a request, and what of it never leaves the buyer (PROTOCOL 4.1)."""

import secrets
from dataclasses import dataclass

import cbor2
import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.valuer import Question
from blindfair.agents.evaluation.own_models import check_prescribed_model
from blindfair.agents.seller.checks import check_bits
from blindfair.blind.plan import BANDWIDTH, plan
from blindfair.blind.query import QuerySecret, encrypt_queries
from blindfair.influence.plausible import check_query
from blindfair.protocol.audit import commit_buyer_randomness
from blindfair.protocol.errors import FieldMismatch, MessageTooLarge, SecretDamaged
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request
from blindfair.protocol.messages.envelope import DOCUMENT_LIMIT
from blindfair.protocol.quantities import Address, BytesPerSecond, Timestamp, Wei
from blindfair.protocol.units import Units


@dataclass(frozen=True, slots=True)
class Private:
    """The buyer's half of a request. `random` is `r_B`; `queries` are `m x k` int64, in the clear."""

    random: bytes
    queries: NDArray[np.int64]
    secret: QuerySecret

    def to_bytes(self) -> bytes:
        """The bytes to store in a secret file."""
        return cbor2.dumps({"queries": self.queries.tolist(), "random": self.random, "secret": self.secret.to_bytes()})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Private":
        """Read what `to_bytes` gave. Raises SecretDamaged."""
        try:
            stored = cbor2.loads(data)
            queries = np.array(stored["queries"], dtype=np.int64)
            return cls(stored["random"], queries, QuerySecret.from_bytes(stored["secret"]))
        except (cbor2.CBORDecodeError, KeyError, TypeError, ValueError) as error:
            raise SecretDamaged("What the buyer kept of its question cannot be read back") from error


def ask(
    question: Question,
    manifest: Manifest,
    *,
    buyer: Address,
    buyer_hpke: bytes,
    expiry: Timestamp,
    token: Address,
    fee: Wei,
    bandwidth: BytesPerSecond | None = None,
) -> tuple[Request, Private]:
    """Encrypt a question under fresh keys, with a fresh `r_B` and nonce, in the way that `plan` finds the quickest
    at this `bandwidth`, one of `BANDWIDTH` if None. `fee` is the most that the buyer pays for the reply, in `token`.

    Raises FieldMismatch where the listing does not offer the question's disclosure policy, takes no model of the
    buyer's own, or tells fewer bits of a record, UnusableModel as `check_prescribed_model`, InvalidListing for
    an unknown policy, UnknownParameters, ShapeMismatch and QueryOutOfBounds as `plan`, `check_query` and
    `encrypt_queries`, and MessageTooLarge for a request that would not fit into a message.
    """
    if question.disclosure not in manifest.terms.disclosures:
        raise FieldMismatch(
            "The listing does not offer this disclosure",
            expected=" or ".join(manifest.terms.disclosures),
            found=question.disclosure,
            hint="ask for one that it offers; nothing was asked",
        )
    if not manifest.terms.own_models:
        check_prescribed_model(question, manifest)
    check_bits(sum(question.bits) + question.exponent_bits, manifest.terms)
    m, k = question.queries.shape
    for query, bits in zip(question.queries, question.bits, strict=True):
        if bits > 1:
            check_query(query.astype(np.float64))
    scored = Units.named(question.disclosure, manifest.record_count).count
    parameters = plan(scored, k, m, bandwidth or BANDWIDTH).parameters
    encrypted, secret = encrypt_queries(parameters, question.queries, question.bits)
    random = secrets.token_bytes(32)
    request = Request(
        listing=manifest.listing,
        chain_id=manifest.chain_id,
        contract=manifest.contract,
        buyer=buyer,
        buyer_hpke=buyer_hpke,
        nonce=secrets.token_bytes(32),
        model_name=question.model_name,
        model_config=question.model_config,
        fidelity=question.fidelity,
        projection=question.projection,
        dimension=k,
        bits=question.bits,
        row_scale=question.row_scale,
        exponent_bits=question.exponent_bits,
        parameters=parameters.name,
        disclosure=question.disclosure,
        pricing=question.pricing,
        token=token,
        fee=fee,
        buyer_commitment=commit_buyer_randomness(random),
        expiry=expiry,
        weights=question.weights,
        basis=question.basis,
        query=encrypted.to_bytes(),
        base=question.base,
    )
    size = sum(map(len, request.to_parts().values()))
    if size > Request.LIMIT - DOCUMENT_LIMIT:
        raise MessageTooLarge(
            "The request would be larger than any may be",
            expected=f"at most {Request.LIMIT - DOCUMENT_LIMIT:,} bytes",
            found=f"{size:,}",
            hint="send a smaller model, or agree on a common base model; nothing was asked",
        )
    return request, Private(random, question.queries, secret)
