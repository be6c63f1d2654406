"""A store that is not there, refuses, is full, slow or out of reach is named; nothing secret is ever shown."""

import http.server
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from buckets import BUCKET, HIDDEN, environment, files, s3_server

from blindfair.agents.messaging import mail_store
from blindfair.agents.messaging.mail_store import MailStore
from blindfair.agents.messaging.store_transport import StoreTransport
from blindfair.protocol.errors import (
    BlindfairError,
    InvalidOption,
    MailStoreFull,
    MailStoreMissing,
    MailStoreRefused,
    MissingPackage,
    ServiceBusy,
    ServiceUnreachable,
)
from blindfair.protocol.quantities import Address

pytestmark = pytest.mark.deep

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")
pytest.importorskip("moto")
memory = pytest.importorskip("fsspec.implementations.memory")

ANN, BOB = Address("0x" + "aa" * 20), Address("0x" + "bb" * 20)
SENDING = Path(__file__).parents[1] / "support" / "sending.py"


def until(happens: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.05)


def told(error: BaseException) -> str:
    """Everything that a person or a log may see of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


def uses(url: str) -> list[Callable[[], object]]:
    transport = StoreTransport(url, ANN)
    return [lambda: list(transport.pending()), lambda: transport.send(BOB, b"M"), MailStore(url).check]


def test_a_bucket_that_is_not_there_is_named_and_not_made(port: int, tmp_path: Path) -> None:
    with environment(port):
        for use in [*uses("s3://nobodys-bucket/mail"), *uses(f"local://{tmp_path}/nowhere")]:
            with pytest.raises(MailStoreMissing, match="is not there"):
                use()
        assert not files("s3").exists("nobodys-bucket") and not (tmp_path / "nowhere").exists()


def test_a_bucket_that_goes_away_is_named(port: int) -> None:
    with environment(port):
        owner = files("s3")
        owner.mkdir("going")
        transport = StoreTransport("s3://going/mail", ANN)
        transport.send(ANN, b"M")
        owner.rm("going", recursive=True)
        with pytest.raises(MailStoreMissing):
            list(transport.pending())


def test_refused_credentials_are_named_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import requests

    with s3_server(tmp_path) as port, environment(port), caplog.at_level("INFO"):
        requests.post(f"http://127.0.0.1:{port}/moto-api/reset-auth", data=b"0", timeout=10)
        for use in uses(f"s3://{BUCKET}/mail"):
            with pytest.raises(MailStoreRefused, match="InvalidAccessKeyId") as caught:
                use()
            assert HIDDEN not in told(caught.value) and "an-account" not in told(caught.value)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(MailStoreRefused, match="NoCredentialsError"):
            StoreTransport(f"s3://{BUCKET}/mail", ANN).send(BOB, b"M")
    assert HIDDEN not in caplog.text


class Refusing(http.server.BaseHTTPRequestHandler):
    """An S3 server that answers every writing as it is told."""

    protocol_version = "HTTP/1.1"
    answers: tuple[int, str] = (507, "XMinioStorageFull")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, code = self.answers
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{HIDDEN}</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ((507, "XMinioStorageFull"), MailStoreFull),
        ((403, "QuotaExceeded"), MailStoreFull),
        ((403, "SignatureDoesNotMatch"), MailStoreRefused),
        ((400, "Unheard"), ServiceUnreachable),
    ],
)
def test_a_store_that_is_full_or_refuses_is_named_by_its_code(
    answers: tuple[int, str], error: type[BlindfairError]
) -> None:
    handler = type("Answering", (Refusing,), {"answers": answers})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with environment(server.server_address[1]), pytest.raises(error, match=answers[1]) as caught:
            StoreTransport(f"s3://{BUCKET}/mail", ANN).send(BOB, b"M")
        # What a server says may be anything, and a part of a key.
        assert HIDDEN not in told(caught.value)
        server.shutdown()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """As `tests/agents/store/test_disks.py` fills one, for a process of its own."""
    program = (
        "import resource, sys\n"
        "from blindfair.agents.messaging.store_transport import StoreTransport\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"transport = StoreTransport(sys.argv[1], {ANN!r})\n"
        "try:\n    transport.send(sys.argv[2], b'M' * 5000)\n"
        "except Exception as error:\n    print(type(error).__name__)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, f"local://{tmp_path}", BOB], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "MailStoreFull"


@pytest.mark.deep
def test_a_store_out_of_reach_is_named_and_an_agent_starts_all_the_same(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    with environment(nobody):
        transport = StoreTransport(f"s3://{BUCKET}/mail", ANN)
        with pytest.raises(ServiceUnreachable, match="does not answer"):
            transport.send(BOB, b"M")


class SlowStore(memory.MemoryFileSystem):  # type: ignore[name-defined,misc]
    """A store that answers when it is let."""

    protocol = "slow"
    lets = threading.Event()
    writings = 0

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **named: Any) -> None:
        type(self).writings += 1
        self.lets.wait(30)
        super().pipe_file(path, value, mode=mode, **named)


def test_nobody_waits_long_for_a_store_and_what_was_begun_is_not_begun_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.register_implementation("slow", SlowStore, clobber=True)
    monkeypatch.setattr(mail_store, "CALL_SECONDS", 0.2)
    ann, bob = StoreTransport("slow://mail", ANN), StoreTransport("slow://mail", BOB)
    SlowStore().makedirs(SlowStore._strip_protocol("slow://mail"), exist_ok=True)
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(ServiceBusy, match="is slow"):
            ann.send(BOB, b"M" * 100)
        assert time.monotonic() - began < 5
    # Threads of calls that never end are bounded.
    for number in range(1, mail_store.CALLS):
        with pytest.raises(ServiceBusy):
            ann.send(BOB, b"M" * (100 + number))
    with pytest.raises(ServiceBusy, match="calls that have no answer yet"):
        ann.send(BOB, b"M" * 1000)
    assert SlowStore.writings == mail_store.CALLS
    SlowStore.lets.set()
    until(lambda: len(list(bob.pending())) == mail_store.CALLS)
    ann.send(BOB, b"M" * 100)
    assert SlowStore.writings == mail_store.CALLS


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hidden-part@bucket/mail",
        "s3://bucket/mail?secret=hidden-part",
        "s3://bucket/mail#hidden-part",
        "zip://mail::s3://hidden-part",
        "s3://",
        "s3:///",
        "s3://bucket/../hidden-part",
        "nothing",
        "s3://bucket/a b",
    ],
)
def test_a_url_that_holds_a_secret_or_is_none_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        StoreTransport(url, ANN)
    assert "hidden-part" not in told(caught.value)


def test_an_unknown_store_and_a_missing_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidOption, match="fsspec"):
        StoreTransport("nosuchstore://bucket/mail", ANN)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingPackage) as caught:
        StoreTransport("gs://bucket/mail", ANN)
    assert "gcsfs" in caught.value.hint
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingPackage) as caught:
        StoreTransport("s3://bucket/mail", ANN)
    assert "blindfair[s3]" in caught.value.hint
