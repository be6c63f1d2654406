"""How a buyer's directory gives the watch packages of its orders, also while its agent works there."""

from pathlib import Path

from blindfair.agents.buyer.received import delivery_folder, expected_leaves
from blindfair.agents.store.delivery_steps import HANDED_OVER
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import LISTING, RECEIVED, REPLY, Step, part_message
from blindfair.agents.watch.package import WatchHead, WatchPackage
from blindfair.protocol.delivery import check_delivery, unpack_delivery
from blindfair.protocol.errors import JournalDamaged, StateError
from blindfair.protocol.merkle import DIGEST_SIZE
from blindfair.protocol.messages import Delivery, Listing, PricedReply, read
from blindfair.protocol.offer import Offer
from blindfair.protocol.parts import PARTS_OF_SELECTION, PartName
from blindfair.protocol.priced_reply import check_reply
from blindfair.protocol.quantities import Digest, Signature
from blindfair.protocol.sealing import delivery_info, unseal
from blindfair.protocol.signing import Domain

_NEWEST_FIRST = (*reversed(PARTS_OF_SELECTION), PartName.EVALUATION)


def delivered_parts(journal: Journal, domain: Domain) -> tuple[PartName, ...]:
    """The orders of a purchase whose ciphertext has arrived, the newest first."""
    return tuple(part for part in _NEWEST_FIRST if _stored(journal, part, domain) is not None)


def offers_received(journal: Journal, domain: Domain) -> dict[PartName, Offer]:
    """The offers that a buyer has got, the newest first, whether or not it accepted them."""
    found = ((part, _stored(journal, part, domain)) for part in _NEWEST_FIRST)
    return {part: message.offer for part, message in found if message is not None}


def no_order_to_watch() -> StateError:
    """Return the error for a purchase of which no ciphertext has arrived."""
    return StateError(
        "There is no order to watch yet",
        expected="a delivery, or an evaluation that is paid for",
        found="no ciphertext",
        hint="repeat this once the seller has delivered; the order can be watched until it ends",
    )


def make_package(journal: Journal, sealing_key: bytes, domain: Domain, part: PartName | None = None) -> WatchPackage:
    """Return the package of one order of a purchase, the newest if `part` is None.

    `sealing_key` is the buyer's private X25519 key, to unseal the delivery; it is not in the package. Raises StateError
    where no such ciphertext has arrived or the agent has not signed the order for watchers yet, and what the checks
    before paying raise for one that is not the offer's.
    """
    parts = delivered_parts(journal, domain) if part is None else (part,)
    message = _stored(journal, parts[0], domain) if parts else None
    if isinstance(message, PricedReply):
        return _of_reply(message, _head(journal, message, PartName.EVALUATION, domain))
    if message is None:
        raise no_order_to_watch()
    listing = _read(journal, RECEIVED.of(LISTING), domain)
    if not isinstance(listing, Listing):
        raise JournalDamaged("The journal lacks the listing", expected=Listing.TYPE)
    head = _head(journal, message, message.part, domain)
    if message.segments:
        return _of_segments(message, listing.manifest.chunk_size, journal.folder, head)
    return _of_delivery(message, listing, sealing_key, head)


def _head(journal: Journal, message: Delivery | PricedReply, part: PartName, domain: Domain) -> WatchHead:
    signature = journal.get(HANDED_OVER.of(part))
    if signature is None:
        raise StateError(
            "The order is not signed for a watcher yet",
            expected="an agent of this version that has checked the delivery",
            hint="let `blindfair buyer resume` run, then repeat this",
        )
    return WatchHead(domain, message.offer, message.offer_signature, Signature(signature))


def _of_segments(delivery: Delivery, chunk_size: int, directory: Path, head: WatchHead) -> WatchPackage:
    """The package of a delivery in segments, which are read while it is written. Raises StateError."""
    folder = delivery_folder(directory, delivery.part, delivery, chunk_size)
    if not folder.is_checked():
        raise StateError(
            "The delivery is not whole yet",
            expected=f"{folder.segments} segments that were checked",
            found=f"{len(folder.missing())} of them missing, or not checked",
            hint="repeat this once the buyer has fetched them",
        )
    leaves = folder.leaves()
    hashes = tuple(Digest(leaves[start : start + DIGEST_SIZE]) for start in range(0, len(leaves), DIGEST_SIZE))
    return WatchPackage(head, hashes, folder.ciphertexts())


def _of_delivery(delivery: Delivery, listing: Listing, sealing_key: bytes, head: WatchHead) -> WatchPackage:
    manifest, offer = listing.manifest, delivery.offer
    info = delivery_info(offer.evaluation, offer.delivery_root)
    limit = 8 + (8 + 4 + manifest.chunk_size) * offer.chunk_count
    records, ciphertexts = unpack_delivery(unseal(sealing_key, info, delivery.sealed, limit))
    leaves = tuple(expected_leaves(listing, delivery, records))
    check_delivery(ciphertexts, leaves, offer.delivery_root, manifest.chunk_size, records, manifest.first_chunks)
    return WatchPackage(head, leaves, ciphertexts)


def _of_reply(priced: PricedReply, head: WatchHead) -> WatchPackage:
    offer = priced.offer
    chunks = check_reply(priced.ciphertext, priced.leaf_hashes, offer.delivery_root, offer.chunk_size)
    return WatchPackage(head, priced.leaf_hashes, chunks)


def _stored(journal: Journal, part: PartName, domain: Domain) -> Delivery | PricedReply | None:
    step = RECEIVED.of(REPLY if part is PartName.EVALUATION else part_message(Delivery.TYPE, part))
    message = _read(journal, step, domain)
    return message if isinstance(message, Delivery | PricedReply) else None


def _read(journal: Journal, step: Step, domain: Domain) -> object:
    data = journal.get(step)
    return None if data is None else read(data, domain=domain)[1]
