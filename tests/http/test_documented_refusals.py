"""The page on the HTTP interface has the status and the error of what a service refuses."""

import json
import re
from pathlib import Path

import pytest
from served import Person, Served

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "http.md"
ROW = re.compile(r"^\| ([\d, ]+) \| (.*) \|$", re.MULTILINE)


def documented() -> dict[int, str]:
    """What the page says of each status."""
    found: dict[int, str] = {}
    for statuses, text in ROW.findall(PAGE.read_text(encoding="utf-8")):
        for status in statuses.split(", "):
            found[int(status)] = found.get(int(status), "") + text
    return found


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/challenge", b"{", 400),
        ("GET", "/v1/mailbox", b"", 401),
        ("GET", "/v1/nothing", b"", 404),
        ("GET", "/v1/listings/1", b"", 404),
        ("PUT", "/v1/info", b"", 405),
        ("DELETE", "/v1/mailbox", b"", 405),
        ("POST", "/v1/challenge", b" " * 5000, 413),
    ],
)
def test_a_refusal_is_the_one_of_the_page(served: Served, method: str, path: str, body: bytes, status: int) -> None:
    answer = served.ask(method, path, body=body)
    assert answer.status == status and f"`{answer.error}`" in documented()[status]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/info", "GET, HEAD"),
        ("DELETE", "/v1/mailbox", "GET, HEAD"),
        ("GET", "/v1/session", "DELETE, POST"),
        ("PUT", f"/v1/mailbox/{'1' * 64}", "DELETE, GET, HEAD"),
        ("GET", f"/v1/messages/{'1' * 64}", "HEAD, PUT"),
        ("POST", "/", "GET, HEAD"),
    ],
)
def test_a_refused_method_is_told_which_ones_there_are(served: Served, method: str, path: str, allowed: str) -> None:
    """RFC 9110, section 15.5.6."""
    answer = served.ask(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert "`Allow`" in documented()[405]
    assert "allow" not in served.ask("GET", "/v1/nothing").headers


def test_bytes_that_are_not_there_are_refused_without_a_body(served: Served) -> None:
    buyer = Person()
    served.inbox.send(buyer.address, b"B for the buyer")
    own = {"Authorization": f"Bearer {served.token(buyer)}", "Range": "bytes=15-"}
    ((handle, size),) = json.loads(served.ask("GET", "/v1/mailbox", own).body)["messages"]
    answer = served.ask("GET", f"/v1/mailbox/{handle}", own)
    assert (answer.status, answer.body, answer.headers["content-range"]) == (416, b"", f"bytes */{size}")
    text = PAGE.read_text(encoding="utf-8")
    assert "416 has no body" in text and "`Content-Range: bytes */ALL`" in text
