"""First chunks kept as runs are read like a list of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.chunk_runs import ChunkRuns
from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.selection import chosen_records, chunk_spans


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30))
def test_runs_are_a_sequence_of_first_chunks(counts: list[int]) -> None:
    runs = ChunkRuns.of_counts(counts)
    firsts = [sum(counts[:number]) for number in range(len(counts))]
    assert list(runs) == [runs[number] for number in range(len(counts))] == firsts
    assert runs[-1] == firsts[-1]
    assert runs[1:] == tuple(firsts[1:])
    assert runs == tuple(firsts)
    assert hash(runs) == hash(tuple(firsts))
    assert runs == ChunkRuns.of_firsts(firsts, sum(counts)) == ChunkRuns.of_firsts(runs, sum(counts))
    assert runs != [*firsts, sum(counts)]
    assert runs != "another thing"[:0] or not counts
    assert runs.__eq__(3) is NotImplemented
    assert repr(runs) == f"ChunkRuns({len(counts)} records, {sum(counts)} chunks)"
    chosen = chosen_records([0, len(counts) - 1] if len(counts) > 1 else [0], len(counts))  # type: ignore[list-item]
    for given_as in (runs, tuple(firsts)):
        starts, sizes = chunk_spans(given_as, sum(counts), chosen)
        assert np.array_equal(starts, [firsts[number] for number in chosen])
        assert np.array_equal(sizes, [counts[number] for number in chosen])


def test_equal_neighbours_are_one_run() -> None:
    assert list(ChunkRuns([(2, 1), (3, 1), (1, 2)]).runs()) == [(5, 1), (1, 2)]


@pytest.mark.parametrize("run", [(0, 1), (1, 0), (-1, 2)])
def test_a_run_has_records_with_chunks(run: tuple[int, int]) -> None:
    with pytest.raises(InvalidListing):
        ChunkRuns([run])


@pytest.mark.parametrize("index", [-3, 2])
def test_a_record_outside_has_no_first_chunk(index: int) -> None:
    with pytest.raises(IndexError):
        ChunkRuns([(2, 5)])[index]
