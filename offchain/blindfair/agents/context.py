"""What an agent needs from outside, and what it tells the people who watch it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from eth_account.signers.local import LocalAccount

from blindfair.agents.evaluation.rows import NO_BASE_MODELS, BaseModels
from blindfair.agents.messaging.transport import Signer, Transport
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.sender import FEE_CEILING
from blindfair.protocol.quantities import Address, Wei


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that an agent did, for people and reports. `gas` and `size` are counted, None where there is none."""

    who: str
    step: str
    text: str
    gas: int | None = None
    size: int | None = None


class Tell(Protocol):
    """How the parts of an agent tell what they did."""

    def __call__(self, step: str, text: str, *, gas: int | None = None, size: int | None = None) -> None: ...


def _silence(_: Event) -> None: ...


@dataclass(frozen=True, slots=True)
class AgentContext:
    """The contract and its chain, a mailbox, what counts as final, who watches, and the account to act with.

    `transport` makes the mailbox of an account; its second argument signs for it, where a mailbox asks who reads.
    Without `account` an agent makes one and keeps its key in a secret file of its directory. `base_models` are those
    that scoring models of texts may be built on. `max_gas_price` is the most that is offered for a unit of gas. `mail`
    is the mail folder, None where messages travel otherwise.
    """

    exchange: DataExchange
    transport: Callable[[Address, Signer], Transport]
    finality: Finality
    watch: Callable[[Event], None] = field(default=_silence)
    account: LocalAccount | None = field(default=None, repr=False)
    base_models: BaseModels = field(default_factory=lambda: NO_BASE_MODELS)
    max_gas_price: Wei = FEE_CEILING
    mail: Path | None = None
