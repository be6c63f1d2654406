"""The listing of a seller on chain and in the mail: committed once, given to whoever asks (PROTOCOL 2, 3)."""

from collections import OrderedDict

from blindfair.agents.agent import Agent
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.rate_limiter import RateLimiter
from blindfair.agents.settlement.windows import warn_of_short_windows
from blindfair.agents.store.steps import COMMIT, LISTING
from blindfair.agents.waiting import Waiting
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import BudgetExhausted, FieldMismatch
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Inquiry, Listing, Message, Request
from blindfair.protocol.messages.listing import listing_size
from blindfair.protocol.quantities import Address, Seconds

GIVEN = "given-listings.json"
"""What was given to strangers in the last hour, in a seller's directory."""

_REMEMBERED = 1024
"""Accounts that a seller remembers to have given its listing to, since it was started."""


def answers_in_an_hour(manifest: Manifest, policy: SellerPolicy) -> int:
    """How many inquiries of all unnamed accounts together are answered in an hour, each with the whole listing."""
    return max(1, policy.max_listings // listing_size(manifest))


def answer_cost(manifest: Manifest, policy: SellerPolicy) -> str:
    """What the answer to a stranger's inquiry takes, and how many are sent, for the seller to read."""
    return (
        f"{listing_size(manifest):,} bytes of disk and of traffic; "
        f"{answers_in_an_hour(manifest, policy):,} an hour go to all unnamed accounts together, "
        "and one account can use them up"
    )


class SellerListing:
    """One listing."""

    def __init__(self, seller: Agent, policy: SellerPolicy) -> None:
        self._seller = seller
        self._policy = policy
        self._given = RateLimiter(policy.max_listings, Seconds(3600), path=seller.directory / GIVEN)
        self._given_to: OrderedDict[Address, None] = OrderedDict()
        self._committed = False
        self._size: int | None = None

    def commit(self, manifest: Manifest) -> None:
        """Commit the listing on chain, once. Raises Waiting, and what `Wallet.execute` raises."""
        seller = self._seller
        if self._committed:
            return
        if seller.exchange.seller_of(manifest.listing) == seller.address:
            self._committed = seller.finality_tracker.holds("commit", seller.address)
            return
        if not seller.wallet.begun(COMMIT):
            seller.copy_guard.begin()
            windows = self._policy.reveal_window, self._policy.dispute_window
            warn_of_short_windows(seller.exchange, seller.finality, seller.tell, *windows)
        seller.wallet.execute(
            COMMIT,
            lambda: seller.exchange.commit(manifest.listing_root, manifest.digest()),
            f"commits to {manifest.record_count:,} records in {manifest.chunk_count:,} chunks",
        )

    def is_anothers(self, message: Message, manifest: Manifest) -> bool:
        """Whether a message asks about another listing that this account has committed: another program sells it."""
        if not isinstance(message, Inquiry | Request) or message.listing == manifest.listing:
            return False
        return self._seller.exchange.seller_of(message.listing) == self._seller.address

    def send_to(self, to: Address, inquiry: Inquiry, manifest: Manifest, dataset: ChunkedDataset) -> None:
        """Send the listing. Raises FieldMismatch for another one, BudgetExhausted, Undeliverable, Waiting."""
        seller = self._seller
        if inquiry.listing != manifest.listing:
            raise FieldMismatch("This is not my listing", expected=manifest.listing.hex(), found=inquiry.listing.hex())
        # The same for everybody, and kept once, however many strangers ask.
        seller.mail.write(LISTING, lambda: Listing(manifest, dataset.leaf_hashes))
        is_stranger = to not in (self._policy.buyers or ())
        if is_stranger:
            try:
                self._given.count(self._answer_size(manifest), seller.exchange.now())
            except BudgetExhausted:
                if to in self._given_to:
                    # It asks again because the listing is still on its way. A refusal would end its trade.
                    return
                raise
        try:
            seller.mail.dispatch(LISTING, to, None)
        except Waiting:
            # Nothing was given, and it is tried again at every step until the mail works.
            if is_stranger:
                self._given.uncount()
            raise
        self._remember(to)

    def _answer_size(self, manifest: Manifest) -> int:
        # Kept: a manifest may be megabytes, and whoever asks once too often is to cost little.
        if self._size is None:
            self._size = listing_size(manifest)
        return self._size

    def _remember(self, to: Address) -> None:
        """Remember who was given the listing, each account once, the latest the longest."""
        self._given_to[to] = None
        self._given_to.move_to_end(to)
        if len(self._given_to) > _REMEMBERED:
            self._given_to.popitem(last=False)
