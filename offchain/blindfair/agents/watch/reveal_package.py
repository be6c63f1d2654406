"""Reveal packages: what a second machine needs to reveal the key of a seller's order, and to claim its price.

A file `<order>.reveal` of mode 0600, a canonical document: chain and contract, the signed offer, the delivery key.
Anybody may reveal and claim, and the contract pays the seller of the offer (PROTOCOL 7): the seller's own key is not in
it. The delivery key is: who has it and the ciphertext can read the delivery before it is paid.

Not here: what a watcher does with it (`keeper`).
"""

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from blindfair.agents.store.directory import SecretStore, write_atomically
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.regular_files import opened_regular
from blindfair.agents.store.steps import ENDED, OFFER, WRITTEN, OfferName, offer_message
from blindfair.agents.watch.package import WatchHead, check_head
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.documents import Document, canonical, json_value, parse
from blindfair.protocol.errors import (
    FileMissing,
    JournalDamaged,
    MalformedFile,
    MessageError,
    RootMismatch,
    UnknownVersion,
)
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.messages import Delivery, PricedReply, read
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import DeliveryKey, OrderId
from blindfair.protocol.signing import Domain

REVEAL_SUFFIX = ".reveal"
"""How the names of reveal packages end."""

REVEAL_LIMIT = 4096
"""Bytes of any such package."""

_KEY = 32
_HINT = "make it again with `blindfair seller watch-package`, and copy it whole"


@dataclass(frozen=True, slots=True)
class RevealPackage:
    """One order for a watcher: its offer with the seller's signature, and its key."""

    head: WatchHead
    key: DeliveryKey = field(repr=False)

    @property
    def order_id(self) -> OrderId:
        """The number of the order on chain."""
        return self.head.order_id

    @property
    def name(self) -> str:
        """A file name of its own."""
        return f"{self.order_id.hex()}{REVEAL_SUFFIX}"

    def write(self, path: Path) -> None:
        """Write the file with mode 0600, whole or not at all. Raises CannotWrite."""
        write_atomically(path, canonical({**self.head.to_document(), "key": hex_text(self.key)}))

    @classmethod
    def from_document(cls, document: Document) -> "RevealPackage":
        """Raises MalformedMessage, UnknownVersion."""
        fields = Fields(document, "package")
        head = WatchHead.from_fields(fields, _HINT)
        key = DeliveryKey(fields.data("key", _KEY))
        fields.done()
        return cls(head, key)


def read_reveal(path: Path) -> RevealPackage:
    """Read a package. Raises FileMissing, MalformedFile, UnknownVersion."""
    try:
        with opened_regular(path) as file:
            data = file.read(REVEAL_LIMIT + 1)
    except OSError as error:
        raise FileMissing(f"There is no reveal package {path}", found=error.strerror, hint="check the path") from error
    try:
        return RevealPackage.from_document(parse(data, REVEAL_LIMIT))
    except UnknownVersion:
        raise
    except MessageError as error:
        # The error's own values may be those of the key.
        raise MalformedFile(
            f"{path} is not a reveal package", expected="a whole one", found=error.name, hint=_HINT
        ) from None


def check_reveal(package: RevealPackage, domain: Domain) -> None:
    """Raises WrongContract, BadSignature, and RootMismatch for a key that is not the offer's."""
    check_head(package.head, domain)
    if key_commitment(package.key) != package.head.offer.key_commitment:
        raise RootMismatch("The package's key is not that of its offer", expected="the committed key", found="another",
                           hint=_HINT)  # fmt: skip


def reveal_packages(
    journal: Journal, secrets: SecretStore, domain: Domain, but: Container[OfferName] = ()
) -> dict[OfferName, RevealPackage]:
    """Return the packages of a seller's open offers, also while its agent works; `but` are offers that are left out.

    Raises JournalDamaged.
    """
    found = {}
    for name, document in journal.done(OFFER):
        if name in but or journal.intent(ENDED.of(name)) is not None:
            continue
        offer, data = Offer.from_document(json_value(document)), journal.get(WRITTEN.of(offer_message(name)))
        key = secrets.get(f"key.{name}")
        message = None if data is None else read(data, domain=domain)[1]
        if key is None or not isinstance(message, Delivery | PricedReply):
            raise JournalDamaged(
                "The key or the message of an open offer is gone",
                expected=f"key.{name}",
                hint="restore it from a backup at once",
            )
        found[name] = RevealPackage(WatchHead(domain, offer, message.offer_signature), DeliveryKey(key))
    return found


def ended_orders(journal: Journal, but: Container[OfferName] = ()) -> dict[OfferName, OrderId]:
    """Return the numbers of a seller's orders that have ended: nobody needs their packages any more."""
    offers, ended = dict(journal.done(OFFER)), (name for name, _ in journal.done(ENDED))
    return {
        name: Offer.from_document(json_value(offers[name])).struct_hash()
        for name in ended
        if name in offers and name not in but
    }
