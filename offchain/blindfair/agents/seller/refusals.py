"""How a seller says no: what it tells, and whom it can tell it sealed (PROTOCOL 8, 9)."""

import contextlib

from blindfair.agents.agent import Agent
from blindfair.protocol.errors import BlindfairError, BudgetExhausted, MalformedMessage, MessageError, ScoringError
from blindfair.protocol.messages import Envelope, Message, Refusal, Request
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealing import check_sealing_key

TOLD = (MessageError, ScoringError)
"""Errors that are about what the counterparty sent, and are told to it. All others are the owner's to see to."""


class Refusing:
    """The refusals of one seller."""

    def __init__(self, seller: Agent) -> None:
        self._seller = seller

    def say_no(self, envelope: Envelope, message: Message, error: BlindfairError) -> None:
        """Tell the sender of a message why it is not taken. Raises Undeliverable."""
        # What a counterparty wrote may stand in the error, and is not to come back as something that no message holds.
        # How far a budget is used up is other buyers' business.
        said = error.what if isinstance(error, BudgetExhausted) else str(error)
        reason = "".join(character if character.isprintable() else "?" for character in said)
        step, refusal = f"refusal:{envelope.digest.hex()}", Refusal(envelope.digest, error.name, reason)
        self._seller.mail.write(step, lambda: refusal)
        self._seller.mail.dispatch(step, envelope.sender, self._key_of(envelope.sender, message))

    def _key_of(self, sender: Address, message: Message) -> bytes | None:
        """What a refusal is sealed to; None for a stranger, whom it tells only what was wrong with a public message."""
        if isinstance(message, Request):
            with contextlib.suppress(MalformedMessage):
                check_sealing_key(message.buyer_hpke)
                return message.buyer_hpke
        known = self._seller.journal.intent(f"hpke-of:{sender}")
        return None if known is None else bytes.fromhex(known)
