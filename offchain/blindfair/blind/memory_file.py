"""A file in memory, for the low-level layer of TenSEAL, which saves to and loads from paths only.

What passes through is secret at times, so it never touches a disk that others can read: an anonymous in-memory file
where the system has them, else a file in a directory of mode 0700 that is removed at once.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DESCRIPTORS = "/proc/self/fd"


@contextmanager
def memory_file(*parts: bytes | memoryview) -> Iterator[Path]:
    """A path that holds the parts one after another, may be written to by name, and is gone afterwards."""
    if hasattr(os, "memfd_create") and os.path.isdir(_DESCRIPTORS):  # noqa: PTH112 - asked for every object
        descriptor = os.memfd_create("blindfair", os.MFD_CLOEXEC)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.writelines(parts)
            yield Path(f"{_DESCRIPTORS}/{descriptor}")
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryDirectory(prefix="blindfair-") as directory:
            path = Path(directory) / "object"
            path.write_bytes(b"".join(parts))
            yield path
