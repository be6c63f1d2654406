"""Benchmarks: each prints its figures as ratios to a reference measured in the same run, on one core.

    scripts/bench scoring [--blocks 8] [--k 128] [--queries 1] [--repeats 3] [--json FILE]
    scripts/bench gas [--json FILE]

`scripts/bench` makes the environment that it needs. Timings are of the processor, and the least
of several repeats, so that others on the machine weigh little.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tenseal as ts
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.evaluate import EncodedRows, encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one evaluation."""

    per_query: float
    per_block: float


def best(action: Callable[[], object], repeats: int) -> float:
    """The quickest of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def time_evaluation(encoded: EncodedRows, query: bytes, queries: int, repeats: int) -> Timing:
    """What expanding a query and answering a block takes: from all the blocks and from half of them."""
    half = len(encoded.blocks) // 2
    fewer = replace(encoded, blocks=encoded.blocks[:half], records=half * encoded.parameters.ring_degree)
    whole = best(lambda: evaluate(encoded, query), repeats) / queries
    part = best(lambda: evaluate(fewer, query), repeats) / queries
    per_block = (whole - part) / half
    return Timing(per_query=part - half * per_block, per_block=per_block)


def time_library_dot(row: NDArray[np.int16], query: NDArray[np.int64], repeats: int) -> float:
    """Seconds of TenSEAL's `CKKSVector.dot` for one record: the usual prototype, which leaks the row besides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60])
    context.global_scale = 2**40
    context.generate_galois_keys()
    vector, plain = ts.ckks_vector(context, query / abs(query).max()), (row / 2047).tolist()
    return best(lambda: vector.dot(plain), repeats)


def scoring(options: argparse.Namespace) -> dict[str, object]:
    """Blind scoring against numpy's product in the clear and against TenSEAL's `dot`."""
    if options.blocks < 2 or options.blocks % 2 or min(options.k, options.queries, options.repeats) < 1:
        raise SystemExit("--blocks must be even, the others at least 1")
    parameters = DEFAULT
    n, k, m = options.blocks * parameters.ring_degree, options.k, options.queries
    rng = np.random.default_rng(0)
    rows = rng.integers(-2047, 2048, (n, k)).astype(np.int16)
    limit = parameters.largest_query_norm() // k
    queries = rng.integers(-limit, limit + 1, (m, k))

    start = time.process_time()
    encrypted, secret = encrypt_queries(parameters, queries)
    sent = encrypted.to_bytes()
    encrypt = time.process_time() - start
    start = time.process_time()
    encoded = encode_rows(parameters, rows)
    encode = time.process_time() - start
    timing = time_evaluation(encoded, sent, m, options.repeats)
    reply = evaluate(encoded, sent)
    start = time.process_time()
    scores = decrypt_reply(parameters, secret, reply, n, m)
    decrypt = time.process_time() - start
    real_rows, real_query = rows.astype(np.float64), queries[0].astype(np.float64)
    clear = best(lambda: real_rows @ real_query, 5 * options.repeats) / n
    dot = time_library_dot(rows[0], queries[0], options.repeats)
    record = timing.per_block / parameters.ring_degree
    disclosed = Disclosure.of(parameters, records=n, queries=m)
    return {
        "records": n,
        "k": k,
        "queries": m,
        "parameters": parameters.name,
        "exact": bool((scores == queries @ rows.T.astype(np.int64)).all()),
        "bits_per_record": disclosed.bits_per_record,
        "hiding_bits": disclosed.hiding_bits,
        "seller_us_per_record": record * 1e6,
        "seller_seconds_per_query": timing.per_query,
        "encode_us_per_record": encode / n * 1e6,
        "buyer_encrypt_seconds": encrypt,
        "buyer_decrypt_seconds": decrypt,
        "upload_bytes": len(sent),
        "download_bytes": len(reply),
        "download_bytes_per_record": len(reply) / n / m,
        "numpy_us_per_record": clear * 1e6,
        "tenseal_dot_us_per_record": dot * 1e6,
        "times_numpy": record / clear,
        "tenseal_dot_times_ours": dot / record,
    }


def gas(_: argparse.Namespace) -> dict[str, object]:
    """What the escrow's calls cost, beside what was published for others."""
    # The chain, the parties and their deliveries are those of the contract's tests.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "contracts"))
    from escrow_world import World
    from gas_figures import PUBLISHED, figures

    found = figures(World(), World(in_ether=False))
    for name, published in PUBLISHED.items():
        print(f"{name}: {published:,} gas, {published / found['honest_ether']:.2f} times our honest sale in ether")
    return dict(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one benchmark, print it, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("scoring", help=scoring.__doc__)
    command.add_argument("--blocks", type=int, default=8, help="blocks of 8,192 records, an even number")
    command.add_argument("--k", type=int, default=128, help="entries of a row")
    command.add_argument("--queries", type=int, default=1)
    command.add_argument("--repeats", type=int, default=3)
    command.set_defaults(run=scoring)
    commands.add_parser("gas", help=gas.__doc__).set_defaults(run=gas)
    for command in commands.choices.values():
        command.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args(arguments)
    with threadpool_limits(1):
        figures = options.run(options)
    for name, value in figures.items():
        print(f"{name:28} {value:,.3f}" if isinstance(value, float) else f"{name:28} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
