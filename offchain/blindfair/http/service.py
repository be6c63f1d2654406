"""A seller's service, started beside its agent: a process of its own, so that neither waits for the other.

The socket is opened here and kept, so that buyers who connect while the process is started again wait instead of
being refused. Not here: what the process does (`serving`).
"""

import contextlib
import errno
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

from blindfair.agents.store.directory import private_directory
from blindfair.http.counts import COUNTS, COUNTS_LIMIT, ServiceCounts
from blindfair.http.limits import ServiceLimits
from blindfair.http.spool import incoming_folder
from blindfair.http.wire import ServiceInfo, service_url
from blindfair.protocol.documents import Document, canonical
from blindfair.protocol.errors import InvalidOption, StateError
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain

READY_SECONDS = 60.0
_PAUSE_SECONDS = 1.0
_TAKEN_SECONDS = 5.0
"""How long a port may be taken before that is an error."""

_LINE = 300
"""Bytes of an error that the process tells."""

_ANY = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Where a service listens, and what it is called.

    `bind` is HOST:PORT. `public_url` is what buyers name, with the path that a reverse proxy adds; where `bind` names
    one address, it may be None. `proxy` is the address of a reverse proxy that is believed about who asks.
    """

    bind: str
    public_url: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    proxy: str | None = None
    limits: ServiceLimits = field(default_factory=ServiceLimits)

    def place(self) -> tuple[str, int]:
        """Host and port to listen at. Raises InvalidOption."""
        host, _, port = self.bind.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise InvalidOption(
                "`http` is no address to listen at",
                expected="HOST:PORT, such as 0.0.0.0:8440",
                found=self.bind[:100],
                hint="name an address of this machine, or 0.0.0.0 for all of them",
            )
        return host.strip("[]"), int(port)

    def url(self, port: int) -> str:
        """The URL that buyers name. Raises InvalidOption where it cannot be known."""
        if self.public_url is not None:
            return service_url(self.public_url, "public_url")
        host, _ = self.place()
        if host in _ANY:
            raise InvalidOption(
                "`public_url` is needed where the service listens at every address",
                expected="--public-url https://NAME:PORT, as buyers reach it",
                found=self.bind,
                hint="proofs of buyers are made for one URL, so that no other service can use them",
            )
        scheme = "http" if self.tls_cert is None else "https"
        shown = f"[{host}]" if ":" in host else host
        return service_url(f"{scheme}://{shown}:{port}", "http")

    def check_tls(self) -> None:
        """Check that certificate and key are there and belong together. Raises InvalidOption."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidOption(
                "A certificate and its key go together",
                expected="--tls-cert FILE --tls-key FILE",
                found="one of them",
                hint="name both, or none where a proxy speaks TLS",
            )
        if self.tls_cert is None:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise InvalidOption(
                f"`tls_cert` and `tls_key` cannot be used: {self.tls_cert}",
                expected="a certificate chain and its key, in PEM",
                found=error.strerror or type(error).__name__,
                hint="check both files, and that this user may read them",
            ) from error

    @property
    def is_open_to_listeners(self) -> bool:
        """Whether others on the way can read who asks, and use a session of theirs: no TLS, and not this machine."""
        parts = urlsplit(self.public_url or f"{'http' if self.tls_cert is None else 'https'}://{self.bind}")
        return parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost")


class HttpService:
    """The service of one seller's mail folder, from `__enter__` to `__exit__`.

    `listings` are the manifests that it shows, `pages` the folder with the same for people. `on_trouble` is told when
    the process had to be started again, and of each error in it: the class and the line, at most once a minute a line.
    """

    def __init__(
        self,
        options: ServiceOptions,
        *,
        mail: Path,
        seller: Address,
        domain: Domain,
        listings: Mapping[str, Manifest],
        pages: Path | None = None,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._options = options
        self._mail = mail
        self._seller = seller
        self._domain = domain
        self._listings = dict(listings)
        self._pages = pages
        self._on_trouble = on_trouble
        self._held = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._ends = threading.Event()
        self._is_asked = False
        self.url = ""
        self.counts = ServiceCounts()
        """What the service has counted, as its process told lately; it goes on where that is started again."""

    def __enter__(self) -> Self:
        """Listen, and answer. Raises InvalidOption for an address that cannot be listened at, or a certificate that
        cannot be used; InsecureStore for a mail folder that another has prepared, StateError where the process does
        not start."""
        self._options.check_tls()
        private_directory(self._mail) if not self._mail.is_dir() else None
        incoming_folder(self._mail, self._seller)
        with contextlib.ExitStack() as held:
            listening = held.enter_context(self._listen())
            self.url = self._options.url(listening.getsockname()[1])
            self._start(listening)
            watcher = threading.Thread(target=self._watch, args=(listening,), daemon=True)
            watcher.start()
            held.callback(watcher.join, 10)
            held.callback(self._stop)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Answer no more."""
        self._held.close()

    def reload(self) -> None:
        """Start the process again, with the certificate as it is now; buyers who connect meanwhile wait.

        Raises InvalidOption for a certificate that cannot be used: the process then goes on with the one that it has.
        """
        self._options.check_tls()
        process = self._process
        if process is not None and process.stdin is not None:
            self._is_asked = True
            with contextlib.suppress(OSError):
                process.stdin.close()

    @property
    def pid(self) -> int:
        """The number of the process that answers now."""
        return 0 if self._process is None else self._process.pid

    def _listen(self) -> socket.socket:
        host, port = self._options.place()
        until = time.monotonic() + _TAKEN_SECONDS
        while True:
            listening = None
            try:
                listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.bind((host, port))
                listening.listen(512)
                return listening
            except OSError as error:
                if listening is not None:
                    listening.close()
                if error.errno == errno.EADDRINUSE and time.monotonic() < until:
                    # The process of a seller that was killed a moment ago may still be ending.
                    time.sleep(_PAUSE_SECONDS / 10)
                    continue
                raise InvalidOption(
                    f"`http` cannot be listened at: {self._options.bind}",
                    expected="an address of this machine and a free port",
                    found=error.strerror,
                    hint="end what listens there, or name another port",
                ) from error

    def _start(self, listening: socket.socket) -> None:
        """Start the process, and wait until it answers. Raises StateError."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "blindfair.http.serving"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            # Ctrl-C is for the agent, which ends this process.
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            process.stdin.write(json.dumps(self._place(listening)).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        if not _says_ready(process.stdout):
            process.kill()
            process.wait()
            raise StateError(
                "The service does not start",
                expected="the packages starlette and uvicorn, and a certificate that can be read",
                found=f"exit code {process.returncode}",
                hint="look at what it wrote above",
            )
        # It ends with the process.
        threading.Thread(target=self._hear, args=(process.stdout,), daemon=True).start()

    def _hear(self, output: IO[bytes]) -> None:
        """Keep the counts of the process, and hand on its errors, a line each. It answers strangers, so its words are
        bounded, too."""
        earlier = self.counts
        with output:
            while line := output.readline(COUNTS_LIMIT):
                if line.startswith(COUNTS):
                    # Those that cannot be read are left out: told each time, they would fill the screen.
                    with contextlib.suppress(ValueError):
                        self.counts = ServiceCounts.from_line(line).after(earlier)
                    continue
                words = line[:_LINE].decode(errors="replace").strip()
                text = "".join(found if found.isprintable() else "?" for found in words)
                self._on_trouble(f"an error in the HTTP service, which goes on serving: {text}")

    def _place(self, listening: socket.socket) -> Document:
        options = self._options
        url = self.url
        return {
            "socket": listening.fileno(),
            "mail": str(self._mail.resolve()),
            "info": ServiceInfo(url, self._seller, self._domain).to_document(),
            "catalogue": {number: _text_of(manifest) for number, manifest in self._listings.items()},
            "limits": options.limits.to_document(),
            "pages": None if self._pages is None else str(self._pages.resolve()),
            "prefix": urlsplit(url).path,
            "proxy": options.proxy,
            "tls_cert": None if options.tls_cert is None else str(options.tls_cert.resolve()),
            "tls_key": None if options.tls_key is None else str(options.tls_key.resolve()),
        }

    def _watch(self, listening: socket.socket) -> None:
        """Start the process again where it ends by itself."""
        while self._process is not None:
            self._process.wait()
            if self._ends.wait(_PAUSE_SECONDS):
                return
            if not self._is_asked:
                self._on_trouble(f"the HTTP service ended with {self._process.returncode} and is started again")
            self._is_asked = False
            try:
                self._start(listening)
            except StateError as error:
                self._on_trouble(str(error))
            if self._ends.is_set():
                self._stop()

    def _stop(self) -> None:
        self._ends.set()
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _says_ready(output: IO[bytes]) -> bool:
    line: list[bytes] = []
    reader = threading.Thread(target=lambda: line.append(output.readline()), daemon=True)
    reader.start()
    reader.join(READY_SECONDS)
    return bool(line) and line[0].strip() == b"ready"


def _text_of(manifest: Manifest) -> str:
    return canonical(manifest.to_document()).decode()
