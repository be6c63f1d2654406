"""What `blindfair doctor` looks at in an agent's directory and in the mail folder: owners, modes, file systems."""

import fcntl
import grp
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from blindfair.agents.messaging.shared_mail import SHARED_HINT, is_shared_mail
from blindfair.api.keystore import address_of
from blindfair.cli.doctor.finding import Finding
from blindfair.cli.doctor.machine import nearest
from blindfair.cli.party.begun import is_begun
from blindfair.cli.party.settings import Settings

NETWORKS = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "vboxsf"}
)
"""File systems whose locks may not hold: a journal needs them."""

MEMORY = frozenset({"ramfs", "tmpfs"})
"""File systems that are empty after a restart: the secrets of open orders would be lost."""

MOUNTS = Path("/proc/self/mountinfo")
SHOWN = 3
"""Names of files in one line."""


def look_at_directory(directory: Path, settings: Settings | None) -> Iterator[Finding]:
    """An agent's own directory: everything in it is for its owner alone, on a disk that keeps it."""
    if not directory.exists():
        yield Finding("folder", True, f"{directory} is not there yet; it will be made with mode 0700")
        yield from look_at_file_system("folder", directory, journal=True)
        return
    wrong = [*_entered_by_others("folder", directory)]
    open_files = [path for path in sorted(directory.rglob("*")) if not path.is_symlink() and _others(path)]
    if open_files:
        names = ", ".join(str(path.relative_to(directory)) for path in open_files[:SHOWN])
        more = f" and {len(open_files) - SHOWN} more" if len(open_files) > SHOWN else ""
        wrong.append(
            Finding("folder", False, f"others may read {names}{more}", f"chmod -R go-rwx {quote(str(directory))}")
        )
    yield from wrong
    if not wrong:
        whose = _whose(directory) if settings is None else f"a {settings.role}'s"
        yield Finding("folder", True, f"{directory}, {whose}; it and its files are for their owner alone")
    yield from look_at_file_system("folder", directory, journal=True)
    if settings is not None:
        address = address_of(settings.keystore) or "an account that it does not name"
        yield Finding("account", True, f"{address} in {settings.keystore}")


def _whose(directory: Path) -> str:
    """Whose a directory is whose settings are not there or cannot be read."""
    if is_begun(directory):
        return "something was begun in it"
    # A watcher's has a journal and no settings.
    return "a watcher's" if (directory / "journal.sqlite").exists() else "nothing was begun in it"


def look_at_mail(mail: Path) -> Iterator[Finding]:
    """The folder that seller and buyer share."""
    if not mail.exists():
        yield Finding("mail", True, f"{mail} is not there yet; it will be made with mode 0700")
        return
    if mail.is_dir() and is_shared_mail(entry := mail.stat()):
        yield Finding("mail", True, f"{mail} is shared with the group {_group(entry.st_gid)}")
    else:
        wrong = [*_entered_by_others("mail", mail, SHARED_HINT)]
        yield from wrong
        if not wrong:
            yield Finding("mail", True, f"{mail} is for its owner alone")
    yield from look_at_file_system("mail", mail, journal=False)


def look_at_file_system(check: str, place: Path, *, journal: bool) -> Iterator[Finding]:
    """The file system of a place: whether it takes, locks and renames files, and suits a `journal`."""
    place = nearest(place)
    kind = file_system(place, MOUNTS.read_text() if MOUNTS.exists() else "")
    if journal and kind in NETWORKS:
        yield Finding(
            check, False, f"{place} is on {kind}, whose locks may not hold", "name a directory on a local disk"
        )
    elif journal and kind in MEMORY:
        yield Finding(check, False, f"{place} is on {kind}, which a restart empties", "name a directory on a disk")
    try:
        _try_file(place)
    except OSError as error:
        yield Finding(
            check, False, f"{place} does not take files: {error.strerror}", "look at its permissions and free space"
        )
    else:
        if not journal or kind not in NETWORKS | MEMORY:
            yield Finding(check, True, f"files can be written, locked and renamed ({kind or 'unknown file system'})")


def file_system(place: Path, mounts: str) -> str:
    """The type of the file system that a place is on, by the text of `/proc/self/mountinfo`; empty if it is unknown."""
    found, deepest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        # Spaces and the like are written in octal there.
        mount = Path(fields[4].encode().decode("unicode_escape"))
        if place.resolve().is_relative_to(mount) and len(mount.parts) >= deepest:
            found, deepest = after.split()[0], len(mount.parts)
    return found


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _entered_by_others(check: str, folder: Path, hint: str = "") -> Iterator[Finding]:
    if not folder.is_dir():
        yield Finding(check, False, f"{folder} is not a directory", "name another")
        return
    found = folder.stat()
    if found.st_uid != os.geteuid():
        yield Finding(check, False, f"{folder} belongs to another user", "use it as that user, or name another")
    if _others(folder):
        mode = oct(stat.S_IMODE(found.st_mode))
        yield Finding(
            check, False, f"{folder} may be entered by others: mode {mode}", f"chmod 700 {quote(str(folder))}{hint}"
        )


def _others(path: Path) -> bool:
    """Whether others may read or enter it. What is gone by now, as files of a running agent are, is nobody's."""
    try:
        return bool(stat.S_IMODE(path.lstat().st_mode) & 0o077)
    except FileNotFoundError:
        return False


def _try_file(folder: Path) -> None:
    """Do what a journal and a message need. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix=".blindfair-doctor-", dir=folder) as aside:
        first = Path(aside) / "first"
        with first.open("wb") as file:
            file.write(b"tried")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fsync(file.fileno())
        first.rename(Path(aside) / "second")
