"""Messages on their way in: kept on disk as far as they have come, checked, and moved into the seller's mailbox whole.

    MAIL/.incoming-SELLER/ACCOUNT/SHA256     the bytes of a message so far, without gaps

A body may end at any byte; what came is kept, and the sender goes on there. A piece whose own hash does not match is
taken back, a message whose hash is not its name is removed.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blindfair.http.limits import ServiceLimits
from blindfair.http.problems import Problem, busy, damaged, undeliverable
from blindfair.http.spool import Spool, incoming_folder
from blindfair.http.wire import UPLOAD_OFFSET, content_digest
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.messages import Inquiry, Refusal, read
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealed_message import HEAD_SIZE, is_sealed_message, named_sender
from blindfair.protocol.signing import Domain

_SMALL = 2**16
"""Bytes: agreements, selections and releases have fewer, and requests and deliveries more."""

_KEPT = 16
"""This part of the space is kept for small messages."""

_PIECE = 2**20
_MARKS = 8
"""Times in which it is noted how far a message has come, in the time after which it may give way."""


@dataclass(slots=True)
class _Upload:
    """One message that has begun: its length in all, the bytes that are there and their hash, when the last came.

    `marks` are times, and how many bytes were there then: from the beginning, or from as long ago as is looked back.
    """

    path: Path
    total: int
    offset: int
    hashed: Any
    marks: deque[tuple[float, int]]
    touched: float
    writer: int = 0
    """Number of the latest request that writes: a newer one takes over from one whose line was cut."""

    def mark(self, long: float) -> None:
        """Note how far it has come, so that `marks` begins at least `long` seconds ago, if it began then."""
        while len(self.marks) > 1 and self.marks[1][0] <= self.touched - long:
            self.marks.popleft()
        if self.touched - self.marks[-1][0] >= long / _MARKS:
            self.marks.append((self.touched, self.offset))


@dataclass(frozen=True, slots=True)
class Segment:
    """What a request says of the piece that it brings: where it begins, how long it and the message are, its hash."""

    start: int
    size: int
    total: int
    digest: str = field(default="")
    """The value of `Content-Digest`; empty where it has none."""


class Uploads:
    """The messages on their way to one seller."""

    def __init__(
        self, spool: Spool, domain: Domain, limits: ServiceLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spool = spool
        self._domain = domain
        self._limits = limits
        self._clock = clock
        self._folder = incoming_folder(spool.root, spool.seller)
        self._uploads: dict[tuple[Address, str], _Upload] = {}
        self._find_begun()

    def _find_begun(self) -> None:
        """Take up what an earlier process left. How long a message is in all is learned when its sender goes on."""
        for path in sorted(self._folder.glob("0x*/*")):
            size, now = path.stat().st_size, self._clock()
            upload = _Upload(path, 0, size, None, deque([(now, size)]), now)
            self._uploads[Address(path.parent.name), path.name] = upload

    def offset(self, account: Address, handle: str) -> int | None:
        """Bytes of a message that are there; None where all of them are."""
        if self._spool.has_arrived(handle):
            return None
        upload = self._uploads.get((account, handle))
        return 0 if upload is None else upload.offset

    def begun(self) -> tuple[int, int]:
        """Messages that have begun to come, and the bytes of them that are there."""
        return len(self._uploads), sum(upload.offset for upload in self._uploads.values())

    async def add(
        self, account: Address, handle: str, segment: Segment, body: AsyncIterator[bytes]
    ) -> tuple[bool, int]:
        """Take a piece of a message. Whether all of it is in the seller's mailbox now, and the bytes that are there.

        Raises Problem: TransferDamaged, Undeliverable, ServiceBusy. Whatever else ends the body early is raised as it
        is, and what came before is kept.
        """
        if self._spool.has_arrived(handle):
            return True, segment.total
        upload = self._begun(account, handle, segment)
        upload.writer += 1
        writer = upload.writer
        if upload.hashed is None:
            hashed = await asyncio.to_thread(_hash_of, upload.path, upload.offset)
            if upload.writer != writer:
                raise _taken_over()
            upload.hashed = hashed
        before, own = upload.hashed.copy(), hashlib.sha256()
        with upload.path.open("r+b") as file:
            file.truncate(upload.offset)
            file.seek(upload.offset)
            left = segment.size
            async for piece in body:
                if upload.writer != writer:
                    raise _taken_over()
                if len(piece) > left:
                    self._forget(account, handle)
                    raise damaged("A body is longer than it says", expected=segment.size, found="more")
                file.write(piece)
                file.flush()
                left -= len(piece)
                own.update(piece)
                upload.hashed.update(piece)
                upload.offset += len(piece)
                upload.touched = self._clock()
                upload.mark(self._limits.idle_upload_seconds)
                if upload.offset >= HEAD_SIZE > upload.offset - len(piece):
                    self._check_head(account, handle, upload)
            if left:
                # The server ends a body that is too short by itself; this is for one that does not.
                return False, upload.offset
            if segment.digest and segment.digest != content_digest(own.digest()):
                file.truncate(segment.start)
                upload.offset, upload.hashed = segment.start, before
                raise damaged(
                    "A piece of a message is not the one that its sender hashed",
                    expected=segment.digest,
                    found=content_digest(own.digest()),
                )
            if upload.offset < upload.total:
                return False, upload.offset
            await asyncio.to_thread(os.fsync, file.fileno())
        if upload.writer != writer:
            raise _taken_over()
        self._finish(account, handle, upload)
        return True, upload.total

    def _begun(self, account: Address, handle: str, segment: Segment) -> _Upload:
        """The upload that a piece goes on with, checked from the cheapest on. Raises Problem."""
        self._check_size(account, segment)
        upload = self._uploads.get((account, handle))
        have = 0 if upload is None else upload.offset
        if upload is not None and upload.total not in (0, segment.total):
            raise damaged("A message has another length than before", expected=upload.total, found=segment.total)
        if segment.start != have:
            problem = damaged(
                "A piece of a message is out of order", expected=f"from byte {have} on", found=segment.start, status=409
            )
            problem.headers[UPLOAD_OFFSET] = str(have)
            raise problem
        if upload is None:
            upload = self._begin(account, handle, segment.total)
        upload.total = segment.total
        return upload

    def _check_size(self, account: Address, segment: Segment) -> None:
        known = self._spool.knows(account)
        most = self._limits.message if known else self._limits.stranger_message
        if segment.total > most:
            raise undeliverable(
                "The message is larger than this service takes from the account",
                expected=f"<= {most} bytes",
                found=segment.total,
                status=413,
                hint="" if known else "begin with an inquiry: what the seller has answered it knows",
            )
        if segment.size > self._limits.segment:
            raise damaged("A body is too large", expected=f"<= {self._limits.segment} bytes", found=segment.size)

    def _begin(self, account: Address, handle: str, total: int) -> _Upload:
        of_account, messages, own_size, size = self._spool.waiting(account)
        own = [key for key in self._uploads if key[0] == account]
        if len(own) >= self._limits.unfinished_of_account:
            # Its own oldest gives way: a sender that lost its place begins anew, and costs nobody else anything.
            self._forget(*min(own, key=lambda key: self._uploads[key].touched))
        for what, most, found in (
            ("messages of this account that the seller has not read", self._limits.waiting_of_account, of_account),
            ("messages that the seller has not read", self._share(account), messages),
        ):
            if found >= most:
                raise busy(f"There are too many {what}", expected=f"< {most}", found=found, seconds=10, status=503)
        if len(self._uploads) >= self._limits.waiting:
            # A stranger's message comes in one request: what is left of one that was cut is worth the least.
            self._forget(*min(self._uploads, key=self._worth))
        self._check_share(account, total, own_size)
        self._make_space(total, size)
        path = self._folder / account / handle
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        now = self._clock()
        upload = self._uploads[account, handle] = _Upload(path, total, 0, hashlib.sha256(), deque([(now, 0)]), now)
        return upload

    def _check_share(self, account: Address, total: int, arrived: int) -> None:
        """Raises Problem where an account would have more than its share of the disk: it costs nothing to have ten.

        Small messages settle orders; how many there may be is limited, and no more.
        """
        # Beside the small ones that may lie there, one of the largest still has its space.
        most = self._limits.disk_of_account + self._limits.waiting_of_account * _SMALL
        own = [key for key in self._uploads if key[0] == account]
        own.sort(key=lambda key: self._uploads[key].touched)
        while total > _SMALL:
            begun = sum(max(self._uploads[key].total, self._uploads[key].offset) for key in own)
            if total <= most - arrived - begun:
                return
            if not own:
                raise busy(
                    "Messages of this account take all the space that it may have", expected=f"<= {most} bytes",
                    found=f"{arrived} not read yet, and {total} more", seconds=60, status=507,
                )  # fmt: skip
            self._forget(*own.pop(0))

    def _share(self, account: Address) -> int:
        """Unread messages beyond which an account has to wait: strangers leave half to those who trade."""
        return self._limits.waiting if self._spool.knows(account) else self._limits.waiting // 2

    def _worth(self, key: tuple[Address, str]) -> tuple[bool, float]:
        upload = self._uploads[key]
        return max(upload.total, upload.offset) > self._limits.stranger_message, upload.touched

    def _make_space(self, total: int, arrived: int) -> None:
        """Raises Problem where neither the service's share of the disk nor the disk has space for a message."""
        # Requests wait for hours in a queue: they leave space for what settles an order.
        most = self._limits.disk - (self._limits.disk // _KEPT if total > _SMALL else 0)
        oldest = [
            key for key in sorted(self._uploads, key=lambda key: self._uploads[key].touched) if self._is_idle(key)
        ]
        while True:
            begun = sum(max(upload.total, upload.offset) for upload in self._uploads.values())
            free = min(most - arrived - begun, shutil.disk_usage(self._folder).free)
            if total <= free:
                return
            if not oldest:
                raise busy(
                    "There is no space for the message", expected=f"<= {max(free, 0)} bytes", found=total, seconds=60,
                    status=507,
                )  # fmt: skip
            self._forget(*oldest.pop(0))

    def _is_idle(self, key: tuple[Address, str]) -> bool:
        """Whether a message has not come on for long, or so slowly that it only holds its place."""
        upload, now, limits = self._uploads[key], self._clock(), self._limits
        long = limits.idle_upload_seconds
        since, before = upload.marks[0]
        lasted = now - since
        slowest = max(limits.slowest_upload, upload.total / limits.longest_upload_seconds)
        return now - upload.touched > long or (lasted > long and upload.offset - before < lasted * slowest)

    def _check_head(self, account: Address, handle: str, upload: _Upload) -> None:
        """A sealed message names the account that sends it; all else is an inquiry. Raises Problem."""
        with upload.path.open("rb") as file:
            head = file.read(HEAD_SIZE)
        if is_sealed_message(head):
            if named_sender(head) != account:
                self._forget(account, handle)
                raise undeliverable("A sealed message is of its sender", expected=account, found=named_sender(head))
            if not self._spool.knows(account):
                self._forget(account, handle)
                raise undeliverable(
                    "The seller has not answered this account yet", expected="an inquiry", found="a sealed message"
                )
        elif upload.total > Inquiry.LIMIT:
            self._forget(account, handle)
            raise undeliverable(
                "In the clear travels an inquiry alone", expected=f"<= {Inquiry.LIMIT} bytes", found=upload.total
            )

    def _finish(self, account: Address, handle: str, upload: _Upload) -> None:
        found = upload.hashed.hexdigest()
        if found != handle:
            self._forget(account, handle)
            raise damaged("The message is not the one that it is called", expected=handle, found=found)
        if upload.total <= Inquiry.LIMIT:
            self._check_whole(account, handle, upload.path.read_bytes())
        self._spool.put(upload.path, account, handle)
        self._forget(account, handle)

    def _check_whole(self, account: Address, handle: str, data: bytes) -> None:
        """A short message: sealed, or an inquiry or refusal that its sender has signed. Raises Problem."""
        if is_sealed_message(data):
            return
        try:
            envelope, message = read(data, domain=self._domain)
            sender, is_inquiry = envelope.sender, isinstance(message, Inquiry | Refusal)
        except BlindfairError as error:
            self._forget(account, handle)
            raise undeliverable("This is not a message", expected="an inquiry", found=error.name) from error
        if sender != account or not is_inquiry:
            self._forget(account, handle)
            raise undeliverable(
                "In the clear travels an inquiry or refusal of the account alone",
                expected=account,
                found=f"a message of {sender}",
            )

    def _forget(self, account: Address, handle: str) -> None:
        """Remove what is there of a message."""
        upload = self._uploads.pop((account, handle), None)
        if upload is not None:
            upload.writer = -1
            with contextlib.suppress(OSError):
                upload.path.unlink(missing_ok=True)
                upload.path.parent.rmdir()


def _taken_over() -> Problem:
    return busy("Another request goes on with this message", expected="one", found="two", seconds=1)


def _hash_of(path: Path, size: int) -> Any:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (piece := file.read(min(_PIECE, size))):
            found.update(piece)
            size -= len(piece)
    return found
