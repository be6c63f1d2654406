"""What the seller does on chain for its offers: bond, reveal, claim, withdraw (PROTOCOL 7).

It reveals only when the accept is final, and never in the last half of the reveal window: a key that is shown against
an accept which a reorganisation takes back is a gift.
"""

from blindfair.agents.agent import Agent, Waiting
from blindfair.agents.policy import SellerPolicy
from blindfair.protocol.messages import Delivery, read
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address, DeliveryKey, Timestamp, Wei


class SellerOrders:
    """The open offers of one seller, by the name of their selection."""

    def __init__(self, seller: Agent, policy: SellerPolicy) -> None:
        self._seller = seller
        self._policy = policy
        self._known: dict[str, Offer] = {}

    def offers(self) -> dict[str, Offer]:
        """Every offer that was made, in order."""
        for name, data in self._seller.journal.done("message:delivery:"):
            if name not in self._known:
                message = read(data, domain=self._seller.domain)[1]
                assert isinstance(message, Delivery)  # noqa: S101 - only deliveries are journalled under this name
                self._known[name] = message.offer
        return self._known

    def open_offers(self) -> dict[str, Offer]:
        """Those that may still be accepted or paid."""
        return {name: offer for name, offer in self.offers().items() if self.ending(name) is None}

    def ending(self, name: str) -> str | None:
        """How the order ended: `Released`, `Refunded`, `Cancelled` or `Expired`; None while it is open."""
        return self._seller.journal.intent(f"ended:{name}")

    def provide_bond(self, name: str, token: Address, bond: Wei) -> None:
        """Deposit what the free balance lacks for this bond and those of the offers not yet accepted."""
        seller = self._seller
        promised = sum(
            offer.bond
            for other, offer in self.open_offers().items()
            if other != name
            and offer.token == token
            and seller.exchange.order(offer.struct_hash()).state is OrderState.NONE
        )

        missing = promised + bond - seller.exchange.free_balance(seller.address, token)
        step = f"deposit:{name}"
        if missing > 0 or seller.journal.get(f"transaction:{step}") is not None:
            seller.approve(step, token, Wei(missing))
            seller.execute(step, lambda: seller.exchange.deposit(token, Wei(missing)), "deposits the bond")

    def advance(self) -> None:
        """Take every open order as far as it goes now. Raises Waiting with the next moment that matters."""
        waits = []
        for name, offer in self.open_offers().items():
            try:
                self._advance_one(name, offer)
            except Waiting as waiting:
                waits.append(waiting)
        self._withdraw()
        if waits:
            raise min(waits, key=lambda waiting: waiting.until or 2**63)

    def _advance_one(self, name: str, offer: Offer) -> None:
        seller, exchange = self._seller, self._seller.exchange
        order_id = offer.struct_hash()
        view, now = exchange.order(order_id), exchange.now()
        match view.state:
            case OrderState.NONE if now <= offer.expiry:
                raise Waiting("the buyer has not accepted yet", Timestamp(offer.expiry + 1))
            case OrderState.NONE:
                self._end(name, "Expired")
            case OrderState.LOCKED:
                self._reveal(name, offer, view.deadline)
                self._advance_one(name, offer)
            case OrderState.REVEALED if now <= view.deadline:
                raise Waiting("the buyer may still dispute or release", Timestamp(view.deadline + 1))
            case OrderState.REVEALED:
                seller.execute(f"claim:{name}", lambda: exchange.claim([offer]), "claims the price by the clock")
                self._advance_one(name, offer)
            case ended:
                self._end(name, ended.name.capitalize())

    def _reveal(self, name: str, offer: Offer, deadline: Timestamp) -> None:
        seller, exchange = self._seller, self._seller.exchange
        accepted = exchange.accepted_at(offer.struct_hash())
        if accepted is None or not exchange.is_final(accepted.block_number, seller.finality):
            raise Waiting("the accept is not final yet")
        last_safe = Timestamp(deadline - offer.reveal_window // 2)

        def safe() -> bool:
            return exchange.now() <= last_safe

        if not safe():
            raise Waiting("the reveal window is half over: the key stays secret", Timestamp(deadline + 1))
        key = DeliveryKey(seller.secrets.get(f"key.{name}") or b"")
        seller.execute(f"reveal:{name}", lambda: exchange.reveal(offer, key), "reveals the key", may_send=safe)

    def _end(self, name: str, how: str) -> None:
        if self._seller.journal.note(f"ended:{name}", how):
            self._seller.tell("order", f"order ended: {how}")

    def _withdraw(self) -> None:
        """When no offer is open, take the free balance home."""
        seller = self._seller
        offers = self.offers()
        if not offers or self.open_offers():
            return
        name, offer = list(offers.items())[-1]
        free = seller.exchange.free_balance(seller.address, offer.token)
        if free > 0 or seller.journal.get(f"transaction:withdraw:{name}") is not None:
            seller.execute(
                f"withdraw:{name}",
                lambda: seller.exchange.withdraw(offer.token, free, seller.address),
                "withdraws its free balance",
            )
