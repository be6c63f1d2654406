"""The escrow contract on a chain: artifacts, deployment, the typed client, the sender, chains for trying.

The names of `__all__` are public, and loaded when they are first used. The modules are private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = [
    "DataExchange",
    "Deployment",
    "DevelopmentChain",
    "EmbeddedChain",
    "Finality",
    "Sender",
    "deploy_once",
    "find_or_deploy",
    "open_exchange",
]

_HOMES = {
    "DataExchange": "chain.exchange",
    "Deployment": "chain.deployment",
    "DevelopmentChain": "chain.development",
    "EmbeddedChain": "chain.embedded",
    "Finality": "chain.finality",
    "Sender": "chain.sender",
    "deploy_once": "chain.deploy",
    "find_or_deploy": "chain.deterministic",
    "open_exchange": "chain.deployment",
}

if TYPE_CHECKING:
    from blindfair.chain.deploy import deploy_once
    from blindfair.chain.deployment import Deployment, open_exchange
    from blindfair.chain.deterministic import find_or_deploy
    from blindfair.chain.development import DevelopmentChain
    from blindfair.chain.embedded import EmbeddedChain
    from blindfair.chain.exchange import DataExchange
    from blindfair.chain.finality import Finality
    from blindfair.chain.sender import Sender
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
