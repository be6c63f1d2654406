"""`blindfair score` and its options. What the commands do is in `running`, and loaded when one is run."""

from pathlib import Path
from typing import Annotated

import typer

from blindfair.cli.options import JsonFile
from blindfair.cli.output import Output

app = typer.Typer(help="Score a file of gradient rows blind, without a trade.", rich_markup_mode=None)

Matrix = Annotated[str, typer.Argument(help="Folder of the encoded rows, or an address that fsspec reaches.")]
Parameters = Annotated[
    str | None, typer.Option(metavar="NAME", help="The set of encryption parameters; the default one if not given.")
]
Workers = Annotated[
    str | None,
    typer.Option(
        metavar="CLUSTER",
        help="A Ray cluster: local, auto, host:port or ray://host:port. This machine alone if not given.",
    ),
]


@app.command()
def encode(
    rows: Annotated[str, typer.Argument(help="A .npy file of n x k int16 within -2047 ... 2047.")],
    matrix: Matrix,
    parameters: Parameters = None,
    workers: Workers = None,
    json_file: JsonFile = None,
) -> None:
    """Encode rows once, for any number of queries. Run it again to go on where it was."""
    from blindfair.cli.score.running import run_encode

    run_encode(rows, matrix, parameters, workers, Output(json_file))


@app.command()
def reply(
    matrix: Matrix,
    query: Annotated[Path, typer.Argument(help="The bytes of a buyer's encrypted query.")],
    folder: Annotated[str, typer.Argument(help="Where the evaluation is kept; a folder or an address.")],
    reply: Annotated[Path, typer.Argument(help="Where the encrypted scores are written.")],
    bits: Annotated[
        list[int] | None,
        typer.Option(
            metavar="BITS",
            help="Bits that a query may ask for, once for each query; what they ask for if not given.",
        ),
    ] = None,
    parameters: Parameters = None,
    workers: Workers = None,
    json_file: JsonFile = None,
) -> None:
    """Score encoded rows under an encrypted query. Run it again to go on where it was.

    FOLDER holds the noise key: remove it once the reply is stored. A finished FOLDER gives the same reply again.
    """
    from blindfair.cli.score.running import run_reply

    run_reply(matrix, query, folder, reply, tuple(bits) if bits else None, parameters, workers, Output(json_file))
