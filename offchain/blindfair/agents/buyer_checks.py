"""What the buyer checks before it pays: reply (PROTOCOL 4.4), openings (5.3, 5.4), delivery and offer (6.6); and the
scores of what was delivered (5.7)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.evaluated import Evaluated
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.rows import gradient_rows
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import parameter_set
from blindfair.blind.reply import EncryptedScores
from blindfair.protocol.audit import (
    AuditReport,
    OpenedRow,
    check_duplicates,
    check_scores,
    commit_seller_randomness,
    draw,
)
from blindfair.protocol.chunks import SALT_SIZE, check_chunk_lengths, chunk_range, join_record
from blindfair.protocol.delivery import check_delivery
from blindfair.protocol.errors import CommitmentError, FieldMismatch, OfferRejected, ScoringError
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.merkle import leaf_hash, verify_path
from blindfair.protocol.messages import Delivery, OpenedRecord, Openings, Reply, Request, Selection
from blindfair.protocol.offer_checks import BuyerPolicy as OfferPolicy
from blindfair.protocol.offer_checks import Purchase, check_offer
from blindfair.protocol.packing import unpack_delivery
from blindfair.protocol.quantities import Address, RecordIndex, Timestamp
from blindfair.protocol.rows import parse_row_leaf
from blindfair.protocol.sealing import SealingKeyPair, delivery_info, unseal
from blindfair.protocol.selection import selected_chunks, selected_leaves
from blindfair.protocol.signing import Domain

ROW_TOLERANCE = 1
"""Units of a rounded row: two honest machines may round an entry that lies between two integers to either side, and
never lie further apart; `influence.disagreement` derives it, and the buyer asks nothing of which it does not hold."""


def check_evaluation(manifest: Manifest, request: Request, reply: Reply, secret: QuerySecret) -> NDArray[np.int64]:
    """The `m x n` scores of a reply at the precision that the manifest promises (PROTOCOL 4.4).

    Raises FieldMismatch for another precision, ShapeMismatch, UnknownParameters, MalformedCiphertext.
    """
    parameters, promised = parameter_set(request.parameters), manifest.terms.precision_bits
    encrypted = EncryptedScores.from_bytes(parameters, reply.scores, manifest.record_count, request.queries)
    if encrypted.precision_bits != promised:
        raise FieldMismatch(
            "The reply has another precision than the manifest", expected=promised, found=encrypted.precision_bits
        )
    return decrypt_reply(parameters, secret, reply.scores, manifest.record_count, request.queries)


def audit_openings(evaluated: Evaluated, selection: Selection, openings: Openings) -> AuditReport:
    """Check paths, recompute the rows of the opened records, and compare the scores.

    Raises FieldMismatch (not the drawn records, not the number committed to), PathInvalid, MalformedRecord,
    RowsDisagree, ScoresDisagree, DuplicatesOpened.
    """
    if commit_seller_randomness(openings.seller_random) != evaluated.reply.seller_commitment:
        raise FieldMismatch("The seller's number is not the one it committed to")
    expected = draw(
        selection.buyer_random,
        openings.seller_random,
        selection.evaluation,
        selection.records,
        selection.audit_rows,
    )
    if tuple(item.record for item in openings.opened) != expected:
        raise FieldMismatch(
            "Other records were opened than were drawn", expected=len(expected), found=len(openings.opened)
        )
    records = [_opened_record(evaluated, item) for item in openings.opened]
    check_duplicates(dict(zip(expected, records, strict=True)))
    committed = [_opened_row(evaluated, item) for item in openings.opened]
    recomputed, _ = gradient_rows(evaluated.request, records)
    rows = [
        OpenedRow(
            record=item.record,
            committed=row,
            recomputed=tuple(int(entry) for entry in again),
            scores=tuple(int(score) for score in evaluated.scores[:, item.record]),
        )
        for item, row, again in zip(openings.opened, committed, recomputed, strict=True)
    ]
    return check_scores(rows, [[int(entry) for entry in query] for query in evaluated.queries], ROW_TOLERANCE)


def _opened_record(evaluated: Evaluated, item: OpenedRecord) -> bytes:
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


def _opened_row(evaluated: Evaluated, item: OpenedRecord) -> tuple[int, ...]:
    manifest = evaluated.listing.manifest
    verify_path(leaf_hash(item.row_leaf), item.record, manifest.record_count, item.row_path, evaluated.reply.row_root)
    leaf = parse_row_leaf(item.row_leaf, evaluated.request.dimension)
    if leaf.record != item.record:
        raise FieldMismatch("A row leaf is another record's", expected=item.record, found=leaf.record)
    return leaf.row


def check_before_paying(
    buyer: Address,
    policy: BuyerPolicy,
    now: Timestamp,
    domain: Domain,
    evaluated: Evaluated,
    selection: Selection,
    delivery: Delivery,
) -> None:
    """Every field of the offer against manifest, selection and the buyer's policy (PROTOCOL 6.6).

    Raises BadSignature, FieldMismatch, OfferRejected, Expired.
    """
    manifest, offer = evaluated.listing.manifest, delivery.offer
    purchase = Purchase(
        listing=manifest.listing,
        evaluation=selection.evaluation,
        delivery_root=offer.delivery_root,
        chunk_count=len(selected_chunks(manifest.first_chunks, manifest.chunk_count, selection.records)),
        chunk_size=manifest.chunk_size,
        seller=manifest.seller,
        buyer=buyer,
        token=selection.token,
        price=selection.price,
    )
    limits = OfferPolicy(
        tokens=frozenset({policy.token}),
        least_bond=policy.least_bond(offer.price),
        least_reveal_window=policy.least_reveal_window,
        most_reveal_window=policy.most_reveal_window,
        least_dispute_window=policy.least_dispute_window,
    )
    check_offer(offer, delivery.offer_signature, domain, purchase, limits, now)
    if offer.expiry > now + policy.most_offer_validity:
        raise OfferRejected(
            "The offer runs out too late",
            expected=f"by {now + policy.most_offer_validity}",
            found=offer.expiry,
            hint="an offer that the contract refuses can be given up only when it has run out",
        )


def unseal_delivery(
    keys: SealingKeyPair, evaluated: Evaluated, selection: Selection, delivery: Delivery
) -> tuple[bytes, ...]:
    """The ciphertext chunks, checked against the delivery root, the leaf list and the length rule (PROTOCOL 6.4, 6.6).

    Raises SealBroken, OfferRejected and CommitmentError.
    """
    manifest, offer = evaluated.listing.manifest, delivery.offer
    info = delivery_info(selection.evaluation, offer.delivery_root)
    limit = 8 + 8 * len(selection.records) + (4 + manifest.chunk_size) * offer.chunk_count
    records, ciphertexts = unpack_delivery(unseal(keys.private, info, delivery.sealed, limit))
    if records != selection.records:
        raise OfferRejected(
            "Other records were delivered than were selected", expected=len(selection.records), found=len(records)
        )
    leaves = selected_leaves(manifest.first_chunks, evaluated.listing.leaf_hashes, selection.records)
    check_delivery(
        ciphertexts, leaves, offer.delivery_root, manifest.chunk_size, selection.records, manifest.first_chunks
    )
    return ciphertexts


def wrong_records(evaluated: Evaluated, selection: Selection, records: Sequence[bytes]) -> list[RecordIndex]:
    """Numbers of the delivered records whose score in the clear is not the decrypted one (PROTOCOL 5.7).

    A record of which no row can be computed is wrong, too.
    """
    return [
        number
        for number, record in zip(selection.records, records, strict=True)
        if not _score_holds(evaluated, number, record)
    ]


def _score_holds(evaluated: Evaluated, number: RecordIndex, record: bytes) -> bool:
    try:
        rows, _ = gradient_rows(evaluated.request, [record])
    except (CommitmentError, ScoringError):
        return False
    clear = evaluated.queries @ rows[0].astype(np.int64)
    bounds = ROW_TOLERANCE * np.abs(evaluated.queries).sum(axis=1)
    return bool((np.abs(clear - evaluated.scores[:, number]) <= bounds).all())
