"""Taking a party's free balance out of the contract by hand, to any address.

A seller's are bonds that came back: where all orders have ended `seller.orders` brings them to its own account by
itself. Here its owner names the place, and may be in time to be first. A buyer's is money that came back and could not
be paid to where it was to go, which its owner alone can see to.
"""

from collections.abc import Iterable

from blindfair.agents.agent import Agent
from blindfair.agents.store.steps import SIGNED, attempt_of, is_withdrawn_by_hand, withdraw_by_hand_call
from blindfair.protocol.errors import StateError
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address


def withdraw_by_hand(party: Agent, offers: Iterable[Offer], token: Address, to: Address) -> bool:
    """Withdraw the whole free balance in `token` to an address; whether there was any. `offers` are the party's own: a
    buyer has none.

    A withdrawal that was begun before is finished first, wherever it goes. Raises Waiting until it is in a block,
    StateError while an offer that may still be accepted relies on the balance, and what `Wallet.execute` raises.
    """
    step = withdraw_by_hand_call(sum(map(is_withdrawn_by_hand, party.receipts())))
    text = f"withdraws its free balance to {to}"
    if party.wallet.begun(step):
        text = party.journal.intent(SIGNED.of(attempt_of(step, 0))) or text
    else:
        _check_free(party, offers, token)
        if not party.exchange.free_balance(party.address, token):
            return False
    party.wallet.execute(
        step,
        lambda: party.exchange.withdraw(token, party.exchange.free_balance(party.address, token), to),
        text,
    )
    return True


def _check_free(party: Agent, offers: Iterable[Offer], token: Address) -> None:
    now = party.exchange.now()
    for offer in offers:
        state = party.exchange.order(offer.struct_hash()).state
        if offer.token == token and state is OrderState.NONE and now <= offer.expiry:
            raise StateError(
                "An offer may still be accepted, and its bond is in the free balance",
                expected="no open offer",
                found=f"one for {offer.buyer} until {offer.expiry}",
                hint="wait until it is accepted or has run out",
            )
