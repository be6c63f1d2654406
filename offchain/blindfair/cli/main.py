"""The command `blindfair` and its options. What it does is in the packages below; how it fails is in `ending`."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from typer.core import TyperGroup

import blindfair
from blindfair.api.amounts import parse_ether
from blindfair.api.checked_options import label_kind_of
from blindfair.cli import account, backups, ledger, watch_commands
from blindfair.cli.buyer import commands as buyer
from blindfair.cli.demo.home import demo_home
from blindfair.cli.demo.options import BUDGETS, DIVISIONS, TABLE, TEXT, TEXTS, DemoOptions, check_modality
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.demo.texts.labelled import prepare_labelled_texts
from blindfair.cli.demo.texts.prepared import prepare_texts
from blindfair.cli.ending import NOT_OK, run_to_its_end
from blindfair.cli.nodes import with_nodes_joined
from blindfair.cli.options import (
    FinalityDepth,
    JsonFile,
    KeystoreFile,
    LabelKindName,
    PasswordFile,
    Rpc,
    Text,
)
from blindfair.cli.output import Output
from blindfair.cli.score import commands as score
from blindfair.cli.seller import commands as seller
from blindfair.cli.targets import check_file_target, check_folder_target, write_file, write_folder
from blindfair.cli.verbosity import LogFormat, Verbosity, choose, choose_format, is_quiet, with_verbosity_options
from blindfair.protocol.errors import InvalidOption

if TYPE_CHECKING:
    from blindfair.cli.demo.public import DemoAccounts
    from blindfair.cli.demo.running import Finished

_ORDER = ("demo", "doctor", "testnet", "seller", "buyer", "account", "backup", "restore", "money", "watch",
          "watch-status", "deploy", "score")  # fmt: skip


class _Ordered(TyperGroup):
    """Commands in the order in which people come to need them; typer would put all groups last."""

    def list_commands(self, _: object) -> list[str]:
        return sorted(self.commands, key=_ORDER.index)


app = typer.Typer(cls=_Ordered, rich_markup_mode=None)
app.add_typer(seller.app, name="seller")
app.add_typer(buyer.app, name="buyer")
app.add_typer(account.app, name="account")
app.add_typer(score.app, name="score")
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(ledger.money)
app.command()(watch_commands.watch)
app.command()(watch_commands.watch_status)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Score data blind and trade it fairly. `blindfair demo` shows the whole of it on an embedded chain."""
    if version:
        typer.echo(blindfair.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(
    modality: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What is traded: table; text, for texts that come with the package; or labelled-text, for texts with "
            "labels, scored with MiniLM.",
        ),
    ] = TABLE,
    records: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Your own table instead of the clinical trial.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Its column to predict: classes, a number or a count.")
    ] = None,
    label_kind: LabelKindName = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column whose numbers are codes, not amounts. May be repeated."),
    ] = None,
    text: Text = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column to leave out, like an id or one that knows the outcome."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="ETHER",
            help="What the buyer spends at most. By default 0.4, but at most what 40 % of your own table's offer "
            "costs; for texts 0.12, with labels 0.08.",
        ),
    ] = None,
    value: Annotated[
        str | None, typer.Option(metavar="ETHER", help="What one more good record is worth to the buyer.")
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="What the buyer learns by: logistic, or mlp, a small neural network.")
    ] = "logistic",
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Decides division, trouble and draws of the data.")] = 0,
    flipped: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the seller's labels that the demo makes wrong, 0 to 0.9.")
    ] = 0.3,
    duplicates: Annotated[
        float, typer.Option(metavar="SHARE", help="Copies that the demo adds, as a share, 0 to 0.9.")
    ] = 0.05,
    divisions: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Over how many divisions of the table its worth is measured: 10, of texts 3, by default.",
        ),
    ] = None,
    rpc: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="A development node, as `blindfair testnet` starts, instead of an embedded chain."
        ),
    ] = None,
    seller_keystore: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --rpc of any other node: the account that sells in the honest trade."),
    ] = None,
    buyer_keystore: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The account that buys there, with the budget and some for gas.")
    ] = None,
    password_file: PasswordFile = None,
    finality_depth: FinalityDepth = None,
    directory: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where both agents live; name it again to go on after an interruption."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result here; - for standard output.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write pictures, CSV files and a receipt here.")
    ] = None,
) -> None:
    """Trade a table, or texts, once honestly and four times not.

    Blind scores, prices, an audit, an escrow contract on an embedded chain, verified delivery; and what it was worth.
    With --rpc the chain is a node's; where clock and money are real there, the honest trade alone is shown.
    """
    accounts = _accounts(seller_keystore, buyer_keystore, password_file, finality_depth, rpc, directory)
    check_modality(modality)
    options = DemoOptions(
        modality=modality,
        is_default_budget=budget is None and records is not None,
        records=records,
        label=label,
        label_kind=label_kind_of(label_kind),
        categorical=tuple(categorical or ()),
        exclude=tuple(exclude or ()),
        text=tuple(text or ()),
        budget=parse_ether(BUDGETS[modality] if budget is None else budget, "budget"),
        good_record_value=None if value is None else parse_ether(value, "value"),
        model=model,
        seed=seed,
        flipped=flipped,
        duplicates=duplicates,
        divisions=DIVISIONS[modality] if divisions is None else divisions,
        rpc=rpc,
    )
    to_screen = json_file == Path("-")
    if json_file is not None and not to_screen:
        check_file_target(json_file, "--json")
    if report is not None:
        check_folder_target(report, "--report")

    progress = Console(stderr=True, quiet=is_quiet())
    screen = DemoScreen(progress)
    finished = _finished(options, directory, screen, accounts, report=report is not None)
    finished.show(progress if to_screen else Console())
    if report is not None:
        write_folder(report, finished.files)
        screen.note(f"report in {report}")
    if json_file is not None:
        document = json.dumps(finished.document, indent=2, allow_nan=False) + "\n"
        if to_screen:
            sys.stdout.write(document)
        else:
            write_file(json_file, document.encode())
            screen.note(f"result in {json_file}")
    sys.stdout.flush()


@app.command()
def deploy(
    rpc: Rpc,
    chain_id: Annotated[
        int, typer.Option(metavar="ID", help="The chain that is meant; a node of another is refused.", min=1)
    ],
    keystore: KeystoreFile,
    password_file: PasswordFile = None,
    folder: Annotated[
        Path, typer.Option("--deployments", metavar="DIR", help="Where the deployment's files are written.")
    ] = Path("deployments"),
    json_file: JsonFile = None,
) -> None:
    """Put the escrow contract on a chain, or find it there.

    Its address depends on its code alone. Writes DIR/<chain id>.json for seller and buyer, and
    DIR/<chain id>.input.json with which block explorers verify the sources.
    """
    from blindfair.cli.deploying import deploy_contract

    deploy_contract(rpc, chain_id, keystore, password_file, folder, Output(json_file))


@app.command()
def testnet(
    port: Annotated[
        int, typer.Option(metavar="PORT", help="Where the node listens, on this machine only.", min=1, max=65535)
    ] = 8545,
    directory: Annotated[
        Path, typer.Option(metavar="DIR", help="Made anew, for keystores, tables and the node's log.")
    ] = Path("testnet"),
    deployments: Annotated[Path, typer.Option(metavar="DIR", help="Where 31337.json is written.")] = Path(
        "deployments"
    ),
    json_file: JsonFile = None,
) -> None:
    """Start a local chain for trying out seller and buyer.

    Runs Hardhat's node with the contract, until Ctrl-C ends it. Makes a keystore for a seller and a buyer, gives both
    ether and a test token, and a part of the demo's table each. Then it says what to type next. The chain lives in
    memory, and is gone when this ends. Needs Node 22.13 or newer, or the extra `testnet`; npm downloads Hardhat once.
    """
    from blindfair.cli.testnet.running import run_testnet

    run_testnet(port, directory, deployments, Output(json_file))


@app.command()
def doctor(
    rpc: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="A node to ask; else those that the directory was begun with. May be repeated."
        ),
    ] = None,
    deployment: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the contract is: deployments/<chain id>.json; else by its address."),
    ] = None,
    directory: Annotated[Path | None, typer.Option(metavar="DIR", help="A seller's or buyer's directory.")] = None,
    mail: Annotated[
        str | None,
        typer.Option(metavar="DIR|URL", readable=False, help="The folder or store that seller and buyer share."),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="URL", help="A seller's HTTP service.")] = None,
    base_model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of a base model: it is read, and its digest shown.")
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Measure how long the operations of blind scoring take here, about a second, and keep it for the "
            "estimates of commands.",
        ),
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Check this machine, a directory and a node.

    Each line is ok, or says what is wrong and what to do. Exit code 0 if all is ok, else 3. Nothing is changed but by
    --measure, and nothing is sent to the chain.
    """
    from blindfair.cli.doctor.examine import examine

    if not examine(rpc, deployment, directory, mail, at, Output(json_file), measure=measure, base_model=base_model):
        raise SystemExit(NOT_OK)


def _finished(
    options: DemoOptions,
    directory: Path | None,
    screen: DemoScreen,
    accounts: "DemoAccounts | None",
    *,
    report: bool,
) -> "Finished":
    # Slow imports, torch and its like, come when a person has seen something.
    if options.modality in TEXTS:
        texts = prepare_texts(options) if options.modality == TEXT else prepare_labelled_texts(options)
        with _home(directory) as home, demo_home(home, options, texts.digest):
            screen.texts(texts)
            from blindfair.cli.demo.texts.demo import run_text_demo

            return run_text_demo(texts, home, screen, report=report, accounts=accounts)
    table = prepare(options)
    with _home(directory) as home, demo_home(home, table.options, table.digest):
        screen.scenario(table)
        from blindfair.cli.demo.demo import run_demo

        return run_demo(table, home, screen, report=report, accounts=accounts)


def _accounts(
    seller: Path | None,
    buyer: Path | None,
    password_file: Path | None,
    finality_depth: int | None,
    rpc: str | None,
    directory: Path | None,
) -> "DemoAccounts | None":
    if seller is None and buyer is None:
        return None
    if seller is None or buyer is None or rpc is None:
        raise InvalidOption(
            "--seller-keystore, --buyer-keystore and --rpc go together",
            expected="all three, or --rpc alone",
            found="one of the keystores, or no node",
            hint="make accounts with blindfair account create, and send both some money",
        )
    if directory is None:
        raise InvalidOption(
            "A demo with accounts of yours needs --directory",
            expected="a directory that keeps the keys of an open order",
            found="none: an interruption would lose them, and the money with them",
            hint="name one with --directory DIR; after an interruption the same command goes on",
        )
    from blindfair.cli.demo.public import DemoAccounts

    return DemoAccounts(seller, buyer, password_file, finality_depth)


@contextmanager
def _home(directory: Path | None) -> Iterator[Path]:
    """The named directory, or one that is gone at the end whatever the end is: it holds keys."""
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="blindfair-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def main() -> None:
    """The entry point; exit codes are those of `ending`."""
    choose_format(LogFormat.TEXT)
    choose(Verbosity.NORMAL)
    command = with_verbosity_options(app)
    arguments = with_nodes_joined(sys.argv[1:])
    run_to_its_end(lambda: command(args=arguments, standalone_mode=False))


if __name__ == "__main__":
    main()
