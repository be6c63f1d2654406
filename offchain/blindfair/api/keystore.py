"""The keys of accounts, at rest in encrypted keystores (Web3 Secret Storage, version 3).

Not here: where a password comes from (`password`). Nothing here asks a person.
"""

import json
import math
import unicodedata
from pathlib import Path
from typing import Literal

from eth_account import Account
from eth_account.signers.local import LocalAccount

from blindfair.agents.store.directory import private_directory, write_atomically
from blindfair.api.password import Password, password_text
from blindfair.influence.spelling import option
from blindfair.protocol.addresses import read_address
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import (
    CannotWrite,
    FileMissing,
    MalformedFile,
    WrongPassword,
)
from blindfair.protocol.quantities import Address

WORK = 2**18
"""Rounds of scrypt over the password: a second for its owner, and for each guess of a thief."""

_LARGEST = 64 * 1024

_KEY_LENGTHS = range(32, 65)
"""Bytes that a key derivation may give: the format needs 32, and programs ask for no more than 64."""

_MAX_SCRYPT_WORK = 2**24
"""The largest `n r p`, 8 times what this program writes: some 8 seconds, and at most 2 GiB (128 `n r` bytes)."""

_MAX_ROUNDS = 10_000_000
"""The most rounds of PBKDF2: 10 times what other programs write: some 5 seconds."""

_FORMS: tuple[Literal["NFC", "NFD", "NFKC"], ...] = ("NFC", "NFD", "NFKC")
"""Unicode forms of an accented character: one code point, a character and its accent, and that of browser wallets."""


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


def unlock(path: Path | str, password: Password) -> LocalAccount:
    """Return the account of a keystore.

    `password` is the password, a file with it in the first line, or a function that is called for it once the keystore
    was read. It is tried as written, then in the Unicode forms that other programs may have used. Raises FileMissing,
    MalformedFile, WrongPassword, and what `password_text` raises.
    """
    path = Path(path)
    keystore = _read(path)
    _check_work(path, keystore)
    password = password_text(password, path)
    for form in dict.fromkeys((password, *(unicodedata.normalize(name, password) for name in _FORMS))):
        key = _decrypted(path, keystore, form)
        if key is not None:
            account: LocalAccount = Account.from_key(key)
            _check_own(path, keystore, Address(account.address.lower()))
            return account
    raise WrongPassword(
        f"The password does not open {path}",
        expected="the password that it was made with",
        found="another",
        hint="check the password, or the first line of its file",
    )


def address_of(path: Path) -> Address | None:
    """Return the address that a keystore names; None where it names none. Raises FileMissing, MalformedFile."""
    return _named(path, _read(path))


def _decrypted(path: Path, keystore: dict[str, object], password: str) -> bytes | None:
    """The private key; None where the password does not open it. Raises MalformedFile."""
    try:
        return bytes(Account.decrypt(keystore, password))
    except (ValueError, TypeError, KeyError, NotImplementedError, AttributeError) as error:
        # The library has no class for a wrong password, only these words.
        if "MAC mismatch" in str(error):
            return None
        raise _malformed(path) from None


def _check_work(path: Path, keystore: dict[str, object]) -> None:
    """Raises MalformedFile where deriving the key would take more time or memory than any program asks for."""
    crypto = _lower(keystore["crypto"])
    parameters = _lower(crypto.get("kdfparams"))
    length = parameters.get("dklen")
    if not isinstance(length, int) or length not in _KEY_LENGTHS:
        raise _too_costly(path, f"dklen of {_KEY_LENGTHS[0]} ... {_KEY_LENGTHS[-1]} bytes", f"dklen = {length!r:.40}")
    if crypto.get("kdf") == "scrypt":
        factors = [parameters.get(name) for name in ("n", "r", "p")]
        sizes = [factor for factor in factors if isinstance(factor, int) and 0 < factor <= _MAX_SCRYPT_WORK]
        if len(sizes) < len(factors) or math.prod(sizes) > _MAX_SCRYPT_WORK:
            n, r, p = (f"{factor!r:.40}" for factor in factors)
            raise _too_costly(path, f"n r p of at most {_MAX_SCRYPT_WORK}", f"n = {n}, r = {r}, p = {p}")
    if crypto.get("kdf") == "pbkdf2":
        rounds = parameters.get("c")
        if not isinstance(rounds, int) or not 0 < rounds <= _MAX_ROUNDS:
            raise _too_costly(path, f"1 ... {_MAX_ROUNDS} rounds", f"c = {rounds!r:.40}")


def _lower(fields: object) -> dict[str, object]:
    # Names of fields are read in any case, as the library does.
    return {str(name).lower(): value for name, value in fields.items()} if isinstance(fields, dict) else {}


def _too_costly(path: Path, expected: str, found: str) -> MalformedFile:
    return MalformedFile(
        f"{path} asks for a key derivation that no wallet writes",
        expected=expected,
        found=found,
        hint="restore it from a backup, or export it again from its wallet",
    )


def _named(path: Path, keystore: dict[str, object]) -> Address | None:
    address = keystore.get("address")
    # Foundry and others that care for privacy leave it out, or empty.
    if address in (None, ""):
        return None
    return read_address(str(address), f"The address in {path}", MalformedFile, "restore it from a backup")


def _check_own(path: Path, keystore: dict[str, object], own: Address) -> None:
    """Raises MalformedFile where the keystore names another address than its key's: money would go there."""
    named = _named(path, keystore)
    if named not in (None, own):
        raise MalformedFile(
            f"{path} names an address that is not its key's",
            expected=own,
            found=named,
            hint="restore it from a backup",
        )


def _read(path: Path) -> dict[str, object]:
    """The keystore's fields, with the names and the version as this program writes them."""
    try:
        if path.stat().st_size > _LARGEST:
            raise _malformed(path)
        found = json_value(path.read_bytes())
    except OSError as error:
        raise FileMissing(
            f"There is no keystore {path}",
            expected="an encrypted keystore",
            found=error.strerror,
            hint=f"blindfair account create {option('keystore', str(path))}",
        ) from error
    except (ValueError, RecursionError):
        raise _malformed(path) from None
    keystore = _lower(found)
    if keystore.get("version") not in (3, "3") or not isinstance(keystore.get("crypto"), dict):
        raise _malformed(path)
    return {**keystore, "version": 3}


def _malformed(path: Path) -> MalformedFile:
    return MalformedFile(
        f"{path} is not a keystore that this program reads",
        expected="Web3 Secret Storage, version 3, in JSON",
        found="something else",
        hint="restore it from a backup, or export it again from its wallet",
    )
