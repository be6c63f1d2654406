"""The context of a party on a real chain: the contract over a node, the way to the other side, its account.

Not here: the party itself (`parties`), and chains of this process (`local_market`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from eth_account.signers.local import LocalAccount

from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.transport import FolderTransport, Signer, Transport
from blindfair.chain.deployment import Deployment, open_exchange
from blindfair.chain.finality import Finality
from blindfair.chain.node import several
from blindfair.chain.requirements import check_chain
from blindfair.chain.sender import FEE_CEILING, GWEI
from blindfair.http.client import HttpTransport
from blindfair.http.wire import service_url
from blindfair.protocol.errors import FileMissing, InvalidOption
from blindfair.protocol.quantities import Address, Wei
from blindfair.protocol.signing import Domain


def connect(
    rpc: str | Sequence[str],
    *,
    deployment: Path | str | Deployment,
    mail: Path | str | None = None,
    at: str | None = None,
    account: LocalAccount | Callable[[], LocalAccount] | None,
    finality_depth: int | None = None,
    max_gas_price: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    trades: bool = True,
) -> AgentContext:
    """Connect to a node and check that the contract there is the one of the deployment, to the last byte.

    `rpc` is the node's URL, or those of several nodes: what more than half of them say counts. `deployment` is a file
    of `blindfair deploy` or `blindfair testnet`, `mail` the shared folder.
    A buyer names the seller's HTTP service with `at` instead; `mail` is then its own folder for messages on their way,
    a temporary one if None.
    `account` is what `unlock` gives, or a function that is called once all else is right; with None the party makes an
    account and keeps its key in its directory. `finality_depth` is in blocks, the chain's own finality if None.
    `max_gas_price` is the most that is offered for a unit of gas, in gwei, 500 if None.
    `on_event` is told each thing that the party did. With `trades` the chain must be one on which a trade can be ended.

    Raises FileMissing, MalformedFile, InvalidOption, NodeFailure, WrongContract, and what `account` raises.
    """
    if mail is None and at is None:
        raise InvalidOption(
            "`mail` or `at` is needed",
            expected="a shared folder, or the URL of the seller's service",
            found="neither",
            hint="pass `at=URL`, as the seller says it",
        )
    if at is not None:
        service_url(at)
    found = deployment if isinstance(deployment, Deployment) else read_deployment(Path(deployment))
    finality, folder = Finality(finality_depth), None if mail is None else Path(mail)
    if max_gas_price is not None and max_gas_price < 1:
        raise InvalidOption("`max_gas_price` is too low", expected="at least 1 gwei", found=max_gas_price)
    price = FEE_CEILING if max_gas_price is None else Wei(max_gas_price * GWEI)
    exchange = open_exchange(rpc if isinstance(rpc, str) else several(*rpc), found)
    if trades:
        check_chain(exchange.web3, finality)
    own = account() if callable(account) else account
    domain = Domain(exchange.chain_id, exchange.address)

    def transport(address: Address, sign: Signer) -> Transport:
        if at is not None:
            return HttpTransport(at, address, sign, domain, folder)
        return FolderTransport(folder or Path(), address)

    return AgentContext(exchange, transport, finality, on_event or (lambda _: None), own, max_gas_price=price)


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
