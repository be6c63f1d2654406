"""Backups of a directory that is at work: consistent, whole or not at all, and opened by the password alone."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from blindfair.agents.store.copy_steps import RESTORED
from blindfair.agents.store.directory import SecretStore, private_directory
from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.snapshot import STAGING, snapshot
from blindfair.agents.store.steps import ACCOUNT, StepKind
from blindfair.api.backup import BackupInfo, restore_backup, write_backup
from blindfair.protocol.errors import (
    CannotWrite,
    FileMissing,
    InvalidOption,
    MalformedFile,
    StoreInUse,
    WrongPassword,
)

PASSWORD = "correct horse"  # noqa: S105
NOTED = StepKind[str]("noted")


def begun(home: Path) -> Path:
    """A directory with an agent's files, as they are after some steps."""
    private_directory(home)
    secrets = SecretStore(home / "secrets")
    journal = Journal(home / "journal.sqlite")
    journal.once(ACCOUNT, lambda: b"0x01")
    for number in range(5):
        secrets.put(f"key.{number}", os.urandom(32))
        journal.note(NOTED.of(str(number)), "x")
    journal.close()
    (home / "rows").mkdir(mode=0o700)
    (home / "rows" / "large.npy").write_bytes(os.urandom(300_000))
    (home / "scoring" / "matrix-1").mkdir(mode=0o700, parents=True)
    (home / "scoring" / "matrix-1" / "block-0").write_bytes(b"made again")
    (home / "lock").touch()
    return home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return begun(tmp_path / "party")


@dataclass(frozen=True)
class Made:
    """A backup that is made once, because the password is stretched for a second each time."""

    home: Path
    file: Path
    about: BackupInfo


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    home = begun(folder / "party")
    keystore = folder / "keys" / "keystore.json"
    keystore.parent.mkdir()
    keystore.write_text("{}")
    settings = {"keystore": str(keystore), "mail": str(home / "mail"), "rpc": "http://127.0.0.1:1"}
    (home / "settings.json").write_text(json.dumps(settings))
    file = folder / "party.backup"
    return Made(home, file, write_backup(home, file, PASSWORD, keystore=keystore, transactions=7))


def contents(home: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and "journal" not in path.name
    }


def test_a_backup_comes_back_as_it_was_and_says_that_it_is_a_copy(made: Made, tmp_path: Path) -> None:
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert not (made.home / STAGING).exists()
    # An empty directory is as good as none.
    (again := tmp_path / "again").mkdir()
    about = restore_backup(made.file, again, PASSWORD)
    assert about == made.about
    assert (about.transactions, about.directory) == (7, str(made.home))
    expected = contents(made.home)
    # Made again from the rows, and larger than everything else.
    del expected["scoring/matrix-1/block-0"], expected["lock"], expected[".backup.lock"], expected["settings.json"]
    restored = contents(again)
    settings = json.loads(restored.pop("settings.json"))
    assert restored.pop("keystore.json") == b"{}"
    assert restored == expected
    assert settings == {"keystore": str(again / "keystore.json"), "mail": str(again / "mail"), "rpc": settings["rpc"]}
    assert {path.stat().st_mode & 0o777 for path in again.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (again, *again.rglob("*")) if path.is_dir()} == {0o700}
    journal = read_journal(again / "journal.sqlite")
    assert journal is not None
    ((_, noted),) = journal.done(RESTORED)
    assert json.loads(noted) == {"made_at": about.made_at, "transactions": 7, "elsewhere": False}
    assert [name for name, _ in journal.done(NOTED)] == ["0", "1", "2", "3", "4"]
    journal.close()


@pytest.mark.deep
def test_standard_tools_open_a_backup_without_this_program(made: Made, tmp_path: Path) -> None:
    """As the module's head says: tar, age with the password, age with the identity, tar."""
    target = made.file
    subprocess.run(["tar", "-xf", target], cwd=tmp_path, check=True)
    identity = pyrage.passphrase.decrypt((tmp_path / "identity.age").read_bytes(), PASSWORD).decode()
    inner = pyrage.decrypt((tmp_path / "contents.age").read_bytes(), [pyrage.x25519.Identity.from_str(identity)])
    listed = subprocess.run(["tar", "-t"], input=inner, capture_output=True, check=True).stdout.decode().split()
    assert {"backup.json", "files/journal.sqlite", "files/secrets/key.3", "files/rows/large.npy"} <= {*listed}
    # Nothing of it is in the clear.
    assert b"key.3" not in target.read_bytes()
    assert str(made.home).encode() not in target.read_bytes()


WRITER = """
import sys
from pathlib import Path
from blindfair.agents.store.directory import SecretStore, private_directory
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import StepKind
home = Path(sys.argv[1])
secrets, journal, kind = SecretStore(home / "secrets"), Journal(home / "journal.sqlite"), StepKind("noted")
number = 100
print("writes", flush=True)
while True:
    secrets.put(f"key.{number}", bytes(32))
    journal.note(kind.of(str(number)), "its key is on the disk")
    number += 1
"""


def test_a_backup_of_an_agent_at_work_is_of_one_moment(home: Path, tmp_path: Path) -> None:
    """Each key that the journal names is there, and no key of a later moment but the one that is being made.

    With a later key, an agent that is restored would encrypt another text than the one that is out already.
    """
    # Linking these takes a while, in which an agent that did not wait would make many keys.
    for number in range(1500):
        (home / "rows" / f"{number}.npy").touch()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(home)], stdout=subprocess.PIPE, env=os.environ)
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == b"writes\n"
        counts: list[int] = []
        # On a busy machine the agent may write nothing during the first few.
        while len(counts) < 4 or (counts[0] == counts[-1] and len(counts) < 200):
            with snapshot(home) as copy:
                journal = read_journal(copy / "journal.sqlite")
                assert journal is not None
                noted = {name for name, _ in journal.done(NOTED)}
                journal.close()
                keys = {path.name.removeprefix("key.") for path in (copy / "secrets").glob("key.*")}
            assert noted <= keys
            assert len(keys - noted) <= 1
            counts.append(len(noted))
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
    # It wrote meanwhile.
    assert counts == sorted(counts) and counts[0] < counts[-1]


LISTER = """
import sys
from pathlib import Path
folder = Path(sys.argv[1])
number = 0
while True:
    (folder / f"{number:05}.content").touch()
    with (folder / "checked.jsonl").open("a") as file:
        file.write(f"{number}\\n")
    if not number:
        print("writes", flush=True)
    number += 1
"""


@pytest.mark.deep
def test_a_list_of_what_is_done_names_nothing_that_the_backup_lacks(home: Path) -> None:
    """Else a buyer that is restored takes a segment for checked that it does not have, and pays."""
    (folder := home / "deliveries" / "whole").mkdir(parents=True)
    writer = subprocess.Popen([sys.executable, "-c", LISTER, str(folder)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == b"writes\n"
        counts = []
        for _ in range(4):
            with snapshot(home) as copy:
                # What is packed later is what is there by then.
                time.sleep(0.1)
                made = copy / "deliveries" / "whole"
                named = (made / "checked.jsonl").read_text().split()
                there = {path.stem for path in made.glob("*.content")}
            assert {f"{int(each):05}" for each in named} <= there
            counts.append(len(named))
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
    assert counts == sorted(set(counts))


KILLED = """
import sys, os, signal
from pathlib import Path
from blindfair.api import backup
pack = backup._pack
def die(to, *rest):
    to.write(bytes(100_000)); to.flush()
    os.kill(os.getpid(), signal.SIGKILL)
backup._pack = die
backup.write_backup(Path(sys.argv[1]), Path(sys.argv[2]), "correct horse")
"""


@pytest.mark.deep
def test_a_backup_that_is_killed_leaves_the_earlier_one_and_the_next_works(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "party.backup"
    target.write_bytes(b"earlier")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(home), str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"earlier"
    assert (home / STAGING).exists()
    assert write_backup(home, target, PASSWORD).entries == 6
    assert not (home / STAGING).exists()


def test_two_backups_at_once_are_not_made(home: Path, tmp_path: Path) -> None:
    with snapshot(home), pytest.raises(StoreInUse, match="Another backup"):
        write_backup(home, tmp_path / "party.backup", PASSWORD)
    assert not (tmp_path / "party.backup").exists()


def refused(error: type[Exception], target: Path, tmp_path: Path, password: str = PASSWORD) -> None:
    before = set(threading.enumerate())
    with pytest.raises(error):
        restore_backup(target, tmp_path / "again", password)
    assert {path.name for path in tmp_path.iterdir() if "again" in path.name} == set()
    assert set(threading.enumerate()) <= before


def test_a_wrong_password_and_a_damaged_file_make_no_directory(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "party.backup"
    whole = made.file.read_bytes()
    target.write_bytes(whole)
    refused(WrongPassword, target, tmp_path, "correct hors")
    changes: list[Callable[[bytes], bytes]] = [
        lambda data: data[:-100_000],
        lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
        lambda data: b"something else",
        lambda data: b"",
    ]
    for change in changes:
        target.write_bytes(change(whole))
        refused(MalformedFile, target, tmp_path)
    target.unlink()
    refused(FileMissing, target, tmp_path)


def test_a_directory_that_is_there_is_not_touched(made: Made, home: Path) -> None:
    before = contents(home)
    with pytest.raises(InvalidOption, match="is there already"):
        restore_backup(made.file, home, PASSWORD)
    assert contents(home) == before


def test_a_link_that_others_may_have_made_leads_out_of_no_backup(home: Path, tmp_path: Path) -> None:
    """In a shared mailbox every user of the group may put a link to what only the owner can read."""
    (outside := tmp_path / "outside").mkdir()
    (outside / "secret").write_bytes(b"of another program")
    (shared := home / "mail").mkdir()
    shared.chmod(0o3770)
    (shared / ("a" * 64)).write_bytes(b"a message")
    (shared / ("b" * 64)).symlink_to(outside / "secret")
    (shared / "folder").symlink_to(outside, target_is_directory=True)
    (shared / "segments.jsonl").symlink_to(outside / "secret")
    os.mkfifo(shared / "pipe")
    # What the owner has put on another disk is in the backup.
    (home / "data").symlink_to(outside, target_is_directory=True)
    with snapshot(home) as staging:
        found = {str(path.relative_to(staging)) for path in staging.rglob("*") if path.is_file()}
        assert found >= {f"mail/{'a' * 64}", "data/secret"}
        assert [name for name in found if name.startswith("mail/")] == [f"mail/{'a' * 64}"]
        assert not any(path.is_symlink() for path in staging.rglob("*"))


def test_what_is_no_party_is_not_backed_up(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for folder in ("folder", "none"):
        with pytest.raises(FileMissing):
            write_backup(tmp_path / folder, tmp_path / "out", PASSWORD)
    assert not (tmp_path / "out").exists()


def test_a_target_that_takes_nothing_is_told(home: Path) -> None:
    with pytest.raises(CannotWrite):
        write_backup(home, Path("/dev/full/backup"), PASSWORD)
    assert not (home / STAGING).exists()
