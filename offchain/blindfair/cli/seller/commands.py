"""`blindfair seller`: list a table, answer buyers, see how it goes, take the money home."""

import math
from pathlib import Path
from typing import Annotated

import typer

from blindfair.agents.waiting import Waiting
from blindfair.chain.costs import COMMIT, gas_price
from blindfair.cli.amounts import show_ether
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
from blindfair.cli.party.access import KEYSTORE, read_deployment
from blindfair.cli.party.screen import Screen
from blindfair.cli.party.settings import Settings, begin, load, save
from blindfair.cli.party.turns import POLL, Turns, advance
from blindfair.cli.seller.listing import RECORDS, ListingOptions
from blindfair.cli.seller.report import listing_document, read_standing, show_listing, show_standing, standing_document
from blindfair.protocol.errors import BlindfairError, InvalidOption
from blindfair.protocol.quantities import ETHER, Address, Wei

app = typer.Typer(help="List records, answer buyers, be paid.", rich_markup_mode=None)

ROLE = "seller"


@app.command("list")
def list_records(
    records: Annotated[Path, typer.Option(metavar="CSV", help="The table to sell, a record in each line.")],
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Its column to predict, with two classes.")],
    price_per_record: Annotated[str, typer.Option(metavar="ETHER", help="The least that a record is sold for.")],
    licence: Annotated[str, typer.Option(help="What a buyer may do with the records. Public.")],
    consent: Annotated[str, typer.Option(help="On what ground the records may be sold. Public.")],
    directory: Directory,
    mail: Mail,
    rpc: Rpc,
    deployment: DeploymentFile,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column not to sell. May be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The listing's public name; the file's if not given.")] = None,
    description: Annotated[str, typer.Option(help="What the records are. Public.")] = "",
    evaluations: Annotated[int, typer.Option(help="How many blind evaluations are answered in all.")] = 4,
    opened_share: Annotated[float, typer.Option(help="Part of a selection that its audit may see for nothing.")] = 0.2,
    opened_records: Annotated[
        int | None, typer.Option(help="Records that all audits may see in all; a tenth, and 59 at least, if not given.")
    ] = None,
    bond_share: Annotated[float, typer.Option(help="Part of a price that is locked as bond.")] = 0.1,
    reveal_window: Annotated[int, typer.Option(metavar="SECONDS", help="Time to reveal the key once paid.")] = 3600,
    dispute_window: Annotated[int, typer.Option(metavar="SECONDS", help="Time to dispute once revealed.")] = 86400,
    chunk_size: Annotated[int, typer.Option(help="1024, 4096 or 16384 bytes.")] = 1024,
    finality_depth: FinalityDepth = None,
    json_file: JsonFile = None,
) -> None:
    """Commit to a table on chain: hashes only. Run it again to go on where it was.

    The table is copied into DIR; of the records nothing leaves it before `blindfair seller serve` answers buyers.
    """
    output = Output(json_file)
    options = ListingOptions(
        label=label,
        leave_out=leave_out or [],
        name=name or records.stem,
        description=description,
        licence=licence,
        consent=consent,
        price_per_record=price_per_record,
        evaluations=evaluations,
        opened_share=opened_share,
        opened_records=0,
        bond_share=bond_share,
        reveal_window=reveal_window,
        dispute_window=dispute_window,
        chunk_size=chunk_size,
    ).opening(records, opened_records)
    settings = begin(
        directory,
        Settings(
            role=ROLE,
            deployment=read_deployment(deployment),
            rpc=rpc,
            mail=mail.resolve(),
            keystore=(keystore or directory / KEYSTORE).resolve(),
            finality_depth=finality_depth,
            options=options.to_document(),
            tables={},
        ),
        {RECORDS: records.read_bytes()},
    )
    # Imported here: torch and its like take seconds, and what is wrong with the options is told before.
    from blindfair.cli.seller.opened import opened_seller

    with Screen() as screen, opened_seller(directory, settings, password_file, screen) as seller:
        exchange, listing = seller.exchange, seller.listing

        def is_listed() -> bool:
            return exchange.seller_of(listing) == seller.address

        if not is_listed():
            cost = Wei(COMMIT * gas_price(exchange.web3))
            screen.lines.item("takes", f"one transaction of about {COMMIT:,} gas, {show_ether(cost)} ether now")
        Turns(screen).until(lambda: advance(seller, is_listed))
        screen.still()
        show_listing(output.lines, seller.manifest, directory)
        output.document(listing_document(seller.manifest))


@app.command()
def serve(
    directory: Directory,
    password_file: PasswordFile = None,
    keystore: Keystore = None,
    rpc: RememberedRpc = None,
    mail: RememberedMail = None,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Answer buyers until interrupted: evaluate, open for audits, deliver, reveal, claim, withdraw.

    Leave it running while an order is open: a key that is not revealed in time costs the bond.
    """
    output = Output(json_file)
    settings = load(directory, ROLE).moved(rpc=rpc, mail=mail, keystore=keystore)
    from blindfair.cli.seller.opened import opened_seller

    with Screen() as screen, opened_seller(directory, settings, password_file, screen) as seller:
        save(directory, settings)

        def turn() -> None:
            while seller.step():
                pass
            raise seller.waiting or Waiting("no buyer asks anything now")

        screen.lines.item("serves", f"listing 0x{seller.listing.hex()} as {seller.address}; Ctrl-C ends it")
        try:
            # Whatever the trouble with one order is, the others go on: its owner reads of it.
            Turns(screen, poll, patience=math.inf, bears=BlindfairError).until(turn)
        except KeyboardInterrupt:
            screen.still()
            screen.lines.item("", "stopped; the same command goes on where it was")
    _tell_standing(directory, settings, output)


@app.command()
def status(directory: Directory, rpc: RememberedRpc = None, json_file: JsonFile = None) -> None:
    """What was sold, what is open, and what the account has. Needs no password, and may be asked while it serves."""
    output = Output(json_file)
    _tell_standing(directory, load(directory, ROLE).moved(rpc=rpc, mail=None, keystore=None), output)


@app.command()
def withdraw(
    directory: Directory,
    to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where the money goes; the seller's own account if not given.")
    ] = None,
    password_file: PasswordFile = None,
    keystore: Keystore = None,
    rpc: RememberedRpc = None,
    json_file: JsonFile = None,
) -> None:
    """Take the free balance, bonds that came back, out of the contract. Prices are paid to the account itself."""
    output = Output(json_file)
    settings = load(directory, ROLE).moved(rpc=rpc, mail=None, keystore=keystore)
    target = None if to is None else _address(to)
    from blindfair.agents.withdrawing import withdraw as withdraw_by_hand
    from blindfair.cli.seller.opened import opened_seller

    with Screen() as screen, opened_seller(directory, settings, password_file, screen) as seller:
        to_whom = target or seller.address
        withdrawn = Turns(screen).until(lambda: withdraw_by_hand(seller, seller.offers.values(), ETHER, to_whom))
        screen.still()
        output.lines.item("money", "the free balance was withdrawn" if withdrawn else "nothing is left in the contract")
    _tell_standing(directory, settings, output, withdrawn=withdrawn)


def _tell_standing(directory: Path, settings: Settings, output: Output, **more: bool) -> None:
    standing = read_standing(directory, settings)
    show_standing(output.lines, standing)
    output.document({**standing_document(standing), **more})


def _address(text: str) -> Address:
    digits = text.removeprefix("0x").lower()
    if len(digits) != 40 or not set(digits) <= set("0123456789abcdef"):
        raise InvalidOption("--to is not an address", expected="0x and 40 hexadecimal digits", found=repr(text[:60]))
    return Address("0x" + digits)
