"""Errors: settlement."""

from collections.abc import Mapping

from blindfair.protocol.errors.base import BlindfairError
from blindfair.protocol.errors.refusal import RefusedCall


class SettlementError(BlindfairError):
    """The chain, the money or the offer."""

    exit_code = 80

    def __init__(
        self,
        what: str,
        *,
        refusal: RefusedCall | None = None,
        expected: object = None,
        found: object = None,
        hint: str = "",
    ) -> None:
        """`refusal` is the rule of PROTOCOL 7 that a call breaks; None where it is not about a call of the contract."""
        super().__init__(what, expected=expected, found=found, hint=hint)
        self.refusal = refusal


class ContractReverted(SettlementError):
    """The contract refused a call, by a named error with values."""

    exit_code = 81

    def __init__(
        self,
        what: str,
        *,
        error_name: str = "",
        values: Mapping[str, object] | None = None,
        expected: object = None,
        found: object = None,
        hint: str = "",
    ) -> None:
        """`error_name` is the contract's own name for it, empty if it gave none; `values` are its fields by name."""
        super().__init__(what, expected=expected, found=found, hint=hint)
        self.error_name = error_name
        self.values = dict(values or {})


class InsufficientFunds(SettlementError):
    """An account cannot pay what a step needs."""

    exit_code = 82


class OfferRejected(SettlementError):
    """An offer or its delivery breaks a rule of PROTOCOL 6.6; nothing was paid."""

    exit_code = 83


class NodeFailure(SettlementError):
    """The node is unreachable, of another chain, or answers nonsense."""

    exit_code = 84


class ForbiddenTransition(SettlementError):
    """PROTOCOL 7 does not allow this call in this state, by this party or at this time."""

    exit_code = 85


class FaultProven(SettlementError):
    """A delivered chunk is not the committed one; the dispute returned the money (PROTOCOL 7)."""

    exit_code = 86


class TransactionUncertain(SettlementError):
    """A transaction was sent and is not yet known to be included; it is never sent again in another form."""

    exit_code = 87


class NoFault(SettlementError):
    """A dispute's proof does not hold (PROTOCOL 7)."""

    exit_code = 88


class WrongContract(SettlementError):
    """The address does not hold the escrow contract that this program knows."""

    exit_code = 89


class GasCeilingReached(InsufficientFunds):
    """A transaction would cost more gas than the owner allows; it was not sent."""

    exit_code = 110


class NotServed(SettlementError):
    """A watcher does not take a package: it does not serve its account, or has done enough for it."""

    exit_code = 113


class GasPriceTooHigh(NodeFailure):
    """A unit of gas costs more than the owner allows; what was signed before stays good."""

    exit_code = 112


class DisputeMissed(SettlementError):
    """A delivered chunk is not the committed one, and nobody proved it before the dispute window was over."""

    exit_code = 111
