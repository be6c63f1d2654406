"""Secrets stay with their owner, files are whole or absent, and two processes never share a directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.store.directory import DirectoryLock, SecretStore, private_directory, write_atomically
from blindfair.protocol.errors import CannotWrite, InsecureStore, StoreInUse
from blindfair.protocol.quantities import Address

ANN, BOB = Address("0x" + "aa" * 20), Address("0x" + "bb" * 20)


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets")
    assert store.get("key") is None
    first = store.once("key", lambda: os.urandom(32))
    assert SecretStore(tmp_path / "secrets").once("key", lambda: os.urandom(32)) == first
    assert (tmp_path / "secrets" / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        SecretStore(tmp_path / "secrets").once("key", lambda: b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "secrets" / "key").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets")
    store.once("key", lambda: b"x")
    (tmp_path / "secrets" / "key").chmod(0o640)
    with pytest.raises(InsecureStore) as caught:
        store.get("key")
    assert "chmod 600" in caught.value.hint


def test_a_directory_that_others_may_enter_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(InsecureStore):
        private_directory(tmp_path / "open")


@pytest.mark.parametrize("name", ["../key", "a/b", ".hidden", ""])
def test_a_name_cannot_leave_the_store(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        SecretStore(tmp_path / "secrets").get(name)


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    (target / "inside").touch()
    with pytest.raises(CannotWrite):
        write_atomically(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_two_processes_do_not_work_in_one_directory(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from blindfair.agents.store.directory import DirectoryLock;"
        "DirectoryLock(Path(sys.argv[1]))"
    )
    with DirectoryLock(tmp_path / "agent"):
        other = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "agent")], capture_output=True, text=True, check=False
        )
        assert StoreInUse.__name__ in other.stderr
        with pytest.raises(StoreInUse):
            DirectoryLock(tmp_path / "agent")
    DirectoryLock(tmp_path / "agent").release()


def test_a_message_waits_until_it_is_done_and_comes_once(tmp_path: Path) -> None:
    ann, bob = FolderTransport(tmp_path / "mail", ANN), FolderTransport(tmp_path / "mail", BOB)
    ann.send(BOB, b"hello")
    ann.send(BOB, b"hello")
    [(handle, size)] = bob.pending()
    assert (size, bob.receive(handle)) == (5, b"hello")
    assert len(list(bob.pending())) == 1
    bob.done(handle)
    assert list(bob.pending()) == []
    assert list(ann.pending()) == []


def test_a_handle_cannot_name_a_file_outside_the_mailbox(tmp_path: Path) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    victim = tmp_path / "victim"
    victim.touch()
    ann.done("../../victim")
    assert victim.exists()
