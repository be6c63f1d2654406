"""Steps of a buyer's journal about its purchase; its messages and transactions are in `steps`."""

from blindfair.agents.store.steps import Step, of_part
from blindfair.protocol.parts import PartName

CONFIRMED = Step("confirmed")
"""The owner has said yes to price and gas."""

FEE_PAID = Step("fee-paid")
"""The fee of the evaluation is paid for good, with the amount."""

OPENED_REPLY = Step("opened:paid-reply")
"""The bytes of a reply that was paid for (PROTOCOL 4.7)."""

UNAUDITED = Step("unaudited")
"""The disclosure policy under which nothing is audited before paying."""

AUDITED = Step("audited")
"""The report of the audit that passed."""

SAMPLED = Step("sampled")
"""The price of the sample that is bought before the rest."""

EVIDENCE = Step("evidence")
"""The finding against the seller that is kept with the messages so far."""

CLAIM = Step("claim")
"""A claim of the seller that cannot be checked is kept, with what it says."""

OUTCOME = Step("outcome")
"""How the trade ended."""


def order_end(part: PartName) -> Step:
    """Return the step that keeps how the order of a part ended."""
    return Step(f"end:{part}")


def accept_refused(part: PartName) -> Step:
    """Return the step that keeps why the contract refused the accept of a part's offer."""
    return Step(of_part("accept-refused", part))


def fault_found(part: PartName) -> Step:
    """Return the step that keeps which chunk of a part is not the committed one."""
    return Step(of_part("fault", part))


def bought(part: PartName) -> Step:
    """Return the step that keeps the records of a part that was paid for."""
    return Step(of_part("bought", part))


def verified(part: PartName) -> Step:
    """Return the step in which the records of a part were found good."""
    return Step(of_part("verified", part))


def complaint(part: PartName) -> Step:
    """Return the step that keeps what is wrong with the records of a part, where no contract judges it."""
    return Step(of_part("complaint", part))
