"""Values and names of two tables shown side by side, so that a reader sees how they differ.

'male' and 'M'      shown as they are
'âge' and 'âge'     shown by their code points where they look alike: 'a\\u0302ge' and '\\xe2ge'
"""

import unicodedata
from collections.abc import Collection, Sequence

from blindfair.protocol.records import Cell

SHOWN_VALUES = 3
"""Values of one side that are shown."""

_LIMIT = 60
"""Characters of one value that are shown."""


def shown(value: object, *, escaped: bool = False, limit: int = _LIMIT) -> str:
    """Return a value in quotes, without a character that a terminal obeys; with `escaped` in ASCII alone.

    This is how the package shows names and cells that somebody else chose.
    """
    text = ascii(value) if escaped else repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def option(keyword: str, value: str | Sequence[str]) -> str:
    """Return an option with its value as Python writes it, whole, for a message. The commands show it as a flag.

    No value holds the mark that ends it, so whoever chose a name cannot add to what is pasted.

    >>> print(option("label", "y"), option("exclude", ["a", "b"]), option("text", ["`id`"]))
    `label='y'` `exclude=['a', 'b']` `text=['\\x60id\\x60']`
    """
    written = repr(value if isinstance(value, str) else list(value)).replace("`", "\\x60")
    return f"`{keyword}={written}`"


def shown_apart(
    one: Collection[Cell], other: Collection[Cell], limit: int = SHOWN_VALUES
) -> tuple[list[str], list[str]]:
    """Return up to `limit` values of each of two sides, escaped where a reader could not tell them apart.

    Where there are more, those that mean the same come first, so that the two spellings stand beside each other.
    """
    alike = {plain(value) for value in one} & {plain(value) for value in other}
    firsts, seconds = (
        sorted(side, key=lambda value: len(side) > limit and plain(value) not in alike)[:limit] for side in (one, other)
    )
    escaped = any(look_alike(first, second) for first in firsts for second in seconds)
    first_texts, second_texts = ([shown(value, escaped=escaped) for value in side] for side in (firsts, seconds))
    return first_texts, second_texts


def difference(one: Collection[Cell], other: Collection[Cell]) -> str:
    """Return in what alone the values of two sides differ, in a few words; empty where they are other values."""
    pairs = [(first, second) for first in one for second in other if plain(first) == plain(second)]
    if not pairs:
        return ""
    first, second = map(str, pairs[0])
    if type(pairs[0][0]) is not type(pairs[0][1]):
        return "they differ only in being text or a number"
    if unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", second):
        return "they differ only in Unicode form: write both in NFC"
    if first.casefold() == second.casefold():
        return "they differ only in upper and lower case"
    return "they differ only in spaces, case or Unicode form"


def plain(value: Cell) -> str:
    """Return a value without what people overlook: case, spaces, Unicode form, text or number."""
    return " ".join(unicodedata.normalize("NFKC", str(value)).casefold().split())


def look_alike(one: Cell, other: Cell) -> bool:
    """Whether two different texts are printed alike, or nearly so: by Unicode form, or by characters of another
    script."""
    if not (isinstance(one, str) and isinstance(other, str)) or one == other:
        return False
    first, second = (" ".join(unicodedata.normalize("NFKC", text).split()) for text in (one, other))
    return len(first) == len(second) and all(
        a == b or not (a.isascii() and b.isascii()) for a, b in zip(first, second, strict=True)
    )
