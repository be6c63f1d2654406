"""Requests to a service that is not trusted: bounded in time and bytes, and every failure a named error.

A service may answer one byte a minute. An agent with an open order must not wait for that: each call has a time after
which its connection is closed from this side, whatever it is doing.
"""

import contextlib
import errno
import http.client
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from blindfair.protocol.errors import BlindfairError, ServiceUnreachable, UntrustedCertificate, WrongService

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""Seconds without a byte."""

CALL_SECONDS = 60.0
"""For a whole call, unless its options say otherwise."""

BLOCK = 64 * 1024


class CallOptions(TypedDict, total=False):
    """What a call may have beside its method and path."""

    headers: dict[str, str]
    body: bytes
    seconds: float
    """After which its connection is closed, whatever it is doing."""


NOT_PUBLIC = "its address is private, or of this machine"


class PrivateAddress(OSError):
    """A name leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: neither private, nor this machine, nor this line's."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.sixtofour is not None or found.teredo is not None:
            # What is inside may be any IPv4 address.
            return False
    return found.is_global and not found.is_multicast


def is_public_url(url: str) -> bool:
    """Whether a URL may lead to a public address, as far as it says: a name is not looked up."""
    host = urlsplit(url).hostname or ""
    try:
        return is_public(host)
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")


class _Connections(HTTPAdapter):
    """An adapter that knows its connections, and can end them while another thread waits for bytes.

    With `public_only` it speaks with public addresses alone. The address is that of the connection, after names were
    looked up, so that a name which leads elsewhere the second time gains nothing. Through a proxy, the proxy decides.
    """

    def __init__(self, *, public_only: bool = False) -> None:
        self._open: set[HTTPConnection] = set()
        self._public_only = public_only
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {
            "http": self._noting(HTTPConnectionPool),
            "https": self._noting(HTTPSConnectionPool),
        }

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        """The pools of a proxy, whose connections are noted as well."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **named)
        if is_new:
            manager.pool_classes_by_scheme = {
                "http": self._noting(HTTPConnectionPool, is_proxied=True),
                "https": self._noting(HTTPSConnectionPool, is_proxied=True),
            }
        return manager

    def _noting(self, pool: type[HTTPConnectionPool], *, is_proxied: bool = False) -> type[HTTPConnectionPool]:
        """The pool, with connections that are noted here while they are open."""
        known: set[HTTPConnection] = self._open
        base: Any = pool.ConnectionCls

        def connect(connection: Any) -> None:
            known.add(connection)
            base.connect(connection)

        def close(connection: Any) -> None:
            known.discard(connection)
            base.close(connection)

        def open_line(connection: Any) -> Any:
            line = base._new_conn(connection)
            if self._public_only and not is_proxied and not is_public(line.getpeername()[0]):
                line.close()
                raise PrivateAddress(errno.EACCES, NOT_PUBLIC)
            return line

        noted = type("NotedConnection", (base,), {"connect": connect, "close": close, "_new_conn": open_line})
        return type("NotedPool", (pool,), {"ConnectionCls": noted})

    def end_all(self) -> None:
        """End every connection; whoever waits for bytes gets an error."""
        for connection in list(self._open):
            line: Any = connection.sock
            if line is not None:
                _shut(line)


def _shut(line: Any) -> None:
    try:
        line.shutdown(2)
    except (OSError, ValueError):
        return


class Caller:
    """Calls to one service."""

    def __init__(self, url: str, *, public_only: bool = False) -> None:
        """With `public_only`, no byte goes to an address of this machine or of a private network."""
        self.url = url
        self._requests: requests.Session | None = None
        self._connections = _Connections(public_only=public_only)

    @contextmanager
    def call(self, method: str, path: str, **options: Unpack[CallOptions]) -> Iterator[requests.Response]:
        """The answer to one request; its body is read in the block. After its seconds the connection is closed.

        Raises ServiceUnreachable, UntrustedCertificate, WrongService for one that sends elsewhere.
        """
        session, seconds = self._session(), options.get("seconds", CALL_SECONDS)
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            self._connections.end_all()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            with session.request(
                method,
                self.url + path,
                headers={"Accept-Encoding": "identity", **options.get("headers", {})},
                data=options.get("body"),
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            ) as answer:
                if 300 <= answer.status_code < 400:
                    raise WrongService(
                        f"{self.url} sends elsewhere, which is not followed",
                        expected="an answer from this address",
                        found=ascii(answer.headers.get("Location", ""))[1:-1][:200],
                        hint="if you trust that address, name it in its place",
                    )
                yield answer
                _read_rest(answer)
            if is_late.is_set():
                # A header that is cut looks like a whole one.
                raise TimeoutError(errno.ETIMEDOUT, f"no whole answer within {seconds:g} seconds")
        except (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise self._named(error) from error
        finally:
            timer.cancel()

    def close(self) -> None:
        """Let go of the connections."""
        if self._requests is not None:
            self._requests.close()
            self._requests = None

    def _session(self) -> requests.Session:
        if self._requests is None:
            session = requests.Session()
            # Not what a file for other programs says: `.netrc` would send a password to whoever has the name.
            session.auth = _no_password
            session.mount("http://", self._connections)
            session.mount("https://", self._connections)
            self._requests = session
        return self._requests

    def _named(self, error: Exception) -> BlindfairError:
        causes = list(_causes(error))
        host = urlsplit(self.url).hostname
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return UntrustedCertificate(
                    f"The certificate of {self.url} is not trusted",
                    expected=f"a certificate for {host}, from an authority that this machine trusts",
                    found=cause.verify_message,
                    hint="check the name in the URL; for an authority of your own set REQUESTS_CA_BUNDLE=FILE",
                )
        if any(isinstance(cause, ssl.SSLError | http.client.BadStatusLine) for cause in causes) and not any(
            isinstance(cause, http.client.RemoteDisconnected | ssl.SSLEOFError) for cause in causes
        ):
            return WrongService(
                f"{self.url} does not speak {urlsplit(self.url).scheme}",
                expected="a Blindfair service",
                found=type(causes[-1]).__name__,
                hint="check scheme, host and port of the URL",
            )
        return ServiceUnreachable(
            f"The service at {self.url} does not answer",
            expected="a connection and an answer",
            found=_reason(causes),
            hint="check the URL and the network; what was begun goes on once it answers",
        )


def read_body(answer: requests.Response, most: int) -> bytes:
    """The body of an answer. Raises WrongService for more than `most` bytes."""
    body = b""
    for block in blocks(answer):
        body += block
        if len(body) > most:
            raise WrongService("An answer is larger than it may be", expected=f"<= {most} bytes", found="more")
    return body


def blocks(answer: requests.Response) -> Iterator[bytes]:
    """The body as it comes, not decompressed. Raises what reading from a socket raises."""
    while block := answer.raw.read1(BLOCK, decode_content=False):
        yield block


def _read_rest(answer: requests.Response) -> None:
    """Read what is left of a short answer: only then does its connection serve the next request."""
    length = answer.headers.get("Content-Length", "")
    if answer.request.method == "HEAD" or (length.isdigit() and int(length) <= BLOCK):
        with contextlib.suppress(OSError, HTTPError, http.client.HTTPException):
            answer.raw.read(BLOCK, decode_content=False)


def _no_password(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it is made of: libraries wrap them in arguments, causes and contexts."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [*found.args, getattr(found, "reason", None), found.__cause__, found.__context__]


def _reason(causes: list[BaseException]) -> str:
    """The system's own words where there are any, else the kind of the innermost error."""
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException):
            return cause.strerror
    return type(causes[-1]).__name__
