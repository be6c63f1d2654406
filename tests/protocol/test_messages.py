"""Messages: what is signed comes back, and anything truncated, altered, oversized or foreign is refused by name."""

import secrets
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from eth_account import Account

from blindfair.protocol import messages
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.documents import canonical, parse
from blindfair.protocol.errors import (
    BadSignature,
    BlindfairError,
    InvalidListing,
    MalformedMessage,
    MessageError,
    MessageTooLarge,
    UnknownVersion,
)
from blindfair.protocol.hashing import sha256
from blindfair.protocol.manifest import Column, ColumnKind, Manifest, Schema, Terms
from blindfair.protocol.messages import (
    Agreement,
    Delivery,
    DeliverySegment,
    Envelope,
    Inquiry,
    Listing,
    Message,
    OpenedRecord,
    Openings,
    PricedReply,
    Refusal,
    Release,
    Reply,
    Request,
    SegmentRequest,
    Selection,
)
from blindfair.protocol.messages import envelope as envelopes
from blindfair.protocol.messages.listing import listing_size
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    Digest,
    KeyCommitment,
    ListingId,
    OrderId,
    RecordIndex,
    Root,
    Seconds,
    Secret,
    Signature,
    Timestamp,
    Wei,
)
from blindfair.protocol.records import RecordEncoding, encode_row
from blindfair.protocol.release import sign_release
from blindfair.protocol.signing import Domain, sign_message

KEY = b"\x01" * 32
SENDER = Address(Account.from_key(KEY).address.lower())
DOMAIN = Domain(31337, Address("0x" + "cc" * 20))
D1, D2 = Digest(b"\x11" * 32), Digest(b"\x22" * 32)


def _listing() -> Listing:
    records = [encode_row([i, "x" * 1500 * (i % 2), None]) for i in range(5)]
    dataset = ChunkedDataset.build(records, 1024, Secret(b"\x07" * 32))
    manifest = Manifest(
        name="five", description="", licence="any", consent="given", encoding=RecordEncoding.CBOR_ROW,
        schema=Schema(tuple(Column(name, ColumnKind.CATEGORY) for name in "abc"), "a"),
        preprocessing={"label": "a", "features": []},
        record_count=5, chunk_size=1024, chunk_count=len(dataset.chunks), first_chunks=dataset.first_chunks,
        listing_root=dataset.root, leaf_digest=sha256(b"".join(dataset.leaf_hashes)), chain_id=31337,
        contract=DOMAIN.contract, seller=SENDER, seller_hpke=b"\x05" * 32,
        terms=Terms((ETHER,), Wei(1), 90, 4, 20, Wei(3), 150, 100, 0.2, ("per-record",), False),
    )  # fmt: skip
    return Listing(manifest, dataset.leaf_hashes)


def _offer() -> Offer:
    return Offer(
        ListingId(D1), D2, Root(D1), KeyCommitment(D2), 7, 1024, SENDER, SENDER, ETHER, Wei(10**18), Wei(5),
        Seconds(3600), Seconds(7200), Timestamp(1_800_000_000), 9,
    )  # fmt: skip


REQUEST = Request(
    listing=ListingId(D1), chain_id=31337, contract=DOMAIN.contract, buyer=SENDER, buyer_hpke=b"\x09" * 32,
    nonce=b"\x08" * 32, model_name="logistic-regression", model_config={"k": 3}, fidelity=None, projection={},
    dimension=3, bits=(3,), row_scale=100.5, exponent_bits=0, parameters="bfv", disclosure="per-record",
    pricing={}, token=ETHER, fee=Wei(0), buyer_commitment=D2, expiry=Timestamp(5),
    weights=b"w" * 40, basis=b"b" * 8, query=b"q" * 90,
)  # fmt: skip
OPENED = OpenedRecord(RecordIndex(3), (b"chunk a", b"chunk b"), ((D1, D2), ()), b"row leaf", (D2,))
MESSAGES: tuple[Message, ...] = (
    Inquiry(ListingId(D1)),
    _listing(),
    REQUEST,
    replace(REQUEST, fidelity=0.97),
    Reply(D1, Root(D2), D1, b"", b"ciphertext"),
    Selection(D1, b"\x03" * 32, ETHER, Wei(10**20), 2, (RecordIndex(0), RecordIndex(3))),
    Openings(D1, b"\x04" * 32, Wei(3), (OPENED,)),
    Agreement(D1, PartName.REST, Wei(3)),
    Delivery(D1, PartName.WHOLE, _offer(), sign_offer(_offer(), DOMAIN, KEY), b"sealed bytes"),
    Refusal(D1, "BudgetExhausted", "no more"),
    Release(OrderId(D1), sign_release(OrderId(D1), DOMAIN, KEY)),
    Reply(D1, Root(D2), D1, b"\x00\x03", b"ciphertext"),
    replace(REQUEST, token=SENDER, fee=Wei(2**200)),
    Delivery(D1, PartName.WHOLE, _offer(), sign_offer(_offer(), DOMAIN, KEY), b"", (D1, D2)),
    Delivery(D1, PartName.REST, _offer(), sign_offer(_offer(), DOMAIN, KEY), b"sealed", (), D1 + D2, D2),
    SegmentRequest(OrderId(D1), (0, 3, 2**15 - 1)),
    DeliverySegment(OrderId(D1), 7, b"sealed segment"),
    replace(REQUEST, base=b"base model"),
    PricedReply(D1, _offer(), sign_offer(_offer(), DOMAIN, KEY), (D1, D2), b"encrypted reply"),
)


def test_reading_a_message_takes_memory_for_its_parts_once() -> None:
    base = bytes(2**22)
    data = _sign(replace(REQUEST, base=base))
    tracemalloc.start()
    try:
        _, message = _read(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message == replace(REQUEST, base=base) and len(base) < peak < 1.2 * len(base)


@pytest.mark.parametrize(("name", "data"), [("base", b""), ("zebra", b"z")])
def test_a_request_has_a_fourth_part_for_a_base_model_alone(name: str, data: bytes) -> None:
    def more(document: dict[str, Any]) -> None:
        document["parts"][name] = {"length": len(data), "sha256": "0x" + sha256(data).hex()}

    parts = REQUEST.basis + REQUEST.query + REQUEST.weights + data
    with pytest.raises(MalformedMessage, match="wrong binary parts"):
        messages.read(_forge(REQUEST, more, parts), domain=DOMAIN)


def test_a_base_model_that_travels_is_no_larger_than_a_request_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindfair.protocol.messages.evaluation.BASE_PART_LIMIT", 9)
    assert messages.read(_sign(replace(REQUEST, base=b"b" * 9)), domain=DOMAIN)
    with pytest.raises(MessageTooLarge, match="base model"):
        messages.read(_sign(replace(REQUEST, base=b"b" * 10)), domain=DOMAIN)


def test_a_request_has_as_many_queries_as_it_states_bits_for() -> None:
    assert replace(REQUEST, bits=(3, 1)).queries == 2


def _sign(message: Message) -> bytes:
    return messages.sign(message, sender=SENDER, domain=DOMAIN, private_key=KEY).to_bytes()


def _forge(message: Message, change: Callable[[dict[str, Any]], None], parts: bytes | None = None) -> bytes:
    """A message whose document was changed *by its own sender*, so that the signature holds."""
    data = _sign(message)
    length = int.from_bytes(data[4:8], "big")
    document: dict[str, Any] = parse(data[8 : 8 + length], 10**7)
    change(document)
    raw = canonical(document)
    kind = sha256(str(document.get("type", "")).encode())
    signature = sign_message(DOMAIN, kind, sha256(raw), KEY)
    rest = data[8 + length + 65 :] if parts is None else parts
    return b"BFM1" + len(raw).to_bytes(4, "big") + raw + signature + rest


def _read(data: bytes) -> tuple[Envelope, Message]:
    return messages.read(data, domain=DOMAIN)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.TYPE)
def test_what_is_signed_comes_back(message: Message) -> None:
    data = _sign(message)
    envelope, again = _read(data)
    assert again == message
    assert (envelope.sender, envelope.type, envelope.to_bytes()) == (SENDER, message.TYPE, data)
    assert envelope.digest == sha256(envelope.document)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.TYPE)
def test_a_message_cut_anywhere_or_lengthened_is_refused(message: Message) -> None:
    data = _sign(message)
    for cut in {*range(12), *(secrets.randbelow(len(data)) for _ in range(40)), len(data) - 1}:
        with pytest.raises(MessageError):
            _read(data[:cut])
    with pytest.raises(MessageError):
        _read(data + b"\x00")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.TYPE)
def test_a_message_altered_in_any_place_is_refused(message: Message) -> None:
    data = _sign(message)
    step = max(1, len(data) // 150)
    for place in range(0, len(data), step):
        altered = bytearray(data)
        altered[place] ^= 1 << secrets.randbelow(8)
        with pytest.raises(BlindfairError):
            _read(bytes(altered))


def test_a_message_of_another_contract_or_chain_is_refused() -> None:
    data = _sign(MESSAGES[0])
    for domain in (Domain(1, DOMAIN.contract), Domain(31337, SENDER)):
        with pytest.raises(BadSignature):
            messages.read(data, domain=domain)


def test_a_message_cannot_be_read_as_another_type() -> None:
    agreement = Agreement(D1, PartName.WHOLE, Wei(3))
    data = bytearray(_sign(agreement)).replace(b'"agreement"', b'"selection"')
    with pytest.raises(BadSignature):
        envelopes.open_envelope(bytes(data), domain=DOMAIN, limits={"selection": 10**6})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: d.update(version=2), UnknownVersion),
        (lambda d: d.update(type="gossip"), MalformedMessage),
        (lambda d: d.update(extra=1), MalformedMessage),
        (lambda d: d.update(body=[]), MalformedMessage),
        (lambda d: d.pop("parts"), MalformedMessage),
        (lambda d: d["body"].update(extra=1), MalformedMessage),
        (lambda d: d["body"].pop("price"), MalformedMessage),
        (lambda d: d["body"].update(price="-1"), MalformedMessage),
        (lambda d: d["body"].update(price=str(2**256)), MalformedMessage),
        (lambda d: d["body"].update(price=7), MalformedMessage),
        (lambda d: d["body"].update(evaluation="0x11"), MalformedMessage),
        (lambda d: d["body"].update(token="0x" + "AA" * 20), MalformedMessage),
        (lambda d: d["body"].update(audit_rows=-1), MalformedMessage),
        (lambda d: d["body"].update(audit_rows=True), MalformedMessage),
        (lambda d: d["parts"].update({c: {"length": 0, "sha256": "0x" + "00" * 32} for c in "abcd"}), MalformedMessage),
        (lambda d: d.update(sender="0x" + "dd" * 20), BadSignature),
    ],
)
def test_a_field_that_its_own_sender_signed_wrong_is_refused(
    change: Callable[[dict[str, Any]], None], error: type[BlindfairError]
) -> None:
    with pytest.raises(error):
        _read(_forge(MESSAGES[5], change))


def _with_part(name: str, data: bytes) -> Callable[[dict[str, Any]], None]:
    return lambda d: d.update(parts={name: {"length": len(data), "sha256": "0x" + sha256(data).hex()}})


@pytest.mark.parametrize(
    "records",
    [b"", b"\x00" * 7, bytes(16), (5).to_bytes(8, "big") + (4).to_bytes(8, "big")],
    ids=["none", "half", "twice", "descending"],
)
def test_record_numbers_must_ascend_and_be_whole(records: bytes) -> None:
    with pytest.raises(MalformedMessage):
        _read(_forge(MESSAGES[5], _with_part("records", records), records))


def test_a_part_of_another_name_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="wrong binary parts"):
        _read(_forge(MESSAGES[5], _with_part("other", b"x"), b"x"))


@pytest.mark.parametrize(
    "packed",
    [
        b"\xff",
        b"",
        cbor2.dumps({}),
        cbor2.dumps([1]),
        cbor2.dumps([[True, [b"c"], [b""], b"l", b""]]),
        cbor2.dumps([[-1, [b"c"], [b""], b"l", b""]]),
        cbor2.dumps([[1, [], [], b"l", b""]]),
        cbor2.dumps([[1, [b"c"], [], b"l", b""]]),
        cbor2.dumps([[1, ["c"], [b""], b"l", b""]]),
        cbor2.dumps([[1, [b"c"], [b"x"], b"l", b""]]),
        cbor2.dumps([[1, [b"c"], ["x"], b"l", b""]]),
        cbor2.dumps([[1, [b"c"], [b""], b"l", b"x" * 31]]),
        cbor2.dumps([[1, [b"c"], [b""], b"l", bytes(32 * 65)]]),
        b"\x9f\xff",
        cbor2.dumps([0] * 4097),
        b"\x81" * 5000 + b"\x00",
    ],
    ids=range(16),
)
def test_opened_records_of_another_form_are_refused(packed: bytes) -> None:
    with pytest.raises(MalformedMessage):
        _read(_forge(MESSAGES[6], _with_part("opened", packed), packed))


@pytest.mark.parametrize(
    "change",
    [
        {"clip": 4095},
        {"row_scale": 0},
        {"row_scale": -1.5},
        {"exponent_bits": 5},
        {"exponent_bits": -1},
        {"dimension": 0},
        {"dimension": 4097},
        {"bits": []},
        {"bits": [0]},
        {"bits": [33]},
        {"bits": [3] * 17},
        {"buyer": "0x" + "dd" * 20},
        {"buyer_hpke": "0x00"},
        {"model_name": "m" * 65},
        {"fidelity": "high"},
        {"fee": 5},
        {"fee": "-1"},
        {"fee": None},
        {"token": "ether"},
        {"expiry": 2**60},
    ],
    ids=str,
)
def test_a_request_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        _read(_forge(REQUEST, lambda d: d["body"].update(change)))


def test_a_request_without_its_query_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="binary parts"):
        _read(_forge(REQUEST, _with_part("weights", b"w"), b"w"))


def test_a_request_with_a_part_of_another_name_is_refused() -> None:
    def change(document: dict[str, Any]) -> None:
        document["parts"]["quest"] = document["parts"].pop("query")

    with pytest.raises(MalformedMessage, match="binary parts"):
        _read(_forge(REQUEST, change))


def test_a_listing_whose_leaves_are_fewer_than_it_says_is_refused() -> None:
    listing = _listing()
    leaves = b"".join(listing.leaf_hashes[:-1])
    with pytest.raises((MalformedMessage, InvalidListing)):
        _read(_forge(listing, _with_part("leaves", leaves), leaves))


@pytest.mark.parametrize("most", [5, 2**20], ids=["without leaves", "with leaves"])
def test_the_size_of_a_listing_is_known_before_it_is_made(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindfair.protocol.manifest.CHUNK_COUNT_LIMIT", most)
    listing = _listing()
    assert listing_size(listing.manifest) == len(_sign(listing))


def test_a_listing_of_many_chunks_travels_without_its_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = _listing()
    monkeypatch.setattr("blindfair.protocol.manifest.CHUNK_COUNT_LIMIT", 5)
    assert _read(_sign(listing))[1] == replace(listing, leaf_hashes=())
    leaves = b"".join(listing.leaf_hashes)
    with pytest.raises(MalformedMessage):
        _read(_forge(listing, _with_part("leaves", leaves), leaves))


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"sealed": b"s", "segments": bytes(32)},
        {"sealed": b"s", "leaves": bytes(32)},
        {"sealed": b"s", "proof": bytes(32)},
        {"segments": b""},
        {"segments": bytes(33)},
        {"segments": bytes(32 * (2**15 + 1))},
    ],
    ids=range(7),
)
def test_a_delivery_has_its_parts_and_no_others(parts: dict[str, bytes]) -> None:
    described = {name: {"length": len(data), "sha256": "0x" + sha256(data).hex()} for name, data in parts.items()}
    with pytest.raises(MalformedMessage):
        _read(_forge(MESSAGES[8], lambda d: d.update(parts=described), b"".join(parts[name] for name in sorted(parts))))


@pytest.mark.parametrize("asked", [[], [1, 1], [2, 1], [-1], [2**15], list(range(9)), ["1"]], ids=str)
def test_a_fetch_names_a_few_segments_in_order(asked: list[Any]) -> None:
    with pytest.raises(MalformedMessage):
        _read(_forge(SegmentRequest(OrderId(D1), (1,)), lambda d: d["body"].update(segments=asked)))


def test_a_message_larger_than_its_type_allows_is_refused_before_its_signature_is_looked_at() -> None:
    big = _forge(Inquiry(ListingId(D1)), _with_part("p", bytes(5000)), bytes(5000))
    with pytest.raises(MessageTooLarge) as caught:
        _read(big)
    assert (caught.value.expected, caught.value.found) == (Inquiry.LIMIT, len(big))


def test_a_message_larger_than_any_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes, "ENVELOPE_LIMIT", 100)
    with pytest.raises(MessageTooLarge):
        _read(bytes(101))


def test_a_signature_that_is_not_one_is_refused() -> None:
    envelope = messages.sign(MESSAGES[0], sender=SENDER, domain=DOMAIN, private_key=KEY)
    with pytest.raises(BadSignature):
        _read(replace(envelope, signature=Signature(bytes(65))).to_bytes())


def test_a_long_reason_is_cut_and_still_readable() -> None:
    _, refusal = _read(_sign(Refusal(D1, "Refused", "ü" * 5000)))
    assert isinstance(refusal, Refusal)
    assert len(refusal.reason) == 512


def test_a_reply_with_a_part_too_many_or_too_few_is_refused() -> None:
    reply = next(message for message in MESSAGES if isinstance(message, Reply))

    def more(document: dict[str, Any]) -> None:
        document["parts"]["zebra"] = {"length": 1, "sha256": "0x" + sha256(b"z").hex()}

    def fewer(document: dict[str, Any]) -> None:
        del document["parts"]["exponents"]

    with pytest.raises(MalformedMessage):
        _read(_forge(reply, more, reply.exponents + reply.scores + b"z"))
    with pytest.raises(MalformedMessage):
        _read(_forge(reply, fewer, reply.scores))


def test_a_reply_has_no_number_without_noise() -> None:
    """A share of clipped entries, say, can be aimed at one record: it is in no reply, and none that has it is read."""
    assert set(MESSAGES[4].to_body()) == {"request", "row_root", "seller_commitment"}
    with pytest.raises(MalformedMessage):
        _read(_forge(MESSAGES[4], lambda d: d["body"].update(clipped_per_million="0x000f4240")))


PRICED = MESSAGES[-1]


@pytest.mark.parametrize("leaves", [b"", bytes(31), bytes(33), bytes(32 * (2**20 + 1))], ids=["0", "31", "33", "many"])
def test_a_priced_reply_whose_leaf_list_is_none_is_refused(leaves: bytes) -> None:
    def change(document: dict[str, Any]) -> None:
        document["parts"]["leaves"] = {"length": len(leaves), "sha256": "0x" + sha256(leaves).hex()}

    with pytest.raises(MalformedMessage, match="leaf list"):
        _read(_forge(PRICED, change, b"encrypted reply" + leaves))


def test_a_priced_reply_with_a_part_too_many_or_too_few_is_refused() -> None:
    def more(document: dict[str, Any]) -> None:
        document["parts"]["zebra"] = {"length": 1, "sha256": "0x" + sha256(b"z").hex()}

    def fewer(document: dict[str, Any]) -> None:
        del document["parts"]["leaves"]

    for change, parts in ((more, b"encrypted reply" + D1 + D2 + b"z"), (fewer, b"encrypted reply")):
        with pytest.raises(MalformedMessage, match="wrong binary parts"):
            _read(_forge(PRICED, change, parts))


@pytest.mark.parametrize(
    "change",
    [{"request": "0x00"}, {"offer": {}}, {"offer_signature": "0x" + "00" * 64}, {"price": "1"}],
    ids=str,
)
def test_a_priced_reply_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        _read(_forge(PRICED, lambda d: d["body"].update(change)))


def test_the_largest_reply_fits_into_a_priced_one() -> None:
    """By the smallest chunks, of which it has most: a salt and a leaf hash for each."""
    chunks = -(-Reply.LIMIT // (1024 - 16))
    assert Reply.LIMIT + chunks * (16 + 32) + 8192 <= PricedReply.LIMIT
