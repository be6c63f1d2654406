"""Deliveries of any size on disk: prepared by the seller, received, checked and opened by the buyer (PROTOCOL 6.7).

Everything can be interrupted, and goes on with the segments that are not done. Not here: what is done with one segment
(`jobs`), and the messages that carry segments (package `agents`).
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from blindfair.bulk.files import read_part, write_whole
from blindfair.bulk.jobs import INNER, LAST, ONLY, Job
from blindfair.bulk.store import CHUNKS, LEAVES, RECORDS, STATE, SourceState, StoredDataset, open_store, read_state
from blindfair.bulk.workers import Workers
from blindfair.protocol.chunk_runs import Numbers
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import MalformedChunk, MalformedMessage, OfferRejected, TransferDamaged
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import DIGEST_SIZE, root_of
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest, KeyCommitment, RecordIndex, Root
from blindfair.protocol.segments import (
    check_roots,
    check_segment,
    delivery_path,
    segment_ciphertexts,
    segment_count,
    segment_info,
    segment_range,
)
from blindfair.protocol.selection import chosen_records, chunk_spans

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many segments of how many are done."""


def quiet(done: int, of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class PreparedDelivery:
    """A delivery whose sealed segments are on disk."""

    root: Root
    """`delivery_root`."""

    chunk_count: int

    digests: tuple[Digest, ...]
    """SHA-256 of every sealed segment."""


def segment_file(folder: Path, number: int) -> Path:
    """Where a sealed segment is."""
    return folder / f"{number:05}.sealed"


def prepare_delivery(
    folder: Path,
    dataset: StoredDataset,
    records: Sequence[RecordIndex],
    key: DeliveryKey,
    *,
    evaluation: Digest,
    public: bytes,
    workers: Workers,
    progress: Progress = quiet,
) -> PreparedDelivery:
    """Encrypt and seal the chunks of a selection under a key never used for another, segment by segment.

    Raises MalformedMessage for a selection that is not one of the listing or an unusable public key, StateError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    chosen = chosen_records(records, len(dataset.first_chunks))
    counts = chunk_spans(dataset.first_chunks, len(dataset.chunks), chosen)[1]
    count = int(counts.sum())
    segments = segment_count(count, dataset.chunk_size)
    done = _Done(folder / "segments.jsonl")
    done.keep(lambda number: segment_file(folder, number).exists())
    base = {"do": "encrypt", "store": str(dataset.files.folder), "key": key.hex(), "public": public.hex()}
    commitment = key_commitment(key)

    def jobs() -> Iterator[Job]:
        ends = np.cumsum(counts)
        for number in done.missing(segments):
            chunks = segment_range(number, count, dataset.chunk_size)
            # The records of the segment: the first may have begun before it, the last may end after it.
            low, high = np.searchsorted(ends, [chunks.start, chunks.stop - 1], side="right")
            yield {
                **base,
                "runs": _runs(chosen[low : high + 1]),
                "skip": chunks.start - int(ends[low] - counts[low]),
                "count": len(chunks),
                "first": chunks.start,
                "info": segment_info(evaluation, commitment, number).hex(),
                "to": str(segment_file(folder, number)),
            }

    _do(jobs(), segments, done, workers, progress)
    results = [done[number] for number in range(segments)]
    roots = b"".join(bytes.fromhex(result["root"]) for result in results)
    digests = tuple(Digest(bytes.fromhex(result["sha256"])) for result in results)
    return PreparedDelivery(root_of(roots), count, digests)


def _runs(records: Numbers) -> list[tuple[int, int]]:
    """Ascending record numbers as pairs: the first of some in a row, and the one after their last."""
    breaks = np.flatnonzero(np.diff(records) != 1)
    starts, lasts = records[np.r_[0, breaks + 1]], records[np.r_[breaks, len(records) - 1]]
    return [(int(start), int(last) + 1) for start, last in zip(starts, lasts, strict=True)]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a buyer expects of a delivery, by offer, selection and listing."""

    chunk_size: int
    chunk_count: int
    root: Root
    evaluation: Digest
    commitment: KeyCommitment
    digests: tuple[Digest, ...]
    """SHA-256 of every sealed segment, as the delivery says."""


class DeliveryFolder:
    """A delivery as its buyer receives it."""

    def __init__(self, folder: Path, expected: Expected) -> None:
        """Raises OfferRejected for another number of segments than the chunks make."""
        self.folder = folder
        self._expected = expected
        self.segments = segment_count(expected.chunk_count, expected.chunk_size)
        if len(expected.digests) != self.segments:
            raise OfferRejected(
                "A delivery has the wrong number of segments", expected=self.segments, found=len(expected.digests)
            )
        (folder / "opened").mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

    def expect(self, leaves: Iterable[Digest], counts: Numbers) -> None:
        """Write down what the selection's chunks hash to, and how many chunks each record has.

        Raises OfferRejected for another number of chunks than the offer's.
        """
        if (count := int(counts.sum())) != self._expected.chunk_count:
            raise OfferRejected(
                "A delivery has the wrong number of chunks", expected=count, found=self._expected.chunk_count
            )
        kinds = np.full(count, INNER, dtype=np.uint8)
        kinds[np.cumsum(counts) - 1] = np.where(counts == 1, ONLY, LAST)
        write_whole(self._kinds, kinds.tobytes())
        write_whole(self._leaves, b"".join(leaves))

    @property
    def _kinds(self) -> Path:
        return self.folder / "kinds"

    @property
    def _leaves(self) -> Path:
        return self.folder / "opened" / LEAVES

    def content(self, number: int) -> Path:
        """Where the ciphertext of a segment is, once it was checked."""
        return self.folder / f"{number:05}.content"

    # --- received --------------------------------------------------------------------------------------------------

    def missing(self) -> list[int]:
        """The segments that have not come yet; none once the delivery was opened."""
        if self._is_opened():
            return []
        checked = self._checked()
        return [
            number
            for number in range(self.segments)
            if not (number in checked and self.content(number).exists())
            and not segment_file(self.folder, number).exists()
        ]

    def receive(self, number: int, sealed: bytes) -> None:
        """Keep a segment. Raises OfferRejected for another one than the delivery says."""
        if not 0 <= number < self.segments or sha256(sealed) != self._expected.digests[number]:
            raise OfferRejected(
                "A segment is not one of the delivery",
                expected=f"segment 0 ... {self.segments - 1}, by its SHA-256",
                found=f"segment {number} of {len(sealed):,} bytes",
            )
        write_whole(segment_file(self.folder, number), sealed, lasting=False)

    # --- checked ---------------------------------------------------------------------------------------------------

    def check(self, private: bytes, workers: Workers, progress: Progress = quiet) -> None:
        """Unseal and check every segment, and that all of them lead to the delivery's root (PROTOCOL 6.7).

        `private` is the key that they are sealed to. Raises SealBroken, MalformedMessage, MalformedChunk,
        RootMismatch, StateError.
        """
        if self._is_opened():
            return
        expected, done = self._expected, self._checked()
        # In a directory that was made of a backup the list may be newer than the files.
        done.keep(lambda number: self.content(number).exists())

        def jobs() -> Iterator[Job]:
            for number in range(self.segments):
                if number not in done:
                    yield {
                        **self._job("check", number),
                        "chunk_size": expected.chunk_size,
                        "sealed": str(segment_file(self.folder, number)),
                        "private": private.hex(),
                        "info": segment_info(expected.evaluation, expected.commitment, number).hex(),
                        "to": str(self.content(number)),
                    }

        _do(jobs(), self.segments, done, workers, progress)
        check_roots(self._roots(done), expected.root)
        for number in range(self.segments):
            segment_file(self.folder, number).unlink(missing_ok=True)

    def is_checked(self) -> bool:
        """Whether every segment came, passed its checks and is still there."""
        there = all(self.content(number).exists() for number in range(self.segments))
        return there and not self._checked().missing(self.segments)

    def _checked(self) -> "_Done":
        return _Done(self.folder / "checked.jsonl")

    def _roots(self, done: "_Done") -> bytes:
        return b"".join(bytes.fromhex(done[number]["root"]) for number in range(self.segments))

    def _leaves_of(self, number: int) -> tuple[range, bytes]:
        """The chunks of a segment and their leaves, read alone: the file may have 512 MB, and segments are many."""
        chunks = segment_range(number, self._expected.chunk_count, self._expected.chunk_size)
        return chunks, read_part(self._leaves, DIGEST_SIZE * chunks.start, DIGEST_SIZE * len(chunks))

    def _job(self, do: str, number: int) -> dict[str, Any]:
        chunks = segment_range(number, self._expected.chunk_count, self._expected.chunk_size)
        return {
            "do": do,
            "number": number,
            "first": chunks.start,
            "count": len(chunks),
            "leaves": str(self._leaves),
            "kinds": str(self._kinds),
        }

    def ciphertexts(self) -> Iterator[bytes]:
        """All ciphertext chunks in the order of delivery, once they were checked, a segment in memory at a time."""
        for number in range(self.segments):
            yield from map(bytes, segment_ciphertexts(self.content(number).read_bytes()))

    def leaves(self) -> bytes:
        """The committed leaf hashes in the order of delivery."""
        return self._leaves.read_bytes()

    # --- opened ----------------------------------------------------------------------------------------------------

    def open(self, key: DeliveryKey, workers: Workers, progress: Progress = quiet) -> StoredDataset | Fault:
        """Decrypt every segment that was checked: the bought records on disk, or the first provable fault.

        Raises TransferDamaged for a segment that the disk has lost or altered: it is missing from then on.
        """
        to, done, checked = self.folder / "opened", _Done(self.folder / "opened.jsonl"), self._checked()
        if self._is_opened():
            return open_store(to)
        kinds = self._kinds.read_bytes()
        whole = SourceState(
            source="delivery",
            chunk_size=self._expected.chunk_size,
            records=len(kinds) - kinds.count(INNER),
            chunks=len(kinds),
            data=sum(checked[number]["data"] for number in range(self.segments)),
            finished=True,
        )

        def jobs() -> Iterator[Job]:
            place = record = 0
            for number in range(self.segments):
                job = self._job("open", number)
                first, stop = job["first"], job["first"] + job["count"]
                begins = first == 0 or kinds[first - 1] != INNER
                if number not in done:
                    yield {
                        **job,
                        "content": str(self.content(number)),
                        "key": key.hex(),
                        "place": place,
                        "record": record,
                        "begins": begins,
                        "to": str(to),
                    }
                place += checked[number]["data"]
                # A record begins where the chunk before ended one.
                before = kinds[first : stop - 1]
                record += begins + len(before) - before.count(INNER)

        # What looked wrong may have been the disk, and another copy may have come since.
        done.keep(lambda number: done[number]["wrong"] is None)
        for name in (CHUNKS, RECORDS):
            (to / name).touch(mode=0o600)
        try:
            _do(jobs(), self.segments, done, workers, progress)
        except MalformedMessage:
            self._drop_damaged(range(self.segments), checked)
            raise
        for number in range(self.segments):
            if (wrong := done[number]["wrong"]) is not None:
                self._drop_damaged([number], checked)
                return self._fault(number, wrong, checked)
        write_whole(to / STATE, whole.to_bytes())
        return open_store(to)

    def _drop_damaged(self, numbers: Iterable[int], checked: "_Done") -> None:
        """Remove the content of segments that are not what was checked. Raises TransferDamaged if there are any."""
        damaged = [number for number in numbers if self._root_of(number) != checked[number]["root"]]
        for number in damaged:
            self.content(number).unlink(missing_ok=True)
        if damaged:
            raise TransferDamaged("Segments are not what they were when they were checked", found=damaged[0])

    def _root_of(self, number: int) -> str:
        chunks, leaves = self._leaves_of(number)
        with contextlib.suppress(OSError, MalformedChunk, MalformedMessage):
            anything = [range(2**32)] * len(chunks)
            return check_segment(self.content(number).read_bytes(), leaves, anything).hex()
        return ""

    def _is_opened(self) -> bool:
        state = read_state(self.folder / "opened")
        return state is not None and state.finished

    def tidy(self) -> None:
        """Remove the ciphertext of a delivery that was opened: nothing is left to be disputed."""
        if self._is_opened():
            for number in range(self.segments):
                self.content(number).unlink(missing_ok=True)

    def _fault(self, number: int, place: int, checked: "_Done") -> Fault:
        content = self.content(number).read_bytes()
        chunks, leaves = self._leaves_of(number)
        leaf = Digest(leaves[DIGEST_SIZE * place : DIGEST_SIZE * (place + 1)])
        path = delivery_path(content, leaves, self._roots(checked), number, place)
        return Fault(ChunkIndex(chunks.start + place), bytes(list(segment_ciphertexts(content))[place]), leaf, path)


class _Done:
    """The results of a delivery's jobs by segment, a line of JSON each, so that nothing is done twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[int, dict[str, Any]] = {}
        text = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
        self._is_cut = bool(text) and not text.endswith("\n")
        for line in text.splitlines():
            # A line that was cut short by a kill or a full disk was not done.
            with contextlib.suppress(ValueError, TypeError):
                number, result = json_value(line)
                self._results[int(number)] = dict(result)

    def __contains__(self, number: int) -> bool:
        return number in self._results

    def __getitem__(self, number: int) -> Mapping[str, Any]:
        return self._results[number]

    def __len__(self) -> int:
        return len(self._results)

    def missing(self, count: int) -> list[int]:
        """The segments of so many that are not done."""
        return [number for number in range(count) if number not in self._results]

    def keep(self, is_there: Callable[[int], bool]) -> None:
        """Forget the results of segments whose files are not there: they are done again."""
        self._results = {number: result for number, result in self._results.items() if is_there(number)}

    def add(self, number: int, result: dict[str, Any]) -> None:
        """Write a result down."""
        self._results[number] = result
        start, self._is_cut = "\n" if self._is_cut else "", False
        with self._path.open("a", encoding="ascii") as file:
            file.write(f"{start}{json.dumps([number, result])}\n")


def _do(jobs: Iterator[Job], segments: int, done: _Done, workers: Workers, progress: Progress) -> None:
    waiting = done.missing(segments)
    for number, result in zip(waiting, workers.results(jobs), strict=True):
        done.add(number, result)
        progress(len(done), segments)
