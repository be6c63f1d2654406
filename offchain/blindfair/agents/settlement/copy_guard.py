"""Whether a directory is an old copy, whose journal lacks what its account has done since.

Chain and counterparty know: transactions of the account, accepted orders, messages about steps. An old copy must sign
nothing that contradicts them: no second reply, selection or offer in place of one that is out. It may still bring the
orders that it knows to their end, since there only one key, and one order, fits.

Told by the chain alone: an accepted order of this listing that the journal lacks. Believed only in a directory that was
made of a backup: transactions of the account that it did not sign, which another program of the account may have sent,
and messages, which anybody may write.
"""

from collections.abc import Set

from blindfair.agents.context import Tell
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.copy_steps import RESTORED, SEARCHED
from blindfair.agents.store.journal import Journal
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import NodeFailure, OldCopy
from blindfair.protocol.quantities import Address, BlockNumber, Digest, ListingId, OrderId, Seconds, Timestamp

SEARCH_EVERY = Seconds(600)
"""How often a seller that is running looks for orders that it does not know, in chain time."""

SUSPECTED_EVERY = Seconds(60)
"""How often at most messages of strangers make it look."""

_REORGANISED = 128
"""Blocks that are searched again: an order in them may have come later than it says."""

_HINT = (
    "end all programs of this account and restore the newest backup; an older one costs the bonds of orders that it "
    "does not know"
)


class CopyGuard:
    """The checks of one agent. Whatever was found stays found."""

    def __init__(self, journal: Journal, exchange: DataExchange, wallet: Wallet, address: Address, tell: Tell) -> None:
        self._journal = journal
        self._exchange = exchange
        self._wallet = wallet
        self._address = address
        self._tell = tell
        self._is_account_checked = False
        self._searched_at: Timestamp | None = None
        self._searched_to: BlockNumber | None = None
        self._told = False
        self.found: OldCopy | None = None
        """What shows that this is an old copy, if anything does."""

    @property
    def is_restored(self) -> bool:
        """Whether the directory was made of a backup whose account nothing else uses, by its owner's word."""
        return self._restored() is not None

    def _restored(self) -> dict[str, object] | None:
        latest = [intent for _, intent in self._journal.done(RESTORED)][-1:]
        noted = json_value(latest[0]) if latest else {"elsewhere": True}
        return None if noted["elsewhere"] else noted

    def check_account(self) -> None:
        """Check once that the account has sent nothing since the backup that the journal does not know.

        Raises OldCopy, NodeFailure.
        """
        restored = self._restored()
        if self._is_account_checked or restored is None or restored["transactions"] is None:
            return
        then, now = int(str(restored["transactions"])), self._exchange.sent(self._address)
        known = self._wallet.numbers()
        unknown = [number for number in range(then, now) if number not in known]
        if unknown:
            raise self._old(
                f"the transactions of {self._address} that this journal signed",
                f"{len(unknown)} others since the backup, the first with number {unknown[0]}",
                "; if you sent them yourself, restore again with `used_elsewhere=True`",
            )
        self._is_account_checked = True

    def begin(self) -> None:
        """Note that a listing is committed only now, so that no block before has an order of it. Raises NodeFailure."""
        self._journal.note(SEARCHED.of(str(self._exchange.height())))

    def check_orders(self, listing: ListingId, known: Set[OrderId], every: Seconds = SEARCH_EVERY) -> None:
        """Check now and then that every accepted order of a seller's listing is `known`.

        Raises OldCopy, and NodeFailure only where the directory was made of a backup.
        """
        now = self._exchange.now()
        if self._searched_at is None or now >= self._searched_at + every:
            self._search(listing, known, now)

    def suspect(self, listing: ListingId, known: Set[OrderId]) -> None:
        """Look again because of a message about a step that was never made here. Raises as `check_orders`."""
        self.check_orders(listing, known, SUSPECTED_EVERY)

    def check_evaluation(self, listing: ListingId, evaluation: Digest) -> None:
        """Check before a buyer's selection that no order for this evaluation was accepted yet. Raises as
        `check_orders`."""
        try:
            accepted = self._exchange.accepts_of(listing, self._address)
        except NodeFailure as failure:
            self._bear(failure)
            return
        for order, of in accepted:
            if of == evaluation:
                raise self._old("no order from this evaluation yet", f"order 0x{order.hex()} on chain")

    def answered_unknown(self, what: str) -> None:
        """Raises OldCopy for the seller's answer to a step that was never made here, in a restored directory."""
        if self.is_restored:
            raise self._old("answers to what this journal has asked", what)

    def _search(self, listing: ListingId, known: Set[OrderId], now: Timestamp) -> None:
        height = self._exchange.height()
        try:
            accepted = self._exchange.accepts_of(listing, since=self._since())
        except NodeFailure as failure:
            self._bear(failure)
            self._searched_at = now
            return
        for order, _ in accepted:
            if order not in known:
                raise self._old("the orders of this journal's offers", f"order 0x{order.hex()} on chain")
        to = BlockNumber(max(0, height - _REORGANISED))
        if self._searched_at is None:
            self._journal.note(SEARCHED.of(str(to)))
        self._searched_at, self._searched_to = now, to

    def _since(self) -> BlockNumber | None:
        if self._searched_to is not None:
            return self._searched_to
        noted = [int(block) for block, _ in self._journal.done(SEARCHED)]
        return BlockNumber(max(noted)) if noted else None

    def _bear(self, failure: NodeFailure) -> None:
        if self.is_restored:
            raise failure
        if not self._told:
            self._told = True
            self._tell("warning", f"cannot look for orders that this journal does not know: {failure}")

    def _old(self, expected: str, found: str, more: str = "") -> OldCopy:
        self.found = OldCopy(
            "This directory is an old copy: a newer one has done more", expected=expected, found=found,
            hint=_HINT + more,
        )  # fmt: skip
        self._tell("old-copy", f"signs nothing new: {self.found}")
        return self.found
