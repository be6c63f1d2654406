"""The settings of a buyer's directory: one object, one document."""

from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

from blindfair.api.own_records import TableOptions
from blindfair.api.own_texts import OwnTexts
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.api.stored import from_stored, to_stored
from blindfair.cli.party.settings import BegunSettings
from blindfair.protocol.addresses import read_address
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import JournalDamaged, MalformedFile
from blindfair.protocol.quantities import Address, ListingId


@dataclass(frozen=True, slots=True)
class BuyerOptions:
    """The purchase and its price, how the buyer's tables are read, and whose the listing is."""

    ROLE: ClassVar[str] = "buyer"

    purchase: PurchaseOptions
    tables: TableOptions | OwnTexts

    seller: Address | None = None
    """None until the listing was found on chain."""

    def to_document(self) -> Document:
        """Return the options of the purchase, `tables` and `seller`, as `settings.json` keeps them."""
        return {**to_stored(self.purchase), "seller": self.seller, "tables": to_stored(self.tables)}

    @classmethod
    def from_document(cls, document: Document) -> "BuyerOptions":
        """Read what `to_document` gave. Raises JournalDamaged, MalformedFile for a seller that is no address."""
        purchase = dict(document)
        tables, seller = purchase.pop("tables", None), purchase.pop("seller", None)
        return cls(
            from_stored(PurchaseOptions, purchase),
            from_stored(OwnTexts, tables)
            if isinstance(tables, dict) and "base_model" in tables
            else from_stored(TableOptions, tables),
            None
            if seller is None
            else read_address(str(seller), "The seller in the settings", MalformedFile, "restore it from a backup"),
        )

    def found(self, listing: ListingId, seller: Address) -> "BuyerOptions":
        """Return the same options with the listing that was found."""
        return replace(self, purchase=replace(self.purchase, listing="0x" + listing.hex()), seller=seller)

    @property
    def shows_fine_tuned(self) -> bool:
        """Whether the seller sees the changed layers of a fine-tuned model of the buyer's."""
        return isinstance(self.tables, OwnTexts) and self.tables.fine_tuned is not None

    @property
    def bought_from(self) -> tuple[ListingId, Address]:
        """The listing and its seller. Raises JournalDamaged where they are not known: no directory begins so."""
        listing = self.purchase.listing_id
        if listing is None or self.seller is None:
            raise JournalDamaged(
                "The settings lack the listing that is bought from", hint="restore settings.json from a backup"
            )
        return listing, self.seller


BuyerSettings: TypeAlias = BegunSettings[BuyerOptions]
