"""`blindfair buyer` and its options. What the commands do is in `running`, and loaded when one is run."""

from pathlib import Path
from typing import Annotated

import typer

from blindfair.agents.policy import AUDIT_ROWS, SAMPLE_SHARE
from blindfair.api.amounts import check_amounts
from blindfair.api.defaults import BANDWIDTH_MBIT, DISCLOSURE, MODELS, SCORE_BITS
from blindfair.cli.buyer.text_options import Adapter, FineTuned, OwnBaseModel, SendBaseModel, ShowQuery
from blindfair.cli.options import (
    BUYER_PORT,
    POLL,
    WAIT,
    BuyerBegun,
    BuyerResumed,
    DeploymentFile,
    Directory,
    ExportFile,
    JsonFile,
    Keystore,
    PasswordFile,
    Poll,
    Port,
    Private,
    RememberedRpc,
    Resumed,
    Rpc,
    Text,
    TextColumn,
    Token,
    WithdrawTo,
    grouped,
)
from blindfair.cli.output import Output
from blindfair.cli.party.begun import check_begun

app = typer.Typer(help="Find records, score them blind, buy them fairly.", rich_markup_mode=None)


@app.command()
def find(
    rpc: Rpc,
    deployment: DeploymentFile,
    mail: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL",
            readable=False,
            help="The folder that you share with sellers, or a folder in a store, such as s3://bucket/mail; with "
            "--keystore they are asked.",
        ),
    ] = None,
    keystore: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your account's encrypted keystore: sellers are asked in its name."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="URL", help="A seller's HTTP service: it says what it lists, to anybody.")
    ] = None,
    listing: Annotated[
        str | None, typer.Option(metavar="ID", help="Show this listing alone; needs no old blocks of the node.")
    ] = None,
    password_file: PasswordFile = None,
    wait: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="How long sellers, or each service, have to answer.", min=0),
    ] = WAIT,
    private: Private = False,
    json_file: JsonFile = None,
) -> None:
    """Show what is listed on chain, and ask announced services.

    With --at one service is asked in their place, with --mail and --keystore the sellers that share it.
    """
    from blindfair.cli.buyer.running import run_find

    run_find(rpc, deployment, mail, at, listing, keystore, password_file, wait, Output(json_file), private=private)


@app.command()
@grouped
def evaluate(
    budget: Annotated[str, typer.Option(metavar="AMOUNT", help="The most that is paid; gas comes on top.")],
    begun: BuyerBegun,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column to predict, as in the listing; none for texts without a label, label for images.",
        ),
    ] = None,
    text_column: TextColumn = None,
    base_model: OwnBaseModel = None,
    show_query: ShowQuery = False,
    adapter: Adapter = None,
    fine_tuned: FineTuned = None,
    send_base_model: SendBaseModel = False,
    token: Token = None,
    listing: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The listing; needed if the chain, or the service at --at, has more than one."),
    ] = None,
    own: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own records, or a folder of images; a third trains (half of texts), the rest validates.",
        ),
    ] = None,
    train: Annotated[Path | None, typer.Option(metavar="FILE", help="Your training records, instead of --own.")] = None,
    validation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Records that you trust, with --train.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of your tables that your model does not read, or that the listing does not have. May be "
            "repeated.",
        ),
    ] = None,
    text: Text = None,
    price_per_record: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What you offer for a record; the seller's least if not given.")
    ] = None,
    value: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What one more good record is worth to you.")
    ] = None,
    seed: Annotated[
        int,
        typer.Option(metavar="NUMBER", help="Seed of the random split and selection.", min=0, max=2**32 - 1),
    ] = 0,
    audit_rows: Annotated[
        int, typer.Option(metavar="NUMBER", help="Selected records, or groups, to audit before paying.")
    ] = AUDIT_ROWS,
    min_audit_rows: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", help="Accept an audit of at least this many records if --audit-rows cannot be reached."
        ),
    ] = None,
    sample_share: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Part of a purchase, 0 to 1, that may be bought as its audited sample where the listing opens too few "
            "records free of charge: so much goes to a seller that faked its scores.",
        ),
    ] = SAMPLE_SHARE,
    disclosure: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What to ask scores of, as the listing offers it: per-record; per-group-10, or of any other number in "
            "a row, bought whole; total, one score for all, which no audit can check before paying.",
        ),
    ] = DISCLOSURE,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What you learn by: logistic, the linear model of the label; mlp, a small neural network; or cnn, one "
            "of images.",
        ),
    ] = MODELS[0],
    score_bits: Annotated[
        int,
        typer.Option(
            metavar="BITS",
            help="Of tables and images: bits of each record's score that you ask for, 1 to 32, and one more for its "
            "class; at 32 both are exact. The listing says how many it tells. Refused with --text-column: texts ask "
            "for 4, without labels for 2 of the contrast with damaged texts too, or fewer where the listing tells "
            "fewer.",
        ),
    ] = SCORE_BITS,
    release_on_chain: Annotated[
        bool,
        typer.Option(
            "--release-on-chain", help="Release by a transaction of your own, not by a signature that the seller uses."
        ),
    ] = False,
    refund_to: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where money goes that you take back; your account if not given."),
    ] = None,
    bandwidth: Annotated[
        float,
        typer.Option(
            metavar="MBIT", help="Your bandwidth to the seller in Mbit/s. The encoding of the query depends on it."
        ),
    ] = BANDWIDTH_MBIT,
    fee: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="The most that is paid for the evaluation if it is not free, within the budget; 0: ask for a free one "
            "only. Without it you are asked.",
        ),
    ] = None,
    accept_preprocessing: Annotated[
        bool,
        typer.Option(
            "--accept-preprocessing",
            help="Ask although your own records teach a model next to nothing under the listing's preprocessing.",
        ),
    ] = False,
    accept_kinds: Annotated[
        bool,
        typer.Option(
            "--accept-kinds",
            help="Ask although columns of yours are written otherwise than the listing's, such as text for numbers. "
            "Your model reads such cells as missing or other.",
        ),
    ] = False,
    watch_packages: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write what `blindfair watch` needs of each order into this folder, before the order is paid.",
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Pay the listing's fee without being asked, up to half of the budget."),
    ] = False,
    private: Private = False,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Score a listing blind, free or for a fee that is credited.

    Run it again with the same options to go on, or `blindfair buyer resume --directory DIR`, which needs no others.

    Without --at and --mail it asks the service that the seller announced on chain.

    Your tables are copied into DIR. One directory is for one purchase.
    """
    # First of all, while these alone are local.
    arguments = dict(locals())
    check_amounts(token, budget=budget, price_per_record=price_per_record, value=value, fee=fee)
    check_begun(begun.directory, "buyer", or_new=True)
    from blindfair.api.own_records import chosen_tables
    from blindfair.api.own_texts import own_options
    from blindfair.api.purchase_options import PurchaseOptions
    from blindfair.cli.buyer.running import run_evaluate
    from blindfair.cli.buyer.settings import BuyerOptions
    from blindfair.cli.party.money import chosen_money
    from blindfair.cli.targets import check_watch_folder
    from blindfair.influence.images.images import holds_images

    arguments["watch_packages"] = check_watch_folder(watch_packages)
    output = Output(json_file)
    purchase = PurchaseOptions.from_arguments(arguments, prices=chosen_money(token, begun.rpc, begun.deployment))
    sources = chosen_tables(own, train, validation)
    images = any(map(holds_images, sources.values()))
    tables = own_options(
        label, text_column, base_model, exclude or [], seed, text or [],
        images=images, show_query=show_query, adapter=adapter, fine_tuned=fine_tuned,
        send_base_model=send_base_model,
    )  # fmt: skip
    run_evaluate(begun, BuyerOptions(purchase, tables), sources, poll, output, pays_fee=yes, private=private)


@app.command()
@grouped
def buy(
    resumed: BuyerResumed,
    yes: Annotated[bool, typer.Option("--yes", help="Pay without being asked.")] = False,
    export: ExportFile = None,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Buy what the evaluation advises.

    Selects, audits, pays, verifies, releases and exports. Shows price and gas first, and asks. The money comes back if
    the seller cheats; run `resume` if this is interrupted.
    """
    check_begun(resumed.directory, "buyer")
    from blindfair.cli.buyer.running import run_buy

    run_buy(resumed, export, poll, Output(json_file), confirmed=yes)


@app.command()
@grouped
def resume(
    resumed: BuyerResumed,
    export: ExportFile = None,
    poll: Poll = POLL,
    json_file: JsonFile = None,
) -> None:
    """Go on after an interruption.

    Goes on with the purchase if it was agreed to, else with the evaluation.
    """
    check_begun(resumed.directory, "buyer")
    from blindfair.cli.buyer.running import run_resume

    run_resume(resumed, export, poll, Output(json_file))


@app.command()
def status(directory: Directory, rpc: RememberedRpc = None, json_file: JsonFile = None) -> None:
    """Show how far the purchase is, and where its money is.

    Needs no password, may be asked while it runs, and works without a node but for the money.
    """
    from blindfair.cli.buyer.report import tell_outcome
    from blindfair.cli.buyer.settings import BuyerOptions
    from blindfair.cli.party.settings import resumed_settings

    output = Output(json_file)
    tell_outcome(directory, resumed_settings(BuyerOptions, Resumed(directory, rpc=rpc)), output)


@app.command()
def show(
    directory: Directory,
    keystore: Keystore = None,
    rpc: RememberedRpc = None,
    port: Port = BUYER_PORT,
    json_file: JsonFile = None,
) -> None:
    """Show the purchase in a browser of this machine.

    The page has scores, each step, money and files; the keystore's password opens it. It changes nothing, may run while
    the purchase goes on, and ends on Ctrl-C.
    """
    from blindfair.cli.buyer.showing import run_show

    run_show(Resumed(directory, None, keystore, rpc), port, Output(json_file))


@app.command()
@grouped
def withdraw(
    resumed: BuyerResumed,
    to: WithdrawTo = None,
    json_file: JsonFile = None,
) -> None:
    """Take the free balance out of the contract.

    It is money that came back and could not be paid to where it was to go.
    """
    check_begun(resumed.directory, "buyer")
    from blindfair.cli.buyer.running import run_withdraw

    run_withdraw(resumed, to, Output(json_file))


@app.command()
@grouped
def export(
    resumed: BuyerResumed,
    to: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="The CSV file to write, or FILE.jsonl for JSON Lines; of images a folder, of files a new one.",
        ),
    ],
    json_file: JsonFile = None,
) -> None:
    """Write the bought records to a file or a folder.

    Tables and texts are CSV or JSON Lines, images are npy, and files are as they were.
    """
    check_begun(resumed.directory, "buyer")
    from blindfair.cli.buyer.running import run_export

    run_export(resumed, to, Output(json_file))


@app.command()
def watch_package(
    directory: Directory,
    to: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The package to write; in a folder, one for each order of the purchase."),
    ],
    json_file: JsonFile = None,
) -> None:
    """Write what `blindfair watch` needs on a second machine.

    It is ciphertext, leaf hashes and offer, and no key. Works while the purchase runs, from the delivery on, and needs
    neither node nor password.
    """
    from blindfair.cli.buyer.packing import run_watch_package

    run_watch_package(directory, to, Output(json_file))
