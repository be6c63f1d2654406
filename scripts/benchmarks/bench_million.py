"""A million records of 512 entries scored blind on this machine, in bounded memory, interrupted at will."""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.blind.blob_store import Directory
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.estimate import estimate
from blindfair.blind.keys import QuerySecret
from blindfair.blind.matrix import encode_matrix, matrix_bytes
from blindfair.blind.measure_costs import measure_costs
from blindfair.blind.parameters import EXPANDED
from blindfair.blind.query import encrypt_queries
from blindfair.blind.stream import finish, start_evaluation

_BATCH = 8192


def million(options: argparse.Namespace) -> dict[str, object]:
    """Encode and score a large table in a folder that is kept; finished blocks are not done again."""
    n, k, m = options.n, options.k, options.queries
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    told = estimate(EXPANDED, n, k, m, measure_costs())
    print(
        f"{n:,} x {k}: {2 * n * k:,} B of rows and {matrix_bytes(EXPANDED, n, k):,} B encoded on disk, about "
        f"{told.memory_bytes:,} B of memory, {told.encode_seconds:,.0f} s to encode, "
        f"{told.expand_seconds + told.evaluate_seconds:,.0f} s to score",
        file=sys.stderr,
    )
    rows = _rows(folder / f"rows-{n}-{k}.npy", n, k)
    queries = np.random.default_rng(1).integers(-1, 2, (m, k)) * (EXPANDED.largest_query_norm() // k)
    sent, secret = _request(folder, queries)
    began = time.perf_counter()
    matrix = encode_matrix(EXPANDED, rows, Directory(folder / "matrix"), _bar("encoding", n))
    encode = time.perf_counter() - began
    began = time.perf_counter()
    evaluation = start_evaluation(matrix, sent, Directory(folder / "evaluation"))
    todo = sum(len(job.blocks) for job in evaluation.jobs())
    for number in range(len(evaluation.passes)):
        evaluation.load_queries(number)
    expand = time.perf_counter() - began
    began = time.perf_counter()
    reply = finish(evaluation, _bar("scoring", n), options.threads)
    score = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    scores = decrypt_reply(EXPANDED, secret, reply, n, m)
    exact = all(
        (scores[:, start : start + _BATCH] == queries @ rows[start : start + _BATCH].T.astype(np.int64)).all()
        for start in range(0, n, _BATCH)
    )
    total = matrix.blocks * len(evaluation.passes)
    return {
        "records": n,
        "k": k,
        "queries": m,
        "blocks_scored_now": todo,
        "blocks": total,
        "encode_seconds": encode,
        "expand_seconds": expand,
        "score_seconds": score,
        "records_per_second": n * m * todo / total / score,
        "score_us_per_record_and_query": score / n / m * 1e6 * total / max(1, todo),
        "threads": options.threads,
        "peak_rss_bytes": peak,
        "disk_bytes": matrix_bytes(EXPANDED, n, k),
        "upload_bytes": len(sent),
        "download_bytes": len(reply),
        "exact": exact,
    }


def _rows(path: Path, n: int, k: int) -> NDArray[np.int16]:
    if not path.exists():
        part = path.with_suffix(".part")
        rows = np.lib.format.open_memmap(part, "w+", np.int16, (n, k))
        rng = np.random.default_rng(0)
        for start in range(0, n, _BATCH):
            rows[start : start + _BATCH] = rng.integers(-2047, 2048, (min(_BATCH, n - start), k))
        rows.flush()
        part.rename(path)
    loaded: NDArray[np.int16] = np.load(path, mmap_mode="r")
    return loaded


def _request(folder: Path, queries: NDArray[np.int64]) -> tuple[bytes, QuerySecret]:
    """Kept beside the rows, so that an interrupted run goes on with the same."""
    kept = Directory(folder / f"request-{queries.shape[0]}-{queries.shape[1]}")
    if not kept.has("query"):
        encrypted, secret = encrypt_queries(EXPANDED, queries)
        kept.write("secret", secret.to_bytes())
        kept.write("query", encrypted.to_bytes())
    return kept.read("query"), QuerySecret.from_bytes(kept.read("secret"))


def _bar(what: str, records: int) -> Callable[[int, int], None]:
    began = time.perf_counter()

    def tell(done: int, of: int) -> None:
        spent = time.perf_counter() - began
        rate = records * done / of / spent
        print(f"\r{what} {done:,} of {of:,} blocks, {rate:,.0f} records a second ", end="", file=sys.stderr)
        if done == of:
            print(f"in {spent:,.1f} s", file=sys.stderr)

    return tell
