"""Options as a settings file keeps them: a flat dataclass to JSON values and back, each field checked by its type.

Not here: whether a value makes sense, like an amount or an address. The options' own `check` and `policy` say that.
"""

import types
from dataclasses import Field, asdict, fields, is_dataclass
from typing import Any, ClassVar, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import JournalDamaged


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Options = TypeVar("Options", bound=Dataclass)


def to_stored(options: Dataclass) -> Document:
    """Return each field by its name; a dataclass in a field is an object."""
    return asdict(options)


def from_stored(kind: type[Options], document: object) -> Options:
    """Read what `to_stored` gave: every field of `kind`, of its type, and no other.

    Fields are text, numbers, booleans, named quantities of these, lists, dataclasses, or any of these or None. Raises
    JournalDamaged, naming the field.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Example:
    ...     amount: str
    ...     share: float | None
    >>> from_stored(Example, {"amount": "0.5", "share": None})
    Example(amount='0.5', share=None)
    """
    if not isinstance(document, dict):
        raise _damaged("an object with the options", document)
    hints, names = get_type_hints(kind), {field.name for field in fields(kind)}
    if odd := sorted(names.symmetric_difference(document), key=str):
        is_unknown = odd[0] in document
        raise JournalDamaged(
            "This directory was begun with another version of blindfair, or its settings were edited",
            expected=f"{'no' if is_unknown else 'an'} option {str(odd[0])[:80]}",
            found="one" if is_unknown else "none",
            hint="finish it with the version that began it",
        )
    return kind(**{name: _value(hints[name], document[name], name) for name in sorted(names)})


def _value(kind: object, value: JsonValue, name: str) -> object:
    if get_origin(kind) in (Union, types.UnionType):
        kinds = get_args(kind)
        if value is None and type(None) in kinds:
            return None
        (kind,) = (each for each in kinds if each is not type(None))
    if get_origin(kind) is list and isinstance(value, list):
        (each,) = get_args(kind)
        return [_value(each, item, name) for item in value]
    if isinstance(kind, type) and is_dataclass(kind):
        return from_stored(kind, value)
    kind = getattr(kind, "__supertype__", kind)
    if kind is float and type(value) is int:
        return float(value)
    # The very type: a boolean is an int in Python.
    if type(value) is not kind:
        raise _damaged(f"{getattr(kind, '__name__', kind)} for {name}", repr(value)[:80])
    return value


def _damaged(expected: str, found: object) -> JournalDamaged:
    return JournalDamaged(
        "The settings do not have the options of a party",
        expected=expected,
        found=str(found)[:80] or "something else",
        hint="restore settings.json from a backup",
    )
