"""The committed data set of a seller: in memory, or on disk where it is large (PROTOCOL 2)."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from blindfair.agents.context import Tell
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.store.directory import SecretStore
from blindfair.bulk.committing import CommitProgress, commit_records
from blindfair.bulk.store import StoredDataset, read_state
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.quantities import Secret

DATA = "data"
"""The folder in a seller's directory."""


def open_dataset(folder: Path, spec: ListingSpec, secret: Secret, max_in_memory: int, tell: Tell) -> ChunkedDataset:
    """The records of a listing as salted chunks; of more than `max_in_memory` bytes on disk, written there once.

    An interrupted writing goes on. Raises as `ChunkedDataset.build` and `commit_records`.
    """
    if spec.source is None and read_state(folder) is None and _are_few(spec.records, max_in_memory):
        return ChunkedDataset.build(spec.records, spec.chunk_size, secret)

    def told(records: int, size: int) -> None:
        tell("data", f"keeps the records on disk: {records:,} of {len(spec.records):,} are there", size=size)

    source = spec.source or f"{len(spec.records)} records, {_digest(spec.records)}"
    return commit_records(folder, source, _from(spec.records), spec.chunk_size, secret, tell=told)


def commit_stream(
    directory: Path, source: str, records_from: Callable[[int], Iterable[bytes]], chunk_size: int, tell: CommitProgress
) -> StoredDataset:
    """Write the records of a stream into the directory of a seller that is not begun yet, under its listing secret.

    A `ListingSpec` of `dataset.records` with this `source` is then listed without reading the stream again. Raises as
    `commit_records`.
    """
    secret = Secret(SecretStore(directory / "secrets").once("listing", lambda: secrets.token_bytes(32)))
    return commit_records(directory / DATA, source, records_from, chunk_size, secret, tell=tell)


def _are_few(records: Sequence[bytes], limit: int) -> bool:
    """Whether records have at most so many bytes; no more of them is read than it takes to know."""
    size = 0
    for record in records:
        size += len(record)
        if size > limit:
            return False
    return True


def _digest(records: Sequence[bytes]) -> str:
    whole = hashlib.sha256()
    for record in records:
        whole.update(len(record).to_bytes(8, "big") + record)
    return whole.hexdigest()


def _from(records: Sequence[bytes]) -> Callable[[int], Iterable[bytes]]:
    def begin(start: int) -> Iterator[bytes]:
        return (records[number] for number in range(start, len(records)))

    return begin
