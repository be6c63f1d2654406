"""Sealed deliveries open with the right key for the right trade, whole and in order, or not at all (PROTOCOL 6.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.errors import MalformedMessage, MessageTooLarge, SealBroken
from blindfair.protocol.hashing import sha256
from blindfair.protocol.quantities import Digest, Root
from blindfair.protocol.sealing import check_sealing_key, delivery_info, new_sealing_keypair, seal, sealed_size, unseal
from protocol.vector_files import Case, each, load, outcome
from vectors.reference import pattern, sealed_segments

FILE = load("deliveries/sealed.json")
PRIVATE, PUBLIC, INFO, WRAPPED = (bytes.fromhex(FILE[name]) for name in ("private", "public", "info", "wrapped"))
FILE_KEY = bytes.fromhex(FILE["file_key"])
LIMIT = 300_000
KEYS = new_sealing_keypair()


def segments_of(length: int) -> list[bytes]:
    content = pattern(0, length)
    return sealed_segments(FILE_KEY, [content[i : i + 65536] for i in range(0, max(1, length), 65536)])


@each("deliveries/sealed.json", "ok")
def test_what_another_implementation_sealed_is_opened(case: Case) -> None:
    sealed = WRAPPED + b"".join(segments_of(case["length"]))
    assert len(sealed) == case["size"] == sealed_size(case["length"])
    assert sha256(sealed).hex() == case["hash"]
    assert sealed.hex() == case.get("sealed", sealed.hex())
    assert unseal(PRIVATE, INFO, sealed, case["length"]) == pattern(0, case["length"])


@each("deliveries/sealed.json", "an error")
def test_segments_out_of_order_are_refused(case: Case) -> None:
    segments = segments_of(131_172)
    sealed = WRAPPED + b"".join(segments[i] for i in case["order"])
    outcome(case, lambda: unseal(PRIVATE, INFO, sealed, LIMIT))


def test_the_info_is_that_of_the_protocol() -> None:
    evaluation, root = Digest(bytes.fromhex(FILE["evaluation"])), Root(bytes.fromhex(FILE["delivery_root"]))
    assert delivery_info(evaluation, root) == INFO


@given(st.binary(max_size=200))
def test_what_is_sealed_is_opened(content: bytes) -> None:
    sealed = seal(KEYS.public, INFO, content)
    assert len(sealed) == sealed_size(len(content))
    assert unseal(KEYS.private, INFO, sealed, len(content)) == content


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 131_072, 200_000])
def test_long_contents_are_opened(length: int) -> None:
    assert unseal(KEYS.private, INFO, seal(KEYS.public, INFO, pattern(3, length)), LIMIT) == pattern(3, length)


def test_the_same_content_is_never_sealed_the_same() -> None:
    first, second = seal(KEYS.public, INFO, bytes(64)), seal(KEYS.public, INFO, bytes(64))
    assert first[:32] != second[:32]
    assert first[80:] != second[80:]


def test_every_altered_byte_is_noticed() -> None:
    sealed = seal(KEYS.public, INFO, b"twenty bytes of data")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(SealBroken):
            unseal(KEYS.private, INFO, bytes(altered), LIMIT)


def test_every_cut_and_extension_is_noticed() -> None:
    sealed = seal(KEYS.public, INFO, b"twenty bytes of data")
    for wrong in [*(sealed[:size] for size in range(len(sealed))), sealed + b"\x00", sealed + sealed[80:]]:
        with pytest.raises(SealBroken):
            unseal(KEYS.private, INFO, wrong, LIMIT)


@pytest.mark.parametrize("length", [65_536 + 16, 65_536 + 17, 2 * (65_536 + 16)])
def test_a_cut_at_a_segment_is_noticed(length: int) -> None:
    sealed = seal(KEYS.public, INFO, bytes(200_000))
    with pytest.raises(SealBroken):
        unseal(KEYS.private, INFO, sealed[: 80 + length], LIMIT)


def test_another_key_does_not_open() -> None:
    with pytest.raises(SealBroken):
        unseal(new_sealing_keypair().private, INFO, seal(KEYS.public, INFO, b"data"), LIMIT)


def test_another_trade_does_not_open() -> None:
    # Another evaluation or another root: a delivery cannot be passed off as that of another offer.
    for info in (b"", INFO[:-1], INFO + b"\x00", INFO[:21] + bytes(64)):
        with pytest.raises(SealBroken):
            unseal(KEYS.private, info, seal(KEYS.public, INFO, b"data"), LIMIT)


def test_bytes_that_are_no_private_key_do_not_open() -> None:
    with pytest.raises(SealBroken):
        unseal(b"short", INFO, seal(KEYS.public, INFO, b"data"), LIMIT)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), bytes(32), b"\x01" + bytes(31)], ids=bytes.hex)
def test_a_public_key_that_gives_no_secret_is_refused(public: bytes) -> None:
    with pytest.raises(MalformedMessage):
        seal(public, INFO, b"data")
    with pytest.raises(MalformedMessage):
        check_sealing_key(public)
    check_sealing_key(KEYS.public)


def test_contents_beyond_the_limit_are_refused_unopened() -> None:
    sealed = seal(KEYS.public, INFO, bytes(100))
    assert unseal(KEYS.private, INFO, sealed, 100) == bytes(100)
    with pytest.raises(MessageTooLarge):
        unseal(KEYS.private, INFO, sealed, 99)
    with pytest.raises(MessageTooLarge):
        unseal(KEYS.private, INFO, bytes(10**6), 99)


def test_a_key_pair_does_not_show_its_secret() -> None:
    assert repr(KEYS.private) not in repr(KEYS)
    assert repr(KEYS.public) in repr(KEYS)
