"""`seller list` as a stream, of a table or of files: time and the most memory of the command, killed in the middle and
run again.

A chain, a table and the seller's directory are made in the folder, and removed at the end.
"""

import argparse
import csv
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.seller.data import DATA
from blindfair.bulk.store import CHUNKS, open_store, read_state

_SHARE_KILLED = 0.5
_CELLS_BESIDES = 110
"""Bytes of a row besides its text, with what CBOR and the salt take."""


@dataclass(frozen=True, slots=True)
class _Ended:
    code: int
    seconds: float
    processor_seconds: float
    memory: float
    """The most that the process held at a time, in MB."""


def listing(options: argparse.Namespace) -> dict[str, object]:
    """`seller list` of a table or of files, of any size: memory at most, time, and what a kill in the middle costs."""
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-listing-") as name:
        home = Path(name)
        began = time.perf_counter()
        table = home / "made.csv"
        if options.table is not None:
            table.symlink_to(options.table.resolve())
            size = table.stat().st_size
        elif options.file_bytes:
            size = _make_files(table, home / "files", int(options.gigabytes * 1e9), options.file_bytes)
        else:
            _make(table, int(options.gigabytes * 1e9), options.chunk_size)
            size = table.stat().st_size
        print(f"made {size / 1e9:.2f} GB in {time.perf_counter() - began:.0f} s", flush=True)
        with _testnet(home) as port:
            more = ["--files", "files"] if options.file_bytes else []
            command = [*_command(home, port, options.chunk_size, options.bits), *more]
            data = home / "testnet" / "seller" / DATA
            target = size * _SHARE_KILLED
            killed = _run(command, home, lambda: _size(data / CHUNKS) >= target)
            state = read_state(data)
            kept = 0 if state is None else state.records
            print(f"killed after {killed.seconds:.0f} s, {kept:,} records kept; {killed.memory:.0f} MB", flush=True)
            whole = _run(command, home, lambda: False)
        if whole.code:
            raise SystemExit(f"seller list ended with {whole.code}")
        told = json.loads((home / "listed.json").read_text())
        dataset = open_store(data)
        if told["listing_root"] != "0x" + dataset.root.hex() or killed.code >= 0:
            raise SystemExit("the listing is not what is on the disk, or nothing was killed")
        state = dataset.files.state
        return {
            "records": state.records,
            "chunks": state.chunks,
            "gigabytes of the source": size / 1e9,
            "gigabytes of chunks": state.data / 1e9,
            "gigabytes of leaves": _size(data / "leaves") / 1e9,
            "records kept by the kill": kept,
            "memory until the kill, MB": killed.memory,
            "memory of the rest, MB": whole.memory,
            "clock until the kill, s": killed.seconds,
            "clock of the rest, s": whole.seconds,
            "processor of both, s": killed.processor_seconds + whole.processor_seconds,
            "load": os.getloadavg()[0],
            "listing root": told["listing_root"],
        }


def _make(path: Path, size: int, chunk_size: int) -> None:
    """A table whose rows fill a chunk nearly."""
    rng = random.Random(1)  # noqa: S311 - no secrets
    text = (chunk_size - 16 - _CELLS_BESIDES) // 2
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "text", "a", "b", "c", "sick"])
        number = 0
        while file.tell() < size if not number % 1024 else True:
            values = [rng.gauss(0, 1) for _ in range(3)]
            sick = "y" if sum(values) + rng.gauss(0, 1) > 0 else "n"
            writer.writerow([number, os.urandom(text).hex(), *values, sick])
            number += 1


def _make_files(table: Path, folder: Path, size: int, each: int) -> int:
    """Files of one size in folders of a thousand, with a table that tells of them, and the bytes of all."""
    rng = random.Random(1)  # noqa: S311 - no secrets
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "a", "b", "c", "sick"])
        for number in range(max(2, size // each)):
            name = f"{number // 1000:05}/{number:08}.bin"
            if not number % 1000:
                (folder / name).parent.mkdir(parents=True)
            (folder / name).write_bytes(os.urandom(each))
            values = [rng.gauss(0, 1) for _ in range(3)]
            writer.writerow([name, *values, "y" if sum(values) + rng.gauss(0, 1) > 0 else "n"])
    return max(2, size // each) * each


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _testnet(home: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    told = home / "testnet.told"
    with told.open("wb") as output:
        command = [_blindfair(), "testnet", "--port", str(port)]
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=home, stdout=output, stderr=output, start_new_session=True
        )
    try:
        while b"Ctrl-C stops it" not in told.read_bytes():
            if process.poll() is not None:
                raise SystemExit(told.read_text())
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _blindfair() -> str:
    return str(Path(sys.executable).parent / "blindfair")


def _command(home: Path, port: int, chunk_size: int, bits: int) -> list[str]:
    return [
        _blindfair(), "seller", "list", "--stream", "--records", "made.csv", "--label", "sick",
        "--directory", "testnet/seller", "--password-file", "testnet/password",
        "--rpc", f"http://127.0.0.1:{port}", "--deployment", "deployments/31337.json", "--mail", "testnet/mail",
        "--price-per-record", "0.0001", "--licence", "any", "--consent", "given",
        "--chunk-size", str(chunk_size), "--bits", str(bits), "--json", str(home / "listed.json"),
    ]  # fmt: skip


def _run(command: list[str], home: Path, is_enough: Callable[[], bool]) -> _Ended:
    """Run a command until it ends, or kill it once that is enough."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=home, stdin=subprocess.DEVNULL)  # noqa: S603 - our own program
    while True:
        pid, status, spent = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if is_enough():
            process.kill()
        time.sleep(0.2)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    return _Ended(process.returncode, seconds, spent.ru_utime + spent.ru_stime, spent.ru_maxrss * 1024 / 1e6)
