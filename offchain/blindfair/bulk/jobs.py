"""What is done with one segment, from disk to disk: encrypt and seal, unseal and check, decrypt.

A job and its result are documents (JSON), so that another process can do it (`worker`). Each can be done again: it
writes the same files. Not here: in which order (`delivery`), and the bytes of a segment (`protocol.segments`).
"""

import hashlib
import struct
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from blindfair.bulk.files import ReusedSpace, read_part, read_whole, write_part, write_whole
from blindfair.bulk.store import CHUNKS, RECORD_HEAD, RECORDS, StoredDataset, open_store
from blindfair.protocol.chunks import SALT_SIZE
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.merkle import DIGEST_SIZE
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey
from blindfair.protocol.sealing import Seal, sealed_size, unsealed
from blindfair.protocol.segments import (
    check_segment,
    encrypt_pieces,
    open_segment,
    segment_lengths,
)

Job: TypeAlias = Mapping[str, Any]
"""`do` names what is to be done; paths are texts, bytes are hexadecimal."""

INNER, LAST, ONLY = 0, 1, 2
"""Kinds of a chunk: followed by another of its record; the last of several; its record's only one."""


class _Spaces(threading.local):
    """Memory that is used again by the next job: the system takes longer to give new memory than a job to fill it."""

    def __init__(self) -> None:
        self.content, self.sealed, self.chunks = ReusedSpace(), ReusedSpace(), ReusedSpace()


_SPACES = _Spaces()


def do_job(job: Job) -> dict[str, Any]:
    """Do a job. Raises what the segment's checks raise, and OSError."""
    return _JOBS[job["do"]](job)


def _encrypt(job: Job) -> dict[str, Any]:
    """Encrypt and seal chunks of the listing into the file `to`.

    `runs` are pairs of a record and the one after the last in a row; of all their chunks, `count` from `skip` on.
    """
    files, runs = _store(job["store"]).files, job["runs"]
    skip, count = job["skip"], job["count"]
    pieces, lengths = files.read_chunks(runs, skip, count, _SPACES.chunks)
    segment = encrypt_pieces(
        DeliveryKey(bytes.fromhex(job["key"])),
        ChunkIndex(job["first"]),
        pieces,
        lengths,
        b"".join(files.leaves_of(start, stop) for start, stop in runs)[DIGEST_SIZE * skip :],
        _SPACES.content,
    )
    sealed, digest = _SPACES.sealed(sealed_size(len(segment.content))), hashlib.sha256()
    for part in Seal.new(bytes.fromhex(job["public"]), bytes.fromhex(job["info"])).close_into(segment.content, sealed):
        digest.update(part)
    # In one piece: parts that are no whole pages of the disk's would be written twice.
    # Lost in a power cut before anything was paid, it costs a trade and no money.
    write_whole(Path(job["to"]), sealed, lasting=False)
    return {"root": segment.root.hex(), "sha256": digest.hexdigest(), "length": len(sealed)}


def _check(job: Job) -> dict[str, Any]:
    """Unseal the file `sealed` and check it without the key; its content goes to the file `to`."""
    count, chunk_size, first = job["count"], job["chunk_size"], job["first"]
    limit = 4 + (4 + chunk_size) * count
    sealed = read_whole(Path(job["sealed"]), _SPACES.sealed)
    content = unsealed(bytes.fromhex(job["private"]), bytes.fromhex(job["info"]), sealed, limit, _SPACES.content)
    leaves, kinds = _expected(job, first, count)
    allowed = (
        range(chunk_size, chunk_size + 1),
        range(SALT_SIZE + 1, chunk_size + 1),
        range(SALT_SIZE, chunk_size + 1),
    )
    root = check_segment(content, leaves, [allowed[kind] for kind in kinds])
    write_whole(Path(job["to"]), content)
    return {"root": root.hex(), "data": len(content) - 4 - 4 * count}


def _open(job: Job) -> dict[str, Any]:
    """Decrypt the file `content` into the store `to`, from byte `place` and record `record` on.

    `begins` says that the segment's first chunk begins a record.
    """
    count, first, place = job["count"], job["first"], job["place"]
    content = read_whole(Path(job["content"]), _SPACES.content)
    leaves, kinds = _expected(job, first, count)
    chunks, wrong = open_segment(
        content, leaves, DeliveryKey(bytes.fromhex(job["key"])), ChunkIndex(first), _SPACES.chunks
    )
    if wrong is not None:
        return {"wrong": wrong}
    begins, heads = job["begins"], []
    for number, (kind, length) in enumerate(zip(kinds, segment_lengths(content), strict=True), first):
        if begins:
            heads += [number, place]
        begins, place = kind != INNER, place + length
    to = Path(job["to"])
    write_part(to / CHUNKS, job["place"], chunks)
    write_part(to / RECORDS, RECORD_HEAD * job["record"], struct.pack(f">{len(heads)}Q", *heads))
    return {"wrong": None}


def _expected(job: Job, first: int, count: int) -> tuple[bytes, bytes]:
    """The committed leaves of the segment's chunks, and their kinds."""
    leaves = read_part(Path(job["leaves"]), DIGEST_SIZE * first, DIGEST_SIZE * count)
    return leaves, read_part(Path(job["kinds"]), first, count)


@lru_cache(maxsize=2)
def _store(folder: str) -> StoredDataset:
    return open_store(Path(folder))


_JOBS: dict[str, Callable[[Job], dict[str, Any]]] = {"encrypt": _encrypt, "check": _check, "open": _open}


def failure(error: BlindfairError | OSError) -> dict[str, Any]:
    """An error as a result."""
    if isinstance(error, BlindfairError):
        told = {"expected": error.expected, "found": error.found, "hint": error.hint}
        return {"error": error.name, "what": error.what, **{name: str(value or "") for name, value in told.items()}}
    return {"error": "", "what": f"{error.filename}: {error.strerror}"}
