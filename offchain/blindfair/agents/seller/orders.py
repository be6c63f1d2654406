"""What the seller does on chain for its offers: reveal, claim, withdraw (PROTOCOL 7).

Not here: which offers there are (`offers`), and their bonds (`bonds`).

It reveals only when the accept is final, and never in the last half of the reveal window: a key that is shown against
an accept which a reorganisation takes back is a gift.
"""

import itertools
from collections.abc import Callable

from blindfair.agents.agent import Agent
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.offers import SellerOffers
from blindfair.agents.settlement.ending import ENDED_STATES, Ending
from blindfair.agents.store.steps import (
    ENDED,
    ENDED_AT,
    RELEASED,
    CallName,
    OfferName,
    claim_call,
    order_text,
    reveal_call,
    signed_release_call,
    withdraw_call,
)
from blindfair.agents.waiting import Turn, Waiting
from blindfair.chain.exchange import Call
from blindfair.protocol.errors import (
    BadSignature,
    ContractReverted,
    FieldMismatch,
    JournalDamaged,
    UnexpectedMessage,
)
from blindfair.protocol.messages import Release
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address, DeliveryKey, Signature, Timestamp
from blindfair.protocol.release import recover_release_signer


class SellerOrders:
    """The orders that the offers of one seller become."""

    def __init__(self, seller: Agent, offers: SellerOffers, policy: SellerPolicy) -> None:
        self._seller = seller
        self._offers = offers
        self._policy = policy
        self._taken_back: set[OfferName] = set()

    def is_sold(self, name: OfferName) -> bool:
        """Whether the key of this offer is public and its accept final, and the money did not go back.

        By the chain, since anybody may reveal a key that it has seen on its way. Raises NodeFailure.
        """
        seller, offer, ending = self._seller, self._offers.made().get(name), self._offers.ending(name)
        if offer is None or ending is not None:
            return ending is Ending.RELEASED
        state = seller.exchange.order(offer.struct_hash()).state
        accepted = seller.exchange.accepted_at(offer.struct_hash())
        return (
            state in (OrderState.REVEALED, OrderState.RELEASED)
            and accepted is not None
            and seller.exchange.is_final(accepted.block_number, seller.finality)
        )

    def is_accepted(self, name: OfferName) -> bool:
        """Whether the price of this offer is locked or was paid, final or not, and its order has not ended yet."""
        offer = self._offers.made().get(name)
        if offer is None or self._offers.ending(name) is not None:
            return False
        state = self._seller.exchange.order(offer.struct_hash()).state
        return state in (OrderState.LOCKED, OrderState.REVEALED, OrderState.RELEASED)

    # --- orders ----------------------------------------------------------------------------------------------------

    def advance(self, turn: Turn) -> None:
        """Take every open order as far as it goes now, then the free balance home."""
        for name, offer in self._offers.open().items():
            with turn.task():
                self._advance_one(name, offer)
        for token in self._tokens_at_rest():
            with turn.task():
                if self._is_to_withdraw(token):
                    self._withdraw(token)

    def _advance_one(self, name: OfferName, offer: Offer) -> None:
        exchange = self._seller.exchange
        view, now = exchange.order(offer.struct_hash()), exchange.now()
        if view.state is OrderState.NONE:
            self._warn_of_shown_key(name)
        match view.state:
            case OrderState.NONE if now <= offer.expiry:
                raise Waiting("the buyer has not accepted yet", Timestamp(offer.expiry + 1))
            case OrderState.NONE:
                self._end(name, Ending.EXPIRED)
            case OrderState.LOCKED if now <= view.deadline:
                self._reveal(name, offer, view.deadline)
            case OrderState.LOCKED:
                # Nothing but a refund is possible any more, and that is the buyer's business.
                self._end(name, Ending.REFUNDED)
            case OrderState.REVEALED:
                self._collect(name, offer, view.deadline)
            case ended:
                self._end(name, ENDED_STATES[ended])

    def _warn_of_shown_key(self, name: OfferName) -> None:
        """Say once that there is no order any more for a key that was shown, which nothing can mend."""
        if name not in self._taken_back and self._seller.wallet.exposed(reveal_call(name)):
            self._taken_back.add(name)
            text = f"a reorganisation took back the accept of {order_text(name)}, whose key was shown"
            self._seller.tell("warning", f"{text}: it went deeper than what counts as final here")

    def keep_release(self, sender: Address, release: Release) -> None:
        """Keep a signed release of one of the offers, to be brought to the chain.

        Raises UnexpectedMessage for an order of other offers, FieldMismatch for another buyer's, BadSignature.
        """
        name = self._offers.named(release.order)
        if name is None:
            raise UnexpectedMessage("No offer of this seller became this order", found=release.order.hex())
        offer = self._offers.made()[name]
        if sender != offer.buyer:
            raise FieldMismatch("The order is another buyer's", expected=offer.buyer, found=sender)
        signer = recover_release_signer(release.order, self._seller.domain, release.signature)
        if signer != offer.buyer:
            raise BadSignature("The release is not signed by the buyer", expected=offer.buyer, found=signer)
        self._seller.journal.once(RELEASED.of(name), lambda: release.signature)

    def _collect(self, name: OfferName, offer: Offer, deadline: Timestamp) -> None:
        """The price of a revealed order: by the buyer's signed release once there is one, else by the clock.

        Raises Waiting.
        """
        exchange, step = self._seller.exchange, signed_release_call(name)
        late, signature = exchange.now() > deadline, self._seller.journal.get(RELEASED.of(name))
        if signature is not None and (not late or self._seller.wallet.begun(step)):
            release = Signature(signature)
            self._call(
                step, lambda: exchange.release_by_signature(offer, release), "is paid with the buyer's signed release",
            )  # fmt: skip
        elif late:
            self._call(claim_call(name), lambda: self._claim(offer), "claims the price after the dispute window")
        else:
            raise Waiting("the buyer may still dispute or release", Timestamp(deadline + 1))

    def _claim(self, offer: Offer) -> Call:
        exchange, to = self._seller.exchange, self._policy.pay_to
        return exchange.claim([offer]) if to is None else exchange.claim_to([offer], to)

    def _reveal(self, name: OfferName, offer: Offer, deadline: Timestamp) -> None:
        seller, exchange = self._seller, self._seller.exchange
        accepted = exchange.accepted_at(offer.struct_hash())
        if accepted is None or not exchange.is_final(accepted.block_number, seller.finality):
            raise Waiting("the accept is not final yet")
        step = reveal_call(name)

        def safe() -> bool:
            # A key that a node may have seen is worth nothing any more but the price, to the last moment.
            exposed = seller.wallet.exposed(step)
            return exchange.now() <= (deadline if exposed else deadline - offer.reveal_window // 2)

        if not safe():
            raise Waiting("the reveal window is half over: the key stays secret", Timestamp(deadline + 1))
        key = seller.secrets.get(f"key.{name}")
        if key is None:
            raise JournalDamaged(
                "The key of an accepted offer is gone", expected=f"key.{name}", hint="restore it from a backup at once"
            )
        self._call(step, lambda: exchange.reveal(offer, DeliveryKey(key)), "reveals the key", may_send=safe)

    def _call(
        self, step: CallName, call: Callable[[], Call], text: str, may_send: Callable[[], bool] = lambda: True
    ) -> None:
        try:
            self._seller.wallet.execute(step, call, text, may_send=may_send)
        except ContractReverted as error:
            # Others act on the same order: what was possible a moment ago may be done, or over.
            raise Waiting(f"the contract refuses the {step.partition(':')[0]}: {error}") from error

    def _end(self, name: OfferName, how: Ending) -> None:
        if not self._seller.finality_tracker.holds(f"order {name}", how):
            raise Waiting("the end of the order is not final yet")
        self._seller.journal.once(ENDED_AT.of(name), lambda: str(self._seller.exchange.now()).encode())
        self._seller.journal.note(ENDED.of(name), how)
        self._seller.tell("order", f"{order_text(name)} ended: {how}")

    # --- money home ------------------------------------------------------------------------------------------------

    def to_withdraw(self) -> list[Address]:
        """Tokens of which no offer is open and a free balance was not yet withdrawn. Raises NodeFailure."""
        return [token for token in self._tokens_at_rest() if self._is_to_withdraw(token)]

    def _tokens_at_rest(self) -> list[Address]:
        busy = {offer.token for offer in self._offers.open().values()}
        used = dict.fromkeys(offer.token for offer in self._offers.made().values())
        return [token for token in used if token not in busy]

    def _is_to_withdraw(self, token: Address) -> bool:
        seller, first = self._seller, self._withdrawal(token, 0)
        if not seller.wallet.executed(first) and seller.wallet.begun(first):
            return True
        # A deposit for an offer that has run out may come in later than a withdrawal. One of these that is in no block
        # any more is sent again as it is.
        return seller.exchange.free_balance(seller.address, token) > 0 and not any(
            map(seller.wallet.is_taken_back, self._withdrawn(token))
        )

    def _withdraw(self, token: Address) -> None:
        seller, to = self._seller, self._policy.pay_to or self._seller.address
        self._call(
            self._withdrawal(token, len(self._withdrawn(token))),
            lambda: seller.exchange.withdraw(token, seller.exchange.free_balance(seller.address, token), to),
            "withdraws its free balance",
        )

    def _withdrawn(self, token: Address) -> list[CallName]:
        """Withdrawals since all offers in a token have ended that were seen in a block."""
        steps = (self._withdrawal(token, number) for number in itertools.count())
        return list(itertools.takewhile(self._seller.wallet.executed, steps))

    def _withdrawal(self, token: Address, number: int) -> CallName:
        """A withdrawal, counted for each time that all offers in a token have ended: named by the last of them."""
        return withdraw_call([name for name, offer in self._offers.made().items() if offer.token == token][-1], number)
