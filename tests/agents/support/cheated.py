"""What a buyer is left with when the seller cheats before the payment."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sealed_messages import forged, put_in, sealed_messages_to, take_out
from trade import GRANT, Parties
from web3 import Web3

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.settlement.ending import Ending
from blindfair.protocol.messages import Delivery, Message, Refusal, read
from blindfair.protocol.offer import sign_offer


def ended(parties: Parties) -> Outcome:
    """The outcome of a trade that never became an order: nobody has lost anything."""
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == Ending.NO_ORDER
    # Its account never sent a transaction, of which the agent would know nothing either.
    account = Web3.to_checksum_address(parties.buyer.address)
    assert parties.world.chain.web3.eth.get_transaction_count(account) == 0
    assert parties.world.exchange_balance(parties.buyer.address) == GRANT
    return outcome


def answered(parties: Parties, change: Callable[[Any, Parties], Message]) -> Outcome:
    """Replace the message that waits for the buyer by another of the seller's, and let the buyer take it."""
    message = read(take_out(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
    put_in(parties.world, parties.buyer, forged(parties.seller, change(message, parties)))
    parties.buyer.step()
    return ended(parties)


def told(parties: Parties) -> list[tuple[str, str]]:
    """What the buyer told the seller when it stopped: names and texts of errors."""
    messages = sealed_messages_to(parties.world, parties.seller)
    return [(message.error, message.reason) for _, message in messages if isinstance(message, Refusal)]


def reoffered(**changes: Any) -> Callable[[Delivery, Parties], Delivery]:
    """The delivery with another offer, signed by the seller as it should be."""

    def change(delivery: Delivery, parties: Parties) -> Delivery:
        offer = replace(delivery.offer, **changes)
        seller = parties.seller
        return replace(delivery, offer=offer, offer_signature=sign_offer(offer, seller.domain, seller.private_key))

    return change
