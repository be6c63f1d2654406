"""`blindfair seller` and its options. What the commands do is in `running`, and loaded when one is run."""

from pathlib import Path
from typing import Annotated

import typer

from blindfair.api.amounts import check_amounts
from blindfair.api.defaults import (
    BITS,
    DISCLOSED_SHARE,
    DISCLOSURE,
    FILE_COLUMN,
    FREE_BITS,
    FREE_SHARE,
    MAX_MEMORY_GIB,
    MAX_WINDOWS,
    WINDOW,
)
from blindfair.cli.options import (
    POLL,
    SELLER_PORT,
    Begun,
    Directory,
    JsonFile,
    Keystore,
    LabelKindName,
    Poll,
    Port,
    RememberedRpc,
    Resumed,
    Serving,
    Text,
    TextColumn,
    Token,
    WithdrawTo,
    grouped,
)
from blindfair.cli.output import Output
from blindfair.cli.party.begun import check_begun
from blindfair.cli.party.signals import hangups_noted
from blindfair.cli.seller.disclosure_options import Disclosures, OpenedRecords, OpenedShare, OwnModels
from blindfair.cli.seller.text_options import AnyBaseModel, BaseModels, MaxWindows, Window

app = typer.Typer(help="List records, answer buyers, be paid.", rich_markup_mode=None)


@app.command("list")
@grouped
def list_records(
    records: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="The table or texts to sell: CSV, JSON Lines, Parquet, Feather; or a folder of .txt files. Images: a "
            "folder with images.npy and labels.npy, or of .npy files with labels.csv.",
        ),
    ],
    price_per_record: Annotated[str, typer.Option(metavar="AMOUNT", help="The least that a record is sold for.")],
    licence: Annotated[str, typer.Option(metavar="TEXT", help="What a buyer may do with the records. Public.")],
    consent: Annotated[str, typer.Option(metavar="TEXT", help="On what ground the records may be sold. Public.")],
    begun: Begun,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Its column to predict: classes, a number or a count. Texts need none, and of images it is label.",
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Sell a file of this folder with each row of the table, of any kind and up to 64 MiB.",
        ),
    ] = None,
    file_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="With --files: the table's column with the files' names.")
    ] = FILE_COLUMN,
    text_column: TextColumn = None,
    base_model: BaseModels = None,
    any_base_model: AnyBaseModel = False,
    window: Window = WINDOW,
    max_windows: MaxWindows = MAX_WINDOWS,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Read the table record by record, so that it and its --files may be larger than the memory, and "
            "measure it by a sample. A table or a folder of more than 256 MiB is read so without it. CSV, JSON Lines "
            "and Parquet.",
        ),
    ] = False,
    token: Token = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column not to sell. May be repeated.")
    ] = None,
    without_copies: Annotated[
        bool,
        typer.Option(
            "--without-copies",
            help="List the first of equal records, and none of its copies. A listing with copies is refused "
            "without it, of texts and images, too.",
        ),
    ] = False,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The listing's public name; the file's if not given.")
    ] = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What the records are. Public.")] = "",
    bits: Annotated[
        int,
        typer.Option(
            metavar="BITS", help="Bits of a record that one evaluation tells at most; up to 8, or 64 with --buyer."
        ),
    ] = BITS,
    free_share: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Part of what a record holds that all unnamed buyers together learn free of charge, never more than "
            f"{FREE_BITS} bits a record. Beyond it an evaluation costs a fee.",
        ),
    ] = float(FREE_SHARE),
    evaluation_fee: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="Fee of an evaluation that is not free; if not given, the least that is allowed: the share that it "
            "tells, of the price of all records.",
        ),
    ] = None,
    disclosed_share: Annotated[
        float,
        typer.Option(
            metavar="SHARE", help="Part of what the records hold that all evaluations together tell, free and paid."
        ),
    ] = float(DISCLOSED_SHARE),
    accept_disclosed_share: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help=f"The same figure again, where --disclosed-share is more than {float(DISCLOSED_SHARE)}.",
        ),
    ] = None,
    never_score: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="A column that is sold with the records and that no model reads. May be repeated."
        ),
    ] = None,
    score: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column that models may read although it looks like an identifier: all its values differ. May be "
            "repeated.",
        ),
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column whose numbers are codes, not amounts: its frequent values become public. May be repeated.",
        ),
    ] = None,
    text: Text = None,
    label_kind: LabelKindName = None,
    disclosure: Disclosures = None,
    opened_share: OpenedShare = 0.0,
    opened_records: OpenedRecords = None,
    buyer: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Answer the requests of this account. May be repeated; all if not given."),
    ] = None,
    own_models: OwnModels = False,
    bond_share: Annotated[float, typer.Option(metavar="SHARE", help="Part of a price that is locked as bond.")] = 0.1,
    reveal_window: Annotated[int, typer.Option(metavar="SECONDS", help="Time to reveal the key once paid.")] = 3600,
    dispute_window: Annotated[int, typer.Option(metavar="SECONDS", help="Time to dispute once revealed.")] = 86400,
    chunk_size: Annotated[int, typer.Option(metavar="BYTES", help="1024, 4096 or 16384.")] = 1024,
    max_bonds: Annotated[
        str, typer.Option(metavar="AMOUNT", help="The most that the bonds of all open offers may come to.")
    ] = "1",
    max_memory: Annotated[
        float,
        typer.Option(metavar="GIB", help="The most memory of this machine that one request may take, 0.001 or more."),
    ] = MAX_MEMORY_GIB,
    pay_to: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address for bonds and for prices paid after the dispute window; early releases go to the account.",
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Commit to a table, texts, images or files on chain.

    Only hashes go there. Run it again with the same options to go on where it was.

    The records are copied into DIR; nothing of them leaves it before `blindfair seller serve` answers buyers.
    """
    check_amounts(token, price_per_record=price_per_record, evaluation_fee=evaluation_fee, max_bonds=max_bonds)
    check_begun(begun.directory, "seller", or_new=True)
    from blindfair.api.listing_options import ListingOptions
    from blindfair.api.text_options import text_options
    from blindfair.cli.party.money import chosen_money
    from blindfair.cli.seller.running import run_list
    from blindfair.influence.images.images import holds_images

    output = Output(json_file)
    options = ListingOptions(
        label=label,
        exclude=exclude or [],
        name=name or records.stem,
        description=description,
        licence=licence,
        consent=consent,
        prices=chosen_money(token, begun.rpc, begun.deployment),
        price_per_record=price_per_record,
        bits=bits,
        free_share=free_share,
        evaluation_fee=evaluation_fee,
        disclosed_share=disclosed_share,
        accept_disclosed_share=accept_disclosed_share,
        never_score=never_score or [],
        score=score or [],
        categorical=categorical or [],
        disclosures=disclosure or [DISCLOSURE],
        opened_share=opened_share,
        opened_records=opened_records,
        buyers=buyer or [],
        bond_share=bond_share,
        reveal_window=reveal_window,
        dispute_window=dispute_window,
        chunk_size=chunk_size,
        max_bonds=max_bonds,
        max_memory=max_memory,
        pay_to=pay_to,
        without_copies=without_copies,
        own_models=own_models,
        text=text or [],
        texts=text_options(
            text_column, base_model or [], window, max_windows, text or [], any_base_model=any_base_model
        ),
        label_kind=label_kind,
        images=text_column is None and holds_images(records),
        files=None if files is None else str(files.resolve()),
        file_column=file_column,
        stream=stream,
    )
    run_list(begun, options, records, output)


@app.command()
@grouped
def serve(
    resumed: Resumed,
    serving: Serving,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Answer buyers until interrupted.

    Evaluates, opens records for audits, delivers, reveals, claims and withdraws. Goes on with what was interrupted by
    itself; `resume` does that alone.

    Leave it running while an order is open: a key that is not revealed in time costs the bond.

    With --http it answers over HTTP as well, in a process of its own, and prints what strangers can make it do.
    """
    check_begun(resumed.directory, "seller", or_used=True)
    with hangups_noted() as reloads:
        from blindfair.cli.seller.running import run_serve

        run_serve(resumed, serving, poll, Output(json_file), reloads)


@app.command()
@grouped
def resume(
    resumed: Resumed,
    serving: Serving,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Go on until no order is open and all money is home.

    `serve` does the same and keeps running. Buyers that ask meanwhile are answered.
    """
    check_begun(resumed.directory, "seller", or_used=True)
    with hangups_noted() as reloads:
        from blindfair.cli.seller.running import run_serve

        run_serve(resumed, serving, poll, Output(json_file), reloads, ends_idle=True)


@app.command()
@grouped
def announce(
    resumed: Resumed,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where buyers reach your HTTP service.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Say that the listing is announced no longer.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Announce the listing on chain, where `buyer find` shows it.

    Everybody finds it then, with no URL handed on. The cost is told first. A new announcement takes the place of the
    last.

    While `seller serve` runs, it alone acts in DIR: give it --announce.
    """
    check_begun(resumed.directory, "seller", or_used=True)
    from blindfair.cli.seller.announcing import run_announce

    run_announce(resumed, url, Output(json_file), withdraw=withdraw)


@app.command()
def watch_package(
    directory: Directory,
    to: Annotated[Path, typer.Option(metavar="DIR", help="A folder for the packages, one for each open offer.")],
    json_file: JsonFile = None,
) -> None:
    """Write what `blindfair watch` needs to act for you.

    It is each open offer with its key: a watcher on another machine can then reveal and claim. Needs no password, and
    may be run while `seller serve` works. It is not your account's key, and gives no money away; but who has a key and
    the ciphertext can read the delivery before it is paid.
    """
    from blindfair.cli.seller.packing import run_watch_package
    from blindfair.cli.targets import check_watch_folder

    output = Output(json_file)
    run_watch_package(directory, Path(check_watch_folder(to) or to), output)


@app.command()
def status(
    directory: Directory, keystore: Keystore = None, rpc: RememberedRpc = None, json_file: JsonFile = None
) -> None:
    """Show what was sold, what is open, and the account's money.

    Needs no password, and may be asked while it serves.
    """
    from blindfair.api.listing_options import ListingOptions
    from blindfair.cli.party.settings import resumed_settings
    from blindfair.cli.seller.report import tell_standing

    output = Output(json_file)
    tell_standing(directory, resumed_settings(ListingOptions, Resumed(directory, None, keystore, rpc)), output)


@app.command()
def show(
    directory: Directory,
    keystore: Keystore = None,
    rpc: RememberedRpc = None,
    port: Port = SELLER_PORT,
    json_file: JsonFile = None,
) -> None:
    """Show the sale in a browser of this machine, until Ctrl-C.

    The page has orders, money, budgets, buyers and errors. The keystore's password opens it. It changes nothing, and
    may run while the seller serves.
    """
    from blindfair.cli.seller.showing import run_show

    run_show(Resumed(directory, None, keystore, rpc), port, Output(json_file))


@app.command()
@grouped
def withdraw(
    resumed: Resumed,
    to: WithdrawTo = None,
    json_file: JsonFile = None,
) -> None:
    """Take the free balance out of the contract.

    It is made of bonds that came back. Prices are paid to the account itself.
    """
    check_begun(resumed.directory, "seller")
    from blindfair.cli.seller.running import run_withdraw

    run_withdraw(resumed, to, Output(json_file))
