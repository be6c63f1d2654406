"""Documents have one byte form (PROTOCOL 1, RFC 8785), and hostile bytes end in a named error."""

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.documents import NESTING_LIMIT, Document, canonical, digest, json_value, parse
from blindfair.protocol.errors import MalformedMessage, MessageError
from blindfair.protocol.hashing import sha256
from protocol.vector_files import Case, each, outcome

LIMIT = 2**20

numbers = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
documents = st.dictionaries(texts, values, max_size=5)


@each("rfc8785/documents.json")
def test_samples_of_the_rfc(case: Case) -> None:
    document = json.loads(case["input"])
    assert canonical(document) == bytes.fromhex(case["canonical"])
    assert parse(bytes.fromhex(case["canonical"]), LIMIT) == document


@each("rfc8785/numbers.json")
def test_numbers_of_the_rfc(case: Case) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(case["bits"]))
    data = outcome(case, lambda: canonical({"n": number}))
    if data is not None:
        assert data == b'{"n":' + case["text"].encode() + b"}"
        assert parse(data, LIMIT)["n"] == number


@each("documents/documents.json")
def test_only_canonical_bytes_are_a_document(case: Case) -> None:
    data = bytes.fromhex(case["data"])
    document = outcome(case, lambda: parse(data, case.get("limit", LIMIT)))
    if document is not None:
        assert canonical(document) == data


@given(documents)
def test_what_is_written_is_read_back(document: Document) -> None:
    data = canonical(document)
    assert parse(data, LIMIT) == document
    assert digest(document) == sha256(data)


@given(documents, st.data())
def test_an_altered_byte_never_gives_the_same_document(document: Document, data: st.DataObject) -> None:
    good = canonical(document)
    place = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    try:
        other = parse(bytes(bad), LIMIT)
    except MalformedMessage:
        return
    assert canonical(other) == bytes(bad) != good


def test_integers_stay_integers_up_to_the_largest_safe_one() -> None:
    document = parse(b'{"a":9007199254740991,"b":-9007199254740991,"c":9007199254740992,"d":0}', LIMIT)
    assert [type(value) for value in document.values()] == [int, int, float, int]


@given(st.binary(max_size=64))
def test_any_bytes_are_refused_by_name_or_canonical(data: bytes) -> None:
    with contextlib.suppress(MessageError):
        assert canonical(parse(data, LIMIT)) == data


@given(st.text('[]{}",:1\\ ', max_size=60))
def test_anything_like_json_is_refused_by_name_or_canonical(text: str) -> None:
    with contextlib.suppress(MessageError):
        assert canonical(parse(text.encode(), LIMIT)) == text.encode()


@pytest.mark.parametrize(
    "document",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": 2**53},
        {"a": -(2**53)},
        {"a": "\ud800"},
        {"\udc00": 1},
        {"a": b"1"},
    ],
)
def test_what_json_cannot_hold_is_not_written(document: Document) -> None:
    with pytest.raises(MalformedMessage):
        canonical(document)


def test_json_of_any_form_is_read_and_none_that_ends_a_parser() -> None:
    assert json_value(b'\xef\xbb\xbf{ "b": [1.0, null], "a": "[[[" }\n') == {"b": [1.0, None], "a": "[[["}
    assert json_value("3") == 3
    deep = "[" * (NESTING_LIMIT + 1) + "]" * (NESTING_LIMIT + 1)
    assert json_value(deep[1:-1]) is not None
    # In UTF-16 a quote mark can be half of another character, behind which brackets would not be counted.
    hidden = ('["\u2200' + deep + "]").encode("utf-16")
    for data in (deep, deep.encode(), hidden, b"[" * 10**6, b"[1", b"\xff", ""):
        with pytest.raises(ValueError, match=r"^(?!maximum recursion)"):
            json_value(data)
