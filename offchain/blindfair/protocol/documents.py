"""Documents: JSON objects with one byte form, the canonical one of RFC 8785 (JCS), and a strict reader for it.

Not here: which fields a document of some type has (`fields`), and signatures over documents (`messages`).
"""

import json
import re
from typing import Any, TypeAlias

import rfc8785

from blindfair.protocol.errors import MalformedMessage, MessageTooLarge
from blindfair.protocol.hashing import sha256
from blindfair.protocol.quantities import Digest

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
Document: TypeAlias = dict[str, JsonValue]

SAFE_INTEGER = 2**53 - 1
"""The largest integer that a JSON number holds without loss (RFC 8785 section 3.2.2.3); above it: decimal strings."""

NESTING_LIMIT = 16
"""Objects and lists inside one another, at most. The deepest document of the protocol has six levels."""

# Strings are matched whole, so that a bracket inside one is not counted. Possessive quantifiers and the optional
# closing quote keep the scan linear on hostile bytes such as a long run of escaped quotes that never ends.
_STRING_OR_BRACKET = re.compile(rb'(?s)"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]')


def canonical(document: Document) -> bytes:
    """The canonical bytes of a document (RFC 8785).

    Raises `MalformedMessage` for what JSON cannot hold: NaN, infinities, integers beyond `SAFE_INTEGER`, text with
    lone surrogates.
    """
    try:
        return rfc8785.dumps(document)
    except ValueError as error:
        raise MalformedMessage("A document cannot be written as canonical JSON", found=str(error)) from error


def digest(document: Document) -> Digest:
    """`H(document)`: SHA-256 of the canonical bytes (PROTOCOL 1)."""
    return sha256(canonical(document))


def parse(data: bytes, limit: int) -> Document:
    """The document whose canonical bytes are exactly `data`; every document has one byte form only.

    `limit` is the largest allowed length in bytes. Raises `MessageTooLarge` beyond it; `MalformedMessage` for bytes
    that are not UTF-8, not JSON, not an object, nested deeper than `NESTING_LIMIT`, that repeat a name, or that are
    not canonical.
    """
    if len(data) > limit:
        raise MessageTooLarge("A document is too long", expected=f"at most {limit} bytes", found=len(data))
    check_nesting(data)
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_int=_number_of_integer_form,
        )
    except ValueError as error:
        raise MalformedMessage("A document is not JSON", found=type(error).__name__) from error
    if not isinstance(value, dict):
        raise MalformedMessage("A document is not an object", expected="an object", found=type(value).__name__)
    # This refuses repeated names too (the parser keeps the last), and `canonical` itself NaN and the infinities.
    if canonical(value) != data:
        raise MalformedMessage("A document is not in its canonical form", expected="RFC 8785")
    return value


def json_value(data: bytes | str) -> Any:
    """What JSON in any form says: files, journals, bodies, of this program or of others.

    As `json.loads`, and raises `ValueError` also for what is not UTF-8 or nested deeper than `NESTING_LIMIT`, which
    ends a parser that recurses, and the process with it where a library has lifted the limit of recursion.
    """
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    try:
        check_nesting(text.encode())
    except MalformedMessage as error:
        raise ValueError(error.what) from None
    return json.loads(text)


def check_nesting(data: bytes) -> None:
    """Raises MalformedMessage for JSON that is nested deeper than `NESTING_LIMIT`; nothing is parsed."""
    # Before the parser, because the parser recurses: a few kilobytes of "[" would end it with RecursionError.
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        token = match.group()
        if token in b"[{":
            depth += 1
            if depth > NESTING_LIMIT:
                raise MalformedMessage("A document is nested too deeply", expected=f"at most {NESTING_LIMIT} levels")
        elif token in b"]}":
            depth -= 1


def _number_of_integer_form(text: str) -> int | float:
    # A double such as 2^60 has digits only in its canonical form, so such digits are read back as a double. If they
    # were not a double's, the canonical form differs and the document is refused.
    if len(text) < 20 and abs(int(text)) <= SAFE_INTEGER:
        return int(text)
    return float(text)
