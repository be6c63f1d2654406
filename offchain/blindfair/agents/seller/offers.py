"""Which offers a seller has made, and how their orders ended, as its journal knows it. The chain is not asked here."""

import json

from blindfair.agents.messaging.mail import Mail
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import ENDED, OFFER, WRITTEN, OfferName, offer_message
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import JournalDamaged
from blindfair.protocol.messages import Delivery, PricedReply
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import OrderId


class SellerOffers:
    """The offers of one seller, by name (`steps.offer_name`)."""

    def __init__(self, journal: Journal, mail: Mail) -> None:
        self._journal = journal
        self._mail = mail
        self._known: dict[OfferName, Offer] = {}
        self._by_order: dict[OrderId, OfferName] = {}

    def remember(self, name: OfferName) -> Offer:
        """Remember the offer in the message that was written for it. Raises JournalDamaged."""
        message = self._mail.stored(WRITTEN.of(offer_message(name)))[1]
        if not isinstance(message, Delivery | PricedReply):
            raise JournalDamaged("A stored message holds no offer", expected=offer_message(name), found=message.TYPE)
        self._journal.note(OFFER.of(name), json.dumps(message.offer.to_document()))
        return message.offer

    def made(self) -> dict[OfferName, Offer]:
        """Every offer, in order."""
        for name, document in self._journal.done(OFFER):
            if name not in self._known:
                offer = self._known[name] = Offer.from_document(json_value(document))
                self._by_order[offer.struct_hash()] = name
        return self._known

    def named(self, order: OrderId) -> OfferName | None:
        """The offer that became this order, None where there is none. Anybody may ask: no offer is hashed anew."""
        self.made()
        return self._by_order.get(order)

    def open(self) -> dict[OfferName, Offer]:
        """The offers that may still be accepted or paid."""
        return {name: offer for name, offer in self.made().items() if self.ending(name) is None}

    def ending(self, name: OfferName) -> Ending | None:
        """How the order ended; None while it is open.

        `REFUNDED` also where the money is only the buyer's to take: for the seller it is over.
        """
        ended = self._journal.intent(ENDED.of(name))
        return None if ended is None else Ending(ended)
