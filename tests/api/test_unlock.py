"""`unlock` takes a password as a text, from a file, or from a function. Nothing of the API asks a person or prints."""

import ast
from pathlib import Path

import pytest

import blindfair
from blindfair.api.keystore import create_keystore
from blindfair.protocol.errors import FileMissing, InsecureStore, InvalidOption, WrongPassword

PASSWORD = "correct horse"  # noqa: S105
WORK = 2**4


def password_file(path: Path, text: str = PASSWORD + "\nnot this") -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_password_is_a_text_a_file_or_what_a_function_gives(tmp_path: Path) -> None:
    keystore = tmp_path / "key.json"
    address = create_keystore(keystore, PASSWORD, work=WORK)
    for password in (PASSWORD, password_file(tmp_path / "password"), lambda: PASSWORD):
        assert blindfair.unlock(keystore, password).address.lower() == address
    for wrong in ("other", "", password_file(tmp_path / "other", "other"), lambda: "other"):
        with pytest.raises(WrongPassword):
            blindfair.unlock(keystore, wrong)


def test_a_password_that_cannot_be_had_is_refused(tmp_path: Path) -> None:
    keystore = tmp_path / "key.json"
    create_keystore(keystore, PASSWORD, work=WORK)
    open_file = password_file(tmp_path / "password")
    open_file.chmod(0o644)
    with pytest.raises(InsecureStore, match="may be read by others"):
        blindfair.unlock(keystore, open_file)
    with pytest.raises(FileMissing, match="cannot be read"):
        blindfair.unlock(keystore, tmp_path / "nothing")
    for empty in (password_file(tmp_path / "empty", "\n"), lambda: ""):
        with pytest.raises(InvalidOption, match="is empty"):
            blindfair.unlock(keystore, empty)


def test_a_function_is_not_called_for_a_keystore_that_is_none(tmp_path: Path) -> None:
    def never() -> str:
        raise AssertionError

    with pytest.raises(FileMissing):
        blindfair.unlock(tmp_path / "key.json", never)


def test_nothing_of_the_api_asks_a_person_or_prints() -> None:
    modules = sorted((Path(blindfair.__file__).parent / "api").rglob("*.py"))
    assert modules
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
                assert not names & {"getpass", "typer", "rich", "sys", "logging"}, module.name
            if isinstance(node, ast.Name):
                assert node.id not in ("print", "input"), module.name
