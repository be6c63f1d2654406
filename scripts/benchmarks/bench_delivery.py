"""Data sets and deliveries of any size: rates beside plain SHA-256 in the same run, and the memory that they take.

Nothing is mocked: chunks are read from the disk, and everything is written there. Files are removed at the end.
"""

import argparse
import csv
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from bench_least import least_work

from blindfair.bulk.committing import commit_records
from blindfair.bulk.delivery import DeliveryFolder, Expected, prepare_delivery, segment_file
from blindfair.bulk.files import ReusedSpace
from blindfair.bulk.store import StoredDataset
from blindfair.bulk.workers import Workers, cores
from blindfair.influence.streams import stream_records
from blindfair.protocol.cipher import crypt_chunk, key_commitment, new_delivery_key
from blindfair.protocol.merkle import leaf_hash
from blindfair.protocol.quantities import ChunkIndex, Digest, RecordIndex, Secret
from blindfair.protocol.sealing import new_sealing_keypair
from blindfair.protocol.segments import encrypt_pieces, segment_chunks
from blindfair.protocol.selection import chosen_records, chunk_spans, selected_leaves

_SECRET = Secret(bytes(range(32)))
_EVALUATION = Digest(bytes(32))
Result = TypeVar("Result")
_PROBE = 32 * 2**20


def delivery(options: argparse.Namespace) -> dict[str, object]:
    """Deliveries from disk to disk: MB/s of one core and of all, and ratios to plain SHA-256, to a plain loop, and to
    the least that the protocol asks for, each the best of several rounds."""
    found: dict[str, object] = {"load": os.getloadavg()[0], "cores": cores()}
    for chunk_size in options.chunk_size:
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-delivery-") as folder:
            found |= _delivery(Path(folder), chunk_size, options.megabytes, options.rounds)
    return found


def _delivery(folder: Path, chunk_size: int, megabytes: int, rounds: int) -> dict[str, float]:
    count = megabytes * 10**6 // (4 * chunk_size)
    body = os.urandom(4 * (chunk_size - 16) - 8)

    def records(start: int) -> Iterator[bytes]:
        return (number.to_bytes(8, "big") + body for number in range(start, count))

    began = time.process_time()
    dataset = commit_records(folder / "data", "bench", records, chunk_size, _SECRET)
    best: dict[str, float] = {"commit": dataset.files.state.data / 1e6 / (time.process_time() - began)}
    parts: dict[str, float] = {}
    # Every eighth record is not bought, so that the selection has gaps.
    chosen = [RecordIndex(number) for number in range(count) if number % 8]
    for number in range(rounds):
        # One after the other in each round: what else the machine does slows all of them down.
        parts = _best(parts, least_work(folder, chunk_size))
        found = {
            "plain SHA-256": _plain(chunk_size),
            "plain loop": _loop(chunk_size),
            "encrypting alone, one core": _encrypting(dataset),
            **_rates(folder / str(number), dataset, chosen),
        }
        best = _best(best, found)
    for by in ("clock", "processor"):
        best[f"speed-up on {cores()} cores, by the {by}"] = best[_whole(cores(), by)] / best[_whole(1, by)]
    best["least of a seller"] = 1 / sum(1 / rate for rate in parts.values())
    sha, loop, least = best["plain SHA-256"], best["plain loop"], best["least of a seller"]
    print(f"chunks of {chunk_size} bytes:")
    for name, rate in parts.items():
        print(f"  least: {name:39} {rate:8.0f} MB/s, {least / rate:.0%} of the time")
    for name, value in best.items():
        if name.startswith("memory"):
            print(f"  {name:46} {value:8.0f} MB")
            continue
        of_loop = f", {value / loop:.2f} of the plain loop" if "one core" in name or name.startswith("least") else ""
        of_least = f", {value / least:.2f} of the least" if name == "seller in all, one core" else ""
        unit = "" if name.startswith("speed-up") else f" MB/s, {value / sha:.2f} of SHA-256{of_loop}{of_least}"
        print(f"  {name:46} {value:8.2f}{unit}")
    every = best | {f"least: {name}": rate for name, rate in parts.items()}
    return {f"{chunk_size}: {name}": value for name, value in every.items()}


def _best(before: dict[str, float], found: dict[str, float]) -> dict[str, float]:
    return {**before, **{name: max(value, before.get(name, value)) for name, value in found.items()}}


def _rates(folder: Path, dataset: StoredDataset, chosen: list[RecordIndex]) -> dict[str, float]:
    """MB/s of one core for each step, and how many times as fast all cores are."""
    # Seconds that a run takes at least where nothing else runs: of the busiest process.
    found: dict[str, float] = {}
    busiest, clocks, begins = {}, {}, _beginning()
    for workers in (1, cores()):
        before = _children()
        with Workers(workers) as pool:
            times = _trade(folder / str(workers), dataset, chosen, pool)
        size = len(chosen) * 4 * dataset.chunk_size / 1e6
        own, clocks[workers] = (sum(spent[each] for spent in times.values()) for each in (0, 1))
        most = {f"memory at most, {step}": spent[2] for step, spent in times.items()}
        found |= {name: max(value, found.get(name, 0.0)) for name, value in most.items()}
        # Once a process has begun it does any number of segments, so its beginning is told by itself.
        busiest[workers] = max(own, (_children() - before) / workers - (begins if workers > 1 else 0.0))
        if workers == 1:
            found |= {f"{step}, one core": size / spent[0] for step, spent in times.items()}
        found[_whole(workers, "clock")] = size / clocks[workers]
        found[_whole(workers, "processor")] = size / busiest[workers]
    return found


def _beginning() -> float:
    """Seconds of the processor that it takes to begin a process that works on segments, at least."""
    found = []
    for _ in range(3):
        before = _children()
        subprocess.run([sys.executable, "-m", "blindfair.bulk.worker"], stdin=subprocess.DEVNULL, check=True)
        found.append(_children() - before)
    return min(found)


def _whole(workers: int, by: str) -> str:
    return f"all steps by the {by}, {workers} processes"


def _trade(
    folder: Path, dataset: StoredDataset, chosen: list[RecordIndex], workers: Workers
) -> dict[str, tuple[float, float, float]]:
    """For each step the seconds of the processor (of this process) and of the clock, and the most memory in MB."""
    times = {}
    key, keys = new_delivery_key(), new_sealing_keypair()

    def timed(name: str, action: Callable[[], Result]) -> Result:
        _forget_peak()
        began, at = time.process_time(), time.perf_counter()
        result = action()
        times[name] = time.process_time() - began, time.perf_counter() - at, _memory()
        return result

    made = timed(
        "seller in all",
        lambda: prepare_delivery(
            folder / "sent", dataset, chosen, key, evaluation=_EVALUATION, public=keys.public, workers=workers
        ),
    )
    expected = Expected(dataset.chunk_size, made.chunk_count, made.root, _EVALUATION, key_commitment(key), made.digests)
    received = DeliveryFolder(folder / "received", expected)
    numbers = chosen_records(chosen, len(dataset.first_chunks))
    counts = chunk_spans(dataset.first_chunks, len(dataset.chunks), numbers)[1]
    received.expect(selected_leaves(dataset.first_chunks, dataset.leaf_hashes, chosen), counts)
    for number in range(received.segments):
        received.receive(number, segment_file(folder / "sent", number).read_bytes())
    timed("buyer before paying", lambda: received.check(keys.private, workers))
    opened = timed("buyer after the reveal", lambda: received.open(key, workers))
    if not isinstance(opened, StoredDataset) or opened.records[-1] != dataset.records[chosen[-1]]:
        raise SystemExit("the delivery is not what was committed")
    shutil.rmtree(folder)
    return times


def _encrypting(dataset: StoredDataset) -> float:
    """MB/s of the encrypting and hashing of a segment in memory, with its part of the tree."""
    size = dataset.chunk_size
    count = segment_chunks(size)
    pieces, lengths = dataset.files.read_chunks([(0, count // 4)], 0, count)
    held = list(pieces)
    leaves, space = dataset.files.leaves(0, count), ReusedSpace()
    key, began = new_delivery_key(), time.process_time()
    for _ in range(4):
        encrypt_pieces(key, ChunkIndex(0), held, lengths, leaves, space)
    return 4 * sum(lengths) / 1e6 / (time.process_time() - began)


def _children() -> float:
    """Seconds of the processor of all processes that this one has begun and that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _plain(chunk_size: int) -> float:
    """MB/s of SHA-256 over chunks in memory."""
    data = os.urandom(_PROBE)
    began = time.process_time()
    for start in range(0, _PROBE, chunk_size):
        hashlib.sha256(data[start : start + chunk_size]).digest()
    return _PROBE / 1e6 / (time.process_time() - began)


def _loop(chunk_size: int) -> float:
    """MB/s of the least that a seller must do, in memory and chunk by chunk: encrypt, and hash for the tree."""
    data, key = os.urandom(_PROBE), new_delivery_key()
    began = time.process_time()
    for number, start in enumerate(range(0, _PROBE, chunk_size)):
        ciphertext = crypt_chunk(key, ChunkIndex(number), data[start : start + chunk_size])
        leaf_hash(hashlib.sha256(ciphertext).digest() + key)
    return _PROBE / 1e6 / (time.process_time() - began)


# --- commits from streams -------------------------------------------------------------------------------------------


def stream(options: argparse.Namespace) -> dict[str, object]:
    """A listing committed from a file or a folder that is made for it: rate, and the most memory that was used."""
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-stream-") as name:
        folder = Path(name)
        size = int(options.gigabytes * 1e9)
        path = _MAKERS[options.form](folder, size)
        before = _memory()
        found = stream_records(path, options.chunk_size)
        began, at = time.process_time(), time.perf_counter()
        dataset = commit_records(folder / "data", found.source, found.records_from, options.chunk_size, _SECRET)
        root = dataset.root
        spent, clock = time.process_time() - began, time.perf_counter() - at
        state = dataset.files.state
        return {
            "records": state.records,
            "chunks": state.chunks,
            "gigabytes": state.data / 1e9,
            "root": root.hex(),
            "processor s": spent,
            "clock s": clock,
            "MB/s of one core": state.data / 1e6 / spent,
            "of SHA-256": state.data / 1e6 / spent / _plain(options.chunk_size),
            "memory before, MB": before,
            "memory at most, MB": _memory(),
        }


def _forget_peak() -> None:
    """Let `_memory` count from now on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _memory() -> float:
    """The most that this process has held until now, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def _made_csv(folder: Path, size: int) -> Path:
    path = folder / "made.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "text", "value"])
        for number, text in _cells(size):
            writer.writerow([number, text, number / 7])
    return path


def _made_json(folder: Path, size: int) -> Path:
    path = folder / "made.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, text in _cells(size):
            file.write(json.dumps({"number": number, "text": text, "value": number / 7}) + "\n")
    return path


def _made_parquet(folder: Path, size: int) -> Path:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    path, schema = (
        folder / "made.parquet",
        pa.schema({"number": pa.int64(), "text": pa.string(), "value": pa.float64()}),
    )
    with ParquetWriter(path, schema) as writer:
        batch: list[dict[str, object]] = []
        for number, text in _cells(size):
            batch.append({"number": number, "text": text, "value": number / 7})
            if len(batch) == 10_000:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema))
    return path


def _made_files(folder: Path, size: int) -> Path:
    path = folder / "made"
    path.mkdir()
    for number in range(max(2, size // 10**6)):
        (path / f"{number:06}.bin").write_bytes(os.urandom(10**6))
    return path


def _cells(size: int) -> Iterator[tuple[int, str]]:
    """Rows of a bit less than a chunk of 1 KiB."""
    return ((number, os.urandom(480).hex()) for number in range(size // 990))


_MAKERS = {"csv": _made_csv, "jsonl": _made_json, "parquet": _made_parquet, "files": _made_files}
FORMS = tuple(_MAKERS)
