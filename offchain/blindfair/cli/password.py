"""The password of a keystore for the commands: from the file of `--password-file`, or typed in.

Never from an argument or the environment, which other programs may read.
"""

import getpass
import sys
from pathlib import Path

from blindfair.api.password import check_password_file, password_text
from blindfair.protocol.errors import InvalidOption


def read_password(file: Path | None, path: Path, *, twice: bool = False, why: str = "") -> str:
    """Return the password of the keystore `path`: the first line of `file`, or typed in, `twice` for a new one.

    Where nobody can be asked, the error says `why` it is needed. Raises what `password_text` raises, and InvalidOption
    where nobody can be asked.
    """
    return password_text(file or (lambda: _typed(path, twice, why)), path)


def check_password(file: Path | None, path: Path) -> None:
    """Check that the password of the keystore `path` can be read or asked for, and leave that for later.

    Raises what `check_password_file` raises, and InvalidOption where nobody can be asked.
    """
    if file is None:
        _check_terminal(path, "")
    else:
        check_password_file(file)


def _check_terminal(path: Path, why: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidOption(
            f"Nobody can be asked for the password of {path}",
            expected="--password-file FILE",
            found="neither that nor a terminal" + (f"; {why}" if why else ""),
            hint="write the password into a file of mode 0600",
        )


def _typed(path: Path, twice: bool, why: str) -> str:
    _check_terminal(path, why)
    password = getpass.getpass(f"Password of {path}: ", stream=sys.stderr)
    if twice and getpass.getpass("The same again: ", stream=sys.stderr) != password:
        raise InvalidOption(
            "The two passwords differ", expected="the same twice", found="another", hint="start again; nothing was made"
        )
    return password
