"""How a trade ended, from the buyer's side (PROTOCOL 8)."""

from dataclasses import dataclass

from blindfair.protocol.errors import BlindfairError


@dataclass(frozen=True, slots=True)
class Outcome:
    """`final` is `Released`, `Refunded` or `NoOrder`; `error` names the error that ended the trade, if one did.

    `details` are that error's `what`, `expected`, `found` and `hint` as text.
    """

    final: str
    reason: str
    error: str | None = None
    details: dict[str, str | None] | None = None

    @classmethod
    def stopped(cls, error: BlindfairError) -> "Outcome":
        """No order was made, because of an error."""
        details = {
            "what": error.what,
            "expected": None if error.expected is None else str(error.expected),
            "found": None if error.found is None else str(error.found),
            "hint": error.hint,
        }
        return cls("NoOrder", str(error), error.name, details)
