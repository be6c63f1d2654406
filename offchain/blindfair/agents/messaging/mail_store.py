"""A place for messages anywhere that fsspec reaches: an object store, a mounted one, this process's memory.

All that is asked of it: an object that was written appears whole or not at all, or is replaced by a whole one later;
writing the same bytes twice is the same as once. It needs no locks, no renaming and no order, and may list late. Every
failure is a named error, every call has an end, and no credential or text of the store's is in an error: only its kind.
Not here: what the objects mean (`store_transport`).
"""

import contextlib
import datetime
import errno
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from blindfair.agents.messaging.partial_messages import Look
from blindfair.protocol.errors import (
    BlindfairError,
    InvalidOption,
    MailStoreFull,
    MailStoreMissing,
    MailStoreRefused,
    MissingPackage,
    ServiceBusy,
    ServiceUnreachable,
    StateError,
)

Result = TypeVar("Result")

CALL_SECONDS = 60.0
"""How long one call may take before the agent looks at its orders. What was begun goes on beside it."""

CALLS = 16
"""Calls under way at most: each is a thread, and a store may never answer."""

_REFUSED = frozenset(
    {
        "CredentialRetrievalError",
        "DefaultCredentialsError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "401",
        "403",
    }
)
_FULL = frozenset({"507", "InsufficientCapacity", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"})
_PACKAGES = {"s3": "pip install 'blindfair[s3]'", "gs": "pip install gcsfs", "abfs": "pip install adlfs"}
_CHANGES = ("ETag", "etag", "md5", "md5Hash", "generation", "LastModified", "updated", "mtime", "created", "ino")
_TIMES = ("LastModified", "updated", "last_modified", "mtime", "modified", "created")


class _Gone(Exception):
    """There is no such object, or no such bucket."""


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """One object of a folder: `look` changes when it is replaced, `written` is the store's time in seconds, if told."""

    name: str
    size: int
    look: Look
    written: float | None


def store_url(text: str, option: str = "mail") -> str:
    """The URL of a folder in a store, without a slash at its end. Raises InvalidOption for a user name, password,
    query or fragment: no secret is in a URL; and for one file system inside another."""
    scheme, _, rest = text.partition("://")
    refusal = InvalidOption(
        f"`{option}` is not the URL of a store",
        expected="SCHEME://BUCKET/FOLDER, as s3://bucket/mail",
        # Nothing of what may be a secret is shown.
        found=f"{scheme[:20]}://..." if scheme.isalnum() else "something else",
        hint="credentials do not belong into it: they are where the store's own package looks for them",
    )
    if (
        not scheme.isalnum()
        or not rest.strip("/")
        or any(mark in rest for mark in ("@", "?", "#", "::", "://", "\\"))
        or ".." in rest.split("/")
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        raise refusal
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def is_store_url(text: str) -> bool:
    """Whether a text names a store: a URL, and not that of a seller's HTTP service."""
    scheme, mark, _ = text.partition("://")
    return bool(mark) and scheme.lower() not in ("http", "https")


class MailStore:
    """The folder `url` of a store."""

    def __init__(self, url: str) -> None:
        """Nothing is asked yet. Raises InvalidOption for what is no such URL, MissingPackage."""
        self.url = store_url(url)
        scheme = self.url.partition("://")[0]
        try:
            # A listing that was kept from before would not show what others have sent.
            files, root = _fsspec().url_to_fs(self.url, use_listings_cache=False, skip_instance_cache=True)
        except ImportError:
            raise MissingPackage(
                f"The package for {scheme}:// is not installed",
                hint=_PACKAGES.get(scheme, "install the package that fsspec names for it"),
            ) from None
        except (OSError, ValueError) as error:
            raise InvalidOption(
                "`mail` is in no store that fsspec knows", expected="s3://, gs://, ...", found=type(error).__name__
            ) from None
        self._files: Any = files
        self._root = str(root).rstrip("/")
        self._calls: dict[tuple[str, str], Future[Any]] = {}
        self._lock = threading.Lock()
        if scheme == "memory":
            files.makedirs(self._root, exist_ok=True)

    # --- what agents do --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Check that the bucket is there and can be read. Raises StateError."""
        try:
            is_there = self._call("check", "", self._is_there)
        except _Gone:
            is_there = False
        if not is_there:
            raise self._missing()

    def entries(self, folder: str) -> list[StoreEntry]:
        """What is in a folder, in the order of names; nothing where it is not there. Raises StateError."""
        path = self._path(folder)

        def listed() -> list[StoreEntry]:
            self._files.invalidate_cache()
            return [*_entries(self._files.ls(path, detail=True))]

        try:
            return sorted(self._call("list", folder, listed), key=lambda entry: entry.name)
        except _Gone:
            # Nothing was ever sent there; or the bucket is gone. Whoever may list the one folder may see no other.
            with contextlib.suppress(MailStoreRefused):
                self.check()
            return []

    def read(self, name: str, start: int, size: int) -> bytes | None:
        """`size` bytes from `start` on, fewer where the object ends; None where it is gone. Raises StateError."""
        path = self._path(name)
        try:
            data = self._call(f"read {start}", name, lambda: self._files.cat_file(path, start=start, end=start + size))
        except _Gone:
            return None
        return bytes(data)[:size]

    def write(self, name: str, data: bytes) -> None:
        """Write an object; the same bytes twice are the same as once. Raises MailStoreMissing and the like, and
        ServiceBusy while it is under way: called again, it waits for the same writing."""
        path, digest = self._path(name), hashlib.sha256(data).hexdigest()
        try:
            self._call(f"write {digest}", name, lambda: self._put(path, data))
        except _Gone:
            raise self._missing() from None

    def remove(self, name: str) -> None:
        """Remove an object; nothing where there is none. Raises StateError."""
        path = self._path(name)
        try:
            self._call("remove", name, lambda: self._files.rm_file(path))
        except _Gone:
            return

    # --- how -------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _put(self, path: str, data: bytes) -> None:
        try:
            self._files.pipe_file(path, data)
        except FileNotFoundError:
            # Of an object store the bucket is missing, and is not made; on a disk it may be the mailbox.
            if not self._root.startswith("/") or not self._files.exists(self._root):
                raise
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, data)

    def _is_there(self) -> bool:
        """Whether the place is there. An object store has no folders, but buckets."""
        if self._root.startswith("/"):
            return bool(self._files.exists(self._root))
        bucket = self._root.partition("/")[0]
        if self._files.exists(bucket):
            return True
        # `exists` is false as well where credentials are refused: this says which.
        self._files.ls(bucket, detail=True)
        return True

    def _missing(self) -> MailStoreMissing:
        return MailStoreMissing(
            f"{self.url} is not there",
            expected="a bucket, or folder, that exists",
            found="none",
            hint="check the name and the region; make it with the store's own tools: this program makes none",
        )

    def _call(self, kind: str, name: str, work: Callable[[], Result]) -> Result:
        """The result of a call, which goes on beside this program where it takes long. Raises _Gone, StateError."""
        key = kind, name
        with self._lock:
            running: Future[Result] | None = self._calls.get(key)
            if running is None:
                if len(self._calls) >= CALLS:
                    self._calls = {name: call for name, call in self._calls.items() if not call.done()}
                if len(self._calls) >= CALLS:
                    raise self._slow(f"{CALLS} calls that have no answer yet")
                running = self._calls[key] = Future()
                threading.Thread(target=self._work, args=(running, work), daemon=True).start()
        try:
            return running.result(CALL_SECONDS)
        except Exception as error:
            if not running.done():
                raise self._slow(f"no answer to `{kind.partition(' ')[0]}` within {CALL_SECONDS:g} seconds") from None
            if isinstance(error, FileNotFoundError):
                raise _Gone from None
            raise self._named(error) from None
        finally:
            if running.done():
                with self._lock:
                    self._calls.pop(key, None)

    @staticmethod
    def _work(running: Future[Any], work: Callable[[], Any]) -> None:
        try:
            result = work()
        except BaseException as error:
            running.set_exception(error)
        else:
            running.set_result(result)

    def _slow(self, found: str) -> ServiceBusy:
        return ServiceBusy(
            f"{self.url} is slow", expected=f"an answer within {CALL_SECONDS:g} seconds", found=found,
            hint="what was begun goes on by itself",
        )  # fmt: skip

    def _named(self, error: BaseException) -> BlindfairError:
        """The error's kind alone: what a store says may hold the name of a key."""
        if isinstance(error, BlindfairError):
            return error
        kinds = [*_kinds(error)]
        shown = ", ".join(dict.fromkeys(kinds))[:100]
        if _REFUSED.intersection(kinds) or isinstance(error, PermissionError):
            return MailStoreRefused(
                f"{self.url} may not be used",
                expected="credentials that may list, read, write and delete there",
                found=shown,
                hint="give them as the store's package takes them, such as AWS_PROFILE or ~/.aws; never in the URL",
            )
        if _FULL.intersection(kinds) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return MailStoreFull(
                f"{self.url} has no space left",
                expected="space for a message",
                found=shown,
                hint="make space, or raise the quota",
            )
        if getattr(error, "errno", None) == errno.EBUSY or "SlowDown" in kinds:
            return ServiceBusy(f"{self.url} takes no more for now", expected="fewer calls", found=shown)
        if isinstance(error, IsADirectoryError | NotADirectoryError):
            return StateError(f"{self.url} holds a folder in a message's place", expected="an object", found=shown)
        return ServiceUnreachable(
            f"{self.url} does not answer as a store",
            expected="an answer",
            found=shown,
            hint="check the network and the store's address; it is tried again",
        )


def _entries(found: list[dict[str, Any]]) -> Iterator[StoreEntry]:
    for info in found:
        if info.get("type") != "file" or info.get("islink"):
            # A mark of what is no message, without a size that could be read.
            yield StoreEntry(str(info["name"]).rstrip("/").rpartition("/")[2], -1, (0, 0, 0, 0), None)
            continue
        size = int(info.get("size") or 0)
        text = repr([str(info.get(key)) for key in _CHANGES])
        changed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        yield StoreEntry(str(info["name"]).rpartition("/")[2], size, (size, changed, 0, 0), _written(info))


def _written(info: dict[str, Any]) -> float | None:
    """When the store says that an object was written, in seconds."""
    for key in _TIMES:
        value = info.get(key)
        if isinstance(value, str):
            try:
                value = datetime.datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime.datetime):
            return value.timestamp()
        if isinstance(value, float | int):
            return float(value)
    return None


def _kinds(error: BaseException | None) -> Iterator[str]:
    """Kinds and codes of an error and of what caused it, where they are one word."""
    seen = 0
    while error is not None and seen < 8:
        seen += 1
        response: Any = getattr(error, "response", None)
        code: Any = (
            response.get("Error", {}).get("Code") if isinstance(response, dict) else getattr(error, "code", None)
        )
        for kind in (type(error).__name__, None if code is None else str(code)):
            if kind is not None and kind.isalnum() and len(kind) <= 40:
                yield kind
        error = error.__cause__ or error.__context__


def _fsspec() -> ModuleType:
    try:
        import fsspec.core
    except ImportError as error:
        raise MissingPackage("fsspec is not installed", hint="pip install 'blindfair[s3]'") from error
    core: ModuleType = fsspec.core
    return core
