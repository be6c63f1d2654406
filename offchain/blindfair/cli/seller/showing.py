"""`seller show`: a page for the seller on its own machine, behind the keystore's password."""

from pathlib import Path

from blindfair.api.keystore import address_of
from blindfair.api.listing_options import ListingOptions
from blindfair.chain.deployment import open_exchange
from blindfair.cli.options import Resumed
from blindfair.cli.output import Output
from blindfair.cli.party.settings import resumed_settings
from blindfair.cli.party.showing import show_pages
from blindfair.cli.seller.manifest_file import kept_manifest
from blindfair.cli.seller.settings import SellerSettings
from blindfair.pages.local_app import Common, Shown
from blindfair.pages.rendering import render
from blindfair.pages.seller_journal import SellerDeeds, read_deeds
from blindfair.pages.seller_view import SellerOnChain, SellerView, view_seller
from blindfair.protocol.errors import BlindfairError, MalformedFile


def run_show(resumed: Resumed, port: int, output: Output) -> None:
    """Show a seller's directory until interrupted. Raises what reading the settings and listening raise."""
    settings = resumed_settings(ListingOptions, resumed)
    address_of(settings.keystore)

    def find(path: str, common: Common) -> Shown | None:
        view = read_view(resumed.directory, settings) if path == "/" else None
        return None if view is None else render("seller.html", view=view, **common)

    show_pages(settings, resumed.directory, port, find, output)


def read_view(directory: Path, settings: SellerSettings) -> SellerView:
    """Read directory and chain anew. Raises JournalVersion, JournalDamaged, InsecureStore."""
    deeds = read_deeds(directory)
    try:
        chain: SellerOnChain | BlindfairError = _on_chain(settings, deeds)
    except BlindfairError as error:
        chain = error
    options = settings.options
    return view_seller(options.name, deeds, kept_manifest(directory), chain, options.prices)


def _on_chain(settings: SellerSettings, deeds: SellerDeeds | None) -> SellerOnChain:
    """Ask the node. Raises NodeFailure, WrongContract, and MalformedFile where no account is known."""
    exchange = open_exchange(settings.rpc, settings.deployment)
    token = settings.options.prices.token
    named = address_of(settings.keystore)
    seller = named if named is not None or deeds is None else deeds.summary.common.account
    if seller is None:
        raise MalformedFile("The keystore names no address", hint="run blindfair seller serve once")
    numbers = () if deeds is None else (entry.offer.struct_hash() for entry in deeds.summary.offers)
    return SellerOnChain(
        ether=exchange.balance(seller),
        balance=exchange.balance(seller, token),
        free_balance=exchange.free_balance(seller, token),
        orders={number: exchange.order(number) for number in numbers},
        now=exchange.now(),
    )
