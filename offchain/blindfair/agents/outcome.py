"""How a trade ended, from the buyer's side (PROTOCOL 8)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """`final` is `Released`, `Refunded` or `NoOrder`; `error` names the error that ended the trade, if one did."""

    final: str
    reason: str
    error: str | None = None
