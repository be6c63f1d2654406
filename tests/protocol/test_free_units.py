"""How many units are opened free: as many as share and message hold, whichever are drawn (PROTOCOL 5.6)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol import free_units as rule
from blindfair.protocol.chunks import CHUNK_COUNT_LIMIT
from blindfair.protocol.free_units import (
    MESSAGE_SIZE,
    OPENED_RECORDS_LIMIT,
    free_openings,
    free_units,
    opening_size,
)
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import LIMITS, OpenedRecord, Openings, Selection, sign
from blindfair.protocol.quantities import ETHER, Address, Digest, RecordIndex, Wei
from blindfair.protocol.signing import Domain, address_of
from blindfair.protocol.units import Units
from protocol.vector_files import Case, each, load, outcome

MANIFEST = Manifest.from_document(load("listings/listings.json")["manifest"])
KEY = b"\1" * 32
DEEPEST = (Digest(b"\xff" * 32),) * 20
"""The longest path that a listing of 2^20 chunks has."""

names = st.one_of(st.just("per-record"), st.just("total"), st.integers(2, 40).map(lambda size: f"per-group-{size}"))
lengths_of_records = st.lists(st.integers(1, 60), min_size=1, max_size=60)


def listing(lengths: Sequence[int], share: float = 1.0, chunk_size: int = 1024) -> Manifest:
    """The manifest of records of so many chunks each."""
    return replace(
        MANIFEST,
        record_count=len(lengths),
        chunk_size=chunk_size,
        chunk_count=sum(lengths),
        first_chunks=tuple(accumulate(lengths[:-1], initial=0)),
        terms=replace(MANIFEST.terms, opened_share=share),
    )


def numbers(values: Sequence[int] | range) -> tuple[RecordIndex, ...]:
    return tuple(RecordIndex(value) for value in values)


def chosen(units: Units, data: st.DataObject) -> tuple[RecordIndex, ...]:
    return units.members(sorted(data.draw(st.sets(st.integers(0, units.count - 1), min_size=1))))


def bytes_of(units: Units, opened: Sequence[int], manifest: Manifest, dimension: int) -> int:
    """Of a signed message that opens these units, with full chunks and the longest paths that there are."""
    ends = [*manifest.first_chunks[1:], manifest.chunk_count]
    chunk = b"\xff" * manifest.chunk_size
    records = []
    for unit in opened:
        for place, record in enumerate(units.members([unit])):
            count = ends[record] - manifest.first_chunks[record]
            leaf, path = (b"", ()) if place else (bytes(24 + 2 * dimension), DEEPEST)
            number = RecordIndex(CHUNK_COUNT_LIMIT - 1 - record)
            records.append(OpenedRecord(number, (chunk,) * count, (DEEPEST,) * count, leaf, path))
    message = Openings(Digest(b"\xff" * 32), b"\xff" * 32, Wei(2**256 - 1), tuple(records))
    domain = Domain(2**53 - 1, Address("0x" + "cc" * 20))
    return len(sign(message, sender=address_of(KEY), domain=domain, private_key=KEY).to_bytes())


@each("draw/free.json")
def test_what_is_opened_free_is_that_of_the_protocol(case: Case) -> None:
    runs = case["chunks_of_records"]
    lengths = [chunks for count, chunks in zip(runs[::2], runs[1::2], strict=True) for _ in range(count)]
    manifest = listing(lengths, case["opened_share"], case["chunk_size"])
    units, records = Units.named(case["disclosure"], len(lengths)), numbers(range(*case["selection"]))
    free = outcome(case, lambda: free_units(manifest, units, records, case["dimension"]))
    if free is not None:
        assert free == case["free"]


@given(names, lengths_of_records, st.integers(1, 600), st.sampled_from([1024, 4096]), st.data())
def test_whatever_is_drawn_fits_in_one_message_and_one_more_might_not(
    name: str, lengths: list[int], dimension: int, chunk_size: int, data: st.DataObject
) -> None:
    """The limit is set low, or nothing of this size would meet it."""
    units, manifest = Units.named(name, len(lengths)), listing(lengths, chunk_size=chunk_size)
    records = chosen(units, data)
    limit = data.draw(st.integers(MESSAGE_SIZE, 2**20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule, "OPENINGS_LIMIT", limit)
        free = free_units(manifest, units, records, dimension)
    sizes = {unit: opening_size(manifest, units, unit, dimension) for unit in units.of(records)}
    largest = sorted(sizes, key=lambda unit: sizes[unit], reverse=True)
    assert bytes_of(units, largest[:free], manifest, dimension) <= limit
    if free < len(records) // units.size:
        assert MESSAGE_SIZE + sum(sizes[unit] for unit in largest[: free + 1]) > limit


@given(names, lengths_of_records, st.integers(1, 600), st.sampled_from([1024, 4096, 16384]))
def test_an_opening_counts_hardly_more_than_it_takes(
    name: str, lengths: list[int], dimension: int, chunk_size: int
) -> None:
    """Counted too low, a message would not hold it; too high, nothing would be opened of what could be."""
    units, manifest = Units.named(name, len(lengths)), listing(lengths, chunk_size=chunk_size)
    nothing = bytes_of(units, (), manifest, dimension)
    for unit in range(units.count):
        counted, taken = opening_size(manifest, units, unit, dimension), bytes_of(units, [unit], manifest, dimension)
        assert taken - nothing <= counted
        assert taken <= counted + MESSAGE_SIZE
        assert taken - nothing > 0.98 * counted


@given(names, st.integers(1, 300), st.floats(0, 1), st.data())
def test_no_more_records_are_opened_free_than_the_share_whichever_groups_are_drawn(
    name: str, records: int, share: float, data: st.DataObject
) -> None:
    units, manifest = Units.named(name, records), listing([1] * records, share)
    members = chosen(units, data)
    free = free_units(manifest, units, members, 31)
    selection = Selection(Digest(bytes(32)), b"\1" * 32, ETHER, Wei(10**6), free, members)
    drawn = selection.drawn(bytes(32), units)
    assert len(units.members(drawn)) <= free_openings(manifest.terms, len(members))
    assert set(drawn) <= set(units.of(members))
    assert selection.ordered(bytes(32), units, free)[0].records == members
    # With one more the drawn groups are bought, and the parts are all of the selection.
    parts = replace(selection, audit_rows=free + 1).ordered(bytes(32), units, free)
    assert sorted(record for part in parts for record in part.records) == list(members)
    assert all(units.of(part.records) for part in parts)


def test_of_small_records_it_is_the_share_up_to_what_a_message_opens() -> None:
    manifest = listing([1] * 10**4, 0.5)
    units = Units.named("per-record", 10**4)
    found = [free_units(manifest, units, numbers(range(selected)), 4096) for selected in (1, 7, 8192, 10**4)]
    assert found == [0, 3, 4096, 4096]
    grouped = Units.named("per-group-100", 10**4)
    assert free_units(manifest, grouped, numbers(range(10**4)), 4096) == OPENED_RECORDS_LIMIT // 100 == 40


def test_a_message_of_openings_is_as_large_as_was_reckoned_with() -> None:
    assert LIMITS["openings"] == rule.OPENINGS_LIMIT
