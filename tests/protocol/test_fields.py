"""Fields of a document are taken with type and bounds, and every refusal names the field (PROTOCOL 8)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.documents import JsonValue
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.fields import Fields, amount_text, hex_text

Take = Callable[[Fields], object]

TAKE: dict[str, Take] = {
    "text": lambda f: f.text("x", 5),
    "optional text": lambda f: f.optional_text("x", 5),
    "choice": lambda f: f.choice("x", ["total", "per-record"]),
    "flag": lambda f: f.flag("x"),
    "integer": lambda f: f.integer("x", -3, 10),
    "any integer": lambda f: f.integer("x", -(2**70), 2**70),
    "number": lambda f: f.number("x"),
    "optional number": lambda f: f.optional_number("x"),
    "amount": lambda f: f.amount("x"),
    "data": lambda f: f.data("x", 2),
    "datas": lambda f: f.datas("x", 2, 2),
    "address": lambda f: f.address("x"),
    "sub": lambda f: f.sub("x"),
    "subs": lambda f: f.subs("x", 2),
    "document": lambda f: f.document("x"),
    "items": lambda f: f.items("x", 2),
    "integers": lambda f: f.integers("x", 0, 9, 2),
    "texts": lambda f: f.texts("x", 3, 2),
    "addresses": lambda f: f.addresses("x", 2),
}
GOOD: list[tuple[str, JsonValue, object]] = [
    ("text", "", ""),
    ("text", "a\tb\nc", "a\tb\nc"),
    ("text", "水水水水水", "水水水水水"),
    ("optional text", "a", "a"),
    ("optional text", None, None),
    ("datas", ["0x0102", "0xffff"], [b"\x01\x02", b"\xff\xff"]),
    ("choice", "total", "total"),
    ("flag", False, False),
    ("integer", -3, -3),
    ("integer", 10, 10),
    ("any integer", 2**53 - 1, 2**53 - 1),
    ("number", 1, 1.0),
    ("number", -0.5, -0.5),
    ("number", 1e300, 1e300),
    ("optional number", None, None),
    ("optional number", 2, 2.0),
    ("amount", "0", 0),
    ("amount", str(2**256 - 1), 2**256 - 1),
    ("data", "0x00ff", b"\x00\xff"),
    ("address", "0x" + "ab" * 20, "0x" + "ab" * 20),
    ("document", {"a": 1}, {"a": 1}),
    ("items", [1, "a"], [1, "a"]),
    ("items", [], []),
    ("integers", [0, 9], [0, 9]),
    ("texts", ["", "abc"], ["", "abc"]),
    ("addresses", ["0x" + "00" * 20], ["0x" + "00" * 20]),
]
BAD: list[tuple[str, JsonValue]] = [
    ("text", 1),
    ("text", None),
    ("text", "abcdef"),
    ("text", "a\x00"),
    ("text", "\x1b[2J"),
    ("text", "a\rb"),
    ("text", "\x7f"),
    ("text", "\x9b1m"),
    ("text", "\u202eabc"),
    ("text", "\u2028"),
    ("choice", "Total"),
    ("choice", ""),
    ("choice", None),
    ("choice", ["total"]),
    ("flag", 1),
    ("flag", "true"),
    ("flag", None),
    ("integer", -4),
    ("integer", 11),
    ("integer", 1.0),
    ("integer", True),
    ("integer", "1"),
    ("any integer", 2**53),
    ("any integer", 2.0**60),
    ("number", "1"),
    ("number", True),
    ("number", None),
    ("number", float("inf")),
    ("number", float("nan")),
    ("optional number", "1"),
    ("optional number", False),
    ("amount", 1),
    ("amount", ""),
    ("amount", "00"),
    ("amount", "01"),
    ("amount", "-1"),
    ("amount", "+1"),
    ("amount", "1.0"),
    ("amount", "1e3"),
    ("amount", " 1"),
    ("amount", "1\n"),
    ("amount", "\u0661"),
    ("amount", "1_000"),
    ("amount", str(2**256)),
    ("amount", "9" * 5000),
    ("data", "0x00"),
    ("data", "0x00ff00"),
    ("data", "0x00FF"),
    ("data", "0X00ff"),
    ("data", "000ff0"),
    ("data", "0x0 ff"),
    ("data", "0x00fg"),
    ("data", "0x00ff\n"),
    ("data", 255),
    ("address", "0x" + "ab" * 19),
    ("address", "0x" + "AB" * 20),
    ("address", None),
    ("sub", []),
    ("sub", None),
    ("document", "a"),
    ("subs", {}),
    ("subs", [{}, []]),
    ("subs", [{}, {}, {}]),
    ("items", {}),
    ("items", "ab"),
    ("items", [1, 2, 3]),
    ("integers", [10]),
    ("integers", [-1]),
    ("integers", [1.5]),
    ("integers", [True]),
    ("integers", [0, 0, 0]),
    ("texts", ["abcd"]),
    ("texts", [1]),
    ("addresses", ["0x00"]),
    ("addresses", [0]),
]


@pytest.mark.parametrize(("kind", "value", "taken"), GOOD, ids=[f"{kind} {value!r:.30}" for kind, value, _ in GOOD])
def test_a_right_value_is_taken(kind: str, value: JsonValue, taken: object) -> None:
    fields = Fields({"x": value})
    assert TAKE[kind](fields) == taken
    fields.done()


@pytest.mark.parametrize(("kind", "value"), BAD, ids=[f"{kind} {value!r:.30}" for kind, value in BAD])
def test_a_wrong_value_is_refused_and_named(kind: str, value: JsonValue) -> None:
    with pytest.raises(MalformedMessage) as caught:
        TAKE[kind](Fields({"x": value}, "terms"))
    error = caught.value
    assert "terms.x" in error.what
    assert error.expected is not None
    # Whatever the counterparty wrote: one short line without control characters goes to the terminal.
    assert str(error).isprintable()
    assert len(str(error)) < 300


@pytest.mark.parametrize("kind", list(TAKE))
def test_a_missing_field_is_refused_and_named(kind: str) -> None:
    with pytest.raises(MalformedMessage, match=r"terms lacks a field; expected x"):
        TAKE[kind](Fields({"y": 1}, "terms"))


def test_a_field_is_taken_once() -> None:
    fields = Fields({"x": True})
    fields.flag("x")
    with pytest.raises(MalformedMessage):
        fields.flag("x")


def test_unknown_fields_are_refused() -> None:
    fields = Fields({"x": True, "more": 1}, "terms")
    fields.flag("x")
    with pytest.raises(MalformedMessage, match="more"):
        fields.done()


def test_a_list_that_is_too_long_is_counted_and_not_shown() -> None:
    with pytest.raises(MalformedMessage, match="found '3000 values'"):
        Fields({"x": [0] * 3000}).items("x", 2)


def test_many_unknown_fields_do_not_fill_the_screen() -> None:
    with pytest.raises(MalformedMessage) as caught:
        Fields({f"field {i}": 1 for i in range(10_000)}).done()
    assert len(str(caught.value)) < 300


def test_an_optional_field_is_seen_until_taken() -> None:
    fields = Fields({"x": "a"})
    assert fields.has("x")
    assert not fields.has("y")
    fields.text("x", 1)
    assert not fields.has("x")


def test_nested_fields_keep_their_path() -> None:
    fields = Fields({"columns": [{"name": 1}], "terms": {"bond": 1}}, "manifest")
    with pytest.raises(MalformedMessage, match=r"manifest\.columns\[0\]\.name"):
        fields.subs("columns", 1)[0].text("name", 5)
    with pytest.raises(MalformedMessage, match=r"manifest\.terms\.bond"):
        fields.sub("terms").amount("bond")


def test_taking_leaves_the_document_as_it_was() -> None:
    document: dict[str, JsonValue] = {"x": True}
    Fields(document).flag("x")
    assert document == {"x": True}


@given(st.integers(0, 2**256 - 1))
def test_amounts_are_read_as_written(amount: int) -> None:
    assert Fields({"x": amount_text(amount)}).amount("x") == amount


@given(st.binary(max_size=40))
def test_bytes_are_read_as_written(data: bytes) -> None:
    assert Fields({"x": hex_text(data)}).data("x", len(data)) == data
