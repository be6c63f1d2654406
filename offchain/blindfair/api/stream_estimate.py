"""What listing a table as a stream, or files with one, will take: told by a trial with its first records.

Not here: the listing itself (`stream_options`).
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from blindfair.agents.seller.data import DATA
from blindfair.api.disk_space import check_space, stored_size
from blindfair.api.stream_options import STATES, opened
from blindfair.bulk.committing import commit_records
from blindfair.influence.csv_file import CsvTexts
from blindfair.influence.file_stream import FilesBeside, check_chunks, file_records, survey_files
from blindfair.influence.table_survey import survey_table, typed_records
from blindfair.protocol.merkle import DIGEST_SIZE
from blindfair.protocol.quantities import Secret

_TRIAL_BATCHES = 4

_TRIAL_BYTES = 2**25
"""Bytes of files that a trial writes: few files may be more than anybody waits for."""


@dataclass(frozen=True, slots=True)
class StreamEstimate:
    """What listing a table takes, by a trial with its first records."""

    seconds: float
    disk: int
    """Bytes of the data set."""

    records: int


def estimate_stream(
    source: Path,
    label: str,
    folder: Path,
    chunk_size: int,
    *,
    exclude: Sequence[str],
    text: Sequence[str],
    files: FilesBeside | None = None,
) -> StreamEstimate:
    """Survey and write the first records, in a new folder in `folder` that is removed at once.

    Raises CannotWrite where the whole would not fit on the disk, and as `survey_table`, `survey_files` and
    `commit_records`. `files` differ in size: of them only those of the trial are sure, and refused if they do not fit.
    """
    (stream, as_text), shares = opened(source, label, exclude, text, files), [1.0]

    def some() -> Iterator[tuple[CsvTexts, float]]:
        for batch, share in islice(stream.batches(), _TRIAL_BATCHES):
            shares.append(share)
            yield batch, share

    trial, began = replace(stream, batches=some), time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".trial-") as name:
        home = Path(name)
        if files is None:
            found = survey_table(trial, label, home, exclude=exclude, text=as_text)
        else:
            found = survey_files(trial, files, label, home / STATES, exclude=exclude, text=text)
        # Read again below, and not to the same end.
        surveyed, share = time.perf_counter() - began, max(shares[-1], 1e-9)

        def records(start: int) -> Iterable[bytes]:
            if files is None:
                return typed_records(trial, found, chunk_size, start)
            return _first(file_records(trial, found, files.folder, home / STATES, chunk_size, start), _TRIAL_BYTES)

        written = commit_records(home / DATA, found.source, records, chunk_size, Secret(bytes(DIGEST_SIZE))).files.state
        wrote, disk = time.perf_counter() - began - surveyed, stored_size(written)
        if files is not None:
            chunks = check_chunks(home / STATES, found, chunk_size)
            whole = replace(written, data=chunks * chunk_size, chunks=chunks, records=found.record_count)
            wrote, disk = wrote * stored_size(whole) / disk, stored_size(whole)
    estimate = StreamEstimate((surveyed + wrote) / share, int(disk / share), int(found.record_count / share))
    check_space(str(source), folder, estimate.disk if files is None else disk)
    return estimate


def _first(records: Iterable[bytes], size: int) -> Iterator[bytes]:
    for record in records:
        yield record
        size -= len(record)
        if size < 0:
            return
