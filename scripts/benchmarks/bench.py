"""Benchmarks: each prints its figures as ratios to a reference measured in the same run, on one core.

    scripts/bench scoring [--k 128 512 1024] [--n 10000 100000] [--mode NAME ...] [--json FILE]
    scripts/bench million [--n 1000000] [--k 512] [--queries 1] --folder DIR [--json FILE]
    scripts/bench texts [--k 512] [--threads 1 2] [--json FILE]
    scripts/bench delivery [--chunk-size 1024 4096 16384] [--megabytes 1024] [--folder DIR] [--json FILE]
    scripts/bench stream [--form csv] [--gigabytes 2] [--chunk-size 1024] [--folder DIR] [--json FILE]
    scripts/bench listing [--gigabytes 2] [--chunk-size 1024] [--folder DIR] [--json FILE]
    scripts/bench gas [--json FILE]

`scripts/bench` makes the environment that it needs. Timings are of the processor.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench_delivery import FORMS, delivery, stream
from bench_listing import listing
from bench_million import million
from bench_scoring import MODES, scoring, write_json
from threadpoolctl import threadpool_limits


def gas(_: argparse.Namespace) -> dict[str, object]:
    """What the escrow's calls cost, beside what was published for others."""
    # The chain, the parties and their deliveries are those of the contract's tests.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "contracts"))
    from escrow_world import World
    from gas_figures import PUBLISHED, figures

    found = figures(World(), World(in_ether=False))
    for name, published in PUBLISHED.items():
        print(f"{name}: {published:,} gas, {published / found['honest_ether']:.2f} times our honest sale in ether")
    return dict(found)


def _texts(options: argparse.Namespace) -> dict[str, object]:
    """Gradient rows of texts beside a plain pass forward and back, for three kinds of transformers."""
    # It needs the extra `blindfair[text]`, which the others do not.
    from bench_texts import texts

    return texts(options)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one benchmark, print it, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("scoring", help=scoring.__doc__)
    command.add_argument("--k", type=int, nargs="+", default=[128, 512, 1024], help="entries of a row")
    command.add_argument("--n", type=int, nargs="+", default=[10_000, 100_000], help="records")
    command.add_argument("--mode", nargs="+", choices=MODES, default=MODES, help="what to measure; all without it")
    command.add_argument("--folder", type=Path, help="where to put rows for the time of the run")
    command.set_defaults(run=scoring)
    command = commands.add_parser("million", help=million.__doc__)
    command.add_argument("--n", type=int, default=1_000_000, help="records")
    command.add_argument("--k", type=int, default=512, help="entries of a row")
    command.add_argument("--queries", type=int, default=1)
    command.add_argument("--threads", type=int, default=1, help="for sums and flooding; loading takes one")
    command.add_argument("--folder", type=Path, required=True, help="kept: an interrupted run goes on there")
    command.set_defaults(run=million)
    command = commands.add_parser("texts", help=_texts.__doc__)
    command.add_argument("--k", type=int, nargs="+", default=[512], help="entries of a row")
    command.add_argument("--side", type=int, default=16, help="directions of each side of a layer")
    command.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    command.add_argument("--cores", type=int, nargs="*", default=[2], help="for how much faster rows are than on one")
    command.set_defaults(run=_texts)
    command = commands.add_parser("delivery", help=delivery.__doc__)
    command.add_argument("--chunk-size", type=int, nargs="+", default=[1024, 4096, 16384])
    command.add_argument("--megabytes", type=int, default=1024, help="size of the data set")
    command.add_argument("--folder", type=Path, help="where to put files for the time of the run")
    command.add_argument("--rounds", type=int, default=3, help="of which the best counts")
    command.set_defaults(run=delivery)
    command = commands.add_parser("stream", help=stream.__doc__)
    command.add_argument("--form", choices=FORMS, default="csv")
    command.add_argument("--gigabytes", type=float, default=2.0)
    command.add_argument("--chunk-size", type=int, default=1024)
    command.add_argument("--folder", type=Path, help="where to put files for the time of the run: twice their size")
    command.set_defaults(run=stream)
    command = commands.add_parser("listing", help=listing.__doc__)
    command.add_argument("--gigabytes", type=float, default=2.0)
    command.add_argument("--chunk-size", type=int, default=1024)
    command.add_argument("--folder", type=Path, help="where to put files for the time of the run: 2.1 times their size")
    command.add_argument("--table", type=Path, help="a CSV file with a label `sick`, in place of one that is made")
    command.add_argument("--file-bytes", type=int, help="files of so many bytes beside a small table, in place of CSV")
    command.add_argument("--bits", type=int, default=4, help="of an evaluation: the sample of long records shows few")
    command.set_defaults(run=listing)
    commands.add_parser("gas", help=gas.__doc__).set_defaults(run=gas)
    for command in commands.choices.values():
        command.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args(arguments)
    with threadpool_limits(1):
        figures = options.run(options)
    for name, value in figures.items():
        if not isinstance(value, (dict, list)):
            print(f"{name:28} {value:,.3f}" if isinstance(value, float) else f"{name:28} {value}")
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()
