"""Options as a shell writes them, in messages that name them by their Python keywords.

The packages below the commands say `` `never_score` `` or `` `exclude=['a column']` ``, as a program would write it
(`influence.spelling.option`). On a screen these are `--never-score` and `--exclude 'a column'`.
"""

import ast
import re
import shlex

_OPTION = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]+))?`")

_FLAGS = {"base_models": "base-model", "buyers": "buyer", "disclosures": "disclosure"}
"""Keywords of lists, and the flag that is repeated for each of their values."""


def flag_of(keyword: str) -> str:
    """Return the flag of a keyword.

    >>> flag_of("never_score"), flag_of("buyers"), flag_of("base_models")
    ('--never-score', '--buyer', '--base-model')
    """
    return "--" + _FLAGS.get(keyword, keyword).replace("_", "-")


def with_flags(text: str) -> str:
    """Return a message with its options as flags; values are in a shell's quotes and can be pasted.

    >>> with_flags("`bits` is out of range"), with_flags("leave it out: `exclude=['a b', 'c']`")
    ('--bits is out of range', "leave it out: --exclude 'a b' --exclude c")
    """
    return _OPTION.sub(_flags, text)


def _flags(found: re.Match[str]) -> str:
    keyword, written = found.groups()
    flag = flag_of(keyword)
    if written is None:
        return flag
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        # What stands for a value, like URL. Anything else was not written as an option.
        return _joined(flag, written) if shlex.quote(written) == written else found[0]
    if value is True:
        return flag
    if isinstance(value, int | float):
        # As it was written: an address is a number to Python.
        return _joined(flag, written)
    return " ".join(_joined(flag, str(each)) for each in (value if isinstance(value, list) else [value]))


def _joined(flag: str, value: str) -> str:
    return f"{flag}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}"
