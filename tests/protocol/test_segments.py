"""Segments of deliveries have one byte form, lead to the delivery's root, and show a wrong chunk (PROTOCOL 6.7)."""

from collections.abc import Sequence

import pytest

from blindfair.protocol import segments
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.cipher import crypt_chunk, key_commitment
from blindfair.protocol.delivery import Fault, encrypt_delivery, verify_fault
from blindfair.protocol.errors import MalformedChunk, NoFault, RootMismatch
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import root_of
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest, RecordIndex, Root, Secret
from blindfair.protocol.segments import (
    check_roots,
    check_segment,
    delivery_path,
    encrypt_segment,
    open_segment,
    segment_ciphertexts,
    segment_count,
    segment_info,
    segment_range,
)
from protocol.vector_files import Case, each, load, outcome

KEY = DeliveryKey(bytes.fromhex(load("deliveries/segments.json")["key"]))


def allowed(lengths: Sequence[int]) -> list[range]:
    """Full chunks exactly, others whatever the payload rule lets a last chunk be."""
    return [range(1024, 1025) if length == 1024 else range(16, 1025) for length in lengths]


@each("deliveries/segments.json", "ok")
def test_a_segment_is_encrypted_to_its_bytes_and_opened_again(case: Case) -> None:
    chunks, leaves = [bytes.fromhex(chunk) for chunk in case["chunks"]], bytes.fromhex(case["leaves"])
    made = encrypt_segment(KEY, ChunkIndex(case["first"]), chunks, leaves)
    assert made.content.hex() == case["content"]
    assert made.root.hex() == case["root"]
    whole, wrong = open_segment(made.content, leaves, KEY, ChunkIndex(case["first"]))
    assert (bytes(whole), wrong) == (b"".join(chunks), None)


@each("deliveries/segments.json")
def test_a_segment_is_checked_before_paying(case: Case) -> None:
    content, leaves = bytes.fromhex(case["content"]), bytes.fromhex(case["leaves"])
    root = outcome(case, lambda: check_segment(content, leaves, allowed(case["lengths"])))
    assert root is None or root.hex() == case["root"]


def test_a_segment_holds_eight_megabytes_of_chunks() -> None:
    assert segment_count(1, 1024) == segment_count(8192, 1024) == 1
    assert segment_count(8193, 1024) == 2
    assert segment_range(1, 8193, 1024) == range(8192, 8193)
    for number in (-1, 2):
        with pytest.raises(IndexError):
            segment_range(number, 8193, 1024)


def test_the_seal_of_a_segment_is_bound_to_evaluation_key_and_number() -> None:
    commitment = key_commitment(KEY)
    infos = {
        segment_info(Digest(bytes(32)), commitment, 0),
        segment_info(Digest(bytes(32)), commitment, 1),
        segment_info(Digest(b"\1" * 32), commitment, 0),
        segment_info(Digest(bytes(32)), key_commitment(DeliveryKey(bytes(32))), 0),
    }
    assert len(infos) == 4
    assert all(len(info) == 20 + 32 + 32 + 4 for info in infos)


@pytest.fixture
def four_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 4096)


@pytest.mark.usefixtures("four_chunks")
def test_segments_make_the_delivery_that_is_made_at_once_and_a_fault_in_one_is_proven() -> None:
    records = [bytes([number]) * (300 * number) for number in range(20)]
    dataset = ChunkedDataset.build(records, 1024, Secret(bytes(32)))
    delivery = encrypt_delivery(dataset, [RecordIndex(number) for number in range(20)], KEY)
    count = len(dataset.chunks)
    assert delivery.chunk_count == count
    assert dataset.leaf_digest == sha256(b"".join(dataset.leaf_hashes))
    made, roots = [], b""
    for number in range(segment_count(count, 1024)):
        place = segment_range(number, count, 1024)
        chunks = [dataset.chunks[j] for j in place]
        if number == 2:
            chunks[1] = bytes([chunks[1][0] ^ 1]) + chunks[1][1:]
        leaves = b"".join(dataset.leaf_hashes[j] for j in place)
        made.append((encrypt_segment(KEY, ChunkIndex(place.start), chunks, leaves), leaves, place))
        roots += made[-1][0].root
        if number != 2:
            assert list(segment_ciphertexts(made[-1][0].content)) == [delivery.ciphertexts[j] for j in place]
    with pytest.raises(RootMismatch):
        check_roots(roots, delivery.root)
    segment, leaves, place = made[2]
    opened, wrong = open_segment(segment.content, leaves, KEY, ChunkIndex(place.start))
    assert wrong == 1
    path = delivery_path(segment.content, leaves, roots, 2, wrong)
    index = ChunkIndex(place.start + wrong)
    ciphertext = bytes(list(segment_ciphertexts(segment.content))[wrong])
    fault = Fault(index, ciphertext, dataset.leaf_hashes[index], path)
    forged = Root(root_of(roots))
    verify_fault(fault, KEY, key_commitment(KEY), forged, count, 1024)
    with pytest.raises(NoFault):
        verify_fault(fault, KEY, key_commitment(KEY), delivery.root, count, 1024)
    assert crypt_chunk(KEY, index, ciphertext) == opened[len(chunks[0]) :][: len(ciphertext)]
    honest = b"".join(
        encrypt_segment(KEY, ChunkIndex(p.start), [dataset.chunks[j] for j in p], some).root for _, some, p in made
    )
    check_roots(honest, delivery.root)


def test_a_segment_of_another_number_of_chunks_is_refused() -> None:
    made = encrypt_segment(KEY, ChunkIndex(0), [bytes(20)], bytes(32))
    with pytest.raises(MalformedChunk):
        check_segment(made.content, bytes(32), [])
