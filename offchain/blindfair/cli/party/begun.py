"""What a party's directory says before anything slow is loaded: whose it is, and whether another process works in it.

Not here: all that it was begun with (`settings`).
"""

from pathlib import Path
from typing import Any

import blindfair
from blindfair.agents.store.directory import DirectoryLock
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import FileMissing, InvalidOption, JournalDamaged, JournalVersion

SETTINGS = "settings.json"


def is_begun(directory: Path) -> bool:
    """Whether something was begun there."""
    return (directory / SETTINGS).exists()


def check_begun(directory: Path, role: str, *, or_new: bool = False, or_used: bool = False) -> None:
    """Check that a directory is one of this role in which nobody works.

    With `or_new` nothing need be begun there, with `or_used` somebody may work there: what is wrong with a command's
    options is then told first.
    Raises as `read_begun` and `DirectoryLock`. The lock is free again: who opens the directory takes it.
    """
    if or_new and not is_begun(directory):
        return
    read_begun(directory, role)
    if not or_used:
        DirectoryLock(directory).release()


def read_begun(directory: Path, role: str) -> Any:
    """Read the settings of a directory of this role, as they are.

    Raises FileMissing where nothing was begun, InvalidOption for the other role, JournalVersion, JournalDamaged.
    """
    path = directory / SETTINGS
    try:
        found = json_value(path.read_bytes())
        version, whose = found["version"], found.get("role")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissing(
            f"Nothing was begun in {directory}",
            expected=f"the directory of a {role}",
            found=error.strerror,
            hint="begin with blindfair " + ("seller list" if role == "seller" else "buyer evaluate"),
        ) from error
    except OSError as error:
        # Something was begun here: nobody is told to begin anew beside a journal.
        raise JournalDamaged(
            f"{path} cannot be read",
            expected="the settings of a party",
            found=error.strerror,
            hint="look at its permissions and the disk, or restore the directory from a backup",
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise damaged(path) from error
    if version != blindfair.__version__:
        raise JournalVersion(
            f"{directory} was begun by another version of blindfair",
            expected=blindfair.__version__,
            found=version,
            hint="go on with that version, or begin again in another directory",
        )
    if whose is None:
        raise damaged(path)
    if whose != role:
        raise InvalidOption(
            f"{directory} belongs to a {whose}",
            expected=f"the directory of a {role}",
            found=f"that of a {whose}",
            hint="name another directory",
        )
    return found


def damaged(path: Path) -> JournalDamaged:
    """The error for settings that cannot be read."""
    return JournalDamaged(
        f"{path} is damaged",
        expected="the settings of a party",
        found="something else",
        hint="restore it from a backup",
    )
