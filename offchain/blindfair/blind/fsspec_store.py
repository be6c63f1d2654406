"""A blob store anywhere that fsspec reaches: an object store, another machine's disk. For `scale_out.py`.

An address is what fsspec takes, as `s3://bucket/folder`; who may read and write there is the store's own business, and
its credentials are where its package looks for them. Addresses are in no error, as they may hold some. Not here:
folders of this machine, which `store.Directory` maps instead of copying; `store_at` knows which is which.
"""

import contextlib
import secrets
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import numpy as np

from blindfair.blind.blob_store import BlobStore, Directory
from blindfair.blind.layout import aligned
from blindfair.blind.seal import Words
from blindfair.protocol.errors import CannotWrite, FileMissing, InvalidOption, MalformedFile, MissingPackage

_FILE = "file://"


def store_at(address: str) -> BlobStore:
    """The blob store at an address: a folder of this machine by its path or as `file://`, any other by fsspec.

    Raises MissingPackage where fsspec is not installed, InvalidOption for an address that it does not know.
    """
    if address.startswith(_FILE):
        return Directory(Path(unquote(address.removeprefix(_FILE))))
    return FsspecBlobStore(address) if "://" in address else Directory(Path(address))


class FsspecBlobStore:
    """A blob store in a file system of fsspec's."""

    def __init__(self, address: str) -> None:
        """Check the address alone; nothing is read yet. Raises as `store_at`."""
        core = _fsspec()
        try:
            files, root = core.url_to_fs(address)
        except (ImportError, OSError, ValueError) as error:
            raise InvalidOption(
                "fsspec cannot reach an address",
                expected="an address as s3://bucket/folder, and the package for it",
                found=f"{address.partition('://')[0]}://..., {type(error).__name__}",
                hint="install the package of that file system: s3fs for s3, gcsfs for gs",
            ) from None
        self._files: Any = files
        self._root: str = root.rstrip("/")

    def has(self, name: str) -> bool:
        """See `BlobStore`."""
        # Others write there, too: a listing that was kept from before would not show it.
        self._files.invalidate_cache()
        return bool(self._files.isfile(self._path(name)))

    def write(self, name: str, *parts: bytes | memoryview) -> None:
        """See `BlobStore`. Under a temporary name, then moved; what stays after a kill has a name that nobody asks
        for."""
        temporary = self._path(f".{name}.{secrets.token_hex(8)}")
        try:
            self._files.makedirs(self._root, exist_ok=True)
            try:
                with self._files.open(temporary, "wb") as file:
                    for part in parts:
                        file.write(part)
                self._files.mv(temporary, self._path(name))
            except BaseException:
                with contextlib.suppress(Exception):
                    self._files.rm_file(temporary)
                raise
        # Every file system has errors of its own.
        except Exception as error:
            raise CannotWrite(
                f"{name} cannot be written",
                found=type(error).__name__,
                hint="look at the store's space and at who may write to it",
            ) from None

    def write_once(self, name: str, data: bytes) -> bytes:
        """See `BlobStore`. Not every store can tell who was first: evaluations there must be begun by one machine."""
        if not self.has(name):
            self.write(name, data)
        return self.read(name)

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """See `BlobStore`."""
        end = None if size is None else start + size
        try:
            return bytes(self._files.cat_file(self._path(name), start=start or None, end=end))
        except Exception as error:
            raise FileMissing(f"{name} cannot be read", found=type(error).__name__) from None

    def words(self, name: str, start: int) -> Words:
        """See `BlobStore`. A copy in this machine's memory."""
        data = self.read(name, start)
        if not data or len(data) % 8:
            raise MalformedFile(f"{name} is cut short", found=f"{start + len(data)} bytes")
        words = aligned((len(data) // 8,))
        words[:] = np.frombuffer(data, dtype="<u8")
        words.flags.writeable = False
        return words

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _fsspec() -> ModuleType:
    try:
        import fsspec.core
    except ImportError as error:
        raise MissingPackage("fsspec is not installed", hint="pip install 'blindfair[ray]'") from error
    core: ModuleType = fsspec.core
    return core
