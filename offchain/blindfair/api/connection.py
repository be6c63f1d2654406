"""The context of a party on a real chain: the contract over a node, the way to the other side, its account.

Not here: the party itself (`parties`), and chains of this process (`local_market`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote

from eth_account.signers.local import LocalAccount

from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.mail_store import MailStore, is_store_url, store_url
from blindfair.agents.messaging.store_transport import StoreTransport
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

_FILE = "file://"


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
    of `blindfair deploy` or `blindfair testnet`, `mail` the shared folder, or the URL of a folder in a store that
    fsspec reaches, such as `s3://bucket/mail`.
    A buyer names the seller's HTTP service with `at` instead. With `at`, which may also be the URL of a store, `mail`
    is a party's own folder for messages on their way, a temporary one if None.
    `account` is what `unlock` gives, or a function that is called once all else is right; with None the party makes an
    account and keeps its key in its directory. `finality_depth` is in blocks, the chain's own finality if None.
    `max_gas_price` is the most that is offered for a unit of gas, in gwei, 500 if None.
    `on_event` is told each thing that the party did. With `trades` the chain must be one on which a trade can be ended.

    Raises FileMissing, MalformedFile, InvalidOption, NodeFailure, WrongContract, and what `account` raises.
    """
    if mail is None and at is None:
        raise InvalidOption(
            "`mail` or `at` is needed",
            expected="a shared folder or store, or the URL of the seller's service",
            found="neither",
            hint="pass `at=URL`, as the seller says it",
        )
    place, url = mail_place(mail)
    at = url if at is None else at
    folder = None if url is not None else place
    if at is not None and is_store_url(at):
        # Here, where nothing is at stake yet: an agent with an open order is not kept from it by a missing package.
        at = MailStore(at).url
    elif at is not None:
        service_url(at)
    found = deployment if isinstance(deployment, Deployment) else read_deployment(Path(deployment))
    finality = Finality(finality_depth)
    price = gas_price_limit(max_gas_price)
    exchange = open_exchange(rpc if isinstance(rpc, str) else several(*rpc), found)
    if trades:
        check_chain(exchange.web3, finality)
    own = account() if callable(account) else account
    domain = Domain(exchange.chain_id, exchange.address)

    def transport(address: Address, sign: Signer) -> Transport:
        if at is not None and is_store_url(at):
            return StoreTransport(at, address, folder, sign)
        if at is not None:
            return HttpTransport(at, address, sign, domain, folder)
        return FolderTransport(folder or Path(), address)

    shared = folder if at is None else None
    told = on_event or (lambda _: None)
    return AgentContext(exchange, transport, finality, told, own, max_gas_price=price, mail=shared)


def gas_price_limit(gwei: int | None) -> Wei:
    """The most to offer for a unit of gas, in wei, by a number of gwei; 500 gwei if None. Raises InvalidOption."""
    if gwei is not None and gwei < 1:
        raise InvalidOption(
            "`max_gas_price` is too low", expected="at least 1 gwei", found=gwei, hint="leave it out for 500 gwei"
        )
    return FEE_CEILING if gwei is None else Wei(gwei * GWEI)


def mail_place(mail: Path | str | None) -> tuple[Path | None, str | None]:
    """A shared folder, or the URL of a store that is shared. `file://` is a folder. Raises InvalidOption.

    >>> mail_place("s3://bucket/mail")
    (None, 's3://bucket/mail')
    """
    if mail is None or isinstance(mail, Path) or "://" not in mail:
        return None if mail is None else Path(mail), None
    if mail.startswith(_FILE):
        return Path(unquote(mail.removeprefix(_FILE))), None
    if not is_store_url(mail):
        raise InvalidOption(
            "`mail` is neither a folder nor a store",
            expected="a folder, or a URL such as s3://bucket/mail",
            found=f"{mail.partition('://')[0]}://...",
            hint="a seller's HTTP service is named with `at`",
        )
    return None, store_url(mail)


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
