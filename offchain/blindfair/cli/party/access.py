"""Opening what a party acts with: its account, the contract over its node, the way to the other side."""

from collections.abc import Callable
from pathlib import Path

from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.folder_check import check_mail_folder
from blindfair.agents.messaging.mail_store import MailStore
from blindfair.api.connection import connect, mail_place, read_deployment
from blindfair.api.keystore import address_of, unlock
from blindfair.cli.options import Begun, BuyerBegun
from blindfair.cli.party.begun import is_begun
from blindfair.cli.party.settings import OWN_MAIL, BegunSettings, Options, Settings, check_one_way
from blindfair.cli.password import check_password, read_password
from blindfair.http.catalogue import check_service
from blindfair.http.wire import service_url
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.signing import Domain

KEYSTORE = "keystore.json"


def begun_settings(begun: Begun, options: Options) -> BegunSettings[Options]:
    """Return the settings to begin a directory with.

    Raises FileMissing and MalformedFile, also for the keystore, InvalidOption for a buyer without a way to the seller,
    and, while nothing was begun there, StateError for a mail folder that takes no mailbox, a store that is not there or
    may not be used, or a service that does not answer as one of this contract, and InsecureStore for an open folder.
    Raises what `check_password` raises.
    """
    at = begun.at if isinstance(begun, BuyerBegun) else None
    check_one_way(begun.mail, at)
    shared, store = mail_place(begun.mail)
    at = store if at is None else service_url(at)
    if isinstance(begun, BuyerBegun) and begun.mail is None and at is None:
        raise InvalidOption(
            "It is not said how messages reach the seller",
            expected="--at URL or --mail FOLDER",
            found="neither",
            hint="the seller says which: the URL of its service, or the folder that you share",
        )
    deployment = read_deployment(begun.deployment)
    keystore = (begun.keystore or begun.directory / KEYSTORE).resolve()
    # Here, although the account is opened much later: a directory that cannot be used is not begun,
    # and no mail folder is made for it.
    address_of(keystore)
    check_password(begun.password_file, keystore)
    mail = (shared or begun.directory / OWN_MAIL).resolve()
    if not is_begun(begun.directory):
        if store is not None:
            MailStore(store).check()
        elif at is not None:
            check_service(at, Domain(deployment.chain_id, deployment.address))
        elif shared is not None:
            check_mail_folder(mail)
    return BegunSettings(
        role=options.ROLE,
        deployment=deployment,
        rpc=begun.rpc,
        mail=mail,
        at=at,
        keystore=keystore,
        finality_depth=begun.finality_depth,
        max_gas_price=begun.max_gas_price,
        options=options,
        tables={},
    )


def open_context(
    settings: Settings, password_file: Path | None, watch: Callable[[Event], None], *, trades: bool = True
) -> AgentContext:
    """Open account, contract and mail, the cheapest checks first.

    With `trades` the chain must be one on which a trade can be ended.

    Raises FileMissing, MalformedFile, WrongPassword, InsecureStore, InvalidOption, NodeFailure, WrongContract.
    """
    address_of(settings.keystore)
    return connect(
        settings.rpc,
        deployment=settings.deployment,
        mail=settings.mail,
        at=settings.at,
        account=lambda: unlock(settings.keystore, read_password(password_file, settings.keystore)),
        finality_depth=settings.finality_depth,
        max_gas_price=settings.max_gas_price,
        on_event=watch,
        trades=trades,
    )
