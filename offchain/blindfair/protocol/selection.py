"""Selections: the record numbers that a buyer audits and buys (PROTOCOL 5.1), and the chunks they stand for.

Not here: how a buyer chooses them (package `pricing`).
"""

from collections.abc import Sequence

import numpy as np

from blindfair.protocol.chunk_runs import ChunkRuns, Numbers
from blindfair.protocol.chunks import chunk_range
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.quantities import Digest, RecordIndex


def check_selection(records: Sequence[RecordIndex], record_count: int) -> None:
    """A selection is at least one record number of the listing, strictly ascending. Raises `MalformedMessage`."""
    if not records:
        raise MalformedMessage("A selection is empty", expected="at least 1 record", found=0)
    last = -1
    for record in records:
        if record <= last:
            raise MalformedMessage("A selection is not ascending", expected=f"above {last}", found=record)
        last = record
    if last >= record_count:
        raise MalformedMessage(
            "A selection names a record outside the listing", expected=f"below {record_count}", found=last
        )


def chunk_counts(first_chunks: Sequence[int], chunk_count: int, records: Sequence[RecordIndex]) -> tuple[int, ...]:
    """How many chunks each selected record has; `chunk_count` is the listing's. Raises `MalformedMessage`."""
    check_selection(records, len(first_chunks))
    return tuple(len(chunk_range(first_chunks, chunk_count, record)) for record in records)


def selected_chunks(first_chunks: Sequence[int], chunk_count: int, records: Sequence[RecordIndex]) -> tuple[int, ...]:
    """The listing's chunk numbers of a selection in the order of delivery (PROTOCOL 6.2). Raises `MalformedMessage`."""
    check_selection(records, len(first_chunks))
    return tuple(j for record in records for j in chunk_range(first_chunks, chunk_count, record))


def selected_leaves(
    first_chunks: Sequence[int], leaf_hashes: Sequence[Digest], records: Sequence[RecordIndex]
) -> tuple[Digest, ...]:
    """`L_j(i)` of a selection in the order of delivery: what the buyer computes itself before it pays (PROTOCOL 6.6).

    `first_chunks` and `leaf_hashes` are the listing's. Raises `MalformedMessage`.
    """
    return tuple(leaf_hashes[j] for j in selected_chunks(first_chunks, len(leaf_hashes), records))


def chosen_records(records: Sequence[RecordIndex], record_count: int) -> Numbers:
    """The record numbers of a selection as an array. Raises `MalformedMessage` as `check_selection`."""
    check_selection(records, record_count)
    return np.array(records, dtype=np.int64)


def chunk_spans(first_chunks: Sequence[int], chunk_count: int, chosen: Numbers) -> tuple[Numbers, Numbers]:
    """The first chunk and the number of chunks of every chosen record of a listing of `chunk_count` chunks."""
    if isinstance(first_chunks, ChunkRuns):
        return first_chunks.spans(chosen)
    firsts = np.array([*first_chunks, chunk_count], dtype=np.int64)
    return firsts[chosen], firsts[chosen + 1] - firsts[chosen]
