"""Deliveries from disk to disk, in this process and in others: honest, interrupted, and forged at every place."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blindfair.bulk.committing import commit_records
from blindfair.bulk.delivery import DeliveryFolder, Expected, PreparedDelivery, prepare_delivery, segment_file
from blindfair.bulk.store import CHUNKS, StoredDataset
from blindfair.bulk.workers import Workers
from blindfair.protocol import segments
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, encrypt_delivery, verify_fault
from blindfair.protocol.errors import (
    MalformedMessage,
    OfferRejected,
    RootMismatch,
    SealBroken,
    StateError,
    TransferDamaged,
)
from blindfair.protocol.quantities import DeliveryKey, Digest, RecordIndex, Root, Secret
from blindfair.protocol.sealing import new_sealing_keypair
from blindfair.protocol.selection import chosen_records, chunk_spans, selected_leaves

KEY, KEYS, EVALUATION = DeliveryKey(bytes(range(32))), new_sealing_keypair(), Digest(b"\x07" * 32)
RECORDS = [bytes([number]) * (number * 97 % 5000) for number in range(90)]
CHOSEN = [RecordIndex(number) for number in range(90) if number % 4]


@pytest.fixture(autouse=True)
def four_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 4096)


@pytest.fixture
def dataset(tmp_path: Path) -> StoredDataset:
    return commit_records(tmp_path / "data", "s", lambda start: RECORDS[start:], 1024, Secret(bytes(32)))


def prepared(dataset: StoredDataset, folder: Path, workers: int = 1) -> PreparedDelivery:
    with Workers(workers) as pool:
        return prepare_delivery(folder, dataset, CHOSEN, KEY, evaluation=EVALUATION, public=KEYS.public, workers=pool)


def received(dataset: StoredDataset, made: PreparedDelivery, sent: Path, folder: Path) -> DeliveryFolder:
    delivery = DeliveryFolder(folder, expected(made))
    numbers = chosen_records(CHOSEN, 90)
    counts = chunk_spans(dataset.first_chunks, len(dataset.chunks), numbers)[1]
    delivery.expect(selected_leaves(dataset.first_chunks, dataset.leaf_hashes, CHOSEN), counts)
    for number in delivery.missing():
        delivery.receive(number, segment_file(sent, number).read_bytes())
    return delivery


def expected(made: PreparedDelivery) -> Expected:
    return Expected(1024, made.chunk_count, made.root, EVALUATION, key_commitment(KEY), made.digests)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_delivery_comes_out_as_it_was_committed(dataset: StoredDataset, tmp_path: Path, workers: int) -> None:
    made = prepared(dataset, tmp_path / "sent", workers)
    whole = encrypt_delivery(dataset, CHOSEN, KEY)
    assert (made.root, made.chunk_count) == (whole.root, whole.chunk_count)
    assert len(made.digests) > 20
    delivery = received(dataset, made, tmp_path / "sent", tmp_path / "got")
    assert not delivery.is_checked()
    told: list[tuple[int, int]] = []
    with Workers(workers) as pool:
        delivery.check(KEYS.private, pool, lambda done, of: told.append((done, of)))
        assert delivery.is_checked()
        assert told[-1] == (len(made.digests), len(made.digests))
        assert tuple(delivery.ciphertexts()) == whole.ciphertexts
        opened = delivery.open(KEY, pool)
        assert isinstance(opened, StoredDataset)
        assert list(opened.records) == [RECORDS[number] for number in CHOSEN]
        again = delivery.open(KEY, pool)
    assert isinstance(again, StoredDataset)
    delivery.tidy()
    assert not list((tmp_path / "got").glob("*.content"))
    assert not delivery.is_checked()
    # A process that begins anew fetches nothing again.
    anew = DeliveryFolder(tmp_path / "got", expected(made))
    assert anew.missing() == []
    anew.check(KEYS.private, Workers(1))
    assert isinstance(anew.open(KEY, Workers(1)), StoredDataset)


def test_what_was_done_is_not_done_again(dataset: StoredDataset, tmp_path: Path) -> None:
    first = prepared(dataset, tmp_path / "sent")
    log = tmp_path / "sent" / "segments.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    # A kill in the midst of a line: seven segments are known, and the eighth is made anew, sealed otherwise.
    log.write_text("".join(lines[:7]) + lines[7][:20])
    again = prepared(dataset, tmp_path / "sent")
    assert again.root == first.root
    assert again.digests[:7] == first.digests[:7]
    assert again.digests[7] != first.digests[7]
    # What was cut spoils no line that came after it.
    assert prepared(dataset, tmp_path / "sent") == again
    delivery = received(dataset, again, tmp_path / "sent", tmp_path / "got")
    delivery.check(KEYS.private, Workers(1))


def test_a_segment_that_is_gone_although_it_was_checked_is_fetched_and_checked_again(
    dataset: StoredDataset, tmp_path: Path
) -> None:
    """As after a backup in the midst of it: else a buyer pays for ciphertext that it does not have."""
    made = prepared(dataset, tmp_path / "sent")
    delivery = received(dataset, made, tmp_path / "sent", tmp_path / "got")
    delivery.check(KEYS.private, Workers(1))
    for number in (3, 9):
        delivery.content(number).unlink()
    anew = received(dataset, made, tmp_path / "sent", tmp_path / "got")
    anew.check(KEYS.private, Workers(1))
    assert anew.is_checked()
    opened = anew.open(KEY, Workers(1))
    assert isinstance(opened, StoredDataset)
    assert list(opened.records) == [RECORDS[number] for number in CHOSEN]


def test_a_sealed_segment_that_is_gone_is_made_again(dataset: StoredDataset, tmp_path: Path) -> None:
    first = prepared(dataset, tmp_path / "sent")
    segment_file(tmp_path / "sent", 5).unlink()
    again = prepared(dataset, tmp_path / "sent")
    assert again.root == first.root and again.digests[5] != first.digests[5]
    received(dataset, again, tmp_path / "sent", tmp_path / "got").check(KEYS.private, Workers(1))


def test_a_wrong_chunk_is_found_and_proven(dataset: StoredDataset, tmp_path: Path) -> None:
    chunks = tmp_path / "data" / CHUNKS
    data = bytearray(chunks.read_bytes())
    victim = dataset.files.head(50)[1] + 30
    data[victim] ^= 4
    honest = chunks.read_bytes()
    chunks.write_bytes(data)
    made = prepared(dataset, tmp_path / "sent")
    chunks.write_bytes(honest)
    delivery = received(dataset, made, tmp_path / "sent", tmp_path / "got")
    delivery.check(KEYS.private, Workers(1))
    fault = delivery.open(KEY, Workers(1))
    assert isinstance(fault, Fault)
    verify_fault(fault, KEY, key_commitment(KEY), made.root, made.chunk_count, 1024)


@pytest.mark.parametrize("number", [0, 7])
def test_of_segments_that_the_disk_damaged_no_others_are_fetched_again(
    dataset: StoredDataset, tmp_path: Path, number: int
) -> None:
    made = prepared(dataset, tmp_path / "sent")
    delivery = received(dataset, made, tmp_path / "sent", tmp_path / "got")
    delivery.check(KEYS.private, Workers(1))
    delivery.content(number).write_bytes(b"damaged")
    with pytest.raises(TransferDamaged) as damaged:
        delivery.open(KEY, Workers(1))
    assert damaged.value.found == number
    assert delivery.missing() == [number]


def test_segments_are_taken_by_their_hash_and_place(dataset: StoredDataset, tmp_path: Path) -> None:
    made = prepared(dataset, tmp_path / "sent")
    delivery = DeliveryFolder(tmp_path / "got", expected(made))
    first = segment_file(tmp_path / "sent", 0).read_bytes()
    for number, sealed in ((1, first), (0, first[:-1]), (0, b""), (-1, first), (len(made.digests), first)):
        with pytest.raises(OfferRejected):
            delivery.receive(number, sealed)
    assert len(delivery.missing()) == len(made.digests)
    with pytest.raises(OfferRejected):
        delivery.expect([], chosen_records([RecordIndex(0)], 90))
    for digests in (made.digests[:-1], (*made.digests, made.digests[0])):
        with pytest.raises(OfferRejected):
            DeliveryFolder(tmp_path / "other", replace(expected(made), digests=digests))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"root": Root(bytes(32))}, RootMismatch),
        ({"evaluation": Digest(bytes(32))}, SealBroken),
        ({"commitment": key_commitment(DeliveryKey(bytes(32)))}, SealBroken),
    ],
    ids=["root", "evaluation", "key"],
)
def test_what_does_not_fit_the_offer_is_refused_before_paying(
    dataset: StoredDataset, tmp_path: Path, change: dict[str, Any], error: type[Exception], workers: int
) -> None:
    made = prepared(dataset, tmp_path / "sent")
    received(dataset, made, tmp_path / "sent", tmp_path / "got")
    wrong = DeliveryFolder(tmp_path / "got", replace(expected(made), **change))
    with Workers(workers) as pool, pytest.raises(error):
        wrong.check(KEYS.private, pool)


def test_segments_sealed_to_somebody_else_are_refused(dataset: StoredDataset, tmp_path: Path) -> None:
    made = prepared(dataset, tmp_path / "sent")
    delivery = received(dataset, made, tmp_path / "sent", tmp_path / "got")
    with pytest.raises(SealBroken):
        delivery.check(new_sealing_keypair().private, Workers(1))


@pytest.mark.parametrize("workers", [1, 2])
def test_trouble_with_the_disk_and_dead_processes_are_named(
    dataset: StoredDataset, tmp_path: Path, workers: int
) -> None:
    with Workers(workers) as pool, pytest.raises(StateError):
        list(pool.results([{"do": "check", "sealed": str(tmp_path / "none"), "count": 1, "chunk_size": 1, "first": 0}]))
    with pytest.raises(MalformedMessage):
        prepare_delivery(
            tmp_path / "x", dataset, [], KEY, evaluation=EVALUATION, public=KEYS.public, workers=Workers(1)
        )
    if workers == 2:
        with Workers(2) as pool:
            pool._begin()
            for process in pool._processes:
                process.kill()
            with pytest.raises(StateError, match="ended"):
                list(pool.results([{"do": "nothing"}]))


def test_no_key_is_an_argument_of_a_process(dataset: StoredDataset, tmp_path: Path) -> None:
    with Workers(2) as pool:
        prepare_delivery(
            tmp_path / "sent", dataset, CHOSEN, KEY, evaluation=EVALUATION, public=KEYS.public, workers=pool
        )
        for process in pool._processes:
            told = Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/environ").read_bytes()
            assert KEY.hex().encode() not in told
    assert KEY.hex() not in json.dumps([path.read_bytes().hex() for path in (tmp_path / "sent").iterdir()])
