"""`blindfair watch` and `blindfair watch-status`: what they take."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from blindfair.cli.options import (
    WATCH_POLL,
    DeploymentFile,
    FinalityDepth,
    JsonFile,
    MaxGasPrice,
    Metrics,
    PasswordFile,
    Poll,
    Rpc,
)
from blindfair.cli.output import Output
from blindfair.cli.party.signals import Reloads, hangups_noted


def watch(
    directory: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The watcher's own directory: journal, packages. Name it again to go on."),
    ],
    rpc: Rpc,
    deployment: DeploymentFile,
    keystore: Annotated[
        Path, typer.Option(metavar="FILE", help="The watcher's own account; it pays gas, and need not be the buyer's.")
    ],
    gas_ceiling: Annotated[
        str,
        typer.Option(metavar="ETHER", help="The most that all transactions from this directory may cost together."),
    ],
    max_gas_price: MaxGasPrice = None,
    package: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A buyer's .watch file, or a seller's .reveal file. May be repeated."),
    ] = None,
    packages: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="A folder whose .watch and .reveal files are taken; looked at again at each turn."
        ),
    ] = None,
    served: Annotated[
        list[str] | None,
        typer.Option(
            "--for", metavar="ADDRESS", help="An account whose orders are watched, no other's. May be repeated."
        ),
    ] = None,
    account_gas: Annotated[
        str | None,
        typer.Option(metavar="ETHER", help="The most for one account's orders; with several --for an equal part."),
    ] = None,
    account_megabytes: Annotated[
        int | None,
        typer.Option(metavar="MB", help="The most of the disk for one account's packages; default 17,179."),
    ] = None,
    password_file: PasswordFile = None,
    finality_depth: FinalityDepth = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, do what can be done, and end; for cron.")] = False,
    poll: Poll = WATCH_POLL,
    metrics: Metrics = None,
    json_file: JsonFile = None,
) -> None:
    """Follow a buyer's or a seller's orders on a second machine.

    Disputes a wrong chunk, and takes the money back where no key comes. For a seller it reveals keys and claims prices.

    Holds ciphertext, leaf hashes and offers, and not the buyer's key. It can read a delivery once its key is public.
    It cannot check scores. Ends when all orders have ended; with --packages on Ctrl-C.
    """
    # One look reads nothing again: there SIGHUP ends the program, as it ends others.
    with nullcontext(Reloads()) if once else hangups_noted() as reloads:
        from blindfair.cli.watching import WatchOptions, run_watch

        options = WatchOptions(
            directory=directory,
            rpc=rpc,
            deployment=deployment,
            keystore=keystore,
            password_file=password_file,
            finality_depth=finality_depth,
            gas_ceiling=gas_ceiling,
            max_gas_price=max_gas_price,
            files=tuple(package or ()),
            folder=packages,
            poll=poll,
            once=once,
            metrics=metrics,
            served=tuple(served or ()),
            account_gas=account_gas,
            account_megabytes=account_megabytes,
        )
        run_watch(options, Output(json_file), reloads)


def watch_status(
    directory: Annotated[Path, typer.Option(metavar="DIR", help="The watcher's directory.")],
    json_file: JsonFile = None,
) -> None:
    """Show how a watcher's orders stand, and what they cost. Needs neither node nor password."""
    from blindfair.cli.watching import run_status

    run_status(directory, Output(json_file))
