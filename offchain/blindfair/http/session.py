"""A client's session at a service: begun by a proof when it is needed, begun anew when the service has forgotten it.

Not here: the calls themselves (`calls`), and the mailbox (`client`).
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Unpack

import requests

from blindfair.agents.messaging.transport import Signer
from blindfair.http.calls import Caller, CallOptions, read_body
from blindfair.http.problems import read_problem
from blindfair.http.wire import CHALLENGE, DOCUMENT_BYTES, INFO, SESSION, ServiceInfo, session_proof
from blindfair.protocol.documents import Document, JsonValue, canonical, parse
from blindfair.protocol.errors import (
    BlindfairError,
    MalformedMessage,
    MessageTooLarge,
    ServiceBusy,
    ServiceUnreachable,
    StateError,
    WrongService,
)
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain

_TRIES = 3
_PAUSE_SECONDS = 0.3
_MOST_WAIT = 5
"""Seconds that a busy service may ask for before the agent does something else."""


class ServiceSession:
    """Calls to the service at `url` in the name of `own`. `program` gives the name that the program keeps."""

    def __init__(self, url: str, own: Address, sign: Signer, domain: Domain, program: Callable[[], str]) -> None:
        self.url = url
        self._caller = Caller(url)
        self._own = own
        self._sign = sign
        self._domain = domain
        self._program = program
        self._holder = ""
        self._token: str | None = None
        self._info: ServiceInfo | None = None

    def info(self) -> ServiceInfo:
        """What the service says of itself, once. Raises WrongService for another contract's, and what `call` raises."""
        if self._info is None:
            self._info = read_info(self._caller, self._domain)
        return self._info

    def hold(self, holder: str) -> None:
        """Keep other programs of the account out, from the next call on."""
        self._holder = holder[:300]
        self._token = None

    def end(self) -> None:
        """End the session, if the service can be told."""
        if self._token is not None:
            with contextlib.suppress(StateError), self._plain("DELETE", SESSION, seconds=5.0):
                pass
        self._token, self._holder = None, ""
        self._caller.close()

    @contextmanager
    def call(self, method: str, path: str, **options: Unpack[CallOptions]) -> Iterator[requests.Response]:
        """The answer to a request within a session. A busy service is asked again, and one that was started again gets
        a new proof. Raises ServiceUnreachable and the like, SessionRefused, ServiceBusy, StoreInUse."""
        with contextlib.ExitStack() as held:
            for attempt in range(_TRIES):
                if self._token is None:
                    self._begin()
                try:
                    answer = held.enter_context(self._plain(method, path, **options))
                except ServiceUnreachable:
                    # A connection that was kept open may have been closed meanwhile.
                    if attempt + 1 == _TRIES or "body" in options:
                        raise
                    time.sleep(_PAUSE_SECONDS)
                    continue
                if attempt + 1 < _TRIES and self._is_to_repeat(answer):
                    held.close()
                    continue
                break
            yield answer

    def _is_to_repeat(self, answer: requests.Response) -> bool:
        """Whether the same request may have another answer soon; waits for it where the service says how long."""
        if answer.status_code == 401:
            self._token = None
            return True
        return _waited_for(answer)

    @contextmanager
    def _plain(self, method: str, path: str, **options: Unpack[CallOptions]) -> Iterator[requests.Response]:
        if self._token is not None:
            options["headers"] = {"Authorization": f"Bearer {self._token}", **options.get("headers", {})}
        with self._caller.call(method, path, **options) as answer:
            yield answer

    def listed(self, path: str, name: str, most: int) -> tuple[list[JsonValue], Document]:
        """The list `name`, of `most` entries at most, in the document at a path, and the document. Raises what `call`
        raises."""
        with self.call("GET", path) as answer:
            document = read_document(self.url, answer, DOCUMENT_BYTES)
        try:
            return Fields(document, "the service's answer").items(name, most), document
        except MalformedMessage as error:
            raise _not_ours(self.url, error) from error

    def _begin(self) -> None:
        """Prove who is asking. Raises SessionRefused, StoreInUse, ServiceBusy, and what `info` raises."""
        self.info()
        challenge = self._post(CHALLENGE, {"account": self._own})
        try:
            nonce, expires = challenge.text("nonce", 64), challenge.integer("expires", 0, 2**40)
        except MalformedMessage as error:
            raise _not_ours(self.url, error) from error
        proof: Document = {
            "account": self._own,
            "holder": self._holder,
            "nonce": nonce,
            "program": self._program(),
            "signature": hex_text(self._sign(*session_proof(self.url, self._own, nonce, expires))),
            "url": self.url,
        }
        try:
            self._token = self._post(SESSION, proof).text("token", 64)
        except MalformedMessage as error:
            raise _not_ours(self.url, error) from error
        if not self._token.isalnum():
            self._token = None
            raise WrongService(f"{self.url} gives a token that is none", expected="64 hexadecimal digits", found="?")

    def _post(self, path: str, document: Document) -> Fields:
        for attempt in range(_TRIES):
            with self._plain("POST", path, body=canonical(document), seconds=30.0) as answer:
                if attempt + 1 < _TRIES and answer.status_code != 401 and self._is_to_repeat(answer):
                    continue
                return _fields(self.url, answer)
        raise ServiceBusy(f"The service at {self.url} is busy")


class BusyWaits:
    """Seconds that may be waited for a service that is busy, in several calls together: of a list of a thousand
    listings, each could make its reader wait otherwise."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def waited_for(self, answer: requests.Response) -> bool:
        """Whether it was waited for a service that is busy: it says for how long, and that is not too long."""
        if answer.status_code not in (429, 503):
            return False
        wait = answer.headers.get("Retry-After", "")
        if not wait.isascii() or not wait.isdigit() or int(wait) > min(_MOST_WAIT, self._left):
            return False
        self._left -= int(wait)
        time.sleep(int(wait))
        return True


def _waited_for(answer: requests.Response) -> bool:
    """Whether it was waited for a busy service, in one call alone."""
    return BusyWaits(_MOST_WAIT).waited_for(answer)


def ask_document(caller: Caller, path: str, most: int, waits: BusyWaits) -> Document:
    """The document at a path, of at most `most` bytes. A busy service is asked again after the time that it names.

    Raises as `read_document` and `Caller.call`; ServiceBusy after `_TRIES` busy answers, or once `waits` are used up.
    """
    left = _TRIES
    while True:
        left -= 1
        with caller.call("GET", path) as answer:
            if left and waits.waited_for(answer):
                continue
            return read_document(caller.url, answer, most)


def read_info(caller: Caller, domain: Domain | None, seconds: float = 30.0, *, tries: int = _TRIES) -> ServiceInfo:
    """What a service says of itself; a busy one is asked `tries` times. Raises WrongService for another contract than
    that of `domain`, unless it is None, or what is no service, ServiceBusy, and what `Caller.call` raises."""
    for left in reversed(range(tries)):
        with caller.call("GET", INFO, seconds=seconds) as answer:
            if left and _waited_for(answer):
                continue
            body = read_document(caller.url, answer, DOCUMENT_BYTES)
        break
    try:
        info = ServiceInfo.from_document(body)
    except MalformedMessage as error:
        raise _not_ours(caller.url, error) from error
    if domain is not None and info.domain != domain:
        raise WrongService(
            f"The service at {caller.url} belongs to another contract",
            expected=f"{domain.contract} on chain {domain.chain_id}",
            found=f"{info.domain.contract} on chain {info.domain.chain_id}",
            hint="use the deployment file of that contract, or another service",
        )
    return info


def read_document(url: str, answer: requests.Response, most: int) -> Document:
    """The document of an answer, of at most `most` bytes. Raises what the service refuses with, and WrongService."""
    return parse_answer(url, answer.status_code, read_body(answer, most), most)


def parse_answer(url: str, status: int, body: bytes, most: int) -> Document:
    """The document in the body of an answer. Raises as `read_document`."""
    if status != 200:
        raise read_problem(url, status, body)
    try:
        return parse(body, most)
    except (MalformedMessage, MessageTooLarge, json.JSONDecodeError) as error:
        raise _not_ours(url, error) from error


def refusal_of(url: str, answer: requests.Response) -> BlindfairError:
    """The error that a refusing answer means."""
    return read_problem(url, answer.status_code, read_body(answer, DOCUMENT_BYTES))


def _fields(url: str, answer: requests.Response) -> Fields:
    return Fields(read_document(url, answer, DOCUMENT_BYTES), "the service's answer")


def _not_ours(url: str, error: Exception) -> WrongService:
    return WrongService(
        f"{url} does not answer as a Blindfair service",
        expected="the documents of one",
        found=str(error)[:200],
        hint="check the URL with its path: the seller says it, and `seller serve` shows it",
    )
