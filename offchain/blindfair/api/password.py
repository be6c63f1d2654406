"""The password of a keystore: a text, the first line of a file of the owner's, or what a function gives.

Not here: asking a person, which is the commands' business.
"""

import codecs
import re
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from blindfair.protocol.errors import FileMissing, InsecureStore, InvalidOption, MalformedFile

Password: TypeAlias = str | Path | Callable[[], str]
"""A text is the password itself; a path is a file with it in the first line; a function is called for it."""

_LIMIT = 64 * 1024
"""Bytes of a file that are read."""


def password_text(password: Password, keystore: Path) -> str:
    """Return the password of a keystore. A text is taken as it is, also an empty one.

    Raises FileMissing, InsecureStore for a file that others may read, MalformedFile for one that is not text,
    InvalidOption where file or function give none, and what the function raises.
    """
    if isinstance(password, str):
        return password
    found = _first_line(password) if isinstance(password, Path) else password()
    if not found:
        raise InvalidOption(
            f"The password of {keystore} is empty",
            expected="a password",
            found="nothing",
            hint="write one into the file",
        )
    return found


def check_password_file(file: Path) -> None:
    """Check that a password file is there, and for its owner alone, without reading it: a pipe is read once.

    Raises FileMissing, InsecureStore.
    """
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        raise _unreadable(file, error) from error
    if mode & 0o077:
        raise InsecureStore(
            f"The password file {file} may be read by others",
            expected="0600",
            found=oct(mode),
            hint=f"chmod 600 {shlex.quote(str(file))}",
        )


def _unreadable(file: Path, error: OSError) -> FileMissing:
    return FileMissing(
        f"The password file {file} cannot be read",
        expected="a file with the password in its first line",
        found=error.strerror,
        hint="name another file, or look at its owner and permissions",
    )


def _first_line(file: Path) -> str:
    check_password_file(file)
    try:
        with file.open("rb") as opened:
            data = opened.read(_LIMIT)
    except OSError as error:
        raise _unreadable(file, error) from error
    try:
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_text(file) from error
    line = re.split("[\r\n]", text, maxsplit=1)[0]
    # UTF-16 without its mark would be read as characters with zeros in between.
    if "\0" in line:
        raise _not_text(file)
    return line


def _not_text(file: Path) -> MalformedFile:
    return MalformedFile(
        f"The password file {file} is not text in UTF-8",
        expected="the password in the first line",
        found="bytes of another encoding",
        hint="save it again as UTF-8",
    )
