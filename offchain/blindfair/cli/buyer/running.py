"""The actions of the buyer's commands."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from blindfair.agents.store.journal import read_journal
from blindfair.agents.store.steps import LISTING, RECEIVED, REQUEST, WRITTEN
from blindfair.api.addresses import check_payee, parse_address
from blindfair.api.amounts import IN_ETHER, Money
from blindfair.api.connection import connect, read_deployment
from blindfair.api.keystore import address_of, unlock
from blindfair.api.own_records import TableOptions
from blindfair.api.own_texts import OwnTexts, check_asks_texts
from blindfair.api.purchase_options import parse_listing
from blindfair.api.text_options import kept_file
from blindfair.chain.deployment import open_exchange
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.requirements import check_chain
from blindfair.cli.buyer.announced import find_announced, with_announced
from blindfair.cli.buyer.distrust import check_trusted
from blindfair.cli.buyer.find import ChainListing, ask_sellers, find_listings, the_listing, the_only
from blindfair.cli.buyer.report import found_document, left_out_document, show_found, show_not_believed
from blindfair.cli.buyer.settings import BuyerOptions, BuyerSettings
from blindfair.cli.options import BuyerBegun, Resumed
from blindfair.cli.output import Output
from blindfair.cli.party.access import begun_settings
from blindfair.cli.party.begun import is_begun
from blindfair.cli.party.money import money_of
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.settings import begin, check_one_way, load, resumed_settings, save
from blindfair.cli.password import read_password
from blindfair.cli.targets import check_file_target, check_folder_target, check_new_folder
from blindfair.http.catalogue import fetch_manifests, reason_of
from blindfair.http.wire import service_url
from blindfair.influence.images.images import read_images
from blindfair.protocol.errors import InvalidOption, NodeFailure
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Listing, read
from blindfair.protocol.quantities import ETHER, Address, ListingId
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.signing import Domain


def run_find(
    rpc: str,
    deployment: Path,
    mail: str | None,
    at: str | None,
    listing: str | None,
    keystore: Path | None,
    password_file: Path | None,
    wait: float,
    output: Output,
    *,
    private: bool,
) -> None:
    """Show what is listed, or the one listing that is named; sellers are asked with `mail` and `keystore`, or `at`, or
    else where they announced their services.

    Raises InvalidOption for one of the two alone, and what opening and asking raise.
    """
    check_one_way(mail, at)
    if at is not None:
        show_service(rpc, deployment, at, listing, output)
        return
    if (mail is None) != (keystore is None):
        raise InvalidOption(
            "Sellers are asked in an account's name, through a shared folder or store: both are needed",
            expected="--mail and --keystore, or neither",
            found="--mail alone" if keystore is None else "--keystore alone",
            hint="add --keystore FILE" if keystore is None else "add --mail FOLDER, or the URL of a store",
        )
    place = read_deployment(deployment)
    wanted = None if listing is None else parse_listing(listing)
    if mail is None or keystore is None:
        show_announced(open_exchange(rpc, place), wanted, output, wait=wait, private=private)
        return
    address_of(keystore)
    with PartyScreen() as screen:
        context = connect(
            rpc,
            deployment=place,
            mail=mail,
            account=lambda: unlock(keystore, read_password(password_file, keystore)),
            on_event=screen.event,
            trades=False,
        )
        exchange = context.exchange
        events = find_listings(exchange, wanted)
        screen.waiting("the answers of the sellers")
        manifests = ask_sellers(context, events, wait=wait)
    show_found(output.lines, events, manifests, _monies(exchange, manifests))
    output.document(found_document(events, manifests))


def show_announced(
    exchange: DataExchange, listing: ListingId | None, output: Output, *, wait: float, private: bool
) -> None:
    """Show what is listed, and what is behind the services that sellers announced. Raises what finding raises."""
    events = find_listings(exchange, listing)
    with PartyScreen() as screen:
        found = find_announced(exchange, events, screen, is_named=listing is not None, wait=wait, private=private)
    show_found(output.lines, events, found.manifests, _monies(exchange, found.manifests), found)
    output.document(found_document(events, found.manifests, found))


def show_service(rpc: str, deployment: Path, at: str, listing: str | None, output: Output) -> None:
    """Show what a service lists, as far as it is what its seller has committed to, and say what is left out.

    Raises what opening and reading the catalogue raise."""
    exchange = open_exchange(rpc, read_deployment(deployment))
    wanted = None if listing is None else parse_listing(listing)
    events = find_listings(exchange, wanted)
    sellers = {event.listing: event.seller for event in events}
    found = fetch_manifests(service_url(at), Domain(exchange.chain_id, exchange.address), sellers, wanted)
    shown = [event for event in events if event.listing in found.manifests]
    left_out = {number: reason_of(error) for number, error in found.left_out.items()}
    show_found(output.lines, shown, found.manifests, _monies(exchange, found.manifests))
    show_not_believed(output.lines, left_out)
    output.document({**found_document(shown, found.manifests), "left_out": left_out_document(left_out)})


def _monies(exchange: DataExchange, manifests: Mapping[ListingId, Manifest]) -> dict[Address, Money]:
    """Return the money of each token that says how it is counted; a listing may name anything."""
    found = {ETHER: IN_ETHER}
    for token in {manifest.terms.tokens[0] for manifest in manifests.values()} - {ETHER}:
        with contextlib.suppress(InvalidOption, NodeFailure):
            found[token] = money_of(exchange, token)
    return found


def run_evaluate(
    begun: BuyerBegun,
    options: BuyerOptions,
    paths: Mapping[str, Path],
    poll: float,
    output: Output,
    *,
    pays_fee: bool,
    private: bool,
) -> None:
    """Begin a directory for a purchase, or go on in it, until there are scores. With `private`, a service that the
    seller announced may be at a private address.

    Raises what reading options, tables and settings raises, and what the evaluation raises.
    """
    purchase = options.purchase
    purchase.check()
    check_asks_texts(options.tables, purchase)
    if isinstance(options.tables, OwnTexts) and not is_begun(begun.directory):
        # Before the directory is begun: options that cannot be used would stay in it.
        options.tables.checked(paths)
    else:
        options.tables.read(paths)
    begun = with_announced(begun, purchase.listing_id, private=private)
    settings = begun_settings(begun, options)
    check_payee(purchase.policy().refund_to, "refund_to", settings.deployment.address)
    exchange = open_exchange(begun.rpc, settings.deployment)
    check_chain(exchange.web3, Finality(begun.finality_depth))
    event = _chosen_listing(exchange, purchase.listing_id or _begun(begun.directory), begun.at)
    if not is_begun(begun.directory):
        check_trusted(settings.keystore, event.listing)
    settings = begin(
        begun.directory,
        replace(settings, options=options.found(event.listing, event.seller)),
        _copies(paths, options.tables),
        lambda before, wanted: _with_other_amounts(before, wanted, begun.directory),
    )
    # Imported here: torch and its like take seconds, and what is wrong with the options is told before.
    from blindfair.cli.buyer.purchase import show_scores

    show_scores(begun.directory, settings, begun.password_file, poll, output, pays_fee=pays_fee)


def _copies(paths: Mapping[str, Path], tables: TableOptions | OwnTexts) -> dict[str, bytes]:
    """The files that the directory keeps, by name."""
    kept = {name: _kept(path, tables) for name, path in paths.items()}
    return {**kept, **tables.copies()} if isinstance(tables, OwnTexts) else kept


def _kept(path: Path, tables: TableOptions | OwnTexts) -> bytes:
    """The bytes to keep of the buyer's own records."""
    if isinstance(tables, TableOptions) and tables.images:
        return read_images(path, tables.label).to_bytes()
    return kept_file(path)


def _chosen_listing(exchange: DataExchange, listing: ListingId | None, at: str | None) -> ChainListing:
    """Return the named listing, or else the only one on chain, or the only one that the service at `at` shows.

    Raises what `the_listing` and `fetch_manifests` raise.
    """
    if listing is not None or at is None:
        return the_listing(exchange, listing)
    events = find_listings(exchange, None)
    if len(events) > 1:
        sellers = {event.listing: event.seller for event in events}
        shown = fetch_manifests(service_url(at), Domain(exchange.chain_id, exchange.address), sellers)
        events = tuple(event for event in events if event.listing in shown.manifests)
    return the_only(events)


def _begun(directory: Path) -> ListingId | None:
    """The listing that this directory is for already, whatever else was listed since."""
    if not is_begun(directory):
        return None
    return load(directory, BuyerOptions).options.purchase.listing_id


def _with_other_amounts(begun: BuyerSettings, wanted: BuyerSettings, directory: Path) -> BuyerSettings:
    """Return the begun settings, with `--budget` and `--fee` as given now unless a request was made with others."""
    before, now = begun.options.purchase, wanted.options.purchase
    if _was_asked(directory) or before.prices != now.prices:
        return begun
    purchase = replace(before, budget=now.budget, fee=before.fee if now.fee is None else now.fee)
    return replace(begun, options=replace(begun.options, purchase=purchase))


def _sells_files(directory: Path, settings: BuyerSettings) -> bool:
    """Whether the listing is of files, as far as it was read: False before. Raises JournalVersion, JournalDamaged."""
    journal = read_journal(directory / "journal.sqlite")
    if journal is None:
        return False
    try:
        data = journal.get(RECEIVED.of(LISTING))
    finally:
        journal.close()
    if data is None:
        return False
    place = settings.deployment
    listing = read(data, domain=Domain(place.chain_id, place.address))[1]
    return isinstance(listing, Listing) and listing.manifest.encoding is RecordEncoding.BYTES


def _was_asked(directory: Path) -> bool:
    journal = read_journal(directory / "journal.sqlite")
    if journal is None:
        return False
    try:
        return journal.get(WRITTEN.of(REQUEST)) is not None
    finally:
        journal.close()


def run_buy(resumed: Resumed, export: Path | None, poll: float, output: Output, *, confirmed: bool) -> None:
    """Take a purchase to its end. Raises what `complete` raises."""
    settings = _resumed(resumed, export, "--export")
    from blindfair.cli.buyer.purchase import complete

    complete(resumed.directory, settings, resumed.password_file, poll, output, export=export, confirmed=confirmed)


def run_resume(resumed: Resumed, export: Path | None, poll: float, output: Output) -> None:
    """Go on with what was begun. Raises what `complete` and `show_scores` raise."""
    settings = _resumed(resumed, export, "--export")
    from blindfair.cli.buyer.purchase import complete, show_scores, was_confirmed

    if was_confirmed(resumed.directory):
        complete(resumed.directory, settings, resumed.password_file, poll, output, export=export, confirmed=True)
    else:
        show_scores(resumed.directory, settings, resumed.password_file, poll, output)


def run_withdraw(resumed: Resumed, to: str | None, output: Output) -> None:
    """Bring the free balance to `to`, or to the buyer's own account: where refunds were to go may be what refused them.

    Raises InvalidOption, and what `bring_home` and opening the directory raise.
    """
    settings = resumed_settings(BuyerOptions, resumed)
    target = None if to is None else parse_address(to)
    token = settings.options.purchase.prices.token
    from blindfair.cli.buyer.opened import opened_purchase
    from blindfair.cli.buyer.report import tell_outcome
    from blindfair.cli.party.withdrawing import bring_home

    with (
        PartyScreen() as screen,
        opened_purchase(resumed.directory, settings, resumed.password_file, screen) as purchase,
    ):
        withdrawn = bring_home(purchase.buyer, (), token, target, screen, output)
    tell_outcome(resumed.directory, settings, output, withdrawn=withdrawn)


def run_export(resumed: Resumed, to: Path, output: Output) -> None:
    """Write the bought records. Raises what `export_bought` and opening the directory raise."""
    settings = _resumed(resumed, to, "--to")
    from blindfair.cli.buyer.export import export_bought
    from blindfair.cli.buyer.opened import opened_purchase

    with (
        PartyScreen() as screen,
        opened_purchase(resumed.directory, settings, resumed.password_file, screen) as purchase,
    ):
        count = export_bought(purchase.buyer, to, output.lines)
    output.lines.item("records", f"{count:,} in {to}")
    output.document({"file": str(to), "records": count})


def _resumed(resumed: Resumed, target: Path | None, option: str) -> BuyerSettings:
    settings = resumed_settings(BuyerOptions, resumed)
    tables = settings.options.tables
    if target is not None and isinstance(tables, TableOptions) and tables.images:
        check_folder_target(target, option)
    elif target is not None and _sells_files(resumed.directory, settings):
        check_new_folder(target, option)
    elif target is not None:
        check_file_target(target, option)
    save(resumed.directory, settings)
    return settings
