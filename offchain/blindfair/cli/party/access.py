"""Opening what a party acts with: its account, the contract over its node, the folder shared with the other side."""

from collections.abc import Callable
from pathlib import Path

from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.folder_check import check_mail_folder
from blindfair.api.connection import connect, read_deployment
from blindfair.api.keystore import address_of, unlock
from blindfair.cli.options import Begun
from blindfair.cli.party.settings import BegunSettings, Options, Settings, is_begun
from blindfair.cli.password import read_password

KEYSTORE = "keystore.json"


def begun_settings(begun: Begun, options: Options) -> BegunSettings[Options]:
    """Return the settings to begin a directory with.

    Raises FileMissing, MalformedFile, and, while nothing was begun there, StateError for a mail folder that takes no
    mailbox and InsecureStore for an open one.
    """
    if not is_begun(begun.directory):
        check_mail_folder(begun.mail.resolve())
    return BegunSettings(
        role=options.ROLE,
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
    """Open account, contract and mail folder, the cheapest checks first.

    With `trades` the chain must be one on which a trade can be ended.

    Raises FileMissing, MalformedFile, WrongPassword, InsecureStore, InvalidOption, NodeFailure, WrongContract.
    """
    address_of(settings.keystore)
    return connect(
        settings.rpc,
        deployment=settings.deployment,
        mail=settings.mail,
        account=lambda: unlock(settings.keystore, read_password(password_file, settings.keystore)),
        finality_depth=settings.finality_depth,
        on_event=watch,
        trades=trades,
    )
