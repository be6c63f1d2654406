"""JSON objects that other programs wrote: not canonical, but limited in size and depth before they are parsed.

Not here: documents of the protocol, which have one byte form only (`protocol.documents`).
"""

import json
from pathlib import Path

from blindfair.protocol.documents import Document, JsonValue, check_nesting
from blindfair.protocol.errors import FileMissing, MalformedMessage, UnusableModel


def read_json_file(path: Path, limit: int) -> Document:
    """The object in a file of at most `limit` bytes. Raises FileMissing, and UnusableModel naming the file."""
    return parse_json(read_bytes(path, limit), path.name)


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file of a base model. Raises FileMissing, UnusableModel where it is longer than `limit`."""
    try:
        if not path.is_file():
            raise FileMissing("A file of the model is missing", expected=path.name, found="no such file")
        size = path.stat().st_size
        if size <= limit:
            with path.open("rb") as file:
                # So many bytes are set aside for it.
                data = file.read(min(size, limit) + 1)
            size = len(data)
    except OSError as error:
        raise FileMissing("A file of the model cannot be read", expected=path.name, found=error.strerror) from error
    if size > limit:
        raise UnusableModel(f"{path.name} is too long", expected=f"at most {limit} bytes", found=size)
    return data


def parse_json(data: bytes, name: str) -> Document:
    """The object that `data` is; names that are repeated are refused. Raises UnusableModel naming `name`."""
    try:
        check_nesting(data)
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)
    except MalformedMessage as error:
        raise UnusableModel(f"{name}: {error.what}", expected=error.expected, found=error.found) from error
    except ValueError as error:
        raise UnusableModel(f"{name} is not JSON", found=type(error).__name__) from error
    if not isinstance(found, dict):
        raise UnusableModel(f"{name} is not an object", expected="an object", found=type(found).__name__)
    return found


def _unique(pairs: list[tuple[str, JsonValue]]) -> Document:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedMessage("An object repeats a name", expected="names that differ")
    return found


def _no_number(name: str) -> JsonValue:
    raise MalformedMessage("A number is not one of JSON", found=name)
