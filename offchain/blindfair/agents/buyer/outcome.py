"""How a trade ended, from the buyer's side (PROTOCOL 8)."""

import json
from dataclasses import asdict, dataclass, replace

from blindfair.agents.settlement.ending import Ending
from blindfair.protocol import errors
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import BlindfairError, Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """`final` is `RELEASED`, `REFUNDED` or `NO_ORDER`; `error` names the error that ended the trade, if one did.

    `details` are that error's `what`, `expected`, `found` and `hint` as text. Where a sample was bought first, `final`
    says how the last order ended.
    """

    final: Ending
    reason: str
    error: str | None = None
    details: dict[str, str | None] | None = None

    def __repr__(self) -> str:
        """Return how it ended and why, in a line.

        >>> Outcome(Ending.RELEASED, "400 records verified")
        Outcome(Released: 400 records verified)
        """
        error = "" if self.error is None else f", {self.error}"
        return f"Outcome({self.final}{error}: {self.reason})"

    @classmethod
    def stopped(cls, error: BlindfairError) -> "Outcome":
        """No order was made, because of an error."""
        details = {
            "what": error.what,
            "expected": None if error.expected is None else str(error.expected),
            "found": None if error.found is None else str(error.found),
            "hint": error.hint,
        }
        return cls(Ending.NO_ORDER, str(error), error.name, details)

    def to_error(self) -> BlindfairError:
        """Return the error that ended it; `Refused` where no error has its name, as for a cancelled offer."""
        named = getattr(errors, self.error or "", Refused)
        kind: type[BlindfairError] = named if issubclass(named, BlindfairError) else Refused
        told = self.details or {}
        return kind(
            told.get("what") or self.reason,
            expected=told.get("expected"),
            found=told.get("found"),
            hint=told.get("hint") or "",
        )

    def after_fee(self, fee: "Outcome") -> "Outcome":
        """Return this end of a trade whose evaluation was paid for."""
        return replace(self, reason=f"{fee.reason}; {self.reason}")

    def after_sample(self, sample: "Outcome") -> "Outcome":
        """This end of the rest together with that of the sample's order, which was paid for in any case."""
        if self.final is Ending.NO_ORDER:
            return replace(self, final=sample.final, reason=f"{sample.reason}; the rest was not ordered: {self.reason}")
        return replace(self, reason=f"{sample.reason}; for the rest, {self.reason}")

    def to_bytes(self) -> bytes:
        """For the journal."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Outcome":
        """Read what `to_bytes` gave. Raises ValueError, TypeError and KeyError for other bytes."""
        document = json_value(data)
        return cls(**{**document, "final": Ending(document["final"])})
