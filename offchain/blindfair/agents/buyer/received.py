"""A delivery as the buyer has it, checked and encrypted: in memory, or in segments on its disk (PROTOCOL 6.6 - 6.8)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import cbor2
import numpy as np

from blindfair.agents.evaluation.score_noise import salts_of
from blindfair.bulk.delivery import DeliveryFolder, Expected
from blindfair.bulk.store import StoredDataset
from blindfair.bulk.workers import Workers
from blindfair.protocol.chunks import SALT_SIZE
from blindfair.protocol.cipher import ChunkCipher
from blindfair.protocol.delivery import Fault, open_delivery
from blindfair.protocol.leaf_proofs import check_leaves
from blindfair.protocol.merkle import DIGEST_SIZE
from blindfair.protocol.messages import Delivery, Listing
from blindfair.protocol.parts import Part, PartName
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest, RecordIndex, Salt, Timestamp
from blindfair.protocol.selection import chosen_records, chunk_counts, chunk_spans, selected_chunks, selected_leaves

DELIVERIES = "deliveries"
"""The folder in a buyer's directory that holds deliveries in segments."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The records of a delivery whose chunks are the committed ones."""

    records: Sequence[bytes] = field(repr=False)
    """Canonical bytes, in the order of delivery."""

    salts: Sequence[Salt] = field(repr=False)
    """The salt of each record's first chunk, which decides the noise of its scores."""

    kept: Callable[[], bytes] = field(repr=False)
    """What the journal keeps of them: the records, or where they are."""


class Received(Protocol):
    """A delivery that passed the checks before paying."""

    def complete(self, by: Timestamp | None = None) -> None:
        """Have all of it on the disk, checked; `by` is the moment until which it is asked for once it is paid.

        Raises Waiting while parts are missing, and what the checks raise; NoAnswer where no more of it comes.
        """
        ...

    def open(self, key: DeliveryKey) -> Opened | Fault:
        """Decrypt it: the records, or the first provable fault.

        Raises CommittedGarbage, and TransferDamaged for what the disk has altered since it was complete.
        """
        ...

    def tidy(self) -> None:
        """Let go of ciphertext that is of no use any more, since every chunk is the committed one."""
        ...


def expected_leaves(listing: Listing, delivery: Delivery, records: Sequence[RecordIndex]) -> Sequence[Digest]:
    """The committed leaf hashes of a selection: from the listing's leaf list, or as the delivery proves them.

    Raises PathInvalid for a proof that does not hold.
    """
    manifest = listing.manifest
    if manifest.gives_leaves:
        return selected_leaves(manifest.first_chunks, listing.leaf_hashes, records)
    chunks = selected_chunks(manifest.first_chunks, manifest.chunk_count, records)
    leaves = delivery.leaves
    check_leaves(chunks, leaves, manifest.chunk_count, delivery.proof, manifest.listing_root)
    return [Digest(leaves[start : start + DIGEST_SIZE]) for start in range(0, len(leaves), DIGEST_SIZE)]


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A delivery that came in one message."""

    listing: Listing
    records: tuple[RecordIndex, ...]
    ciphertexts: tuple[bytes, ...] = field(repr=False)
    leaves: Sequence[Digest] = field(repr=False)

    def complete(self, by: Timestamp | None = None) -> None:
        """Nothing: the journal has the message."""

    def open(self, key: DeliveryKey) -> Opened | Fault:
        """Decrypt it in memory."""
        manifest = self.listing.manifest
        counts = chunk_counts(manifest.first_chunks, manifest.chunk_count, self.records)
        opened = open_delivery(self.ciphertexts, self.leaves, key, manifest.chunk_size, counts)
        if isinstance(opened, Fault):
            return opened
        starts, cipher = [0, *accumulate(counts)][:-1], ChunkCipher(key)
        salts = salts_of(cipher.crypt(ChunkIndex(start), self.ciphertexts[start]) for start in starts)
        return Opened(opened, salts, lambda: cbor2.dumps(list(zip(self.records, opened, strict=True))))

    def tidy(self) -> None:
        """Nothing: the journal keeps the message."""


class ReceivedSegments:
    """A delivery that came in segments."""

    def __init__(self, directory: Path, listing: Listing, part: Part, delivery: Delivery) -> None:
        """`directory` is the buyer's. Raises OfferRejected for another number of segments than the offer's chunks."""
        offer = delivery.offer
        self._part = part
        self._listing = listing
        self.folder = delivery_folder(directory, part.name, delivery, listing.manifest.chunk_size)
        self.order = offer.struct_hash()

    def expect(self, leaves: Sequence[Digest]) -> None:
        """Write down what the part's chunks must hash to. Raises OfferRejected."""
        manifest = self._listing.manifest
        chosen = chosen_records(self._part.records, manifest.record_count)
        self.folder.expect(leaves, chunk_spans(manifest.first_chunks, manifest.chunk_count, chosen)[1])

    def open(self, key: DeliveryKey) -> Opened | Fault:
        """Decrypt it on disk, on all cores."""
        with Workers() as workers:
            opened = self.folder.open(key, workers)
        if isinstance(opened, Fault):
            return opened
        numbers = np.array(self._part.records, dtype=">u8").tobytes()
        return Opened(opened.records, _salts(opened), lambda: cbor2.dumps({"records": numbers}))

    def tidy(self) -> None:
        """Remove the segments."""
        self.folder.tidy()


def delivery_folder(directory: Path, part: PartName, delivery: Delivery, chunk_size: int) -> DeliveryFolder:
    """Where the segments of a delivery are kept. Raises OfferRejected."""
    offer = delivery.offer
    expected = Expected(
        chunk_size=chunk_size,
        chunk_count=offer.chunk_count,
        root=offer.delivery_root,
        evaluation=offer.evaluation,
        commitment=offer.key_commitment,
        digests=delivery.segments,
    )
    return DeliveryFolder(directory / DELIVERIES / part, expected)


def _salts(opened: StoredDataset) -> Sequence[Salt]:
    return opened.of_records(lambda record: Salt(next(opened.files.chunks_of(record, record + 1))[:SALT_SIZE]))
