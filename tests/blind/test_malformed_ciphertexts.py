"""Bytes that are no query or no reply: each a named error before anything is computed, never a crash."""

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pytest
from hostile_buyer import HostileBuyer
from on_disk import OTHER, make_known

import blindfair.blind.evaluate as evaluation
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.encryptions import Encryptions
from blindfair.blind.evaluate import EncodedRows, encode_rows, evaluate
from blindfair.blind.keys import QuerySecret
from blindfair.blind.packing import packed_size
from blindfair.blind.parameters import DEFAULT, EXPANDED
from blindfair.blind.query import EncryptedQueries, encrypt_queries
from blindfair.protocol.errors import MalformedCiphertext, ScoringError, ShapeMismatch, UnknownParameters

RECORDS = 60
SHAPE = 42  # magic, name, m, k
HEAD = SHAPE + 1  # and the bits of the only query
REPLY_HEAD = 46  # magic, name, m, n
SEED = 64
POLYNOMIAL = packed_size(DEFAULT.data_primes, DEFAULT.ring_degree)


Asked: TypeAlias = tuple[bytes, QuerySecret]


@pytest.fixture(scope="module")
def encoded() -> EncodedRows:
    return encode_rows(DEFAULT, np.random.default_rng(1).integers(-2047, 2048, (RECORDS, 2)).astype(np.int16))


@pytest.fixture(scope="module")
def asked() -> Asked:
    encrypted, secret = encrypt_queries(DEFAULT, np.array([[5000, -70]]))
    return encrypted.to_bytes(), secret


@pytest.fixture(scope="module")
def reply(encoded: EncodedRows, asked: Asked) -> bytes:
    return evaluate(encoded, asked[0])


def damage(data: bytes, seed: int) -> bytes:
    """Truncate, extend, flip, overwrite, cut out or repeat at a random place."""
    rng = random.Random(seed)
    place = rng.choice([rng.randrange(len(data)), rng.randrange(80)])
    length = rng.choice([1, 2, 8, 64, 4096])
    junk = rng.randbytes(length)
    damages: list[Callable[[], bytes]] = [
        lambda: data[:place],
        lambda: data + junk,
        lambda: data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :],
        lambda: (data[:place] + junk + data[place + length :])[: len(data)],
        lambda: data[:place] + data[place + length :],
        lambda: data[:place] + data[place : place + length] + data[place:],
        lambda: data[:place] + b"\xff" * min(length, len(data) - place) + data[place + length :],
    ]
    return rng.choice(damages)()


@pytest.fixture(scope="module")
def asked_expanded() -> Asked:
    encrypted, secret = encrypt_queries(EXPANDED, np.array([[5000, -70]]))
    return encrypted.to_bytes(), secret


class _Computed(Exception):
    """What was asked reached the sums."""


def computed(*_: object) -> None:
    raise _Computed


def assert_damaged_queries_are_refused_first(
    encoded: EncodedRows, data: bytes, seeds: range, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, list[bytes]]:
    """How many are refused, and those that are well-formed. None is refused later than it is read."""
    answered = []
    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "engine", computed)
        for seed in seeds:
            damaged = damage(data, seed)
            if damaged == data:
                continue
            try:
                evaluate(encoded, damaged)
            except ScoringError:
                continue
            except _Computed:
                answered.append(damaged)
    return len(seeds) - len(answered), answered


@pytest.mark.parametrize("which", ["asked", "asked_expanded"])
def test_hundreds_of_damaged_queries(
    encoded: EncodedRows, which: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed residue that is still in range is another query, which only the message's signature can tell. The
    seller answers it as it answers any: and the buyer then gets scores within their bounds, or a refusal."""
    data, secret = request.getfixturevalue(which)
    refused, answered = assert_damaged_queries_are_refused_first(encoded, data, range(250), monkeypatch)
    assert refused > 100
    assert len(answered) > 10
    for damaged in answered[:5]:
        assert_bounded_or_refused(secret, evaluate(encoded, damaged))


@pytest.mark.parametrize("which", ["asked", "asked_expanded"])
def test_hundreds_of_damaged_replies(encoded: EncodedRows, which: str, request: pytest.FixtureRequest) -> None:
    data, secret = request.getfixturevalue(which)
    reply = evaluate(encoded, data)
    for seed in range(250):
        assert_bounded_or_refused(secret, damage(reply, seed))


@pytest.mark.deep
@pytest.mark.parametrize("which", ["asked", "asked_expanded"])
def test_ten_thousand_damaged_messages(
    encoded: EncodedRows, which: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, secret = request.getfixturevalue(which)
    refused, answered = assert_damaged_queries_are_refused_first(encoded, data, range(1000, 3500), monkeypatch)
    assert refused > 1000
    for damaged in answered[::20]:
        assert_bounded_or_refused(secret, evaluate(encoded, damaged))
    reply = evaluate(encoded, data)
    for seed in range(1000, 3500):
        assert_bounded_or_refused(secret, damage(reply, seed))


def assert_bounded_or_refused(secret: QuerySecret, data: bytes) -> None:
    try:
        scores = decrypt_reply(secret.parameters, secret, data, RECORDS, 1)
    except ScoringError:
        return
    assert scores.shape == (1, RECORDS)
    assert abs(scores).max() <= 2047 * secret.norms[0] + DEFAULT.score_error(secret.bits[0])


@pytest.mark.parametrize("size", [0, 1, HEAD - 1, HEAD, HEAD + 1, HEAD + SEED, 100_000])
def test_truncated_queries(encoded: EncodedRows, asked: Asked, size: int) -> None:
    with pytest.raises(MalformedCiphertext):
        evaluate(encoded, asked[0][:size])


@pytest.mark.parametrize("size", [0, 1, REPLY_HEAD - 1, REPLY_HEAD, 100_000])
def test_truncated_replies(asked: Asked, reply: bytes, size: int) -> None:
    with pytest.raises(MalformedCiphertext):
        decrypt_reply(DEFAULT, asked[1], reply[:size], RECORDS, 1)


@pytest.mark.parametrize("part", ["zeros", "keys", "ciphertexts"])
def test_residues_out_of_range_in_each_part(encoded: EncodedRows, asked_expanded: Asked, part: str) -> None:
    query = EncryptedQueries.from_bytes(asked_expanded[0])
    spoilt: Encryptions = getattr(query, part)
    for row, prime in enumerate(spoilt.primes):
        # The largest that as many bits can say.
        for value in (prime, 2 ** prime.bit_length() - 1):
            firsts = spoilt.firsts.copy()
            firsts[-1, row, 8191] = value
            changed: dict[str, Any] = {part: Encryptions(spoilt.primes, spoilt.seeds, firsts)}
            data = replace(query, **changed).to_bytes()
            assert len(data) == len(asked_expanded[0])
            with pytest.raises(MalformedCiphertext, match="residue"):
                evaluate(encoded, data)


@pytest.mark.parametrize("part", ["zeros", "keys", "ciphertexts"])
def test_residues_out_of_range_that_nobody_checked_would_be_refused_without_a_name(
    encoded: EncodedRows, asked_expanded: Asked, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SEAL looks, too, so that no second encoding of a query is ever answered: what the check adds is a named error."""
    query = EncryptedQueries.from_bytes(asked_expanded[0])
    spoilt: Encryptions = getattr(query, part)
    spoilt.firsts[0, 0, 0] = spoilt.primes[0]
    monkeypatch.setattr(evaluation, "read_query", lambda *_: query)
    with pytest.raises(RuntimeError, match="invalid"):
        evaluate(encoded, b"")


@pytest.mark.parametrize(("one", "other"), [("zeros", "keys"), ("keys", "ciphertexts"), ("zeros", "ciphertexts")])
def test_a_seed_used_in_two_parts(encoded: EncodedRows, asked_expanded: Asked, one: str, other: str) -> None:
    query = EncryptedQueries.from_bytes(asked_expanded[0])
    source, target = getattr(query, one), getattr(query, other)
    seeds = (*target.seeds[:-1], source.seeds[0])
    changed: dict[str, Any] = {other: Encryptions(target.primes, seeds, target.firsts)}
    data = replace(query, **changed).to_bytes()
    with pytest.raises(MalformedCiphertext, match="seed"):
        evaluate(encoded, data)


def test_the_two_ways_to_ask_are_not_mistaken_for_each_other(
    encoded: EncodedRows, asked: Asked, asked_expanded: Asked
) -> None:
    for data, name in ((asked[0], EXPANDED.name), (asked_expanded[0], DEFAULT.name)):
        renamed = data[:4] + name.encode().ljust(32, b"\0") + data[36:]
        with pytest.raises(MalformedCiphertext, match="length"):
            evaluate(encoded, renamed)
    with pytest.raises(MalformedCiphertext, match="another parameter set"):
        decrypt_reply(EXPANDED, asked[1], evaluate(encoded, asked[0]), RECORDS, 1)


def with_head(data: bytes, m: int, k: int) -> bytes:
    return data[:36] + struct.pack("<HI", m, k) + data[SHAPE:]


@pytest.mark.parametrize(
    ("m", "k"), [(0, 2), (1, 0), (0, 0), (17, 2), (65535, 1), (1, 4097), (1, 2**32 - 1), (2, 1), (1, 3), (2, 2)]
)
def test_impossible_or_untrue_shapes(encoded: EncodedRows, asked: Asked, m: int, k: int) -> None:
    if (m, k) == (2, 1):
        # The same ciphertexts as two queries of one coordinate, which state bits for each: well-formed, so the rows'
        # shape and the budget decide.
        with pytest.raises(MalformedCiphertext, match="length"):
            evaluate(encoded, with_head(asked[0], m, k))
        with pytest.raises(ShapeMismatch):
            evaluate(encoded, with_head(asked[0][:HEAD] + b"\x20" + asked[0][HEAD:], m, k))
    else:
        with pytest.raises(MalformedCiphertext):
            evaluate(encoded, with_head(asked[0], m, k))


def test_more_queries_than_the_budget_was_charged_for() -> None:
    encrypted, _ = encrypt_queries(DEFAULT, np.ones((2, 1), dtype=np.int64))
    rows = encode_rows(DEFAULT, np.ones((1, 1), dtype=np.int16))
    for charged in ((32,), (32, 31), (32, 32, 32), (1, 1)):
        with pytest.raises(ShapeMismatch):
            evaluate(rows, encrypted.to_bytes(), bits=charged)
    assert evaluate(rows, encrypted.to_bytes(), bits=[32, 32])


@pytest.mark.parametrize("name", [b"", b"bfv-8192-33", b"\xff" * 32, b"bfv-8192-32\0x", b"a" * 32])
def test_other_parameter_sets_are_refused_before_a_ciphertext_is_parsed(encoded: EncodedRows, name: bytes) -> None:
    with pytest.raises(UnknownParameters):
        evaluate(encoded, b"BFQ2" + name.ljust(32, b"\0") + struct.pack("<HI", 1, 2))


@pytest.mark.parametrize("magic", [b"BFQ1", b"BFR2", bytes(4)])
def test_other_formats_are_no_queries(encoded: EncodedRows, asked: Asked, magic: bytes) -> None:
    with pytest.raises(MalformedCiphertext, match="not an encrypted query"):
        evaluate(encoded, magic + asked[0][4:])


@pytest.mark.parametrize("bits", [0, 33, 128, 255])
@pytest.mark.parametrize("place", [0, 1])
def test_impossible_bits_in_a_message_are_refused_before_anything_is_computed(
    encoded: EncodedRows, place: int, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, _ = encrypt_queries(DEFAULT, np.ones((2, 2), dtype=np.int64), (3, 1))
    data = bytearray(asked.to_bytes())
    assert data[SHAPE : SHAPE + 2] == bytes([3, 1])
    data[SHAPE + place] = bits
    monkeypatch.setattr(evaluation, "engine", computed)
    with pytest.raises(UnknownParameters, match="bits of a query"):
        evaluate(encoded, bytes(data))
    data[SHAPE + place] = 32
    with pytest.raises(_Computed):
        evaluate(encoded, bytes(data))


def test_a_known_set_other_than_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    other = OTHER
    make_known(monkeypatch)
    encrypted, secret = encrypt_queries(other, np.array([[1]]))
    rows = np.array([[3]], dtype=np.int16)
    with pytest.raises(MalformedCiphertext, match="another parameter set"):
        evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes())
    reply = evaluate(encode_rows(other, rows), encrypted.to_bytes())
    assert decrypt_reply(other, secret, reply, 1, 1).tolist() == [[3]]
    with pytest.raises(MalformedCiphertext, match="another parameter set"):
        decrypt_reply(DEFAULT, secret, reply, 1, 1)
    asked, ours = encrypt_queries(DEFAULT, np.array([[1]]))
    with pytest.raises(MalformedCiphertext, match="another parameter set"):
        decrypt_reply(DEFAULT, secret, evaluate(encode_rows(DEFAULT, rows), asked.to_bytes()), 1, 1)
    with pytest.raises(MalformedCiphertext, match="another parameter set"):
        decrypt_reply(DEFAULT, ours, reply, 1, 1)


def test_unseeded_ciphertexts_have_no_place(encoded: EncodedRows, asked: Asked) -> None:
    """Two polynomials each, the second as the buyer likes: twice as long, so refused by length alone."""
    unseeded = asked[0][:HEAD] + (asked[0][HEAD : HEAD + POLYNOMIAL] + bytes(POLYNOMIAL)) * 13
    with pytest.raises(MalformedCiphertext, match="length"):
        evaluate(encoded, unseeded)


@pytest.mark.parametrize(("number", "copied"), [(0, 1), (0, 10), (3, 11), (11, 12)])
def test_a_seed_used_twice(encoded: EncodedRows, asked: Asked, number: int, copied: int) -> None:
    """Zeros of one seed are multiples of one polynomial, so that their masks would add up to one mask."""
    data = bytearray(asked[0])
    first, second = (HEAD + place * (SEED + POLYNOMIAL) for place in (number, copied))
    data[second : second + SEED] = data[first : first + SEED]
    with pytest.raises(MalformedCiphertext, match="seed"):
        evaluate(encoded, bytes(data))


@pytest.mark.parametrize("number", [0, 10, 11, 12])
@pytest.mark.parametrize("prime", [0, 1])
@pytest.mark.parametrize("coefficient", [0, 8191])
def test_residues_out_of_range(encoded: EncodedRows, asked: Asked, number: int, prime: int, coefficient: int) -> None:
    """The prime itself is a second encoding of zero."""
    start = HEAD + number * (SEED + POLYNOMIAL) + SEED
    data = int.from_bytes(asked[0], "big")
    position = 8 * len(asked[0]) - 8 * start - 60 * (prime * 8192 + coefficient + 1)
    data = data & ~((2**60 - 1) << position) | DEFAULT.data_primes[prime] << position
    with pytest.raises(MalformedCiphertext, match="residue"):
        evaluate(encoded, data.to_bytes(len(asked[0]), "big"))


@pytest.mark.parametrize(("n", "m"), [(RECORDS + 1, 1), (RECORDS - 1, 1), (RECORDS + 8192, 1), (0, 1), (RECORDS, 2)])
def test_replies_to_something_else(asked: Asked, reply: bytes, n: int, m: int) -> None:
    with pytest.raises(ShapeMismatch):
        decrypt_reply(DEFAULT, asked[1], reply, n, m)


@pytest.mark.parametrize("precision", [b"", b"\x20", b"\x21"])
def test_replies_of_the_former_format(asked: Asked, reply: bytes, precision: bytes) -> None:
    """They stated the precision of all scores after their shape; now it is what each query asked for."""
    data = b"BFR1" + reply[4:REPLY_HEAD] + precision + reply[REPLY_HEAD:]
    with pytest.raises(MalformedCiphertext):
        decrypt_reply(DEFAULT, asked[1], data, RECORDS, 1)
    if precision:
        with pytest.raises(MalformedCiphertext, match="length"):
            decrypt_reply(DEFAULT, asked[1], b"BFR2" + data[4:], RECORDS, 1)


@pytest.mark.parametrize(
    "forge",
    [
        lambda first, second: bytes(len(first)) + second,
        lambda first, second: second + first,
        lambda first, second: random.Random(1).randbytes(len(first + second)),
    ],
    ids=["first polynomial zero", "polynomials swapped", "random"],
)
def test_made_up_replies_give_no_scores(asked: Asked, reply: bytes, forge: Callable[[bytes, bytes], bytes]) -> None:
    middle = (REPLY_HEAD + len(reply)) // 2
    forged = reply[:REPLY_HEAD] + forge(reply[REPLY_HEAD:middle], reply[middle:])
    with pytest.raises(MalformedCiphertext):
        decrypt_reply(DEFAULT, asked[1], forged, RECORDS, 1)


def test_an_all_zero_reply_is_read_as_what_it_is(asked: Asked) -> None:
    """The zero ciphertext decrypts to zero under every key: no crash, and no score that was not sent."""
    data = b"BFR2" + DEFAULT.name.encode().ljust(32, b"\0") + struct.pack("<HQ", 1, RECORDS) + bytes(POLYNOMIAL)
    assert len(data) == REPLY_HEAD + 2 * 8192 * 60 // 8
    assert not decrypt_reply(DEFAULT, asked[1], data, RECORDS, 1).any()


def test_an_extreme_query_is_answered_like_any_other(encoded: EncodedRows) -> None:
    """First polynomials all zero, or all at the largest residue, are well-formed: the seller must not fall over."""
    buyer = HostileBuyer()
    largest = {place: DEFAULT.ciphertext_modulus - 1 for place in range(8192)}
    for phase in ({}, largest):
        zeros = [buyer.bare(phase) for _ in range(DEFAULT.mask_columns)]
        query = buyer.query([phase] * 2, zeros, encrypt=buyer.bare)
        assert len(evaluate(encoded, query.to_bytes())) == REPLY_HEAD + POLYNOMIAL
