"""A party's own pages: who is let in, and what a browser's other tabs, strangers and mistakes cannot do."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
import uvicorn
from hostile_listing import SCRIPT, Got, ask

from blindfair.api.keystore import create_keystore, unlock
from blindfair.pages.local_app import FileToFetch, LocalApp, LocalSite, Shown
from blindfair.pages.local_server import listen
from blindfair.pages.logins import IDLE_SECONDS, SESSIONS, TRIES, WHOLE_SECONDS, Logins
from blindfair.protocol.errors import InvalidOption, NodeFailure, ServiceBusy, SessionRefused, WrongPassword

PASSWORD = "correct horse <b>"  # noqa: S105
SECRET = "what only the owner reads"  # noqa: S105


@dataclass
class Local:
    """Pages that are served on this machine."""

    port: int
    role: str = "seller"
    asked: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        return f"blindfair-{self.role}-{self.port}"

    def get(self, path: str, **headers: str) -> Got:
        return ask(self.port, "GET", path, headers)

    def post(self, path: str, body: bytes = b"", **headers: str) -> Got:
        given = {"Origin": f"http://{self.host}", "Content-Type": "application/x-www-form-urlencoded", **headers}
        return ask(self.port, "POST", path, given, body)

    def log_in(self, password: str = PASSWORD, **headers: str) -> Got:
        return self.post("/login", urlencode({"password": password}).encode(), **headers)

    def session(self) -> str:
        """The cookie of a session that was just begun, as a browser sends it."""
        got = self.log_in()
        assert got.status == 303, got.text
        return got.headers["set-cookie"].partition(";")[0]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextlib.contextmanager
def served_here(home: Path, clock: Clock) -> Iterator[Local]:
    """The application on a real socket. Its clock stands still unless a test moves it."""
    create_keystore(home / "keystore.json", PASSWORD, work=2)
    (home / "bought.csv").write_text("a\n1\n")
    listening = listen(0)
    local = Local(listening.getsockname()[1])

    def find(path: str) -> Shown | None:
        local.asked.append(path)
        if path == "/node":
            raise NodeFailure(f"no {SCRIPT}", expected="a node", found=SCRIPT, hint="`rpc`")
        if path == "/bug":
            raise RuntimeError(SECRET)
        if path == "/files/bought.csv":
            return FileToFetch(home / "bought.csv", "bought.csv")
        return f"<p>{SECRET}</p>".encode() if path == "/" else None

    site = LocalSite(local.role, home, local.port)
    app = LocalApp(site, Logins(lambda text: unlock(home / "keystore.json", text), clock), find).asgi()
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, http="h11"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield local
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def local(tmp_path: Path, clock: Clock) -> Iterator[Local]:
    with served_here(tmp_path, clock) as found:
        yield found


def test_the_keystores_password_opens_the_page_and_nothing_else_does(local: Local) -> None:
    assert (local.get("/").status, local.get("/").headers["location"]) == (303, "/login")
    assert local.get("/login").status == 200
    refused = local.log_in("battery staple")
    assert (refused.status, "set-cookie" in refused.headers) == (401, False)
    assert "WrongPassword" in refused.text and "hint" in refused.text and "battery" not in refused.text
    assert local.asked == []
    begun = local.log_in()
    assert begun.status == 303
    name, *attributes = begun.headers["set-cookie"].lower().split("; ")
    assert name.startswith(local.cookie + "=") and {"httponly", "samesite=strict", "path=/"} <= set(attributes)
    shown = local.get("/", Cookie=begun.headers["set-cookie"].partition(";")[0])
    assert shown.status == 200 and SECRET in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in shown.headers["content-security-policy"]


def test_a_strangers_cookie_is_a_named_error_and_the_service_lives_on(local: Local) -> None:
    session = local.session()
    for value in ("stranger", "", "x" * 3000, "%00%ff", session.partition("=")[2][:-1], "a; b=c", '"'):
        got = local.get("/", Cookie=f"{local.cookie}={value}")
        if got.status == 303:
            # A cookie that cannot be read is none.
            continue
        assert got.status == 401 and "SessionRefused" in got.text and "log in again" in got.text, value
        assert SECRET not in got.text
        assert f'{local.cookie}=""' in got.headers["set-cookie"]
    assert local.get("/", Cookie=session).status == 200


def test_a_stranger_is_told_that_its_session_is_none(local: Local) -> None:
    assert local.get("/", Cookie=f"{local.cookie}=stranger").status == 401
    assert local.get("/", Cookie="another=stranger").status == 303


@pytest.mark.parametrize("path", ["/", "/login", "/style.css", "/files/bought.csv"])
@pytest.mark.parametrize("name", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost.evil:{port}", ""])
def test_a_name_that_leads_here_by_a_strangers_dns_is_refused(local: Local, path: str, name: str) -> None:
    """With the owner's own cookie, as a browser would send it after the name was turned."""
    session = local.session()
    got = local.get(path, Host=name.format(port=local.port), Cookie=session)
    assert got.status == 421 and "WrongService" in got.text and SECRET not in got.text
    assert local.get("/", Host=f"localhost:{local.port}", Cookie=session).status == 200


def test_two_names_are_none(local: Local) -> None:
    with socket.create_connection(("127.0.0.1", local.port), 10) as line:
        line.sendall(f"GET / HTTP/1.1\r\nHost: {local.host}\r\nHost: evil.example\r\n\r\n".encode())
        assert line.recv(100).split(b"\r\n")[0].split()[1] in (b"400", b"421")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1", "https://{host}"])
def test_a_form_of_another_site_is_not_taken(local: Local, origin: str) -> None:
    session = local.session()
    given = origin.format(host=local.host)
    for path in ("/login", "/logout"):
        got = local.post(path, urlencode({"password": PASSWORD}).encode(), Origin=given, Cookie=session)
        assert got.status == 401 and "The form was sent by another page" in got.text
    assert local.get("/", Cookie=session).status == 200


def test_a_form_without_an_origin_is_told_what_is_missing(local: Local) -> None:
    """As curl sends it: a browser always says where a form comes from."""
    got = ask(local.port, "POST", "/login", {}, b"")
    assert got.status == 401 and "another page" not in got.text
    assert "without the header Origin" in got.text and f"Origin: http://{local.host}" in got.text


def test_a_method_that_a_page_does_not_take_is_told_which_it_takes(local: Local) -> None:
    """RFC 9110, section 15.5.6."""
    for path, allowed in (("/style.css", "GET, HEAD"), ("/login", "GET, HEAD, POST")):
        got = ask(local.port, "PUT", path, {}, b"")
        assert (got.status, got.headers["allow"]) == (405, allowed)


def test_logging_out_ends_the_session(local: Local) -> None:
    session = local.session()
    assert local.get("/logout", Cookie=session).status == 404
    assert local.get("/", Cookie=session).status == 200
    assert local.post("/logout", Cookie=session).status == 303
    assert local.get("/", Cookie=session).status == 401


def test_passwords_cannot_be_tried_at_will(local: Local, clock: Clock) -> None:
    assert [local.log_in("wrong").status for _ in range(TRIES)] == [401] * TRIES
    busy = local.log_in()
    assert busy.status == 429 and "ServiceBusy" in busy.text
    clock.now += 10
    assert local.log_in().status == 303


def test_a_session_ends_when_nobody_looks_and_at_the_end_of_the_day(local: Local, clock: Clock) -> None:
    session = local.session()
    clock.now += IDLE_SECONDS - 1
    assert local.get("/", Cookie=session).status == 200
    clock.now += IDLE_SECONDS + 1
    assert local.get("/", Cookie=session).status == 401
    session, began = local.session(), clock.now
    while clock.now < began + WHOLE_SECONDS - IDLE_SECONDS:
        clock.now += IDLE_SECONDS - 1
        assert local.get("/", Cookie=session).status == 200
    clock.now = began + WHOLE_SECONDS
    assert local.get("/", Cookie=session).status == 401


def test_sessions_are_few() -> None:
    clock = Clock()
    logins = Logins(lambda _: None, clock)
    tokens = []
    for _ in range(SESSIONS + 1):
        clock.now += 10
        tokens.append(logins.begin(""))
    with pytest.raises(SessionRefused):
        logins.check(tokens[0])
    logins.check(tokens[-1])


def test_one_password_is_checked_at_a_time() -> None:
    """Each takes a second and much memory."""
    begun, end = threading.Event(), threading.Event()

    def slow(_: str) -> None:
        begun.set()
        end.wait(10)
        raise WrongPassword("no")

    logins = Logins(slow)
    first = threading.Thread(target=_try, args=(logins,))
    first.start()
    begun.wait(10)
    with pytest.raises(ServiceBusy):
        logins.begin("other")
    end.set()
    first.join(10)


def _try(logins: Logins) -> None:
    with contextlib.suppress(WrongPassword):
        logins.begin("one")


def test_an_error_is_a_page_with_its_name_and_hint_and_no_traceback(local: Local) -> None:
    session = local.session()
    failed = local.get("/node", Cookie=session)
    assert failed.status == 500 and "NodeFailure" in failed.text and "<script" not in failed.text
    bug = local.get("/bug", Cookie=session)
    assert bug.status == 500 and "RuntimeError" in bug.text and SECRET not in bug.text and "Traceback" not in bug.text
    missing = local.get("/nothing/../../etc/passwd", Cookie=session)
    assert missing.status == 404 and "WrongService" in missing.text
    assert local.get("/", Cookie=session).status == 200


def test_a_file_is_saved_and_never_shown(local: Local) -> None:
    assert local.get("/files/bought.csv").status == 303
    got = local.get("/files/bought.csv", Cookie=local.session())
    assert (got.status, got.body) == (200, b"a\n1\n")
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("body", [b"", b"password=", b"\xff\xfe=%zz", b"a=1&" * 900, b"x" * 5000])
def test_a_form_of_anything_is_refused_with_a_name(local: Local, body: bytes) -> None:
    got = local.post("/login", body)
    assert got.status in (400, 401) and ("WrongPassword" in got.text or "TransferDamaged" in got.text), got.text
    assert local.get("/login").status == 200


def test_a_port_that_is_taken_is_named() -> None:
    with listen(0) as taken, pytest.raises(InvalidOption, match="cannot be listened at"):
        listen(taken.getsockname()[1])


def test_only_this_machine_is_listened_to() -> None:
    with listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
