"""A part of what an account may pay for gas: the most for those of its calls that are made for one other account."""

from collections.abc import Callable
from dataclasses import dataclass

from blindfair.agents.store.steps import CallName
from blindfair.protocol.quantities import Wei


@dataclass(frozen=True, slots=True)
class GasShare:
    """The most that the gas of one account's transactions may cost together, in wei."""

    most: Wei
    account_of: Callable[[CallName], str]

    def of_same(self, call: CallName) -> Callable[[CallName], bool]:
        """Return what says of another call whether it is for the same account as this one."""
        account = self.account_of(call)
        return lambda other: self.account_of(other) == account
