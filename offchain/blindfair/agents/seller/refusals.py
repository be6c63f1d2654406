"""How a seller says no: what it tells, and whom it can tell it sealed (PROTOCOL 8, 9)."""

import contextlib

from blindfair.agents.messaging.mail import Mail
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import WRITTEN, refusal_message, refused_by_buyer, sealing_key_of
from blindfair.protocol.errors import (
    BlindfairError,
    BudgetExhausted,
    MalformedMessage,
    MessageError,
    OpeningsUsedUp,
    ScoringError,
)
from blindfair.protocol.messages import Agreement, Envelope, Message, Refusal, Request, Selection
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealing import check_sealing_key

TOLD = (MessageError, ScoringError)
"""Errors that are about what the counterparty sent, and are told to it. All others are the owner's to see to."""


class Refusing:
    """The refusals of one seller."""

    def __init__(self, journal: Journal, mail: Mail) -> None:
        self._journal = journal
        self._mail = mail

    def refuse(self, envelope: Envelope, message: Message, error: BlindfairError) -> None:
        """Tell the sender of a message why it is not taken. Raises Undeliverable."""
        # What a counterparty wrote may stand in the error, and is not to come back as something that no message holds.
        # How far a budget is used up is other buyers' business.
        said = error.what if isinstance(error, BudgetExhausted | OpeningsUsedUp) else str(error)
        reason = "".join(character if character.isprintable() else "?" for character in said)
        refusal = Refusal(envelope.digest, error.name, reason)
        step = refusal_message(envelope.digest, for_now=_is_for_now(error, message))
        self._mail.write(step, lambda: refusal)
        self._mail.dispatch(step, envelope.sender, self._key_of(envelope.sender, message))

    def repeat(self, envelope: Envelope, message: Message) -> bool:
        """Send the stored refusal of a message, unless it was a refusal for now; return whether there is one.

        Raises Undeliverable, Waiting.
        """
        step = refusal_message(envelope.digest)
        if self._journal.get(WRITTEN.of(step)) is None:
            return False
        self._mail.dispatch(step, envelope.sender, self._key_of(envelope.sender, message))
        return True

    def hear(self, refusal: Refusal) -> bool:
        """Write down that a buyer will not go on, and not a stranger: that means nothing. Whether it is new."""
        return self._journal.note(refused_by_buyer(refusal.about), f"{refusal.error}: {refusal.reason}")

    def _key_of(self, sender: Address, message: Message) -> bytes | None:
        """What a refusal is sealed to; None for a stranger, whom it tells only what was wrong with a public message."""
        if isinstance(message, Request):
            with contextlib.suppress(MalformedMessage):
                check_sealing_key(message.buyer_hpke)
                return message.buyer_hpke
        known = self._journal.intent(sealing_key_of(sender))
        return None if known is None else bytes.fromhex(known)


def _is_for_now(error: BlindfairError, message: Message) -> bool:
    """Whether the same message may be answered later: it lacks money for a bond, and bonds come free (PROTOCOL 5.1)."""
    return isinstance(error, BudgetExhausted) and isinstance(message, Selection | Agreement)
