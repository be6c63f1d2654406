"""What a seller delivers: in one message, or in segments on its disk that the buyer fetches (PROTOCOL 6.2 - 6.8).

Not here: what is agreed and offered (`seller`), and what is done with one segment (package `bulk`).
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from blindfair.agents.agent import Agent
from blindfair.agents.seller.offers import SellerOffers
from blindfair.agents.seller.progress import Progress
from blindfair.agents.store.delivery_steps import SENT_SEGMENT
from blindfair.agents.store.steps import OfferName, sealing_key_of
from blindfair.agents.waiting import Waiting
from blindfair.bulk.delivery import PreparedDelivery, prepare_delivery, segment_file
from blindfair.bulk.store import StoredDataset
from blindfair.bulk.workers import Workers
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.delivery import EncryptedDelivery
from blindfair.protocol.errors import BudgetExhausted, FieldMismatch, JournalDamaged, UnexpectedMessage
from blindfair.protocol.leaf_proofs import prove_leaves
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Delivery, DeliverySegment, SegmentRequest
from blindfair.protocol.offer import Offer
from blindfair.protocol.packing import pack_delivery
from blindfair.protocol.parts import Part
from blindfair.protocol.quantities import Address, DeliveryKey, Digest, RecordIndex, Signature
from blindfair.protocol.sealing import delivery_info, seal
from blindfair.protocol.selection import chosen_records, chunk_spans, selected_chunks

SPACE_LEFT = 2**28
"""Bytes of the disk that no delivery takes: a journal that cannot be written keeps keys of other orders back."""

_REMOVED_AT_ONCE = 32
"""Segments of ended orders that are taken back from mailboxes in one turn."""

Encrypted: TypeAlias = EncryptedDelivery | PreparedDelivery
"""A delivery in memory, or on disk."""


class SellerDeliveries:
    """The deliveries of one seller; `dataset` gives what it has committed to."""

    def __init__(
        self, seller: Agent, offers: SellerOffers, dataset: Callable[[], ChunkedDataset], max_in_memory: int
    ) -> None:
        self._seller = seller
        self._offers = offers
        self._dataset = dataset
        self._max_in_memory = max_in_memory
        self._folder = seller.directory / "deliveries"
        self._removing = self._removals()
        self.is_tidy = True
        """Whether nothing is left to remove, as far as the mail lets it."""

    def in_segments(self, records: Sequence[RecordIndex]) -> bool:
        """Whether these records are more than one message is to hold, and on disk. Raises MalformedMessage."""
        dataset = self._dataset()
        return isinstance(dataset, StoredDataset) and _size(dataset, records) > self._max_in_memory

    def prepare(self, name: OfferName, part: Part, key: DeliveryKey, public: bytes) -> PreparedDelivery:
        """Encrypt and seal a part in segments, on all cores; what was done before an interruption is not done again.

        `public` is the buyer's sealing key. Raises MalformedMessage, StateError, and BudgetExhausted where the disk
        has too little space by now.
        """
        dataset = self._dataset()
        if not isinstance(dataset, StoredDataset):
            raise JournalDamaged("The data set is not on disk", expected="a folder `data`", found="none")
        if not (self._folder / name).exists():
            self._check_space(_size(dataset, part.records))
        progress = Progress(self._seller.tell, "encrypts segments", len(part.records), "segments")
        with Workers() as workers:
            return prepare_delivery(
                self._folder / name,
                dataset,
                part.records,
                key,
                evaluation=part.evaluation,
                public=public,
                workers=workers,
                progress=progress,
            )

    def _check_space(self, size: int) -> None:
        """Raises BudgetExhausted."""
        free = shutil.disk_usage(self._seller.directory).free
        # Once here, and once more in the mailbox of a buyer that fetches nothing.
        if 2 * size + SPACE_LEFT > free:
            self._seller.tell("warning", f"no space for a delivery of {size:,} bytes: the disk has {free:,} left")
            raise BudgetExhausted("The seller has no space for a delivery as large as this", expected="less, or later")

    def message(
        self,
        selection: Digest,
        part: Part,
        encrypted: Encrypted,
        offer: Offer,
        signature: Signature,
        *,
        public: bytes,
        manifest: Manifest,
    ) -> Delivery:
        """The message of a delivery that was encrypted."""
        leaves, proof = (b"", b"") if manifest.gives_leaves else self._proven(part.records)
        if isinstance(encrypted, PreparedDelivery):
            sealed, segments = b"", encrypted.digests
        else:
            content = pack_delivery(part.records, encrypted.ciphertexts)
            sealed, segments = seal(public, delivery_info(part.evaluation, encrypted.root), content), ()
        return Delivery(selection, part.name, offer, signature, sealed, segments, leaves, proof)

    def _proven(self, records: Sequence[RecordIndex]) -> tuple[bytes, bytes]:
        """The committed leaves of these records, and their proof (PROTOCOL 6.8)."""
        dataset = self._dataset()
        chunks = selected_chunks(dataset.first_chunks, len(dataset.chunks), records)
        leaves = b"".join(dataset.leaf_hashes[j] for j in chunks)
        return leaves, prove_leaves(chunks, len(dataset.chunks), dataset.tree.node)

    # --- segments --------------------------------------------------------------------------------------------------

    def send_segments(self, sender: Address, request: SegmentRequest) -> None:
        """Send the segments that a buyer asks for.

        Raises UnexpectedMessage for an order that is none of the offers' or has ended, and for a segment that the
        delivery does not have; FieldMismatch for another buyer's; Undeliverable, Waiting.
        """
        name = self._offers.named(request.order)
        if name is None or self._offers.ending(name) is not None:
            raise UnexpectedMessage("No open offer of this seller became this order", found=request.order.hex())
        buyer = self._offers.made()[name].buyer
        if sender != buyer:
            raise FieldMismatch("The order is another buyer's", expected=buyer, found=sender)
        key = self._seller.journal.intent(sealing_key_of(buyer))
        for number in request.segments:
            path = segment_file(self._folder / name, number)
            if key is None or not path.exists():
                raise UnexpectedMessage("The delivery has no such segment", found=number)
            segment = DeliverySegment(request.order, number, path.read_bytes())
            handle = self._seller.mail.pass_on(buyer, segment, bytes.fromhex(key))
            self._seller.journal.note(SENT_SEGMENT.of(f"{name}:{handle}"))

    def tidy(self) -> None:
        """Remove the segments of orders that have ended, also from mailboxes of buyers that never fetched them.

        A few at a time: an order may have thousands, and reveals do not wait.
        """
        try:
            self.is_tidy = len(list(islice(self._removing, _REMOVED_AT_ONCE))) < _REMOVED_AT_ONCE
        except Waiting:
            # While the mail does not work, all stay where they are: each try may take a minute.
            self.is_tidy = True
        if self.is_tidy:
            self._removing = self._removals()

    def _removals(self) -> Iterator[None]:
        """Remove one after the other. Raises Waiting."""
        kept = {folder.name for folder in self._folder.iterdir()} if self._folder.is_dir() else set()
        for name in tuple(self._offers.made()) if kept else ():
            if name not in kept or self._offers.ending(name) is None:
                continue
            for sent, _ in tuple(self._seller.journal.done(SENT_SEGMENT, f"{name}:")):
                self._seller.mail.take_back(self._offers.made()[name].buyer, sent.rpartition(":")[2])
                yield
            shutil.rmtree(self._folder / name, ignore_errors=True)


def _size(dataset: StoredDataset, records: Sequence[RecordIndex]) -> int:
    """Bytes of the chunks of these records, each as if it were full. Raises MalformedMessage."""
    chosen = chosen_records(records, len(dataset.first_chunks))
    return int(chunk_spans(dataset.first_chunks, len(dataset.chunks), chosen)[1].sum()) * dataset.chunk_size
