"""What all purchases of one account know, whatever their directories: a small file of sentences beside the keystore.

A plain file for its owner, who may take an entry out. Not here: what is remembered (`distrust`, `evaluations`).
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from blindfair.agents.store.directory import write_atomically
from blindfair.cli.lines import Lines
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import CannotWrite, MalformedFile

_LIMIT = 2**24
"""Bytes of such a file at most: some ten thousand entries take one million."""


def remember(path: Path, key: str, text: str, notices: Lines) -> None:
    """Write an entry down; one that is there already stays.

    `notices` tell where the file cannot be read or written. That is no error: a trade that was paid for must go on,
    and keystores are often in a folder that is read-only.
    """
    try:
        with _alone(path.parent):
            known = remembered(path)
            if key not in known:
                write_atomically(path, json.dumps({**known, key: text}, indent=2).encode())
    except (CannotWrite, MalformedFile) as error:
        notices.item("but", f"{path} keeps no note of this: {error.what} ({error.found})", style="yellow")


def remembered(path: Path) -> Mapping[str, str]:
    """Read the entries; none where there is no file. Raises MalformedFile."""
    found: object = None
    try:
        if not path.exists():
            return {}
        if path.is_file() and path.stat().st_size <= _LIMIT:
            found = json_value(path.read_bytes())
        why = "something else"
    except OSError as error:
        why = error.strerror or "a file that cannot be read"
    except ValueError:
        why = "no JSON"
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise MalformedFile(
            f"{path} is damaged",
            expected=f"an object of texts, of at most {_LIMIT:,} bytes",
            found=why,
            hint="restore it from a backup, or move it away; nothing was asked",
        )
    return found


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other purchases of the account from writing meanwhile, so that no entry is lost."""
    descriptor: int | None = None
    # A file system without locks, or a folder that cannot be listed, is no reason not to write.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
