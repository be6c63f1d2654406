"""What a party is told of an error in what it sent (PROTOCOL 8)."""

from blindfair.protocol.errors import BlindfairError, BudgetExhausted
from blindfair.protocol.messages import Refusal
from blindfair.protocol.quantities import Digest


def refusal_of(message: Digest, error: BlindfairError) -> Refusal:
    """The refusal of a message.

    What a counterparty wrote may stand in the error, and is not to come back as something that no message holds. How
    far a budget is used up is other buyers' business.
    """
    said = error.what if isinstance(error, BudgetExhausted) else str(error)
    return Refusal(message, error.name, "".join(letter if letter.isprintable() else "?" for letter in said))
