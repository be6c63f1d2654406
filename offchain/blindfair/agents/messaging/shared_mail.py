"""A mail folder for two users of one machine: its owner gives it to a group and sets the setgid and the sticky bit.

Members of the group can delete messages, fill the disk, and see who writes to whom, when and how much. They cannot read
a sealed message or forge one. Not here: the folder of one user alone, which has mode 0700.
"""

import contextlib
import os
import shlex
import stat
from pathlib import Path

from blindfair.protocol.errors import InsecureStore

SHARED_FOLDER = 0o2770
"""Mode of a shared mailbox. With the setgid bit, all that is made inside belongs to the group."""

SHARED_FILE = 0o640
"""Mode of a message in it: the receiver reads it, and deletes it by the right to its mailbox."""

SHARED_HINT = ", or share it with a group that you choose: chgrp GROUP and chmod 3770"

_OTHERS = 0o007

_NOT_OWNER = 0o077
"""Permissions that nobody but the owner of a folder may have, where it is not shared."""


def check_mail_modes(entry: os.stat_result, root: Path) -> None:
    """Check that a mail folder is shared on purpose, or is its owner's alone. Raises InsecureStore."""
    if not is_shared_mail(entry):
        check_private(entry, root, SHARED_HINT)


def check_private(entry: os.stat_result, path: Path, also: str = "") -> None:
    """Check that nobody but its owner may enter a folder; `also` ends the hint. Raises InsecureStore."""
    mode = stat.S_IMODE(entry.st_mode)
    if mode & _NOT_OWNER:
        raise InsecureStore(
            f"The directory {path} may be entered by others",
            expected="0700",
            found=oct(mode),
            hint=f"chmod 700 {shlex.quote(str(path))}{also}",
        )


def is_shared_mail(entry: os.stat_result) -> bool:
    """Whether its owner has given a mail folder to a group on purpose: a shared folder with the sticky bit.

    Without that bit, which nobody sets by accident, one member could put its own folder in place of another's mailbox.
    """
    return is_shared(entry) and bool(entry.st_mode & stat.S_ISVTX)


def not_yours(root: Path) -> str:
    """What to do about a mail folder that another user keeps for itself, as the beginning of a hint."""
    return f"its owner can share it with a group of both users: chgrp GROUP and chmod 3770 {shlex.quote(str(root))}"


def is_shared(entry: os.stat_result) -> bool:
    """Whether a mailbox in it is shared: setgid, all rights for the group, none for others."""
    mode = stat.S_IMODE(entry.st_mode)
    return mode & SHARED_FOLDER == SHARED_FOLDER and not mode & _OTHERS


def share_mailbox(mailbox: int, group: int) -> None:
    """Give a mailbox of one's own, a descriptor, to the group of its mail folder.

    Does nothing for a mailbox of others, or one that was opened to everybody: its check tells of that.
    """
    entry = os.fstat(mailbox)
    if entry.st_uid != os.geteuid() or is_shared(entry) or entry.st_mode & _OTHERS:
        return
    with contextlib.suppress(OSError):
        os.fchown(mailbox, -1, group)
        os.fchmod(mailbox, SHARED_FOLDER)
