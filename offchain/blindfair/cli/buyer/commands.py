"""`blindfair buyer`: find listings, evaluate one blind, buy what is worth it, and have the records as a table."""

from pathlib import Path
from typing import Annotated

import typer

from blindfair.chain.deployment import open_exchange
from blindfair.cli.buyer.find import ask_sellers, the_listing
from blindfair.cli.buyer.options import PurchaseOptions, parse_listing
from blindfair.cli.buyer.own_records import TableOptions, chosen_tables
from blindfair.cli.options import (
    DeploymentFile,
    Directory,
    FinalityDepth,
    JsonFile,
    Keystore,
    Mail,
    PasswordFile,
    Poll,
    RememberedMail,
    RememberedRpc,
    Rpc,
)
from blindfair.cli.output import Output
from blindfair.cli.party.access import KEYSTORE, open_surroundings, read_deployment
from blindfair.cli.party.screen import Screen
from blindfair.cli.party.settings import Settings, begin, is_begun, load, save
from blindfair.cli.party.turns import POLL
from blindfair.cli.targets import check_file_target
from blindfair.protocol.documents import Document
from blindfair.protocol.quantities import Address, ListingId

app = typer.Typer(help="Find records, score them blind, buy them fairly.", rich_markup_mode=None)

ROLE = "buyer"

ExportFile = Annotated[
    Path | None, typer.Option("--export", metavar="FILE", help="The bought records; bought.csv in DIR if not given.")
]


@app.command()
def find(
    rpc: Rpc,
    deployment: DeploymentFile,
    mail: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The shared folder; without it sellers are not asked.")
    ] = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long sellers have to answer.", min=0)] = 15.0,
    json_file: JsonFile = None,
) -> None:
    """Show what is listed: from the chain alone, and with --mail and --keystore what the sellers say of it."""
    from blindfair.cli.buyer.report import found_document, show_found

    output, place = Output(json_file), read_deployment(deployment)
    manifests = {}
    if mail is None or keystore is None:
        events = open_exchange(rpc, place).listings()
    else:
        settings = Settings(ROLE, place, rpc, mail.resolve(), keystore.resolve(), None, {}, {})
        with Screen() as screen:
            surroundings = open_surroundings(settings, password_file, screen.event)
            events = surroundings.exchange.listings()
            screen.waiting("the answers of the sellers")
            if surroundings.account is not None:
                key, own = bytes(surroundings.account.key), Address(surroundings.account.address.lower())
                manifests = ask_sellers(surroundings, events, private_key=key, own=own, wait=wait)
    show_found(output.lines, events, manifests)
    output.document(found_document(events, manifests))


@app.command()
def evaluate(
    label: Annotated[str, typer.Option(metavar="COLUMN", help="The column to predict, as in the listing.")],
    budget: Annotated[str, typer.Option(metavar="ETHER", help="The most that is paid; gas comes on top.")],
    directory: Directory,
    mail: Mail,
    rpc: Rpc,
    deployment: DeploymentFile,
    listing: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The listing; needed if the chain has more than one.")
    ] = None,
    own: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Your own records; a third trains, the rest validates.")
    ] = None,
    train: Annotated[Path | None, typer.Option(metavar="CSV", help="Your training records, instead of --own.")] = None,
    validation: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Records that you trust, with --train.")
    ] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column whose numbers are codes. May be repeated.")
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column that the listing does not have. May be repeated."),
    ] = None,
    price_per_record: Annotated[
        str | None, typer.Option(metavar="ETHER", help="What you offer for a record; the seller's least if not given.")
    ] = None,
    value: Annotated[
        str | None, typer.Option(metavar="ETHER", help="What one more good record is worth to you.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides division and choice.", min=0, max=2**32 - 1)] = 0,
    audit_rows: Annotated[int, typer.Option(help="Selected records to audit before paying.")] = 59,
    least_audit_rows: Annotated[int | None, typer.Option(help="Fewer than --audit-rows will do from here on.")] = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    finality_depth: FinalityDepth = None,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Score a listing blind; costs no gas, and one of the listing's evaluations. Run it again to go on.

    Your tables are copied into DIR. One directory is for one purchase.
    """
    output = Output(json_file)
    paths = chosen_tables(own, train, validation)
    tables = TableOptions(label, leave_out or [], categorical or [], seed)
    tables.read(paths)
    place = read_deployment(deployment)
    number = None if listing is None else parse_listing(listing)
    event = the_listing(open_exchange(rpc, place), number or _begun_listing(directory))
    purchase = PurchaseOptions(
        listing="0x" + event.listing.hex(),
        seller=event.seller,
        budget=budget,
        price_per_record=price_per_record,
        value=value,
        audit_rows=audit_rows,
        least_audit_rows=audit_rows if least_audit_rows is None else least_audit_rows,
    ).checked()
    options: Document = {"purchase": purchase.to_document(), "tables": tables.to_document()}
    settings = Settings(
        role=ROLE,
        deployment=place,
        rpc=rpc,
        mail=mail.resolve(),
        keystore=(keystore or directory / KEYSTORE).resolve(),
        finality_depth=finality_depth,
        options=options,
        tables={},
    )
    settings = begin(directory, settings, {name: path.read_bytes() for name, path in paths.items()})
    # Imported here: torch and its like take seconds, and what is wrong with the options is told before.
    from blindfair.cli.buyer.purchase import show_scores

    show_scores(directory, settings, password_file, poll, output)


@app.command()
def buy(
    directory: Directory,
    yes: Annotated[bool, typer.Option("--yes", help="Pay without being asked.")] = False,
    export: ExportFile = None,
    password_file: PasswordFile = None,
    keystore: Keystore = None,
    rpc: RememberedRpc = None,
    mail: RememberedMail = None,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Buy what the evaluation advises: select, audit, pay, verify, release, export.

    Shows price and gas first, and asks. The money comes back if the seller cheats; run `resume` if this is interrupted.
    """
    output = Output(json_file)
    if export is not None:
        check_file_target(export, "--export")
    settings = _moved(directory, rpc, mail, keystore)
    from blindfair.cli.buyer.purchase import complete

    complete(directory, settings, password_file, poll, output, export=export, confirmed=yes)


@app.command()
def resume(
    directory: Directory,
    export: ExportFile = None,
    password_file: PasswordFile = None,
    keystore: Keystore = None,
    rpc: RememberedRpc = None,
    mail: RememberedMail = None,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Go on after an interruption: with the purchase if it was agreed to, else with the evaluation."""
    output = Output(json_file)
    if export is not None:
        check_file_target(export, "--export")
    settings = _moved(directory, rpc, mail, keystore)
    from blindfair.cli.buyer.purchase import complete, show_scores, was_confirmed

    if was_confirmed(directory):
        complete(directory, settings, password_file, poll, output, export=export, confirmed=True)
    else:
        show_scores(directory, settings, password_file, poll, output)


@app.command()
def status(directory: Directory, json_file: JsonFile = None) -> None:
    """How far the purchase is, from its journal. Needs no password and no node, and may be asked while it runs."""
    from blindfair.agents.books import buyer_books
    from blindfair.cli.buyer.report import outcome_document, show_outcome

    output = Output(json_file)
    load(directory, ROLE)
    books = buyer_books(directory)
    outcome, stage = (None, None) if books is None else (books.outcome, books.stage)
    show_outcome(output.lines, outcome, stage, directory)
    output.document(outcome_document(books))


@app.command()
def export(
    directory: Directory,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The CSV file to write.")],
    password_file: PasswordFile = None,
    keystore: Keystore = None,
    rpc: RememberedRpc = None,
    json_file: JsonFile = None,
) -> None:
    """Write the bought records as CSV."""
    output = Output(json_file)
    check_file_target(to, "--to")
    settings = _moved(directory, rpc, None, keystore)
    from blindfair.cli.buyer.export import export_bought
    from blindfair.cli.buyer.opened import opened_purchase

    with Screen() as screen, opened_purchase(directory, settings, password_file, screen) as purchase:
        count = export_bought(purchase.buyer, to)
    output.lines.item("records", f"{count:,} in {to}")
    output.document({"file": str(to), "records": count})


def _moved(directory: Path, rpc: str | None, mail: Path | None, keystore: Path | None) -> Settings:
    settings = load(directory, ROLE).moved(rpc=rpc, mail=mail, keystore=keystore)
    save(directory, settings)
    return settings


def _begun_listing(directory: Path) -> ListingId | None:
    """The listing that this directory is for already, whatever else was listed since."""
    if not is_begun(directory):
        return None
    purchase = load(directory, ROLE).options.get("purchase")
    return parse_listing(str(purchase["listing"])) if isinstance(purchase, dict) else None
