"""A mail folder of another user or on a read-only disk: what to do is told, before anything is begun."""

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer.main
from local_chain import LIGHT, PASSWORD, password
from test_listing_options import options

from blindfair.agents.messaging.folder_check import check_mail_folder
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.api.keystore import create_keystore
from blindfair.chain.deployment import Deployment
from blindfair.cli.main import app
from blindfair.cli.options import Begun
from blindfair.cli.party import access
from blindfair.protocol.errors import InsecureStore, StateError
from blindfair.protocol.quantities import Address


def mail_options(command: Any) -> list[Any]:
    """All options `--mail` of a command and those below it."""
    if hasattr(command, "commands"):
        return [option for each in command.commands.values() for option in mail_options(each)]
    return [option for option in command.params if "--mail" in option.opts]


def test_no_command_refuses_a_folder_before_it_can_say_what_to_do() -> None:
    options = mail_options(typer.main.get_command(app))
    assert len(options) > 5
    assert [option for option in options if option.type_descriptor.parameter_info.readable] == []


def with_account(begun: Begun, home: Path) -> Begun:
    """What a directory is begun with, and an account, without which nothing else is looked at."""
    create_keystore(home / "keystore.json", PASSWORD, work=LIGHT)
    return replace(begun, keystore=home / "keystore.json", password_file=password(home / "password"))


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.EACCES, "chmod 3770"), (errno.EROFS, "look at the disk"), (errno.ENOSPC, "look at the disk")],
)
def test_a_folder_that_takes_no_mailbox_is_told_before_a_directory_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def refusing(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "mkdtemp", refusing)
    monkeypatch.setattr(access, "read_deployment", lambda _: Deployment)
    begun = with_account(
        Begun(tmp_path / "party", "http://127.0.0.1:1", tmp_path / "deployment", str(tmp_path / "my mail")), tmp_path
    )
    with pytest.raises(StateError, match="takes no mailbox") as caught:
        access.begun_settings(begun, options())
    assert words in caught.value.hint and "nothing was begun" in caught.value.hint
    assert caught.value.found == os.strerror(code) and not (tmp_path / "party").exists()


def test_a_folder_is_made_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    check_mail_folder(tmp_path / "mail")
    assert list((tmp_path / "mail").iterdir()) == []
    assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o2770, 0o1777])
def test_a_folder_that_others_may_enter_is_refused_before_a_directory_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    mail = tmp_path / "my mail"
    mail.mkdir()
    mail.chmod(mode)
    monkeypatch.setattr(access, "read_deployment", lambda _: Deployment)
    begun = with_account(Begun(tmp_path / "party", "http://127.0.0.1:1", tmp_path / "deployment", str(mail)), tmp_path)
    with pytest.raises(InsecureStore, match="may be entered by others") as caught:
        access.begun_settings(begun, options())
    assert (caught.value.found, "chmod 3770" in caught.value.hint) == (oct(mode), True)
    assert not (tmp_path / "party").exists() and list(mail.iterdir()) == []


@pytest.mark.parametrize("mode", [0o700, 0o3770])
def test_a_folder_of_its_owner_or_of_a_group_is_good(tmp_path: Path, mode: int) -> None:
    mail = tmp_path / "mail"
    mail.mkdir()
    mail.chmod(mode)
    check_mail_folder(mail)
    assert list(mail.iterdir()) == []


@pytest.mark.parametrize(("code", "words"), [(errno.EACCES, "chmod 3770"), (errno.EIO, "look at the disk")])
def test_a_folder_that_cannot_be_opened_later_promises_no_command_what_only_serve_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    transport = FolderTransport(tmp_path, Address("0x" + "11" * 20))

    def refusing(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(StateError, match="cannot be opened") as caught:
        list(transport.pending())
    assert words in caught.value.hint and "by other commands when they are repeated" in caught.value.hint
