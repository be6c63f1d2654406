"""The command `blindfair`. An error that a person can cause ends here: one line, a hint, an exit code, no traceback."""

import json
import shutil
import sys
import tempfile
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import blindfair
from blindfair.agents.store import write_atomically
from blindfair.protocol.errors import BlindfairError, CannotWrite, InvalidOption
from blindfair.protocol.quantities import Wei

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Score data blind and trade it fairly. `blindfair demo` shows the whole of it on an embedded chain.",
)
_ETHER = Decimal(10**18)


def parse_ether(text: str) -> Wei:
    """An amount in ether as wei, exactly. Raises InvalidOption for what is no amount, or finer than a wei."""
    try:
        wei = Decimal(text) * _ETHER
        if not wei.is_finite() or wei != int(wei) or not 0 <= wei < 2**128:
            raise InvalidOperation
    except (InvalidOperation, ValueError, OverflowError):
        raise InvalidOption(
            "This is not an amount of ether", expected="like 0.5, at most 18 places", found=text[:40]
        ) from None
    return Wei(int(wei))


@app.command()
def demo(
    records: Annotated[Path | None, typer.Option(help="Your own CSV table instead of the clinical trial.")] = None,
    label: Annotated[str | None, typer.Option(help="Its column to predict, with two classes.")] = None,
    budget: Annotated[str, typer.Option(help="What the buyer spends at most, in ether.")] = "0.4",
    seed: Annotated[int, typer.Option(help="Decides division, trouble and draws of the data.")] = 0,
    flipped: Annotated[float, typer.Option(help="Share of the seller's labels that the demo flips.")] = 0.3,
    duplicates: Annotated[float, typer.Option(help="Share of copies that the demo adds.")] = 0.05,
    value: Annotated[
        str | None, typer.Option(help="What one more good record is worth to the buyer, in ether.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="Where both agents live; name it again to go on after an interruption.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here; - for the screen.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write pictures, CSV files and a receipt here.")] = None,
) -> None:
    """Trade a table from end to end, once honestly and four times not, and say what it was worth."""
    # Imported here: torch takes seconds, and `--help` should not.
    from blindfair.cli.demo.demo import run_demo
    from blindfair.cli.demo.options import DemoOptions
    from blindfair.cli.demo.report import prepare_directory
    from blindfair.cli.demo.screen import Screen

    options = DemoOptions(
        records=records,
        label=label,
        budget=parse_ether(budget),
        seed=seed,
        flipped=flipped,
        duplicates=duplicates,
        good_record_value=None if value is None else parse_ether(value),
    )
    if json_file is not None and str(json_file) != "-" and not json_file.absolute().parent.is_dir():
        raise CannotWrite("The directory of --json does not exist", found=json_file.absolute().parent)
    if report is not None:
        prepare_directory(report)
    screen = Screen(Console(stderr=True))
    home = Path(tempfile.mkdtemp(prefix="blindfair-")) if directory is None else directory
    finished = run_demo(options, home, screen, report)
    screen.finish(finished.trades, finished.honest, finished.utility, options.flipped)
    if directory is None:
        shutil.rmtree(home)
    if report is not None:
        screen.note(f"report in {report}")
    if json_file is not None:
        text = json.dumps(finished.document, indent=2) + "\n"
        if str(json_file) == "-":
            sys.stdout.write(text)
        else:
            write_atomically(json_file, text.encode(), 0o644)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(blindfair.__version__)


def main() -> None:
    """The entry point. Exit codes: 0 done, 2 wrong usage, 130 interrupted, else the error's (`protocol/errors.py`)."""
    try:
        app(standalone_mode=False)
    except BlindfairError as error:
        typer.echo(f"error: {error.name}: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    except typer.Exit as leave:
        raise SystemExit(leave.exit_code) from None
    except typer.Abort:
        typer.echo("interrupted; name the same --directory to go on", err=True)
        raise SystemExit(130) from None
    except typer.BadParameter as error:
        typer.echo(f"error: {error.format_message()}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
