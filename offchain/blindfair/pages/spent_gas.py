"""What a party has paid for gas, as both parties' pages say it."""

from collections.abc import Mapping

from blindfair.api.amounts import show_ether
from blindfair.api.ledger import AccountLedger


def gas_line(ledger: AccountLedger, gas: Mapping[str, int]) -> tuple[str, str]:
    """Name and amount, by the journal alone: it has no fee of a transaction that failed, or was replaced."""
    least = "" if ledger.is_complete else "at least "
    return "Paid for gas", f"{least}{show_ether(ledger.fees)} ether, for {sum(gas.values()):,} gas"
