"""A service reads its certificate again while it runs: what SIGHUP is for, when an authority has renewed it."""

import ssl
import time
from pathlib import Path

import pytest
from test_hostile_services import certificate, over_tls

from blindfair.protocol.errors import InvalidOption

pytestmark = pytest.mark.deep


def shown(url: str, until_not: str = "", seconds: float = 60) -> str:
    """The certificate that a service shows, once it is not `until_not`; a connection that is cut is tried again."""
    host, _, port = url.removeprefix("https://").rpartition(":")
    ends = time.monotonic() + seconds
    while True:
        try:
            found = ssl.get_server_certificate((host, int(port)), timeout=20)
            if found != until_not:
                return found
        except OSError:
            assert time.monotonic() < ends
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_a_renewed_certificate_is_shown_and_a_bad_one_keeps_the_old(tmp_path: Path) -> None:
    with over_tls(tmp_path, "127.0.0.1") as service:
        first, pid = shown(service.url), service.pid
        key = (tmp_path / "127.0.0.1.key").read_bytes()
        (tmp_path / "127.0.0.1.key").write_text("not a key")
        with pytest.raises(InvalidOption, match="cannot be used"):
            service.reload()
        assert (shown(service.url), service.pid) == (first, pid)
        (tmp_path / "127.0.0.1.key").write_bytes(key)
        certificate(tmp_path, "127.0.0.1")
        service.reload()
        second = shown(service.url, until_not=first)
        assert second == (tmp_path / "127.0.0.1.pem").read_text()
        assert service.pid != pid
