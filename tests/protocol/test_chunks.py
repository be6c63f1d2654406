"""Data sets are cut, salted and hashed as PROTOCOL 2 says, and chunks of any other length are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol import chunks
from blindfair.protocol.chunks import (
    CHUNK_SIZES,
    ChunkedDataset,
    check_chunk_lengths,
    chunk_range,
    chunk_salt,
    fill_record,
    join_record,
    split_record,
)
from blindfair.protocol.errors import InvalidListing, MalformedChunk
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import leaf_hash, verify_path
from blindfair.protocol.quantities import ChunkIndex, RecordIndex, Secret
from protocol.vector_files import Case, each, outcome
from vectors.reference import pattern

SECRET = Secret(bytes(range(32)))


@each("chunks/data_sets.json")
def test_data_sets_are_cut_salted_and_hashed(case: Case) -> None:
    secret = Secret(bytes.fromhex(case["secret"]))
    records = [pattern(r, length) for r, length in enumerate(case["record_lengths"])]
    data_set = ChunkedDataset.build(records, case["chunk_size"], secret)
    assert list(data_set.first_chunks) == case["first_chunks"]
    assert [len(chunk) for chunk in data_set.chunks] == case["chunk_lengths"]
    assert [chunk[:16].hex() for chunk in data_set.chunks] == case["salts"]
    assert [chunk_salt(secret, ChunkIndex(j)).hex() for j in range(len(data_set.chunks))] == case["salts"]
    assert [leaf.hex() for leaf in data_set.leaf_hashes] == case["leaf_hashes"]
    assert sha256(b"".join(data_set.leaf_hashes)).hex() == case["leaf_digest"]
    assert data_set.root.hex() == case["listing_root"]
    joined = [
        join_record([data_set.chunks[j][16:] for j in data_set.chunks_of(RecordIndex(r))], case["chunk_size"])
        for r in range(len(records))
    ]
    assert joined == records


@each("chunks/lengths.json")
def test_the_length_rule(case: Case) -> None:
    outcome(case, lambda: check_chunk_lengths(case["lengths"], case["chunk_size"]))


@given(st.integers(0, 60_000), st.sampled_from(CHUNK_SIZES))
def test_splitting_and_joining(length: int, chunk_size: int) -> None:
    record = pattern(1, length)
    payloads = split_record(record, chunk_size)
    assert join_record(payloads, chunk_size) == record
    assert {len(payload) for payload in payloads[:-1]} <= {chunk_size - 16}
    check_chunk_lengths([16 + len(payload) for payload in payloads], chunk_size)


@given(st.lists(st.integers(0, 1100), min_size=1, max_size=5))
def test_no_other_cut_of_a_record_is_accepted(lengths: list[int]) -> None:
    payloads = [bytes(length) for length in lengths]
    if payloads == split_record(bytes(sum(lengths)), 1024):
        assert join_record(payloads, 1024) == bytes(sum(lengths))
    else:
        with pytest.raises(MalformedChunk):
            join_record(payloads, 1024)


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=12))
def test_every_chunk_belongs_to_one_record_and_to_the_tree(lengths: list[int]) -> None:
    data_set = ChunkedDataset.build([pattern(r, n) for r, n in enumerate(lengths)], 1024, SECRET)
    covered = [j for r in range(len(lengths)) for j in data_set.chunks_of(RecordIndex(r))]
    assert covered == list(range(len(data_set.chunks)))
    for j, chunk in enumerate(data_set.chunks):
        verify_path(leaf_hash(chunk), j, len(data_set.chunks), data_set.tree.path(j), data_set.root)


def test_equal_records_have_different_hashes() -> None:
    data_set = ChunkedDataset.build([b"yes"] * 5, 1024, SECRET)
    assert len(set(data_set.leaf_hashes)) == 5
    other = ChunkedDataset.build([b"yes"] * 5, 1024, Secret(bytes(32)))
    assert not set(data_set.leaf_hashes) & set(other.leaf_hashes)


def test_a_data_set_does_not_show_its_records() -> None:
    assert "secret record" not in repr(ChunkedDataset.build([b"secret record"], 1024, SECRET))


@pytest.mark.parametrize("record", [-1, 2, 9])
def test_a_record_outside_the_listing_has_no_chunks(record: int) -> None:
    with pytest.raises(IndexError):
        chunk_range([0, 3], 5, RecordIndex(record))


@pytest.mark.parametrize("chunk_size", [0, 16, 1023, 2048, 32768, -1024])
def test_other_chunk_sizes_are_refused(chunk_size: int) -> None:
    with pytest.raises(InvalidListing):
        ChunkedDataset.build([b"a"], chunk_size, SECRET)


def test_a_data_set_has_records() -> None:
    with pytest.raises(InvalidListing):
        ChunkedDataset.build([], 1024, SECRET)


def test_a_data_set_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # The true limit is a million chunks: too many to make in a test.
    monkeypatch.setattr(chunks, "CHUNK_COUNT_LIMIT", 3)
    assert len(ChunkedDataset.build([bytes(1009), b"a"], 1024, SECRET).chunks) == 3
    with pytest.raises(InvalidListing):
        ChunkedDataset.build([bytes(1009), bytes(1009)], 1024, SECRET)


@given(st.binary(max_size=2100), st.sampled_from(CHUNK_SIZES))
def test_a_filled_record_has_full_chunks_and_no_more_of_them(record: bytes, chunk_size: int) -> None:
    found = fill_record(record, chunk_size)
    assert found.startswith(record) and not any(found[len(record) :])
    assert {len(payload) for payload in split_record(found, chunk_size)} == {chunk_size - 16}
    assert len(split_record(found, chunk_size)) == len(split_record(record, chunk_size))
