"""The actions of the seller's commands."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

from blindfair.agents.store.journal_summary import orders_by_state
from blindfair.api.addresses import check_payee, parse_address
from blindfair.api.amounts import show_ether
from blindfair.api.left_out import copies_left_out
from blindfair.api.listing_options import ListingOptions
from blindfair.api.parties import SellerParty
from blindfair.api.stream_options import RECORDS, StreamedTable, in_memory
from blindfair.api.text_options import kept_file
from blindfair.chain.costs import COMMIT, gas_price
from blindfair.cli.options import Begun, Resumed, Serving
from blindfair.cli.output import Output
from blindfair.cli.party.access import begun_settings
from blindfair.cli.party.begun import check_begun, is_begun
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.settings import begin, load, resumed_settings, save
from blindfair.cli.party.signals import Reloads, as_service
from blindfair.cli.party.telemetry import Telemetry, metrics_place, served_metrics
from blindfair.cli.party.turns import Turns
from blindfair.cli.public_text import check_public_text
from blindfair.cli.readings import (
    readings_document,
    show_copies,
    show_near_duplicates,
    show_readings,
    show_written,
    texts_among,
)
from blindfair.cli.seller.announcing import Announcing
from blindfair.cli.seller.manifest_file import keep_manifest
from blindfair.cli.seller.packing import HandingOver
from blindfair.cli.seller.report import listing_document, show_listing, tell_standing
from blindfair.cli.seller.serving import ServedPages, check_serving, read_again, served_over_http
from blindfair.cli.seller.settings import SellerSettings
from blindfair.cli.seller.streaming import is_streamed, read_at_once, surveyed, written
from blindfair.cli.targets import check_watch_folder
from blindfair.http.service import HttpService
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.images.images import Images
from blindfair.influence.written import unread_columns
from blindfair.protocol.errors import BlindfairError, StateError, StoreInUse
from blindfair.protocol.manifest import NAME_LIMIT, STATEMENT_LIMIT
from blindfair.protocol.quantities import Wei
from blindfair.protocol.signing import Domain


def run_list(begun: Begun, options: ListingOptions, records: Path, output: Output) -> None:
    """Begin a directory with a table, texts or images, or go on in it, until the listing is committed.

    A large table, and one beside a large folder of files, is read record by record. Raises what reading table and
    settings raises, and what the agent raises.
    """
    check_publishable(options, named=options.name != records.stem)
    options.check()
    options = replace(options, stream=options.stream or is_streamed(options, begun.directory, records))
    if options.stream:
        # What is wrong with the places is told before the hours that a survey may take.
        begun_settings(begun, options)
    table = surveyed(begun.directory, options, records) if options.stream else read_at_once(options, records)
    options = options.measured(table)
    if is_begun(begun.directory):
        # What was measured then: another version of the compressor may measure otherwise now.
        before = load(begun.directory, ListingOptions).options
        options = replace(options, record_bits=before.record_bits, record_count=before.record_count)
    settings = begun_settings(begun, options)
    check_payee(options.policy().pay_to, "pay_to", settings.deployment.address)
    kept = table.to_bytes() if isinstance(table, Images | StreamedTable) else kept_file(records)
    settings = begin(begun.directory, settings, {RECORDS: kept})
    if isinstance(table, StreamedTable):
        written(begun.directory, options, records, table)
    # Imported here: torch and its like take seconds, and what is wrong with the options is told before.
    from blindfair.cli.seller.opened import opened_seller

    with (
        PartyScreen() as screen,
        opened_seller(begun.directory, settings, begun.password_file, screen, Turns(screen)) as party,
    ):
        # Before the commit: a column of names is best seen while it can still be left out.
        unread = unread_columns(party.agent.manifest.schema)
        texts = [] if isinstance(table, Images | Corpus) else texts_among(in_memory(table), options.text)
        show_readings(screen.lines, table.readings, categorical=options.categorical, unread=unread, as_text=texts)
        left_out = copies_left_out(options, table, party.agent.manifest.record_count)
        show_copies(screen.lines, left_out)
        show_written(screen.lines, table.readings, table.alike_but_texts())
        if isinstance(table, Corpus):
            listed = TextPreprocessing.from_document(party.agent.manifest.preprocessing or {})
            show_near_duplicates(screen.lines, listed.near_duplicates)
        if not party.is_listed:
            cost = Wei(COMMIT * gas_price(party.agent.exchange.web3))
            screen.lines.item("takes", f"one transaction of about {COMMIT:,} gas, {show_ether(cost)} ether now")
        party.commit()
        screen.still()
        manifest = party.agent.manifest
        keep_manifest(begun.directory, manifest)
        show_listing(output.lines, manifest, options, begun)
        sampled = {"sampled": len(table.survey.sample)} if isinstance(table, StreamedTable) else {}
        document = {**listing_document(manifest), "columns": readings_document(table.readings, options.categorical)}
        output.document({**document, "copies_left_out": left_out.count, **sampled})


def check_publishable(options: ListingOptions, *, named: bool) -> None:
    """Check the texts that the manifest publishes. The name is the file's unless it was `named`. Raises
    InvalidOption, InvalidListing."""
    check_public_text("--name", options.name, least=1, limit=NAME_LIMIT, given=named)
    check_public_text("--description", options.description, least=0, limit=STATEMENT_LIMIT)
    check_public_text("--licence", options.licence, least=1, limit=STATEMENT_LIMIT)
    check_public_text("--consent", options.consent, least=1, limit=STATEMENT_LIMIT)


def run_serve(
    resumed: Resumed, serving: Serving, poll: float, output: Output, reloads: Reloads, *, ends_idle: bool = False
) -> None:
    """Take the seller's turns until interrupted or terminated, with `ends_idle` until no order is open either, then say
    where it stands. `reloads` has each SIGHUP since the command began. Raises InvalidOption, and what opening the
    directory raises."""
    check_serving(serving)
    if serving.metrics is not None:
        metrics_place(serving.metrics)
    check_watch_folder(serving.watch_packages)
    check_begun(resumed.directory, "seller")
    settings = _with_limits(resumed_settings(ListingOptions, resumed), serving)
    from blindfair.blind.estimate import IN_MEMORY_BLOCKS
    from blindfair.blind.parameters import DEFAULT
    from blindfair.cli.machine_costs import machine_costs
    from blindfair.cli.seller.opened import opened_seller

    with PartyScreen() as screen:
        # Whatever the trouble with one order is, the others go on: its owner reads of it.
        turns = Turns(screen, poll, patience=math.inf, retried=BlindfairError)
        with opened_seller(resumed.directory, settings, resumed.password_file, screen, turns) as party:
            if settings.at is None and not ends_idle:
                _check_is_only_one(party)
            save(resumed.directory, settings)
            keep_manifest(resumed.directory, party.agent.manifest)
            if party.agent.manifest.record_count > IN_MEMORY_BLOCKS * DEFAULT.ring_degree:
                # The times of such evaluations are estimated before each; those of fewer records take seconds.
                machine_costs(lambda text: screen.lines.item("machine", text))
            if serving.metrics is not None:
                screen.telemetry = Telemetry("seller", lambda: orders_by_state(party.agent.journal))
            try:
                with (
                    as_service(),
                    served_metrics(screen.telemetry, serving.metrics) as metrics,
                    served_over_http(serving, settings, party, screen) as pages,
                ):
                    if metrics is not None:
                        screen.lines.item("metrics", f"/metrics and /health at {metrics} for users of this machine")
                    screen.lines.item("serves", f"listing 0x{party.listing.hex()} as {party.address}; Ctrl-C ends it")
                    screen.lines.item("limits", _limits_text(settings.options))
                    service = None if pages is None else pages.service
                    announcing = Announcing(party, service.url, screen) if serving.announce and service else None
                    handing = _handing_over(serving, settings, party, screen)
                    screen.on_turn = partial(_after_turn, reloads, handing, service, screen)
                    party.serve(lambda: _is_enough(party, announcing, pages, ends_idle=ends_idle))
                screen.still()
            except KeyboardInterrupt:
                screen.still()
                screen.lines.item("", "stopped; the same command goes on where it was")
    tell_standing(resumed.directory, settings, output)


def _with_limits(settings: SellerSettings, serving: Serving) -> SellerSettings:
    """The settings with other limits of bonds and of memory, if they are given: these are no part of what was committed
    to. Raises InvalidOption."""
    options = settings.options
    if serving.max_bonds is not None:
        options = replace(options, max_bonds=serving.max_bonds)
    if serving.max_memory is not None:
        options = replace(options, max_memory=serving.max_memory)
    options.policy()
    return replace(settings, options=options)


def _check_is_only_one(party: SellerParty) -> None:
    """Raises StoreInUse where another program of the account reads this mail folder; its lock is free once it dies.

    Other trouble of the mail must not keep a seller from its orders. A store has no lock: a program that died there
    keeps others out for a while, and is waited for.
    """
    try:
        party.agent.mail.check()
    except StoreInUse:
        raise
    except StateError:
        return


def _limits_text(options: ListingOptions) -> str:
    """What `--max-bonds` and `--max-memory` come to now, in words."""
    bonds = options.prices.show(options.policy().max_bonds)
    return (
        f"bonds of all open offers {bonds} (--max-bonds), memory of a request {options.max_memory:g} GiB (--max-memory)"
    )


def _handing_over(
    serving: Serving, settings: SellerSettings, party: SellerParty, screen: PartyScreen
) -> HandingOver | None:
    if serving.watch_packages is None:
        return None
    domain = Domain(settings.deployment.chain_id, settings.deployment.address)
    return HandingOver(party.agent.journal, party.agent.secrets, domain, serving.watch_packages.resolve(), screen)


def _after_turn(
    reloads: Reloads, handing: HandingOver | None, service: HttpService | None, screen: PartyScreen
) -> None:
    reloads.turn(lambda: read_again(service, screen))
    if handing is not None:
        handing.turn()


def _is_enough(
    party: SellerParty, announcing: Announcing | None, pages: ServedPages | None, *, ends_idle: bool
) -> bool:
    """Whether serving ends, asked while nothing else is to be done: that is the time to announce, and for pages."""
    for each in (announcing, pages):
        if each is not None:
            each.turn()
    return ends_idle and party.is_idle


def run_withdraw(resumed: Resumed, to: str | None, output: Output) -> None:
    """Bring the free balance to an address: `to`, or the one that it was begun with, or the seller's own.

    Raises InvalidOption, and what `withdraw_by_hand` and opening the directory raise.
    """
    settings = resumed_settings(ListingOptions, resumed)
    options = settings.options
    target = parse_address(to) if to is not None else options.policy().pay_to
    from blindfair.cli.party.withdrawing import bring_home
    from blindfair.cli.seller.opened import opened_seller

    with (
        PartyScreen() as screen,
        opened_seller(resumed.directory, settings, resumed.password_file, screen, Turns(screen)) as party,
    ):
        offers = party.agent.offers.values()
        withdrawn = bring_home(party.agent, offers, options.prices.token, target, screen, output)
    tell_standing(resumed.directory, settings, output, withdrawn=withdrawn)
