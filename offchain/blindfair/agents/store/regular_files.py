"""Files in folders that others may write in: opened without waiting, and closed again where they are none.

`os.fdopen` leaves a descriptor open where it refuses it, as it does that of a directory. Whoever can make a directory
there could so use up all descriptors of a process.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def opened_regular(path: Path | str, *, flags: int = 0, dir_fd: int | None = None) -> Iterator[BinaryIO]:
    """A regular file to read, open within the block. `flags` are added, such as `os.O_NOFOLLOW`.

    Raises OSError, with EISDIR for a directory and EINVAL for anything else that is no regular file.
    """
    # Without waiting: opening a pipe would, for somebody who writes into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | flags, dir_fd=dir_fd)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, "not a regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)
