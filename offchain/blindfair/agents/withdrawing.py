"""Taking the seller's free balance out of the contract by hand, to any address.

Where all orders have ended `seller_orders` brings it to the seller's own account by itself. Here its owner names the
place, and may be in time to be first.
"""

from collections.abc import Iterable

from blindfair.agents.agent import Agent
from blindfair.protocol.errors import StateError
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address


def withdraw_by_hand(seller: Agent, offers: Iterable[Offer], token: Address, to: Address) -> bool:
    """Withdraw the whole free balance in `token` to an address; whether there was any.

    A withdrawal that was begun before is finished first, wherever it goes. Raises Waiting until it is in a block,
    StateError while an offer that may still be accepted relies on the balance, and what `Wallet.execute` raises.
    """
    step = f"withdraw-by-hand:{sum(1 for step in seller.receipts() if step.startswith('withdraw-by-hand:'))}"
    text = f"withdraws its free balance to {to}"
    if seller.wallet.begun(step):
        text = seller.journal.intent(f"transaction:{step}") or text
    else:
        _check_free(seller, offers, token)
        if not seller.exchange.free_balance(seller.address, token):
            return False
    seller.wallet.execute(
        step,
        lambda: seller.exchange.withdraw(token, seller.exchange.free_balance(seller.address, token), to),
        text,
    )
    return True


def _check_free(seller: Agent, offers: Iterable[Offer], token: Address) -> None:
    now = seller.exchange.now()
    for offer in offers:
        state = seller.exchange.order(offer.struct_hash()).state
        if offer.token == token and state is OrderState.NONE and now <= offer.expiry:
            raise StateError(
                "An offer may still be accepted, and its bond is in the free balance",
                expected="no open offer",
                found=f"one for {offer.buyer} until {offer.expiry}",
                hint="wait until it is accepted or has run out",
            )
