"""What can happen to a mail folder: what others put there, and what a disk or its owner does to it."""

import ctypes
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blindfair.agents.messaging.transport import FolderTransport
from blindfair.protocol.quantities import Address

Spoil = Callable[[Path], None]

# --- one entry that is not a message ---


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def link_to_endless_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unix_socket(path: Path) -> None:
    # Their paths must be short: made beside, and moved.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(".socket")
        Path(".socket").rename(path.name)
    finally:
        os.chdir(here)


NOT_MESSAGES: tuple[Spoil, ...] = (fifo, folder, dangling_link, link_to_endless_zeros, unix_socket)


# --- a whole mailbox, or the mail folder ---


def removed(path: Path) -> None:
    shutil.rmtree(path)


def replaced_by_a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.touch(mode=0o600)


def replaced_by_a_fifo(path: Path) -> None:
    shutil.rmtree(path)
    os.mkfifo(path)


def replaced_by_a_dangling_link(path: Path) -> None:
    shutil.rmtree(path)
    path.symlink_to("nowhere")


def opened_to_others(path: Path) -> None:
    path.chmod(0o755)


def closed_to_its_owner(path: Path) -> None:
    path.chmod(0o000)


def not_to_be_entered(path: Path) -> None:
    path.chmod(0o600)


SPOILT_FOLDERS: tuple[Spoil, ...] = (
    removed, replaced_by_a_file, replaced_by_a_fifo, replaced_by_a_dangling_link, opened_to_others,
    closed_to_its_owner, not_to_be_entered,
)  # fmt: skip


# --- how it is looked at ---


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def without_privileges() -> Iterator[None]:
    """Permissions hold for root as well: its capabilities are put down meanwhile (capset(2), of this thread)."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, kept = _Header(0x20080522, 0), (_Data * 2)()
    assert libc.capget(ctypes.byref(header), ctypes.byref(kept)) == 0
    without = (_Data * 2)(*(_Data(0, each.permitted, each.inheritable) for each in kept))
    assert libc.capset(ctypes.byref(header), ctypes.byref(without)) == 0
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(header), ctypes.byref(kept)) == 0


class Hangs(BaseException):
    """What should have returned did not."""


@contextmanager
def in_time(seconds: float = 30.0) -> Iterator[None]:
    """Raises Hangs if it takes longer: a call that waits in the system is interrupted."""

    def ring(*_: Any) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class WatchedFolder(FolderTransport):
    """The real folder; somebody else acts right before a message is looked at."""

    def __init__(self, root: Path, own: Address, act: Callable[[Path], None]) -> None:
        super().__init__(root, own)
        self._box = root / own
        self._act = act

    def head(self, handle: str, size: int) -> bytes:
        self._act(self._box / handle)
        return super().head(handle, size)
