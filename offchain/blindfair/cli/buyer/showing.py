"""`buyer show`: a page for the buyer on its own machine, behind the keystore's password."""

from pathlib import Path
from urllib.parse import unquote

from blindfair.api.keystore import address_of
from blindfair.chain.deployment import open_exchange
from blindfair.cli.buyer.settings import BuyerOptions, BuyerSettings
from blindfair.cli.options import Resumed
from blindfair.cli.output import Output
from blindfair.cli.party.again import again
from blindfair.cli.party.settings import resumed_settings
from blindfair.cli.party.showing import show_pages
from blindfair.pages.buyer_files import find_files
from blindfair.pages.buyer_journal import BuyerDeeds, read_purchase
from blindfair.pages.buyer_view import BuyerOnChain, BuyerView, view_buyer
from blindfair.pages.kept_advice import kept_advice
from blindfair.pages.local_app import Common, FileToFetch, Shown
from blindfair.pages.rendering import render
from blindfair.protocol.errors import BlindfairError, MalformedFile
from blindfair.protocol.signing import Domain

_FILES = "/files/"


def run_show(resumed: Resumed, port: int, output: Output) -> None:
    """Show a buyer's directory until interrupted. Raises what reading the settings and listening raise."""
    settings = resumed_settings(BuyerOptions, resumed)
    address_of(settings.keystore)
    directory = resumed.directory

    def find(path: str, common: Common) -> Shown | None:
        if path == "/":
            return render("buyer.html", view=read_view(directory, settings), **common)
        file = find_files(directory).get(unquote(path.removeprefix(_FILES))) if path.startswith(_FILES) else None
        return None if file is None else FileToFetch(file.path, file.saved_as)

    show_pages(settings, directory, port, find, output)


def read_view(directory: Path, settings: BuyerSettings) -> BuyerView:
    """Read directory and chain anew. Raises JournalVersion, JournalDamaged, SecretDamaged, InsecureStore."""
    purchase = settings.options.purchase
    domain = Domain(settings.deployment.chain_id, settings.deployment.address)
    deeds = read_purchase(directory, purchase.prices, domain)
    try:
        chain: BuyerOnChain | BlindfairError = _on_chain(settings, deeds)
    except BlindfairError as error:
        chain = error
    summary = None if deeds is None else deeds.summary
    buys = summary is not None and summary.is_scored and not summary.is_confirmed
    return view_buyer(
        purchase.listing,
        deeds,
        kept_advice(directory),
        tuple(find_files(directory).values()),
        chain,
        purchase.prices,
        again("buyer buy" if buys else "buyer resume", directory, None),
    )


def _on_chain(settings: BuyerSettings, deeds: BuyerDeeds | None) -> BuyerOnChain:
    """Ask the node. Raises NodeFailure, WrongContract, and MalformedFile where no account is known."""
    exchange = open_exchange(settings.rpc, settings.deployment)
    token = settings.options.purchase.prices.token
    named = address_of(settings.keystore)
    buyer = named if named is not None or deeds is None else deeds.summary.common.account
    if buyer is None:
        raise MalformedFile("The keystore names no address", hint="run blindfair buyer evaluate once")
    numbers = () if deeds is None else (order.offer.struct_hash() for order in deeds.ledger.orders)
    return BuyerOnChain(
        ether=exchange.balance(buyer),
        balance=exchange.balance(buyer, token),
        free_balance=exchange.free_balance(buyer, token),
        orders={number: exchange.order(number) for number in numbers},
        now=exchange.now(),
    )
