"""How many units of a selection its audit opens free of charge (PROTOCOL 5.6): as many as the listing's share and one
message hold, whichever are drawn.

It follows from manifest, request and selection alone, so that both parties come to the same number before anything is
drawn. Not here: the message itself (`messages.audit`), and what is ordered where more are audited (`parts`).
"""

from collections.abc import Sequence
from heapq import nlargest
from itertools import accumulate

from blindfair.protocol.chunks import chunk_range
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import RecordIndex
from blindfair.protocol.rows import ENTRY_SIZE
from blindfair.protocol.terms import Terms
from blindfair.protocol.units import Units

OPENED_RECORDS_LIMIT = 4096
"""Records that one message opens at most."""

OPENINGS_LIMIT = 256 * 2**20
"""Bytes of the message that opens them, at most (PROTOCOL 9)."""

MESSAGE_SIZE = 4096
"""Bytes of a message of openings besides its rows and records: document, signature and the list's head."""

ROW_SIZE = 672
"""Bytes of an opened row besides its entries: salt, number, a path of 20 digests, and their heads."""

RECORD_SIZE = 32
"""Bytes of an opened record besides its chunks: its number, and the heads of its lists."""

CHUNK_SIZE = 648
"""Bytes of an opened chunk besides its own content: a path of 20 digests, for 2^20 chunks, and two heads."""

DEEPER = 4 * 32
"""Bytes more of each path in a listing of more than 2^20 chunks: 24 digests, for 2^24."""


def free_openings(terms: Terms, selected: int) -> int:
    """How many of `selected` records the listing opens free of charge, rounded down, whatever their size.

    One product of doubles, so that both sides come to the same number.
    """
    return int(terms.opened_share * selected)


def free_units(manifest: Manifest, units: Units, records: Sequence[RecordIndex], dimension: int) -> int:
    """How many units of a selection of these `records` are opened free.

    As many as are surely among `free_openings`, and the largest of them in one message. Rows have `dimension` entries.
    Raises as `Units.of`.
    """
    chosen = units.of(records)
    shared = min(free_openings(manifest.terms, len(records)), OPENED_RECORDS_LIMIT) // units.size
    if shared == 0:
        return 0
    largest = nlargest(shared, (opening_size(manifest, units, unit, dimension) for unit in chosen))
    return sum(size <= OPENINGS_LIMIT - MESSAGE_SIZE for size in accumulate(largest))


def opening_size(manifest: Manifest, units: Units, unit: int, dimension: int) -> int:
    """The bytes that an opened unit counts: no less than it takes, every chunk counted as a full one.

    How full a record's last chunk is, no manifest tells.
    """
    members = units.policy.members(unit, units.records)
    last = chunk_range(manifest.first_chunks, manifest.chunk_count, RecordIndex(members[-1]))
    chunks = last.stop - manifest.first_chunks[members[0]]
    more = 0 if manifest.gives_leaves else DEEPER
    row = ROW_SIZE + more + ENTRY_SIZE * dimension
    return row + RECORD_SIZE * len(members) + (CHUNK_SIZE + more + manifest.chunk_size) * chunks
