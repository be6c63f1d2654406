"""The keys of accounts, at rest in encrypted keystores (Web3 Secret Storage, version 3), and the passwords that open
them: from a file of the owner's or typed in, never from an argument or the environment.
"""

import getpass
import json
import stat
import sys
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from blindfair.agents.store import private_directory, write_atomically
from blindfair.protocol.errors import (
    CannotWrite,
    FileMissing,
    InsecureStore,
    InvalidOption,
    MalformedFile,
    WrongPassword,
)
from blindfair.protocol.quantities import Address

WORK = 2**18
"""Rounds of scrypt over the password: a second for its owner, and for each guess of a thief."""

_LARGEST = 64 * 1024


def create_keystore(path: Path, password: str, *, work: int = WORK) -> Address:
    """Make a new account with its keystore, of mode 0600. Raises CannotWrite, never in place of another file."""
    if path.exists():
        raise CannotWrite(
            f"{path} is there already",
            expected="a new file",
            found="a keystore or something else",
            hint="name another file; a keystore that is lost is money that is lost",
        )
    if not path.parent.exists():
        private_directory(path.parent)
    account = Account.create()
    keystore = Account.encrypt(account.key, password, kdf="scrypt", iterations=work)
    write_atomically(path.resolve(), json.dumps(keystore).encode())
    return Address(account.address.lower())


def unlock(path: Path, password: str) -> LocalAccount:
    """The account of a keystore. Raises FileMissing, MalformedFile, WrongPassword."""
    keystore = _read(path)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(keystore, password))
    except (ValueError, TypeError, KeyError, NotImplementedError, AttributeError) as error:
        # What the library says of a wrong password is these words, in a class of its own that is a ValueError.
        if "MAC mismatch" in str(error):
            raise WrongPassword(
                f"The password does not open {path}",
                expected="the password that it was made with",
                found="another",
                hint="check --password-file, or type it again",
            ) from None
        raise _malformed(path) from None
    return account


def address_of(path: Path) -> Address:
    """Whose keystore it is, as it says itself. Raises FileMissing, MalformedFile."""
    address = str(_read(path).get("address", "")).removeprefix("0x").lower()
    if len(address) != 40 or not set(address) <= set("0123456789abcdef"):
        raise _malformed(path)
    return Address("0x" + address)


def read_password(file: Path | None, path: Path, *, twice: bool = False) -> str:
    """The password of the keystore `path`: the first line of `file`, or typed in, `twice` for a new one.

    Raises FileMissing, InsecureStore for a file that others may read, InvalidOption where nobody can be asked or the
    password is empty.
    """
    password = _typed(path, twice) if file is None else _first_line(file)
    if not password:
        raise InvalidOption(
            f"The password of {path} is empty", expected="a password", found="nothing", hint="write one into the file"
        )
    return password


def _first_line(file: Path) -> str:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            raise InsecureStore(
                f"The password file {file} may be read by others",
                expected="0600",
                found=oct(mode),
                hint=f"chmod 600 {file}",
            )
        with file.open(encoding="utf-8") as lines:
            return lines.readline(_LARGEST).rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise MalformedFile(f"The password file {file} is not UTF-8", expected="a line of text") from error
    except OSError as error:
        raise FileMissing(
            f"The password file {file} cannot be read",
            expected="a file with the password in its first line",
            found=error.strerror,
            hint="check --password-file",
        ) from error


def _typed(path: Path, twice: bool) -> str:
    if not sys.stdin.isatty():
        raise InvalidOption(
            f"Nobody can be asked for the password of {path}",
            expected="--password-file FILE",
            found="neither that nor a terminal",
            hint="write the password into a file of mode 0600",
        )
    password = getpass.getpass(f"Password of {path}: ", stream=sys.stderr)
    if twice and getpass.getpass("The same again: ", stream=sys.stderr) != password:
        raise InvalidOption(
            "The two passwords differ", expected="the same twice", found="another", hint="start again; nothing was made"
        )
    return password


def _read(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > _LARGEST:
            raise _malformed(path)
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise FileMissing(
            f"There is no keystore {path}",
            expected="an encrypted keystore",
            found=error.strerror,
            hint=f"blindfair account create --keystore {path}",
        ) from error
    except ValueError:
        raise _malformed(path) from None
    if not isinstance(found, dict) or found.get("version") != 3:
        raise _malformed(path)
    return found


def _malformed(path: Path) -> MalformedFile:
    return MalformedFile(
        f"{path} is not a keystore that this program reads",
        expected="Web3 Secret Storage, version 3, in JSON",
        found="something else",
        hint="restore it from a backup",
    )
