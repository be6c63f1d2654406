"""Typed, bounded taking of a document's fields, so that a message is checked in full before anything is done with it
(PROTOCOL 8), and the two writers for values that JSON has no type for.

Not here: rules between fields; those belong to the type that is read.
"""

import math
import re
from collections.abc import Collection

from blindfair.protocol.documents import SAFE_INTEGER, Document, JsonValue
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.quantities import Address

_AMOUNT = re.compile(r"0|[1-9][0-9]{0,77}")
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_SHOWN = 80
UINT256_MAX = 2**256 - 1

# A text of a counterparty is printed on terminals; control characters could rewrite what a person sees there, and
# marks that change the direction of writing could make it read as something else.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def amount_text(amount: int) -> str:
    """An amount as the decimal string that `Fields.amount` takes (PROTOCOL 1)."""
    return str(amount)


def hex_text(data: bytes) -> str:
    """Bytes as lower-case hexadecimal after `0x` (PROTOCOL 1)."""
    return "0x" + data.hex()


class Fields:
    """The fields of one object of a document, each to be taken once; `done` refuses what was not taken.

    Every method raises `MalformedMessage` naming the field, what was expected and what was found.
    """

    __slots__ = ("_left", "_path")

    def __init__(self, document: Document, path: str = "the document") -> None:
        """`path` names the object in errors, as in `manifest.terms`."""
        self._left = dict(document)
        self._path = path

    def has(self, name: str) -> bool:
        """Whether an optional field is there and not yet taken."""
        return name in self._left

    def done(self) -> None:
        """Refuse fields that nobody took: an unknown field would be signed and not understood."""
        if self._left:
            raise MalformedMessage(f"{self._path} has fields that are not known", found=_shown(", ".join(self._left)))

    def text(self, name: str, limit: int) -> str:
        """Text of at most `limit` characters without control characters besides tab and line feed."""
        return self._text(self._name(name), self._take(name), limit)

    def optional_text(self, name: str, limit: int) -> str | None:
        """The same, or `null`."""
        if self.optional_null(name):
            return None
        return self.text(name, limit)

    def choice(self, name: str, options: Collection[str]) -> str:
        """One of a few words."""
        value = self._take(name)
        if not isinstance(value, str) or value not in options:
            raise self._refusal(self._name(name), " or ".join(sorted(options)), value)
        return value

    def flag(self, name: str) -> bool:
        """`true` or `false`."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._refusal(self._name(name), "true or false", value)
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """A JSON integer with `low <= value <= high`, both within the safe integers."""
        return self._integer(self._name(name), self._take(name), low, high)

    def number(self, name: str) -> float:
        """A finite number; one that is whole may be written without a point (RFC 8785 writes it so)."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._refusal(self._name(name), "a number", value)
        return float(value)

    def optional_number(self, name: str) -> float | None:
        """A finite number, or `null`."""
        if self.optional_null(name):
            return None
        return self.number(name)

    def amount(self, name: str) -> int:
        """A whole number as a decimal string without sign and leading zeros, at most 2^256 - 1 (PROTOCOL 1)."""
        value = self._take(name)
        if not isinstance(value, str) or not _AMOUNT.fullmatch(value) or int(value) > UINT256_MAX:
            raise self._refusal(self._name(name), "an amount as a decimal string below 2^256", value)
        return int(value)

    def data(self, name: str, length: int) -> bytes:
        """Exactly `length` bytes as lower-case hexadecimal after `0x`."""
        return self._data(self._name(name), self._take(name), length)

    def datas(self, name: str, length: int, limit: int) -> list[bytes]:
        """A list of at most `limit` times exactly `length` bytes, each as `data` takes it."""
        path = self._name(name)
        return [self._data(f"{path}[{i}]", v, length) for i, v in enumerate(self.items(name, limit))]

    def address(self, name: str) -> Address:
        """An address: 20 bytes as lower-case hexadecimal after `0x`."""
        return Address(hex_text(self.data(name, 20)))

    def sub(self, name: str) -> "Fields":
        """A nested object."""
        return Fields(self.document(name), self._name(name))

    def document(self, name: str) -> Document:
        """A nested object as it is, for a reader of its own."""
        value = self._take(name)
        if not isinstance(value, dict):
            raise self._refusal(self._name(name), "an object", value)
        return value

    def optional_document(self, name: str) -> Document | None:
        """A nested object as it is, or `null`."""
        if self.optional_null(name):
            return None
        return self.document(name)

    def optional_null(self, name: str) -> bool:
        """Whether the field is there and `null`; it is then taken."""
        if not self.has(name) or self._left[name] is not None:
            return False
        del self._left[name]
        return True

    def items(self, name: str, limit: int) -> list[JsonValue]:
        """A list of at most `limit` values of any type."""
        value = self._take(name)
        if not isinstance(value, list) or len(value) > limit:
            found = value if not isinstance(value, list) else f"{len(value)} values"
            raise self._refusal(self._name(name), f"a list of at most {limit} values", found)
        return value

    def integers(self, name: str, low: int, high: int, limit: int) -> list[int]:
        """A list of at most `limit` integers, each `low <= value <= high`."""
        path = self._name(name)
        return [self._integer(f"{path}[{i}]", v, low, high) for i, v in enumerate(self.items(name, limit))]

    def texts(self, name: str, length: int, limit: int) -> list[str]:
        """A list of at most `limit` texts, each of at most `length` characters."""
        path = self._name(name)
        return [self._text(f"{path}[{i}]", v, length) for i, v in enumerate(self.items(name, limit))]

    def addresses(self, name: str, limit: int) -> list[Address]:
        """A list of at most `limit` addresses."""
        return [Address(hex_text(data)) for data in self.datas(name, 20, limit)]

    def subs(self, name: str, limit: int) -> "list[Fields]":
        """A list of at most `limit` objects."""
        path = self._name(name)
        subs = []
        for number, value in enumerate(self.items(name, limit)):
            if not isinstance(value, dict):
                raise self._refusal(f"{path}[{number}]", "an object", value)
            subs.append(Fields(value, f"{path}[{number}]"))
        return subs

    def _name(self, name: str) -> str:
        return f"{self._path}.{name}"

    def _take(self, name: str) -> JsonValue:
        if name not in self._left:
            raise MalformedMessage(f"{self._path} lacks a field", expected=name)
        return self._left.pop(name)

    def _text(self, path: str, value: JsonValue, limit: int) -> str:
        if not isinstance(value, str) or len(value) > limit:
            raise self._refusal(path, f"text of at most {limit} characters", value)
        if _UNPRINTABLE.search(value):
            raise self._refusal(path, "text without control characters", ascii(value))
        return value

    def _integer(self, path: str, value: JsonValue, low: int, high: int) -> int:
        high = min(high, SAFE_INTEGER)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._refusal(path, f"an integer from {low} to {high}", value)
        return value

    def _data(self, path: str, value: JsonValue, length: int) -> bytes:
        if not isinstance(value, str) or len(value) != 2 + 2 * length or not _HEX.fullmatch(value):
            raise self._refusal(path, f"{length} bytes as lower-case hexadecimal after 0x", value)
        return bytes.fromhex(value[2:])

    @staticmethod
    def _refusal(path: str, expected: str, found: object) -> MalformedMessage:
        return MalformedMessage(f"{path} is not as it must be", expected=expected, found=_shown(found))


def _shown(value: object) -> str:
    # `repr`, so that hostile text cannot break out of the error's line; cut, so that it cannot fill the screen.
    shown = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
