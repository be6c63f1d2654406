"""What a seller does not do where its directory is an old copy, or may be one (`settlement.copy_guard`)."""

from blindfair.agents.agent import Agent
from blindfair.agents.seller.offers import SellerOffers
from blindfair.agents.store.steps import WRITTEN, evaluation_made, openings_message
from blindfair.agents.waiting import Waiting
from blindfair.protocol.errors import OldCopy
from blindfair.protocol.messages import Agreement, Envelope, Message, Release, SegmentRequest, Selection
from blindfair.protocol.quantities import ListingId, OrderId


class SellerCopies:
    """The checks of one seller's directory."""

    def __init__(self, seller: Agent, offers: SellerOffers) -> None:
        self._seller = seller
        self._offers = offers

    def check(self, listing: ListingId) -> None:
        """Check that nothing shows a newer copy, before anybody is answered.

        Raises OldCopy; Waiting in its place while orders that the copy knows are open, which it still ends; NodeFailure
        where the directory was made of a backup.
        """
        guard = self._seller.copy_guard
        try:
            if guard.found is not None:
                raise guard.found
            guard.check_account()
            guard.check_orders(listing, self._known())
        except OldCopy as old:
            if self._offers.open():
                raise Waiting(f"an old copy ends the orders that it knows, and answers nobody: {old}") from old
            raise

    def leaves(self, envelope: Envelope, message: Message, listing: ListingId) -> bool:
        """Whether a message is to be left without an answer: it is about a step that this copy has not made.

        A refusal would say, signed, that the step was never made. Only where the directory was made of a backup, since
        anybody can write such a message. Raises OldCopy where the chain shows by now that the step was made.
        """
        if self._knows(message):
            return False
        guard = self._seller.copy_guard
        guard.suspect(listing, self._known())
        if guard.is_restored:
            self._seller.tell(
                "warning",
                f"leaves a {envelope.type} of {envelope.sender}: this copy knows no such step; it may be old",
            )
        return guard.is_restored

    def _known(self) -> set[OrderId]:
        return {offer.struct_hash() for offer in self._offers.made().values()}

    def _knows(self, message: Message) -> bool:
        """Whether the journal has the step that a message is about."""
        journal = self._seller.journal
        match message:
            case Selection():
                return journal.intent(evaluation_made(message.evaluation)) is not None
            case Agreement():
                return journal.get(WRITTEN.of(openings_message(message.selection))) is not None
            case Release() | SegmentRequest():
                return message.order in self._known()
            case _:
                return True
