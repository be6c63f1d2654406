"""What the buyer checks before it pays: reply (PROTOCOL 4.4), openings (5.3, 5.4), delivery and offer (6.6); and of
what was delivered: a bought sample as an audit (5.6), and the scores (5.7)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.evaluation.rows import unit_rows
from blindfair.agents.evaluation.score_noise import salts_of, unit_noise
from blindfair.agents.policy import BuyerPolicy
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import parameter_set
from blindfair.influence.arrays import Exponents
from blindfair.influence.quantise import QuantisedRows, exponent_bounds, quantise_rows, scale_scores
from blindfair.protocol.audit import (
    SCORE_ROUNDING,
    AuditReport,
    OpenedRow,
    check_duplicates,
    check_scores,
    commit_seller_randomness,
)
from blindfair.protocol.chunks import SALT_SIZE, check_chunk_lengths, chunk_range, join_record
from blindfair.protocol.delivery import check_delivery, decode_delivery
from blindfair.protocol.errors import (
    CommitmentError,
    FieldMismatch,
    MalformedMessage,
    OfferRejected,
    RowsDisagree,
    ScoringError,
)
from blindfair.protocol.free_units import free_units
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.merkle import leaf_hash, verify_path
from blindfair.protocol.messages import Delivery, OpenedRecord, Openings, Reply, Request, Selection
from blindfair.protocol.offer import Offer
from blindfair.protocol.offer_checks import AgreedPurchase, OfferLimits, check_offer
from blindfair.protocol.packing import unpack_delivery
from blindfair.protocol.parts import Part, PartName
from blindfair.protocol.quantities import Address, Digest, RecordIndex, Salt, Signature, Timestamp
from blindfair.protocol.records import Row
from blindfair.protocol.rows import parse_row_leaf
from blindfair.protocol.sealing import SealingKeyPair, delivery_info, unseal
from blindfair.protocol.selection import selected_chunks
from blindfair.protocol.signing import Domain
from blindfair.protocol.units import Units

ROW_TOLERANCE = 1
"""Units of a rounded row: two honest machines may round an entry that lies between two integers to either side, and
never lie further apart; `influence.disagreement` derives it, and the buyer asks nothing of which it does not hold."""


def check_evaluation(
    manifest: Manifest, request: Request, reply: Reply, secret: QuerySecret
) -> tuple[NDArray[np.int64], Exponents]:
    """The `m x n` scores of a reply, at exponent 0, and the `n` exponents, of `n` units (PROTOCOL 4.3, 4.4).

    Raises MalformedMessage, ShapeMismatch, UnknownParameters, MalformedCiphertext.
    """
    parameters = parameter_set(request.parameters)
    n = Units.named(request.disclosure, manifest.record_count).count
    exponents = _exponents(reply.exponents, request.exponent_bits, n)
    scores = decrypt_reply(parameters, secret, reply.scores, n, request.queries)
    return scale_scores(scores, exponents), exponents


def _exponents(data: bytes, bits: int, rows: int) -> Exponents:
    exponents = np.frombuffer(data, dtype=np.uint8) if bits else np.zeros(rows, dtype=np.uint8)
    if (len(data), len(exponents)) != (rows if bits else 0, rows) or (exponents >> bits).any():
        raise MalformedMessage(
            "The reply has wrong exponents",
            expected=f"{rows if bits else 0} of {bits} bits",
            found=f"{len(data)} bytes",
        )
    return exponents


def ordered_parts(evaluated: Evaluated, selection: Selection, openings: Openings) -> tuple[Part, ...]:
    """What will be ordered, now that the seller has shown its number: the whole, or the sample and the rest.

    Raises FieldMismatch for a number that is not the one committed to, and for records opened where a sample is bought.
    """
    if commit_seller_randomness(openings.seller_random) != evaluated.reply.seller_commitment:
        raise FieldMismatch("The seller's number is not the one it committed to")
    manifest, units = evaluated.listing.manifest, evaluated.units
    free = free_units(manifest, units, selection.records, evaluated.request.dimension)
    parts = selection.ordered(openings.seller_random, units, free, evaluated.fee)
    if parts[0].name is PartName.SAMPLE and openings.opened:
        raise FieldMismatch(
            "Records were opened although the sample is to be bought", expected=0, found=len(openings.opened)
        )
    return parts


def audit_openings(evaluated: Evaluated, selection: Selection, openings: Openings) -> AuditReport:
    """Check paths, recompute the rows of the opened records, or of their groups, and compare the scores.

    `ordered_parts` has checked the seller's number. Raises FieldMismatch (not the drawn records, or a group cut),
    PathInvalid, MalformedRecord, RowsDisagree, ScoresDisagree, DuplicatesOpened.
    """
    units = evaluated.units
    drawn = selection.drawn(openings.seller_random, units)
    expected = units.members(drawn)
    if tuple(item.record for item in openings.opened) != expected:
        raise FieldMismatch(
            "Other records were opened than were drawn", expected=len(expected), found=len(openings.opened)
        )
    records = [opened_record(evaluated, item) for item in openings.opened]
    committed = [
        _opened_row(evaluated, unit, items)
        for unit, items in zip(drawn, units.parted(drawn, openings.opened), strict=True)
    ]
    manifest = evaluated.listing.manifest
    decoded = [manifest.schema.decode(manifest.encoding, record) for record in records]
    salts = salts_of(item.chunks[0] for item in openings.opened)
    report = _compare(evaluated, drawn, decoded, salts, committed)
    # Afterwards: a seller that faked the scores of copies is told of by its scores, whichever copies were drawn.
    check_duplicates(dict(zip(expected, records, strict=True)))
    return report


def audit_sample(evaluated: Evaluated, sample: Part, records: Sequence[bytes], salts: Sequence[Salt]) -> AuditReport:
    """The same check of a sample that was bought: its records and `salts`, those of each one's first chunk, are the
    committed ones, as the delivery was.

    No row of the row tree is opened, and none is needed: the scores are compared with the rows of the records
    themselves. Raises CommittedGarbage, RowsDisagree (an exponent), ScoresDisagree, DuplicatesOpened, UnusableModel,
    ShapeMismatch.
    """
    manifest = evaluated.listing.manifest
    decoded = decode_delivery(records, manifest.encoding, manifest.schema)
    bought = evaluated.units.of(sample.records)
    report = _compare(evaluated, bought, decoded, salts, [None] * len(bought))
    check_duplicates(dict(zip(sample.records, records, strict=True)))
    return report


def _compare(
    evaluated: Evaluated,
    compared: Sequence[int],
    records: Sequence[Row],
    salts: Sequence[Salt],
    committed: Sequence[tuple[int, ...] | None],
) -> AuditReport:
    units, parameters = evaluated.units, parameter_set(evaluated.request.parameters)
    recomputed = recompute_rows(evaluated, compared, records)
    rows = [
        OpenedRow(
            record=RecordIndex(unit),
            committed=row,
            recomputed=tuple(int(entry) for entry in again),
            scores=tuple(int(score) for score in evaluated.decrypted(unit)),
            noise=_noise(evaluated, unit, own),
            unit=units.name,
        )
        for unit, row, again, own in zip(
            compared, committed, recomputed.entries, units.parted(compared, salts), strict=True
        )
    ]
    queries = [[int(entry) for entry in query] for query in evaluated.queries]
    slacks = [parameters.score_slack(bits) for bits in evaluated.request.bits]
    return check_scores(rows, queries, ROW_TOLERANCE, parameters.plain_modulus, slacks)


def _noise(evaluated: Evaluated, unit: int, salts: Sequence[Salt]) -> tuple[int, ...]:
    request = evaluated.request
    return unit_noise(parameter_set(request.parameters), request, evaluated.reply.request, unit, salts)


def recompute_rows(evaluated: Evaluated, compared: Sequence[int], records: Sequence[Row]) -> QuantisedRows:
    """The rows of units all of whose records the buyer sees, at the exponents that the reply gives them.

    A row on the border of two exponents may have either, by the tolerance of its entries. Raises RowsDisagree for any
    other exponent, and what `unit_rows` raises.
    """
    request, units, claimed = evaluated.request, evaluated.units, evaluated.exponents[list(compared)]
    rows = unit_rows(request, units.parted(compared, records), evaluated.base_models)
    least, most = exponent_bounds(rows, request.row_scale, request.exponent_bits, ROW_TOLERANCE)
    for unit, low, high, found in zip(compared, least, most, claimed, strict=True):
        if not low <= found <= high:
            raise RowsDisagree(
                f"The exponent of {units.name} {unit} is not its row's", expected=f"{low} ... {high}", found=found
            )
    return quantise_rows(rows, request.row_scale, request.exponent_bits, claimed)


def opened_record(evaluated: Evaluated, item: OpenedRecord) -> bytes:
    """The canonical bytes of an opened record whose chunks are the committed ones.

    Raises FieldMismatch, PathInvalid, MalformedChunk, MalformedRecord.
    """
    manifest = evaluated.listing.manifest
    chunks = chunk_range(manifest.first_chunks, manifest.chunk_count, item.record)
    if len(chunks) != len(item.chunks):
        raise FieldMismatch(
            "An opened record has another number of chunks", expected=len(chunks), found=len(item.chunks)
        )
    check_chunk_lengths([len(chunk) for chunk in item.chunks], manifest.chunk_size)
    for j, chunk, path in zip(chunks, item.chunks, item.chunk_paths, strict=True):
        verify_path(leaf_hash(chunk), j, manifest.chunk_count, path, manifest.listing_root)
    return join_record([chunk[SALT_SIZE:] for chunk in item.chunks], manifest.chunk_size)


def _opened_row(evaluated: Evaluated, unit: int, items: Sequence[OpenedRecord]) -> tuple[int, ...]:
    first, units = items[0], evaluated.units
    if any(item.row_leaf or item.row_path for item in items[1:]):
        raise FieldMismatch("A row was opened for a part of a group", expected=f"one row for group {unit}")
    verify_path(leaf_hash(first.row_leaf), unit, units.count, first.row_path, evaluated.reply.row_root)
    leaf = parse_row_leaf(first.row_leaf, evaluated.request.dimension)
    if leaf.record != unit:
        raise FieldMismatch(f"A row leaf is another {units.name}'s", expected=unit, found=leaf.record)
    return leaf.row


def check_before_paying(
    buyer: Address,
    policy: BuyerPolicy,
    now: Timestamp,
    domain: Domain,
    evaluated: Evaluated,
    part: Part,
    delivery: Delivery,
) -> None:
    """Every field of the offer against manifest, part of the selection and the buyer's policy (PROTOCOL 6.6).

    Raises BadSignature, FieldMismatch, OfferRejected, Expired.
    """
    manifest, offer = evaluated.listing.manifest, delivery.offer
    agreed = AgreedPurchase(
        listing=manifest.listing,
        evaluation=part.evaluation,
        delivery_root=offer.delivery_root,
        chunk_count=len(selected_chunks(manifest.first_chunks, manifest.chunk_count, part.records)),
        chunk_size=manifest.chunk_size,
        seller=manifest.seller,
        buyer=buyer,
        token=part.token,
        price=part.price,
    )
    check_offer_by_policy(offer, delivery.offer_signature, agreed, policy, now, domain)


def check_offer_by_policy(
    offer: Offer, signature: Signature, agreed: AgreedPurchase, policy: BuyerPolicy, now: Timestamp, domain: Domain
) -> None:
    """Check an offer against what was agreed and against the buyer's policy. Raises as `check_before_paying`."""
    limits = OfferLimits(
        tokens=frozenset({policy.token}),
        min_bond=policy.min_bond(offer.price),
        min_reveal_window=policy.min_reveal_window,
        max_reveal_window=policy.max_reveal_window,
        min_dispute_window=policy.min_dispute_window,
    )
    check_offer(offer, signature, domain, agreed, limits, now)
    latest = now + policy.max_validity(offer.chunk_count * offer.chunk_size)
    if offer.expiry > latest:
        raise OfferRejected(
            "The offer runs out too late",
            expected=f"by {latest}",
            found=offer.expiry,
            hint="an offer that the contract refuses can be given up only when it has run out",
        )


def unseal_delivery(
    keys: SealingKeyPair, evaluated: Evaluated, part: Part, delivery: Delivery, leaves: Sequence[Digest]
) -> tuple[bytes, ...]:
    """The ciphertext chunks, checked against the delivery root, the leaves and the length rule (PROTOCOL 6.4, 6.6).

    Raises SealBroken, OfferRejected and CommitmentError.
    """
    manifest, offer = evaluated.listing.manifest, delivery.offer
    info = delivery_info(part.evaluation, offer.delivery_root)
    limit = 8 + 8 * len(part.records) + (4 + manifest.chunk_size) * offer.chunk_count
    records, ciphertexts = unpack_delivery(unseal(keys.private, info, delivery.sealed, limit))
    if records != part.records:
        raise OfferRejected(
            "Other records were delivered than were selected", expected=len(part.records), found=len(records)
        )
    check_delivery(ciphertexts, leaves, offer.delivery_root, manifest.chunk_size, part.records, manifest.first_chunks)
    return ciphertexts


def wrong_records(
    evaluated: Evaluated, part: Part, records: Sequence[bytes], salts: Sequence[Salt]
) -> list[RecordIndex]:
    """Numbers of the delivered records whose score, or whose group's, is not the one in the clear with its noise
    (PROTOCOL 5.7). `salts` are those of each record's first chunk.

    A record of which no row can be computed is wrong, too, and its group with it.
    """
    units = evaluated.units
    bought = units.of(part.records)
    return [
        record
        for unit, members, own in zip(bought, units.parted(bought, records), units.parted(bought, salts), strict=True)
        if not _score_holds(evaluated, unit, members, own)
        for record in units.members([unit])
    ]


def _score_holds(evaluated: Evaluated, unit: int, records: Sequence[bytes], salts: Sequence[Salt]) -> bool:
    manifest = evaluated.listing.manifest
    try:
        decoded = decode_delivery(records, manifest.encoding, manifest.schema)
        rows = recompute_rows(evaluated, [unit], decoded)
    except (CommitmentError, ScoringError, RowsDisagree):
        return False
    parameters = parameter_set(evaluated.request.parameters)
    modulus, slacks = parameters.plain_modulus, [parameters.score_slack(bits) for bits in evaluated.request.bits]
    bounds = SCORE_ROUNDING + np.array(slacks) + ROW_TOLERANCE * np.abs(evaluated.queries).sum(axis=1)
    # Below 2^54 in size: int64 holds all of it.
    clear = evaluated.queries @ rows.entries[0].astype(np.int64) + np.array(_noise(evaluated, unit, salts))
    apart = (clear - evaluated.decrypted(unit) + modulus // 2) % modulus - modulus // 2
    return bool((np.abs(apart) <= bounds).all())
