"""What a data set takes of a disk, and whether that is there."""

import shutil
from pathlib import Path

from blindfair.bulk.store import RECORD_HEAD, SourceState
from blindfair.protocol.errors import CannotWrite
from blindfair.protocol.merkle import DIGEST_SIZE

SPACE_LEFT = 2**28
"""Bytes that a listing leaves free on its disk."""


def stored_size(state: SourceState) -> int:
    """Bytes of a data set on disk, as far as it was written."""
    return state.data + DIGEST_SIZE * state.chunks + RECORD_HEAD * state.records


def check_space(what: str, folder: Path, size: int) -> None:
    """Raises CannotWrite where so many bytes more do not fit on the disk of a folder."""
    free = shutil.disk_usage(folder).free
    if size + SPACE_LEFT > free:
        raise CannotWrite(
            f"The records of {what} do not fit on the disk",
            expected=f"about {size / 1e9:,.1f} GB free in {folder}, and 0.3 GB that stay free",
            found=f"{free / 1e9:,.1f} GB",
            hint="free space, or name a directory on another disk; no record was written",
        )
