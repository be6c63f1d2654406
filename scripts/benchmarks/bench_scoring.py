"""Blind scoring measured on one core: ours in each mode, the library's own products, numpy in the clear.

All on the same rows in the same run. Every mode runs in a process of its own, so that its memory is
its own. Seconds are of the processor. The rows are normal numbers whose sizes differ from record to record (log-normal,
sigma 1), rounded as for a trade; a mode's `spearman` is that of its scores against the rows before rounding.
"""

import argparse
import json
import math
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from bench_fit import Point, print_fit
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from blindfair.blind import kernel
from blindfair.blind.blob_store import Directory
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.encode import encode_rows
from blindfair.blind.evaluate import evaluate
from blindfair.blind.layout import TILE, aligned
from blindfair.blind.matrix import encode_matrix, matrix_bytes
from blindfair.blind.parameters import DEFAULT, EXPANDED, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.blind.stream import Evaluation, finish, start_evaluation
from blindfair.influence.quantise import choose_row_scale, quantise_query, quantise_rows

Result = TypeVar("Result")

MODES = (
    "coordinates, SEAL alone",
    "coordinates",
    "expanded",
    "expanded, 4 queries",
    "expanded, 16 queries",
    "tenseal-matmul",
    "tenseal-dot",
)
"""Everything that can be measured; several queries at once on the large tables of 512 entries only."""

_BATCH = 4096
_DOT_RECORDS = 64
_MATMUL_RECORDS = 4096
"""Records of a trial of the library's products: `dot` costs the same for each, `matmul` the least for a full vector."""

_NOT_WRITTEN = ("queries", "loading_seconds", "work_seconds", "measured_records")
"""What is printed or fitted and is no part of the JSON."""

_REPEATS = 3
"""Runs over all blocks, for the line."""

_READ_BYTES = 2**29
_CACHED_BYTES = 2**20
_CACHED_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class Table:
    """Rows on the disk, before and after rounding, and queries."""

    folder: Path
    n: int
    k: int
    m: int

    @property
    def real(self) -> NDArray[np.float32]:
        """`n x k`."""
        found: NDArray[np.float32] = np.load(self.folder / f"real-{self.n}-{self.k}.npy", mmap_mode="r")
        return found

    @property
    def rows(self) -> NDArray[np.int16]:
        """`n x k`."""
        found: NDArray[np.int16] = np.load(self.folder / f"rows-{self.n}-{self.k}.npy", mmap_mode="r")
        return found

    def queries(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """`m x k` real and rounded."""
        real = np.random.default_rng(1).normal(size=(self.m, self.k))
        return real, np.stack([quantise_query(query, DEFAULT.plain_modulus)[0] for query in real])

    def make(self) -> None:
        """Write the rows, a batch at a time."""
        rng = np.random.default_rng(0)
        open_file = np.lib.format.open_memmap
        real = open_file(self.folder / f"real-{self.n}-{self.k}.npy", "w+", np.float32, (self.n, self.k))
        rows = open_file(self.folder / f"rows-{self.n}-{self.k}.npy", "w+", np.int16, (self.n, self.k))
        scale = 0.0
        for start in range(0, self.n, _BATCH):
            count = min(_BATCH, self.n - start)
            batch = rng.normal(size=(count, self.k)) * rng.lognormal(size=(count, 1))
            scale = scale or choose_row_scale(batch)
            real[start : start + _BATCH] = batch
            rows[start : start + _BATCH] = quantise_rows(batch, scale).entries


@dataclass(frozen=True, slots=True)
class Figures:
    """One mode on one table."""

    mode: str
    k: int
    n: int
    queries: int
    seller_us_per_record: float
    """All that the seller does for a request once the rows are encoded, for each record and query."""
    loading_seconds: float
    """Of it, for each query: what does not grow with the records. Not a number where it was not measured apart."""
    work_seconds: float
    """For each query: all that the blocks take, by themselves, the least of a few runs. Not a number likewise."""
    measured_records: int
    """Fewer than `n` where a sample was measured and seconds are scaled."""
    encode_us_per_record: float
    upload_bytes: int
    download_bytes_per_record: float
    buyer_seconds: float
    peak_rss_bytes: int
    spearman: float
    exact: bool
    flooding_bits: float
    disclosed_bits_per_record: float


def ours(table: Table, parameters: ParameterSet, mode: str, *, on_disk: bool, native: bool = True) -> Figures:
    """A whole evaluation, on disk or in memory, by the kernel or by SEAL alone."""
    if not native:
        kernel.library = lambda: None  # type: ignore[assignment]
    real, queries = table.queries()
    began = time.process_time()
    encrypted, secret = encrypt_queries(parameters, queries)
    sent = encrypted.to_bytes()
    buyer = time.process_time() - began
    del encrypted
    with tempfile.TemporaryDirectory(dir=table.folder) as folder:
        began = time.process_time()
        if on_disk:
            matrix = encode_matrix(parameters, table.rows, Directory(Path(folder) / "matrix"))
        else:
            encoded = encode_rows(parameters, table.rows)
        encode = time.process_time() - began
        began = time.process_time()
        if on_disk:
            place = Path(folder) / "evaluation"
            evaluation = start_evaluation(matrix, sent, Directory(place))
            evaluation.load_queries(0)
            opened = time.process_time() - began
            times, reply = _repeated(partial(finish, evaluation), partial(_forget_parts, evaluation, place))
            # The first run, as of every other mode; the line is drawn through the quickest, which are disturbed least.
            seller, worked = opened + times[0], min(times)
        else:
            opened = worked = math.nan
            reply = evaluate(encoded, sent)
            seller = time.process_time() - began
    began = time.process_time()
    scores = decrypt_reply(parameters, secret, reply, table.n, table.m)
    buyer += time.process_time() - began
    disclosed = Disclosure.of(parameters, records=table.n, bits=secret.bits)
    exact = all(
        (scores[:, start : start + _BATCH] == queries @ table.rows[start : start + _BATCH].T.astype(np.int64)).all()
        for start in range(0, table.n, _BATCH)
    )
    return Figures(
        mode=mode,
        k=table.k,
        n=table.n,
        queries=table.m,
        seller_us_per_record=seller / table.n / table.m * 1e6,
        loading_seconds=opened / table.m,
        work_seconds=worked / table.m,
        measured_records=table.n,
        encode_us_per_record=encode / table.n * 1e6,
        upload_bytes=len(sent),
        download_bytes_per_record=len(reply) / table.n / table.m,
        buyer_seconds=buyer,
        peak_rss_bytes=0,
        spearman=_spearman(scores[0], table.real @ real[0].astype(np.float32)),
        exact=exact,
        flooding_bits=disclosed.flooding_bits,
        disclosed_bits_per_record=disclosed.bits_per_record,
    )


def library(table: Table, mode: str) -> Figures:
    """TenSEAL's own products of an encrypted vector, with its keys: `dot` record by record, `matmul` for many at once.

    Neither hides anything but the query; `dot` leaves the whole row in the reply.
    """
    import tenseal as ts

    real, _ = table.queries()
    records = min(table.n, _DOT_RECORDS if mode == "tenseal-dot" else _MATMUL_RECORDS)
    rows = np.asarray(table.real[:records], dtype=np.float64)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60])
    context.global_scale = 2**40
    context.generate_galois_keys()
    vector = ts.ckks_vector(context, real[0])
    upload = len(vector.serialize()) + len(context.serialize(save_secret_key=False))
    buyer = time.process_time() - began
    began = time.process_time()
    by_record = mode == "tenseal-dot"
    products = [vector.dot(row.tolist()) for row in rows] if by_record else [vector.matmul(rows.T.tolist())]
    seller = time.process_time() - began
    began = time.process_time()
    scores = np.concatenate([product.decrypt()[: 1 if by_record else records] for product in products])
    buyer += (time.process_time() - began) * table.n / records
    size = len(products[0].serialize())
    return Figures(
        mode=mode,
        k=table.k,
        n=table.n,
        queries=1,
        seller_us_per_record=seller / records * 1e6,
        loading_seconds=math.nan,
        work_seconds=math.nan,
        measured_records=records,
        encode_us_per_record=0.0,
        upload_bytes=upload,
        download_bytes_per_record=size if by_record else size / min(4096, table.n),
        buyer_seconds=buyer,
        peak_rss_bytes=0,
        spearman=_spearman(scores, rows @ real[0]),
        exact=False,
        flooding_bits=0.0,
        disclosed_bits_per_record=float("inf"),
    )


def numpy_clear(table: Table) -> float:
    """Microseconds a record of `rows @ query` in float64, without any privacy."""
    rows = np.asarray(table.real[: min(table.n, 20_000)], dtype=np.float64)
    query = table.queries()[0][0]
    times = []
    for _ in range(7):
        began = time.process_time()
        rows @ query
        times.append(time.process_time() - began)
    return min(times) / len(rows) * 1e6


def modes(table: Table) -> dict[str, Callable[[], Figures]]:
    """What is measured on a table, by name."""
    alone, coordinates, expanded = MODES[:3]
    found: dict[str, Callable[[], Figures]] = {
        alone: partial(ours, table, DEFAULT, alone, on_disk=False, native=False),
        coordinates: partial(ours, table, DEFAULT, coordinates, on_disk=True),
        expanded: partial(ours, table, EXPANDED, expanded, on_disk=True),
    }
    # Where a pass over the rows is what costs.
    if table.k == 512 and table.n >= 100_000:
        for name, together in zip(MODES[3:5], (4, 16), strict=True):
            found[name] = partial(ours, replace(table, m=together), EXPANDED, name, on_disk=True)
    return found | {name: partial(library, table, name) for name in MODES[5:]}


def scoring(options: argparse.Namespace) -> dict[str, object]:
    """Blind scoring in each mode against the library's products and numpy's in the clear."""
    rows: list[Figures] = []
    clear: dict[str, float] = {}
    largest = max(options.n) * max(options.k)
    needed = matrix_bytes(DEFAULT, max(options.n), max(options.k)) + 6 * largest
    print(f"takes about {needed:,} B of disk and some minutes", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for k in options.k:
            for n in options.n:
                table = Table(Path(folder), n, k, 1)
                table.make()
                clear[f"{k}"] = min(clear.get(f"{k}", math.inf), _apart(partial(numpy_clear, table))[0])
                for measure in [found for name, found in modes(table).items() if name in options.mode]:
                    found, peak = _apart(measure)
                    rows.append(replace(found, peak_rss_bytes=peak))
                    _print(rows[-1], clear[f"{k}"])
    alone = [row for row in rows if row.queries == 1 and not math.isnan(row.work_seconds)]
    print_fit(DEFAULT, [Point(row.mode, row.n, row.k, row.work_seconds) for row in alone])
    for k in options.k:
        print_walls(k)
    written = [{key: value for key, value in asdict(row).items() if key not in _NOT_WRITTEN} for row in rows]
    return {"rows": written, "numpy_us_per_record": clear}


def print_walls(k: int) -> None:
    """What the products of a record cannot be quicker than here: reading its columns, and multiplying in the cache."""
    words = np.ones(_READ_BYTES // 8, dtype=np.uint64)
    reading = min(_seconds(words.sum) for _ in range(5)) / _READ_BYTES
    size = matrix_bytes(DEFAULT, DEFAULT.ring_degree, k) / DEFAULT.ring_degree
    line = f"k {k:5,}: {size:,.0f} B of columns a record are read in {size * reading * 1e6:.2f} us"
    line += f" ({1e-9 / reading:.1f} GB/s)"
    if kernel.library() is not None:
        primes = len(DEFAULT.data_primes)
        tiles = max(1, _CACHED_BYTES // (3 * 8 * TILE * primes * k))
        columns, coordinates = aligned((primes, tiles, k, TILE)), aligned((primes, tiles, 1, k, 2, TILE))
        columns[:], coordinates[:] = 1, 1
        # The same columns again and again: a call alone costs as much as a few of them.
        blocks = [columns] * _CACHED_BLOCKS
        spent = min(_seconds(lambda: kernel.sums(blocks, coordinates, DEFAULT.data_primes)) for _ in range(10))
        line += f", their products take {spent / (_CACHED_BLOCKS * tiles * TILE) * 1e6:.2f} us in the cache"
    print(line)


def _repeated(action: Callable[[], Result], undo: Callable[[], object]) -> tuple[list[float], Result]:
    """Seconds of each of a few runs, and what the last one returned."""
    times = []
    for number in range(_REPEATS):
        if number:
            undo()
        began = time.process_time()
        result = action()
        times.append(time.process_time() - began)
    return times, result


def _forget_parts(evaluation: Evaluation, folder: Path) -> None:
    """As if no block had been done; what was opened stays."""
    for part in folder.glob("part-*"):
        part.unlink()
    if not any(evaluation.jobs()):
        raise SystemExit("the work of the blocks cannot be measured: nothing is left to do again")


def _seconds(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began


def _spearman(scores: NDArray[np.generic], exact: NDArray[np.generic]) -> float:
    # Loading it takes as long as many a measurement, and not every process needs it.
    from scipy.stats import spearmanr

    return float(spearmanr(scores, exact).statistic)


def _print(row: Figures, clear: float) -> None:
    loading = "    -" if math.isnan(row.loading_seconds) else f"{row.loading_seconds:5.2f}"
    work = "     -" if math.isnan(row.work_seconds) else f"{row.work_seconds:6.3f}"
    scaled = f"  (measured on {row.measured_records:,} records and scaled)" if row.measured_records < row.n else ""
    print(
        f"{row.mode:24} k {row.k:5,} n {row.n:9,}  {row.seller_us_per_record:10.2f} us a record and query"
        f" = {row.seller_us_per_record / clear:8.1f} x numpy  encode {row.encode_us_per_record:6.1f} us"
        f"  up {row.upload_bytes / 1e6:6.2f} MB  down {row.download_bytes_per_record:9.1f} B a record"
        f"  loading {loading} s  work {work} s  buyer {row.buyer_seconds:6.2f} s  {row.peak_rss_bytes / 1e6:6.0f} MB"
        f"  spearman {row.spearman:.6f}{scaled}",
        flush=True,
    )


def _apart(action: Callable[[], Result]) -> tuple[Result, int]:
    """What an action returns in a process of its own, and that process's peak memory in bytes."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_measured, args=(action, send))
    child.start()
    send.close()
    try:
        result, peak = receive.recv()
    except EOFError:
        raise SystemExit("a measurement ended early; its own message is above") from None
    child.join()
    return result, peak


def _measured(action: Callable[[], object], send: object) -> None:
    with threadpool_limits(1):
        result = action()
    send.send((result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))  # type: ignore[attr-defined]


def write_json(path: Path, figures: dict[str, object]) -> None:
    """Infinities and what is no number become null."""
    path.write_text(json.dumps(_finite(figures), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
