"""A delivery is what was selected and committed, or it is refused before paying, or its fault is proven after
(PROTOCOL 6.2 - 6.6, 7)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.cipher import crypt_chunk, key_commitment, new_delivery_key
from blindfair.protocol.delivery import (
    EncryptedDelivery,
    Fault,
    check_delivery,
    decode_delivery,
    delivery_tree,
    encrypt_delivery,
    open_delivery,
    verify_fault,
)
from blindfair.protocol.errors import CommittedGarbage, MalformedChunk, MalformedMessage, NoFault, OfferRejected
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import leaf_hash
from blindfair.protocol.packing import pack_delivery, unpack_delivery
from blindfair.protocol.quantities import (
    ChunkIndex,
    DeliveryKey,
    Digest,
    KeyCommitment,
    RecordIndex,
    Root,
    Secret,
)
from blindfair.protocol.records import RecordEncoding, encode_row
from blindfair.protocol.schema import Column, ColumnKind, Schema
from blindfair.protocol.selection import chunk_counts, selected_chunks, selected_leaves
from protocol.vector_files import Case, each, load, outcome
from vectors.reference import pattern

FILE = load("deliveries/deliveries.json")
KEY = DeliveryKey(bytes.fromhex(FILE["key"]))
RECORDS = [pattern(r, length) for r, length in enumerate(FILE["record_lengths"])]
DATA_SET = ChunkedDataset.build(RECORDS, 1024, Secret(bytes.fromhex(FILE["secret"])))
SELECTION = [RecordIndex(r) for r in (0, 4, 6, 8)]
SCHEMA = Schema((Column("a", ColumnKind.NUMBER), Column("b", ColumnKind.TEXT)), None)


def numbers(records: list[int]) -> list[RecordIndex]:
    return [RecordIndex(record) for record in records]


def leaves_of(records: list[RecordIndex]) -> tuple[Digest, ...]:
    return selected_leaves(DATA_SET.first_chunks, DATA_SET.leaf_hashes, records)


def opened(ciphertexts: tuple[bytes, ...], records: list[RecordIndex], key: DeliveryKey) -> tuple[bytes, ...] | Fault:
    counts = chunk_counts(DATA_SET.first_chunks, len(DATA_SET.chunks), records)
    return open_delivery(ciphertexts, leaves_of(records), key, 1024, counts)


@each("deliveries/deliveries.json", "ok")
def test_deliveries_are_encrypted_as_the_protocol_says(case: Case) -> None:
    records = numbers(case["records"])
    delivery = encrypt_delivery(DATA_SET, records, KEY)
    assert list(selected_chunks(DATA_SET.first_chunks, len(DATA_SET.chunks), records)) == case["chunks"]
    assert [sha256(c).hex() for c in delivery.ciphertexts] == case["ciphertext_hashes"]
    assert delivery.ciphertexts[0].hex() == case.get("first_ciphertext", delivery.ciphertexts[0].hex())
    assert delivery.root.hex() == case["delivery_root"]
    assert delivery.leaf_hashes == leaves_of(records)
    check_delivery(delivery.ciphertexts, delivery.leaf_hashes, delivery.root, 1024, records, DATA_SET.first_chunks)
    assert opened(delivery.ciphertexts, records, KEY) == tuple(RECORDS[r] for r in records)
    assert key_commitment(KEY).hex() == FILE["key_commitment"]


@each("deliveries/deliveries.json", "an error")
def test_a_buyer_refuses_any_other_delivery_before_it_pays(case: Case) -> None:
    ciphertexts, root = sent(case["change"])
    records = numbers(case["change"].get("records", case["records"]))
    outcome(
        case,
        lambda: check_delivery(ciphertexts, leaves_of(SELECTION), root, 1024, records, DATA_SET.first_chunks),
    )


def sent(change: dict[str, Any]) -> tuple[list[bytes], Root]:
    """What a dishonest seller sends for `SELECTION`, with a root that fits it unless the case says otherwise."""
    good = encrypt_delivery(DATA_SET, SELECTION, KEY)
    ciphertexts, leaves = list(good.ciphertexts), list(good.leaf_hashes)
    match change:
        case {"drop": place}:
            del ciphertexts[place], leaves[place]
        case {"drop_all": _}:
            return [], good.root
        case {"repeat": place}:
            ciphertexts.append(ciphertexts[place])
            leaves.append(leaves[place])
        case {"cut": [place, size]}:
            ciphertexts[place] = ciphertexts[place][:size]
        case {"extend": [place, size]}:
            ciphertexts[place] = ciphertexts[place].ljust(size, b"\x00")
        case {"swap": [one, two]}:
            ciphertexts[one], ciphertexts[two] = ciphertexts[two], ciphertexts[one]
        case {"flip": place}:
            ciphertexts[place] = bytes([ciphertexts[place][0] ^ 1]) + ciphertexts[place][1:]
        case {"leaves_of": records}:
            leaves = [leaf for record in records for leaf in leaves_of(numbers([record]))][: len(ciphertexts)]
            leaves += leaves[: len(ciphertexts) - len(leaves)]
    match change.get("root"):
        case "old":
            return ciphertexts, good.root
        case "other":
            return ciphertexts, Root(bytes(32))
    return ciphertexts, delivery_tree(ciphertexts, leaves).root


def test_leaves_of_another_selection_are_noticed() -> None:
    # A caller that mixes up its selections gets an error, not a check of nothing.
    delivery = encrypt_delivery(DATA_SET, SELECTION, KEY)
    with pytest.raises((MalformedChunk, MalformedMessage)):
        check_delivery(
            delivery.ciphertexts, delivery.leaf_hashes, delivery.root, 1024, numbers([5]), DATA_SET.first_chunks
        )
    small = encrypt_delivery(DATA_SET, numbers([0, 1]), KEY)
    with pytest.raises(OfferRejected):
        check_delivery(small.ciphertexts, small.leaf_hashes, small.root, 1024, numbers([0]), DATA_SET.first_chunks)


@each("deliveries/faults.json")
def test_a_proof_holds_exactly_when_a_delivered_chunk_is_not_the_committed_one(case: Case) -> None:
    file = load("deliveries/faults.json")
    fault = Fault(
        ChunkIndex(case["index"]),
        bytes.fromhex(case["ciphertext"]),
        Digest(bytes.fromhex(case["leaf"])),
        tuple(Digest(bytes.fromhex(node)) for node in case["path"]),
    )
    outcome(
        case,
        lambda: verify_fault(
            fault,
            DeliveryKey(bytes.fromhex(case["key"])),
            KeyCommitment(bytes.fromhex(file["key_commitment"])),
            Root(bytes.fromhex(case["delivery_root"])),
            case["chunk_count"],
            file["chunk_size"],
        ),
    )


selections = st.sets(st.integers(0, len(RECORDS) - 1), min_size=1).map(sorted)


@given(selections, st.data())
def test_whatever_a_seller_alters_is_found_and_can_be_proven(records: list[int], data: st.DataObject) -> None:
    chosen, key = numbers(records), new_delivery_key()
    honest = encrypt_delivery(DATA_SET, chosen, key)
    place = data.draw(st.integers(0, len(honest.ciphertexts) - 1))
    altered = bytearray(honest.ciphertexts[place])
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
    ciphertexts = (*honest.ciphertexts[:place], bytes(altered), *honest.ciphertexts[place + 1 :])
    root = delivery_tree(ciphertexts, honest.leaf_hashes).root
    # Nothing to be seen before the key is known, since the seller committed to what it sent ...
    check_delivery(ciphertexts, leaves_of(chosen), root, 1024, chosen, DATA_SET.first_chunks)
    fault = opened(ciphertexts, chosen, key)
    # ... and everything after.
    assert isinstance(fault, Fault)
    assert fault.index == place
    verify_fault(fault, key, key_commitment(key), root, len(ciphertexts), 1024)
    # An honest seller cannot be accused with it: not over its own delivery.
    with pytest.raises(NoFault):
        verify_fault(fault, key, key_commitment(key), honest.root, len(ciphertexts), 1024)


@given(selections)
def test_an_honest_delivery_opens_and_gives_no_proof(records: list[int]) -> None:
    chosen, key = numbers(records), new_delivery_key()
    delivery = encrypt_delivery(DATA_SET, chosen, key)
    assert opened(delivery.ciphertexts, chosen, key) == tuple(RECORDS[r] for r in records)
    tree = delivery_tree(delivery.ciphertexts, delivery.leaf_hashes)
    for i, (ciphertext, leaf) in enumerate(zip(delivery.ciphertexts, delivery.leaf_hashes, strict=True)):
        proof = Fault(ChunkIndex(i), ciphertext, leaf, tree.path(i))
        with pytest.raises(NoFault, match="committed one"):
            verify_fault(proof, key, key_commitment(key), delivery.root, len(delivery.ciphertexts), 1024)


def test_a_delivery_under_another_key_is_a_fault_from_the_first_chunk_on() -> None:
    delivery = encrypt_delivery(DATA_SET, SELECTION, new_delivery_key())
    fault = opened(delivery.ciphertexts, SELECTION, KEY)
    assert isinstance(fault, Fault)
    assert fault.index == 0


def test_each_chunk_has_its_own_key_stream() -> None:
    same = ChunkedDataset.build([b"x" * 500] * 2, 1024, Secret(bytes(32)))
    delivery = encrypt_delivery(same, numbers([0, 1]), KEY)
    streams = [
        bytes(a ^ b for a, b in zip(chunk, sealed, strict=True))
        for chunk, sealed in zip(same.chunks, delivery.ciphertexts, strict=True)
    ]
    assert streams[0] != streams[1]


@pytest.mark.parametrize("records", [[], [1, 1], [2, 1], [-1], [9]])
def test_only_a_selection_of_the_listing_is_delivered(records: list[int]) -> None:
    with pytest.raises(MalformedMessage):
        encrypt_delivery(DATA_SET, numbers(records), KEY)
    with pytest.raises(MalformedMessage):
        chunk_counts(DATA_SET.first_chunks, len(DATA_SET.chunks), numbers(records))
    with pytest.raises(MalformedMessage):
        leaves_of(numbers(records))


def committed_as(chunks: list[bytes]) -> tuple[EncryptedDelivery, tuple[Digest, ...]]:
    """A delivery of chunks that were really committed, whatever they hold."""
    leaves = tuple(leaf_hash(chunk) for chunk in chunks)
    ciphertexts = tuple(crypt_chunk(KEY, ChunkIndex(i), chunk) for i, chunk in enumerate(chunks))
    return EncryptedDelivery(ciphertexts, leaves, delivery_tree(ciphertexts, leaves).root), leaves


@pytest.mark.parametrize("lengths", [[15], [1025], [1000, 20], [1024, 16]])
def test_committed_chunks_that_make_no_record_are_refused_before_paying_and_named_after(lengths: list[int]) -> None:
    delivery, leaves = committed_as([bytes(length) for length in lengths])
    with pytest.raises(MalformedChunk):
        check_delivery(delivery.ciphertexts, leaves, delivery.root, 1024, numbers([0]), [0])
    with pytest.raises(CommittedGarbage):
        open_delivery(delivery.ciphertexts, leaves, KEY, 1024, [len(lengths)])


@pytest.mark.parametrize(
    "record", [b"", b"\xff", b"\x81", encode_row([1]), encode_row(["a", "b"]), b"\x82\x18\x01\x60"]
)
def test_committed_bytes_that_are_no_record_cannot_be_proven_and_are_named(record: bytes) -> None:
    delivery, leaves = committed_as([bytes(16) + encode_row([1.5, "a"]), bytes(16) + record])
    records = open_delivery(delivery.ciphertexts, leaves, KEY, 1024, [1, 1])
    assert isinstance(records, tuple)
    tree = delivery_tree(delivery.ciphertexts, leaves)
    with pytest.raises(NoFault):
        proof = Fault(ChunkIndex(1), delivery.ciphertexts[1], leaves[1], tree.path(1))
        verify_fault(proof, KEY, key_commitment(KEY), delivery.root, 2, 1024)
    with pytest.raises(CommittedGarbage, match="record 1"):
        decode_delivery(records, RecordEncoding.CBOR_ROW, SCHEMA)


def test_delivered_rows_are_decoded() -> None:
    rows = ((1, "a"), (None, None), (2.5, ""))
    assert decode_delivery([encode_row(row) for row in rows], RecordEncoding.CBOR_ROW, SCHEMA) == rows


def test_a_fault_does_not_show_the_data() -> None:
    fault = Fault(ChunkIndex(0), b"ciphertext", Digest(bytes(32)), ())
    assert "ciphertext" not in repr(fault)
    delivery = encrypt_delivery(DATA_SET, SELECTION, KEY)
    assert repr(delivery.ciphertexts[0])[2:20] not in repr(replace(delivery))


# --- the byte form -------------------------------------------------------------------------------------------------

packed_records = st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=5).map(sorted)
packed_chunks = st.lists(st.binary(min_size=16, max_size=40), max_size=5)


def test_a_largest_chunk_is_unpacked() -> None:
    assert unpack_delivery(pack_delivery(numbers([0]), [bytes(16384)])) == ((0,), (bytes(16384),))


@given(packed_records, packed_chunks)
def test_a_packed_delivery_is_unpacked(records: list[int], ciphertexts: list[bytes]) -> None:
    data = pack_delivery(numbers(records), ciphertexts)
    assert unpack_delivery(data) == (tuple(records), tuple(ciphertexts))


@given(packed_records, packed_chunks)
def test_a_packed_delivery_has_one_form(records: list[int], ciphertexts: list[bytes]) -> None:
    data = pack_delivery(numbers(records), ciphertexts)
    for wrong in [*(data[:size] for size in range(len(data))), data + b"\x00"]:
        with pytest.raises(MalformedMessage):
            unpack_delivery(wrong)


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_or_a_delivery(data: bytes) -> None:
    try:
        records, ciphertexts = unpack_delivery(data)
    except MalformedMessage:
        return
    assert pack_delivery(records, ciphertexts) == data


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("2^32 - 1 records", "ffffffff"),
        ("no record", "0000000000000000"),
        ("a record twice", "00000002" + "0000000000000001" * 2 + "00000000"),
        ("descending", "00000002" + "0000000000000002" + "0000000000000001" + "00000000"),
        ("2^32 - 1 chunks", "00000001" + "0000000000000001" + "ffffffff"),
        ("a chunk of 15 bytes", "00000001" + "0000000000000001" + "00000001" + "0000000f" + "00" * 15),
        ("a chunk of 16385 bytes", "00000001" + "0000000000000001" + "00000001" + "00004001" + "00" * 16385),
        ("a chunk of 2^32 - 1 bytes", "00000001" + "0000000000000001" + "00000001" + "ffffffff"),
    ],
)
def test_hostile_packings_are_refused(name: str, data: str) -> None:
    with pytest.raises(MalformedMessage):
        unpack_delivery(bytes.fromhex(data))
