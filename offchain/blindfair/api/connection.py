"""The context of a party on a real chain: the contract over a node, the folder shared with the other side, its account.

Not here: the party itself (`parties`), and chains of this process (`local_market`).
"""

from collections.abc import Callable
from pathlib import Path

from eth_account.signers.local import LocalAccount

from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.chain.deployment import Deployment, open_exchange
from blindfair.chain.finality import Finality
from blindfair.chain.requirements import check_chain
from blindfair.protocol.errors import FileMissing


def connect(
    rpc: str,
    *,
    deployment: Path | str | Deployment,
    mail: Path | str,
    account: LocalAccount | Callable[[], LocalAccount] | None,
    finality_depth: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    trades: bool = True,
) -> AgentContext:
    """Connect to a node and check that the contract there is the one of the deployment, to the last byte.

    `rpc` is the node's URL, `deployment` a file of `blindfair deploy` or `blindfair testnet`, `mail` the shared folder.
    `account` is what `unlock` gives, or a function that is called once all else is right; with None the party makes an
    account and keeps its key in its directory. `finality_depth` is in blocks, the chain's own finality if None.
    `on_event` is told each thing that the party did. With `trades` the chain must be one on which a trade can be ended.

    Raises FileMissing, MalformedFile, InvalidOption, NodeFailure, WrongContract, and what `account` raises.
    """
    found = deployment if isinstance(deployment, Deployment) else read_deployment(Path(deployment))
    finality, folder = Finality(finality_depth), Path(mail)
    exchange = open_exchange(rpc, found)
    if trades:
        check_chain(exchange.web3, finality)
    own = account() if callable(account) else account
    return AgentContext(
        exchange, lambda address: FolderTransport(folder, address), finality, on_event or (lambda _: None), own
    )


def read_deployment(path: Path) -> Deployment:
    """Read a deployment file. Raises FileMissing, MalformedFile."""
    try:
        return Deployment.from_bytes(path.read_bytes())
    except OSError as error:
        raise FileMissing(
            f"There is no deployment file {path}",
            expected="deployments/<chain id>.json",
            found=error.strerror,
            hint="take the one that `blindfair deploy` or `blindfair testnet` wrote",
        ) from error
