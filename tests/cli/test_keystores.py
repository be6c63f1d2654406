"""Keystores and passwords as other programs write them: Foundry, geth, browser wallets, Notepad and PowerShell."""

import codecs
import json
import unicodedata
from pathlib import Path
from typing import Any, Literal

import pytest
from command import Inside
from eth_account import Account
from local_chain import LIGHT

from blindfair.api.keystore import address_of, create_keystore, unlock
from blindfair.cli.password import read_password
from blindfair.protocol.errors import InvalidOption, MalformedFile, WrongPassword
from blindfair.protocol.quantities import Address

PASSWORD = "pässwörd"  # noqa: S105
KEY = b"\x11" * 32
Kdf = Literal["pbkdf2", "scrypt"]
OWN = Address(Account.from_key(KEY).address.lower())


def keystore(path: Path, *, kdf: Kdf = "scrypt", written: str = PASSWORD, **changes: object) -> Path:
    """A keystore whose fields are replaced, or left out where None."""
    made: dict[str, Any] = Account.encrypt(KEY, written, kdf=kdf, iterations=LIGHT)
    fields = {name: value for name, value in {**made, **changes}.items() if value is not None}
    path.write_text(json.dumps(fields))
    return path


def password_file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def capital(path: Path) -> Path:
    made = json.loads(keystore(path).read_text())
    made["Crypto"] = made.pop("crypto")
    made["x-ethers"] = {"client": "ethers/6.13.0", "mnemonicCiphertext": "00", "version": "0.1"}
    path.write_text(json.dumps(made))
    return path


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"address": None},
        {"address": ""},
        {"address": OWN[2:].upper()},
        {"address": "0X" + OWN[2:]},
        {"address": Account.from_key(KEY).address},
        {"version": "3"},
        {"id": None, "name": "wallet", "meta": {}},
    ],
    ids=["geth", "foundry", "empty address", "upper case", "0X", "checksum", "version as text", "more fields"],
)
def test_a_keystore_of_another_program_opens(tmp_path: Path, kdf: Kdf, changes: dict[str, Any]) -> None:
    path = keystore(tmp_path / "keystore.json", kdf=kdf, **changes)
    assert unlock(path, PASSWORD).address.lower() == OWN
    assert address_of(path) == (OWN if changes.get("address", OWN) else None)


def test_an_export_of_a_browser_wallet_opens(tmp_path: Path) -> None:
    path = capital(tmp_path / "keystore.json")
    assert unlock(path, PASSWORD).address.lower() == OWN


def test_a_keystore_with_a_byte_order_mark_opens(tmp_path: Path) -> None:
    path = keystore(tmp_path / "keystore.json")
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert unlock(path, PASSWORD).address.lower() == OWN


def test_a_keystore_that_names_another_address_than_its_keys_is_refused(tmp_path: Path) -> None:
    path = keystore(tmp_path / "keystore.json", address="22" * 20)
    with pytest.raises(MalformedFile, match="not its key's"):
        unlock(path, PASSWORD)


@pytest.mark.parametrize("changes", [{"address": 7}, {"address": "0x12"}, {"version": 1}, {"crypto": None}])
def test_what_is_no_keystore_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedFile):
        unlock(keystore(tmp_path / "keystore.json", **changes), PASSWORD)


@pytest.mark.parametrize(
    ("kdf", "changes"),
    [
        ("scrypt", {"dklen": 10**9}),
        ("scrypt", {"dklen": 31}),
        ("scrypt", {"dklen": "32"}),
        ("scrypt", {"dkLen": 10**9}),
        ("scrypt", {"n": 2**30}),
        ("scrypt", {"n": 2**18, "r": 2**18}),
        ("scrypt", {"n": 2**18, "p": 2**18}),
        ("scrypt", {"n": 0}),
        ("scrypt", {"n": 1e3}),
        ("scrypt", {"r": None}),
        ("pbkdf2", {"dklen": 10**9}),
        ("pbkdf2", {"c": 10**12}),
        ("pbkdf2", {"c": 0}),
    ],
)
def test_a_keystore_that_asks_for_hours_or_gigabytes_is_refused_at_once(
    tmp_path: Path, kdf: Kdf, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keystore(tmp_path / "keystore.json", kdf=kdf)
    made = json.loads(path.read_text())
    parameters = made["crypto"]["kdfparams"]
    kept = {name: value for name, value in parameters.items() if name not in {each.lower() for each in changes}}
    made["crypto"]["kdfparams"] = {**kept, **changes}
    path.write_text(json.dumps(made))
    # Not even begun: a failure of this test must not take hours.
    monkeypatch.setattr(Account, "decrypt", lambda *_: pytest.fail("the key was derived"))
    with pytest.raises(MalformedFile, match="no wallet writes") as caught:
        unlock(path, PASSWORD)
    name = next(iter(changes)).lower()
    assert f"{name} = " in str(caught.value.found)


@pytest.mark.parametrize(
    "data",
    [
        PASSWORD.encode(),
        PASSWORD.encode() + b"\n",
        PASSWORD.encode() + b"\r\n",
        PASSWORD.encode() + b"\r",
        codecs.BOM_UTF8 + PASSWORD.encode() + b"\r\n",
        (PASSWORD + "\r\n").encode("utf-16"),
        codecs.BOM_UTF16_LE + (PASSWORD + "\r\n").encode("utf-16-le"),
        codecs.BOM_UTF16_BE + (PASSWORD + "\r\nmore\r\n").encode("utf-16-be"),
        PASSWORD.encode() + b"\nmore\n",
    ],
)
def test_a_password_file_of_any_editor_is_read(tmp_path: Path, data: bytes) -> None:
    assert read_password(password_file(tmp_path / "password", data), tmp_path / "keystore.json") == PASSWORD


@pytest.mark.parametrize(
    "data", [PASSWORD.encode("latin-1"), "secret\r\n".encode("utf-16-le"), codecs.BOM_UTF16_LE + b"x"]
)
def test_a_password_file_that_is_not_unicode_is_refused_with_a_hint(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(MalformedFile) as caught:
        read_password(password_file(tmp_path / "password", data), tmp_path / "keystore.json")
    assert "UTF-8" in caught.value.hint


def test_a_file_with_only_a_byte_order_mark_holds_no_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="empty"):
        read_password(password_file(tmp_path / "password", codecs.BOM_UTF8 + b"\r\n"), tmp_path / "keystore.json")


@pytest.mark.parametrize("made", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_a_password_opens_in_either_form_of_its_accents(tmp_path: Path, made: Any, typed: Any) -> None:
    path = keystore(tmp_path / "keystore.json", written=unicodedata.normalize(made, PASSWORD))
    assert unlock(path, unicodedata.normalize(typed, PASSWORD)).address.lower() == OWN


def test_a_password_opens_as_browser_wallets_write_it(tmp_path: Path) -> None:
    """They write the ligature as two characters."""
    path = keystore(tmp_path / "keystore.json", written=unicodedata.normalize("NFKC", "\ufb01n\u00e9"))
    assert unlock(path, "\ufb01ne\u0301").address.lower() == OWN


def test_a_wrong_password_is_refused_in_every_form(tmp_path: Path) -> None:
    with pytest.raises(WrongPassword):
        unlock(keystore(tmp_path / "keystore.json"), "pässword")


def test_the_address_is_taken_from_the_key_where_the_file_names_none(tmp_path: Path, inside: Inside) -> None:
    path = keystore(tmp_path / "keystore.json", address=None)
    secret = password_file(tmp_path / "password", PASSWORD.encode())
    ended = inside("account", "show", "--keystore", path, "--password-file", secret)
    assert ended.code == 0, ended.err
    assert OWN in ended.out
    inside("account", "show", "--keystore", path).failed(InvalidOption, "--password-file")
    assert "the keystore names no address" in inside("account", "show", "--keystore", path).err


def test_an_address_that_is_not_the_keys_is_not_shown_beside_its_password(tmp_path: Path, inside: Inside) -> None:
    """People send money to what is shown."""
    path = keystore(tmp_path / "keystore.json", address="22" * 20)
    secret = password_file(tmp_path / "password", PASSWORD.encode())
    ended = inside("account", "show", "--keystore", path, "--password-file", secret)
    ended.failed(MalformedFile, "restore it from a backup")
    assert ended.out == ""


def test_an_account_that_was_made_here_opens_here(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    assert create_keystore(path, PASSWORD, work=LIGHT) == address_of(path)
    assert unlock(path, unicodedata.normalize("NFD", PASSWORD)).address.lower() == address_of(path)
