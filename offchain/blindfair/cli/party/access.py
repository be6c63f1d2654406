"""Opening what a party acts with: its account, the contract over its node, the folder shared with the other side."""

from collections.abc import Callable
from pathlib import Path

from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.folder_check import check_mail_folder
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.chain.deployment import Deployment, open_exchange
from blindfair.chain.finality import Finality
from blindfair.chain.requirements import check_chain
from blindfair.cli.keystore import address_of, read_password, unlock
from blindfair.cli.options import Begun
from blindfair.cli.party.settings import Settings, is_begun
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import FileMissing

KEYSTORE = "keystore.json"


def read_deployment(path: Path) -> Deployment:
    """A deployment file. Raises FileMissing, MalformedFile."""
    try:
        return Deployment.from_bytes(path.read_bytes())
    except OSError as error:
        raise FileMissing(
            f"There is no deployment file {path}",
            expected="deployments/<chain id>.json",
            found=error.strerror,
            hint="take the one that `blindfair deploy` or `blindfair testnet` wrote",
        ) from error


def begun_settings(role: str, begun: Begun, options: Document) -> Settings:
    """What a directory is to be begun with. Raises FileMissing, MalformedFile, and StateError for a mail folder that
    takes no mailbox, while nothing was begun there."""
    if not is_begun(begun.directory):
        check_mail_folder(begun.mail.resolve())
    return Settings(
        role=role,
        deployment=read_deployment(begun.deployment),
        rpc=begun.rpc,
        mail=begun.mail.resolve(),
        keystore=(begun.keystore or begun.directory / KEYSTORE).resolve(),
        finality_depth=begun.finality_depth,
        options=options,
        tables={},
    )


def open_context(
    settings: Settings, password_file: Path | None, watch: Callable[[Event], None], *, trades: bool = True
) -> AgentContext:
    """All of it, the cheapest checks first. With `trades` the chain must be one on which a trade can be ended.

    Raises FileMissing, MalformedFile, WrongPassword, InsecureStore, InvalidOption, NodeFailure, WrongContract.
    """
    address_of(settings.keystore)
    finality = Finality(settings.finality_depth)
    exchange = open_exchange(settings.rpc, settings.deployment)
    if trades:
        check_chain(exchange.web3, finality)
    account = unlock(settings.keystore, read_password(password_file, settings.keystore))
    return AgentContext(exchange, lambda own: FolderTransport(settings.mail, own), finality, watch, account)
