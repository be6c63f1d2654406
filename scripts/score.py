"""The seller's scoring of a large table of rows by itself, without a trade: encode once, score, go on after any kill.

    scripts/score encode ROWS MATRIX [--parameters bfv-8192-32] [--workers CLUSTER]
    scripts/score reply MATRIX QUERY FOLDER REPLY [--parameters ...] [--precision-bits B] [--workers CLUSTER]

ROWS is a .npy file of n x k int16 within -2047 ... 2047, QUERY the bytes of a buyer's encrypted query, REPLY where the
encrypted scores go. MATRIX and FOLDER are folders, or addresses that fsspec reaches. CLUSTER is `local`, `auto`,
`host:port` or `ray://host:port`. The same command again goes on where it was, and a finished FOLDER gives the same
REPLY. FOLDER holds the noise key: remove it when the reply is stored.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from blindfair.blind.cluster import workers
from blindfair.blind.evaluate import Progress
from blindfair.blind.matrix import finish_matrix, matrix_bytes, open_matrix
from blindfair.blind.parameters import DEFAULT, parameter_set
from blindfair.blind.remote_shelf import shelf_at
from blindfair.blind.reply import reply_size
from blindfair.blind.rows_file import RowsFile
from blindfair.blind.scale_out import Places, encode_by_workers, finish_by_workers
from blindfair.blind.shelf import Directory
from blindfair.blind.stream import finish
from blindfair.protocol.errors import BlindfairError


def encode(options: argparse.Namespace) -> None:
    """Encode rows, unless they are encoded."""
    rows, parameters = RowsFile.open(options.rows), parameter_set(options.parameters)
    say(f"{rows.records:,} rows of {rows.k}: {matrix_bytes(parameters, rows.records, rows.k):,} B encoded")
    tell = shown(rows.records)
    if options.workers:
        with workers(options.workers):
            encode_by_workers(Places(parameters.name, options.matrix, ""), options.rows, tell)
        return
    matrix = rows.matrix(parameters, shelf_at(options.matrix))
    for number in range(matrix.blocks):
        rows.encode(matrix, number)
        tell(number + 1, matrix.blocks)
    finish_matrix(matrix)


def reply(options: argparse.Namespace) -> None:
    """Score encoded rows under a query."""
    places = Places(options.parameters, options.matrix, options.folder, options.bits and tuple(options.bits))
    query = options.query.read_bytes()
    parameters = parameter_set(options.parameters)
    matrix = open_matrix(parameters, shelf_at(options.matrix))
    tell = shown(matrix.records)
    if options.workers:
        with workers(options.workers):
            found = finish_by_workers(places, query, tell)
    else:
        found = finish(places.start(query), tell)
    Directory(options.reply.parent).write(options.reply.name, found)
    queries = len(found) // reply_size(parameters, matrix.records, 1)
    say(f"{len(found):,} B of scores: {max(1, queries)} for each of {matrix.records:,} records")


def shown(records: int) -> Progress:
    """A line of progress with the rate of what this run did."""
    began, before = time.monotonic(), -1

    def tell(done: int, of: int) -> None:
        nonlocal before
        if before < 0:
            before = done - 1
        rate = (done - before) / of * records / max(time.monotonic() - began, 1e-9)
        bar = "#" * (30 * done // of)
        print(f"\r[{bar:30}] {done:,} of {of:,} blocks, {rate:,.0f} records/s", end="", file=sys.stderr, flush=True)
        if done == of:
            print(file=sys.stderr)

    return tell


def say(text: str) -> None:
    """A line for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is that of the error, if there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("encode", help=encode.__doc__)
    command.add_argument("rows")
    command.add_argument("matrix")
    command.set_defaults(run=encode)
    command = commands.add_parser("reply", help=reply.__doc__)
    command.add_argument("matrix")
    command.add_argument("query", type=Path)
    command.add_argument("folder")
    command.add_argument("reply", type=Path)
    command.add_argument(
        "--bits", type=int, nargs="+", help="what the queries may ask for, one number each; what they ask for otherwise"
    )
    command.set_defaults(run=reply)
    for command in commands.choices.values():
        command.add_argument("--parameters", default=DEFAULT.name)
        command.add_argument("--workers", metavar="CLUSTER", help="a Ray cluster; this machine alone if not given")
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (BlindfairError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, BlindfairError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
