"""One encrypted file of a party's directory, and back: standard formats, which other programs open as well.

    FILE                 a tar archive with two members
      identity.age       an age identity, encrypted with the password (scrypt): https://age-encryption.org/v1
      contents.age       a tar archive, encrypted to that identity (X25519, ChaCha20-Poly1305 in pieces of 64 KiB)
        backup.json      what was backed up, and when
        files/...        the directory
        keystore.json    the account's keystore, where it lies outside of the directory

So `tar -xf FILE`, `age -d -o id identity.age` and `age -d -i id contents.age | tar -x` give everything without this
program. Nothing of the contents is ever in memory as a whole, or on a disk in the clear but in the directories.

Not here: how a directory is copied while its agent works (`agents.store.snapshot`).
"""

import contextlib
import io
import json
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

import blindfair
from blindfair.agents.store.copy_steps import RESTORED
from blindfair.agents.store.directory import private_directory, write_atomically, writing_atomically
from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.snapshot import JOURNAL, snapshot
from blindfair.agents.store.steps import ACCOUNT
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import (
    CannotWrite,
    FileMissing,
    InvalidOption,
    MalformedFile,
    MissingPackage,
    UnknownVersion,
    WrongPassword,
)

VERSION = 1
IDENTITY, CONTENTS, ABOUT, FILES, KEYSTORE = "identity.age", "contents.age", "backup.json", "files", "keystore.json"
_SETTINGS = "settings.json"
_BLOCK = 512
_SMALL = 64 * 1024
"""Bytes of the members that are read as a whole, at most."""

_HINT = "take another copy of the backup; nothing was written"


@dataclass(frozen=True, slots=True)
class BackupInfo:
    """What a backup holds. `transactions` is how many the account had sent by then, None where no node said so;
    `made_at` is in seconds since 1970, by the clock of the machine."""

    account: str
    directory: str
    made_at: int
    entries: int
    files: int
    size: int
    transactions: int | None
    program: str = blindfair.__version__
    version: int = VERSION


# --- making one ------------------------------------------------------------------------------------------------------


def write_backup(
    directory: Path, target: Path, password: str, *, keystore: Path | None = None, transactions: int | None = None
) -> BackupInfo:
    """Write a backup of a party's directory to `target`, with mode 0600, whole or not at all. Its agent may be running.

    `keystore` is the account's. Raises MissingPackage, FileMissing, StoreInUse, CannotWrite, JournalVersion,
    JournalDamaged.
    """
    age = _age()
    with snapshot(directory) as copy:
        files = [path for path in copy.rglob("*") if path.is_file()]
        about = _about(directory, copy, files, transactions)
        identity = age.x25519.Identity.generate()
        outside = keystore if keystore is not None and not _is_within(keystore, directory) else None
        with writing_atomically(target) as file:
            _member(file, IDENTITY, age.passphrase.encrypt(str(identity).encode(), password))
            with _sized_member(file, CONTENTS):
                _encrypt(file, identity, lambda to: _pack(to, copy, about, outside))
            file.write(bytes(2 * _BLOCK))
    return about


def _about(directory: Path, copy: Path, files: list[Path], transactions: int | None) -> BackupInfo:
    journal = read_journal(copy / JOURNAL)
    if journal is None:
        raise FileMissing(f"Nothing was begun in {directory}", hint="check the path")
    try:
        return BackupInfo(
            account=(journal.get(ACCOUNT) or b"").decode(),
            directory=str(directory.resolve()),
            made_at=int(time.time()),
            entries=journal.count(),
            files=len(files),
            size=sum(path.stat().st_size for path in files),
            transactions=transactions,
        )
    finally:
        journal.close()


def _is_within(path: Path, directory: Path) -> bool:
    return path.resolve().is_relative_to(directory.resolve())


def _pack(to: BinaryIO, copy: Path, about: BackupInfo, keystore: Path | None) -> None:
    with tarfile.open(fileobj=to, mode="w|", format=tarfile.PAX_FORMAT, dereference=True) as tar:
        data = json.dumps(asdict(about)).encode()
        tar.addfile(_entry(ABOUT, len(data)), io.BytesIO(data))
        tar.add(copy, FILES, filter=_own)
        if keystore is not None:
            tar.add(keystore.resolve(), KEYSTORE, filter=_own)


def _own(found: tarfile.TarInfo) -> tarfile.TarInfo:
    """A file as its next owner has it: nobody else reads it."""
    found.uid = found.gid = 0
    found.uname = found.gname = ""
    found.mode = 0o700 if found.isdir() else 0o600
    return found


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(time.time())
    return entry


def _header(name: str, size: int) -> bytes:
    return _entry(name, size).tobuf(format=tarfile.GNU_FORMAT)


def _member(file: BinaryIO, name: str, data: bytes) -> None:
    file.write(_header(name, len(data)) + data + bytes(-len(data) % _BLOCK))


@contextlib.contextmanager
def _sized_member(file: BinaryIO, name: str) -> Iterator[None]:
    """A member whose size is known once it was written."""
    place = file.tell()
    file.write(bytes(_BLOCK))
    yield
    size = file.tell() - place - _BLOCK
    file.write(bytes(-size % _BLOCK))
    file.seek(place)
    file.write(_header(name, size))
    file.seek(0, os.SEEK_END)


def _encrypt(file: BinaryIO, identity: Any, produce: Callable[[BinaryIO], None]) -> None:
    """Write the encryption of what `produce` writes. Raises OSError."""
    age = _age()
    with _piped(lambda source: age.encrypt_io(source, file, [identity.to_public()]), file) as to:
        produce(to)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")


@contextlib.contextmanager
def _piped(consume: Callable[[BinaryIO], None], file: BinaryIO) -> Iterator[BinaryIO]:
    """A file whose bytes a second thread consumes. What stops that thread stops the block, by its own error."""
    reading, writing = _pipe()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with reading:
                consume(reading)
        except BaseException as error:
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    stopped: BaseException | None = None
    try:
        with writing:
            yield writing
    except BrokenPipeError as error:
        stopped = error
    finally:
        worker.join()
    if failures:
        # The library tells an error of the disk by its text alone: the disk itself tells it better.
        file.flush()
        raise OSError(None, str(failures[0])) from failures[0]
    if stopped is not None:
        raise stopped


# --- and back --------------------------------------------------------------------------------------------------------


def restore_backup(source: Path, directory: Path, password: str, *, is_used_elsewhere: bool = False) -> BackupInfo:
    """Make a directory of a backup, whole or not at all; it notes in its journal that it is a copy.

    With `is_used_elsewhere` the agent will not mind transactions of its account that the copy does not know. Raises
    MissingPackage, FileMissing, InvalidOption for a directory that is there already, WrongPassword, MalformedFile,
    UnknownVersion, CannotWrite, JournalVersion, JournalDamaged.
    """
    _check_new(directory)
    staging = directory.with_name(f".{directory.name}.restoring-{os.getpid()}")
    try:
        with _opened(source) as outer:
            identity = _identity(outer, source, password)
            about = _unpack(outer, source, identity, private_directory(staging))
        made = staging / FILES
        _settle(made, staging / KEYSTORE, about, directory)
        journal = Journal(made / JOURNAL)
        try:
            noted = {"made_at": about.made_at, "transactions": None if is_used_elsewhere else about.transactions}
            journal.note(RESTORED.of(f"{int(time.time())}"), json.dumps({**noted, "elsewhere": is_used_elsewhere}))
        finally:
            journal.close()
        with contextlib.suppress(FileNotFoundError):
            directory.rmdir()
        made.rename(directory)
    except OSError as error:
        raise CannotWrite(
            f"{directory} cannot be restored",
            expected="a disk with space that can be written",
            found=error.strerror or str(error),
            hint="look at the disk's space and the permissions; nothing is left of it",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return about


def _check_new(directory: Path) -> None:
    if directory.is_symlink() or (directory.exists() and not (directory.is_dir() and not any(directory.iterdir()))):
        raise InvalidOption(
            f"{directory} is there already",
            expected="a directory that is empty or not there",
            found="files",
            hint="move it away first, and keep it until the restored one works",
        )


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    """Raises FileMissing, MalformedFile."""
    try:
        file = source.open("rb")
    except OSError as error:
        raise FileMissing(f"There is no backup {source}", found=error.strerror, hint="check the path") from error
    with file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                yield tar
        except tarfile.TarError as error:
            raise _malformed(source, "an archive", str(error)) from error


def _part(outer: tarfile.TarFile, source: Path, name: str) -> IO[bytes]:
    try:
        found = outer.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise _malformed(source, f"an archive with {name}", "none")
    return found


def _identity(outer: tarfile.TarFile, source: Path, password: str) -> Any:
    age = _age()
    data = _part(outer, source, IDENTITY).read(_SMALL)
    if not data.startswith(b"age-encryption.org/v1\n-> scrypt "):
        raise _malformed(source, "an identity under a password", "something else")
    try:
        return age.x25519.Identity.from_str(age.passphrase.decrypt(data, password).decode())
    except age.DecryptError as error:
        raise WrongPassword(
            f"The password does not open {source}",
            expected="the password that it was made with",
            found="another, or a damaged file",
            hint="try again; nothing was written",
        ) from error
    except (age.IdentityError, UnicodeDecodeError) as error:
        raise _malformed(source, "an identity under a password", "something else") from error


def _unpack(outer: tarfile.TarFile, source: Path, identity: Any, staging: Path) -> BackupInfo:
    """Unpack all contents into `staging`, and believe them only once the last byte was authentic."""
    age = _age()
    encrypted = _part(outer, source, CONTENTS)
    reading, writing = _pipe()
    failures: list[BaseException] = []

    def decrypt() -> None:
        try:
            with writing:
                age.decrypt_io(encrypted, writing, [identity])
        except BaseException as error:
            failures.append(error)

    worker = threading.Thread(target=decrypt)
    worker.start()
    wrong: Exception | None = None
    try:
        with reading:
            try:
                with tarfile.open(fileobj=reading, mode="r|") as tar:
                    for entry in tar:
                        _unpack_one(tar, entry, source, staging)
            except (tarfile.TarError, MalformedFile) as error:
                wrong = error
            while reading.read(_SMALL):
                pass
    finally:
        worker.join()
    if failures or wrong is not None:
        raise _malformed(source, "contents that were not altered", str(failures[0] if failures else wrong)) from wrong
    try:
        found = json_value((staging / ABOUT).read_bytes())
        if found["version"] != VERSION:
            raise UnknownVersion("The backup is of another version", expected=VERSION, found=found["version"])
        return BackupInfo(**found)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _malformed(source, f"contents with {ABOUT}", type(error).__name__) from error


def _unpack_one(tar: tarfile.TarFile, entry: tarfile.TarInfo, source: Path, staging: Path) -> None:
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts or name.parts[:1] not in ((ABOUT,), (FILES,), (KEYSTORE,)):
        raise _malformed(source, "files of a directory", f"{entry.name!a}")
    target = staging / name
    if entry.isdir():
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    data = tar.extractfile(entry) if entry.isreg() else None
    if data is None:
        raise _malformed(source, "files and folders", f"{entry.name!a}")
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        shutil.copyfileobj(data, file, _SMALL)
        file.flush()
        os.fsync(file.fileno())


def _settle(made: Path, keystore: Path, about: BackupInfo, directory: Path) -> None:
    """Let the settings name what came along: keystore and mail that were in the directory are in the new one."""
    if keystore.exists():
        keystore.rename(made / KEYSTORE)
    settings = made / _SETTINGS
    if not settings.exists():
        return
    document = json_value(settings.read_bytes())
    before, now = Path(about.directory), directory.resolve()
    for name in ("keystore", "mail"):
        path = Path(str(document[name]))
        if path.is_relative_to(before):
            document[name] = str(now / path.relative_to(before))
        elif name == "keystore" and (made / KEYSTORE).exists():
            document[name] = str(now / KEYSTORE)
    write_atomically(settings, json.dumps(document, indent=2).encode())


def _malformed(source: Path, expected: str, found: str) -> MalformedFile:
    return MalformedFile(f"{source} is not a backup, or not a whole one", expected=expected, found=found, hint=_HINT)


def _age() -> Any:
    """The library of the age format. Raises MissingPackage."""
    try:
        import pyrage
    except ImportError as error:
        raise MissingPackage(
            "Backups need pyrage", expected="pyrage", found="none", hint="pip install 'blindfair[operation]'"
        ) from error
    return pyrage
