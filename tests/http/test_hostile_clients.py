"""What strangers and cheating accounts try against a service: each is refused by name, and harms nobody."""

import contextlib
import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import DOMAIN, Person, Served, is_alive, read_answer, serving

from blindfair.http.service import HttpService, ServiceOptions
from blindfair.http.wire import content_digest, session_proof
from blindfair.protocol.errors import InsecureStore, StoreInUse
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain, sign_message
from ports import free_port

BUYER, OTHER = Person(), Person()


@pytest.fixture(autouse=True)
def new_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts that the service has never seen, for each test."""
    for name in ("BUYER", "OTHER"):
        monkeypatch.setattr(sys.modules[__name__], name, Person())


def begun(served: Served) -> list[Path]:
    """What lies on disk of messages that are not whole."""
    return [path for path in served.mail.glob(".incoming-*/**/*") if path.is_file()]


# --- who is asking -------------------------------------------------------------------------------------------------


def test_a_challenge_is_answered_once(served: Served) -> None:
    nonce, expires = served.challenge(BUYER.address)
    proof = served.proof(BUYER, nonce, expires)
    assert served.ask("POST", "/v1/session", body=proof).status == 200
    again = served.ask("POST", "/v1/session", body=proof)
    assert (again.status, again.error) == (401, "SessionRefused")
    assert "used before" in str(again.problem["detail"])


def test_a_challenge_is_of_one_account_and_of_this_service(served: Served) -> None:
    nonce, expires = served.challenge(OTHER.address)
    foreign = served.ask("POST", "/v1/session", body=served.proof(BUYER, nonce, expires))
    assert (foreign.status, foreign.error) == (401, "SessionRefused")
    made_up = served.ask("POST", "/v1/session", body=served.proof(BUYER, "00" * 32, expires))
    assert (made_up.status, made_up.error) == (401, "SessionRefused")


@pytest.mark.parametrize(
    ("domain", "signer", "url"),
    [
        (Domain(1, DOMAIN.contract), "BUYER", None),
        (Domain(DOMAIN.chain_id, Address("0x" + "34" * 20)), "BUYER", None),
        (DOMAIN, "OTHER", None),
        (DOMAIN, "BUYER", "https://another.example"),
    ],
    ids=["another chain", "another contract", "another key", "another URL in what is signed"],
)
def test_a_signature_counts_for_one_contract_one_account_and_one_url(
    served: Served, domain: Domain, signer: str, url: str | None
) -> None:
    nonce, expires = served.challenge(BUYER.address)
    signed = session_proof(url or served.service.url, BUYER.address, nonce, expires)
    proof = served.proof(
        BUYER, nonce, expires, signature=hex_text(sign_message(domain, *signed, globals()[signer].key))
    )
    answer = served.ask("POST", "/v1/session", body=proof)
    assert (answer.status, answer.error) == (401, "SessionRefused")


def test_a_proof_for_another_service_is_of_no_use_here(served: Served) -> None:
    """Somebody in between passes on our challenge, and the buyer signs the URL that it was given."""
    nonce, expires = served.challenge(BUYER.address)
    theirs = "https://between.example"
    signature = hex_text(BUYER.sign(*session_proof(theirs, BUYER.address, nonce, expires)))
    answer = served.ask(
        "POST", "/v1/session", body=served.proof(BUYER, nonce, expires, url=theirs, signature=signature)
    )
    assert (answer.status, answer.error) == (401, "SessionRefused")
    assert answer.problem["expected"] == served.service.url


@pytest.mark.deep
def test_a_challenge_is_soon_too_old(tmp_path: Path) -> None:
    with serving(tmp_path, challenge_seconds=1) as served:
        nonce, expires = served.challenge(BUYER.address)
        time.sleep(1.2)
        answer = served.ask("POST", "/v1/session", body=served.proof(BUYER, nonce, expires))
        assert (answer.status, answer.error) == (401, "SessionRefused")


def test_a_session_reads_and_deletes_in_its_own_mailbox_alone(served: Served) -> None:
    served.inbox.send(BUYER.address, b"B for the buyer")
    name = hashlib.sha256(b"B for the buyer").hexdigest()
    foreign = {"Authorization": f"Bearer {served.token(OTHER)}"}
    assert json.loads(served.ask("GET", "/v1/mailbox", foreign).body) == {"messages": []}
    assert served.ask("GET", f"/v1/mailbox/{name}", foreign).status == 404
    served.ask("DELETE", f"/v1/mailbox/{name}", foreign)
    own = {"Authorization": f"Bearer {served.token(BUYER)}"}
    assert served.ask("GET", f"/v1/mailbox/{name}", own).body == b"B for the buyer"
    for token in ("", "0" * 64, "Bearer", served.token(BUYER)[:-1], "\x80"):
        assert served.ask("GET", "/v1/mailbox", {"Authorization": f"Bearer {token}"}).error == "SessionRefused"
    assert served.ask("GET", "/v1/mailbox").error == "SessionRefused"


def test_the_sellers_own_mailbox_is_the_sellers(served: Served) -> None:
    """Nobody but the seller's key reads what buyers have sent."""
    client = served.client(BUYER)
    client.send(served.seller.address, BUYER.inquiry())
    assert list(served.client(OTHER).pending()) == []
    assert len(list(served.client(served.seller).pending())) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/mailbox/../../../../etc/passwd",
        "/v1/mailbox/..%2f..%2fsecret",
        "/v1/mailbox/%2e%2e/%2e%2e/secret",
        "/v1/mailbox/" + "A" * 64,
        "/v1/mailbox/" + "0" * 63,
        "/v1/mailbox/.incoming-0x",
        "/v1/mailbox/" + "0" * 64 + "%00",
        "/v1/mailbox/" + "0" * 64 + "/",
        "//v1//mailbox//" + "0" * 64,
        "/v1/mailbox/" + "0" * 5000,
        "/v1/listings/..%2f..%2fsecret",
        "/",
        "/../",
    ],
)
def test_a_path_leads_nowhere_else(served: Served, path: str) -> None:
    (served.home / "secret").write_bytes(b"secret")
    own = {"Authorization": f"Bearer {served.token(BUYER)}"}
    for method in ("GET", "DELETE", "PUT", "POST", "OPTIONS"):
        answer = served.ask(method, path, own)
        assert answer.status in (400, 404, 405, 411), (method, answer)
        assert b"secret" not in answer.body
    assert (served.home / "secret").exists() and is_alive(served)


def test_links_in_a_mailbox_are_not_followed(served: Served) -> None:
    (served.home / "secret").write_bytes(b"secret")
    served.know(BUYER)
    name = hashlib.sha256(b"x").hexdigest()
    (served.mail / BUYER.address / name).symlink_to(served.home / "secret")
    (served.mail / OTHER.address).symlink_to(served.home)
    own = {"Authorization": f"Bearer {served.token(BUYER)}"}
    assert served.ask("GET", f"/v1/mailbox/{name}", own).status == 404
    assert json.loads(served.ask("GET", "/v1/mailbox", own).body) == {"messages": []}
    other = {"Authorization": f"Bearer {served.token(OTHER)}"}
    assert json.loads(served.ask("GET", "/v1/mailbox", other).body) == {"messages": []}


@pytest.mark.parametrize("kind", ["another's", "a link", "a file", "open"])
def test_a_folder_that_others_prepared_takes_no_message(tmp_path: Path, kind: str) -> None:
    """Through a link in it, a user of a shared mail folder would write into the seller's own files."""
    seller, mail = Person(), tmp_path / "mail"
    folder = mail / f".incoming-{seller.address}"
    mail.mkdir(mode=0o700)
    if kind == "a link":
        folder.symlink_to(tmp_path)
    elif kind == "a file":
        folder.touch()
    else:
        folder.mkdir(mode=0o700)
    if kind == "open":
        folder.chmod(0o777)
    if kind == "another's":
        if os.geteuid():
            pytest.skip("only root gives folders away")
        os.chown(folder, 12345, -1)
    options = ServiceOptions(f"127.0.0.1:{free_port()}")
    with (
        pytest.raises(InsecureStore, match="incoming"),
        HttpService(options, mail=mail, seller=seller.address, domain=DOMAIN, listings={}),
    ):
        pass
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path != folder] == []


def test_a_second_program_of_an_account_is_told_of_the_first(served: Served) -> None:
    first, second = served.client(BUYER), served.client(BUYER)
    first.hold("the buyer in /one")
    second.hold("the buyer in /two")
    assert list(first.pending()) == []
    with pytest.raises(StoreInUse, match="/one"):
        list(second.pending())
    # Who only looks keeps nobody out, and is not kept out.
    assert list(served.client(BUYER).pending()) == []
    assert list(first.pending()) == []
    first.release()
    assert list(second.pending()) == []


def test_a_program_that_was_killed_comes_back_at_once(served: Served) -> None:
    first = served.client(BUYER)
    first.hold("the buyer in /one")
    assert list(first.pending()) == []
    served.clients -= 1
    same = served.client(BUYER)
    same.hold("the buyer in /one, again")
    assert list(same.pending()) == []


# --- what is sent --------------------------------------------------------------------------------------------------


def test_a_stranger_sends_an_inquiry_and_nothing_else(served: Served) -> None:
    token = served.token(BUYER)
    for message, status in (
        (BUYER.sealed(2000), 403),
        (BUYER.sealed(5000), 413),
        (os.urandom(3000), 403),
        (b"short", 403),
        (OTHER.inquiry(), 403),
    ):
        answer = served.put(token, message)
        assert (answer.status, answer.error) == (status, "Undeliverable"), message[:10]
    assert begun(served) == [] and list(served.inbox.pending()) == []
    assert served.put(token, BUYER.inquiry()).status == 201
    assert len(list(served.inbox.pending())) == 1


def test_nobody_sends_in_the_name_of_another(served: Served) -> None:
    for person in (BUYER, OTHER):
        served.know(person)
    token = served.token(BUYER)
    for message in (OTHER.sealed(3000), OTHER.sealed(100_000), OTHER.inquiry(), b"B" + os.urandom(100_000)):
        answer = served.put(token, message)
        assert (answer.status, answer.error) == (403, "Undeliverable")
    assert begun(served) == [] and list(served.inbox.pending()) == []


def test_other_bytes_than_the_message_are_taken_back(served: Served) -> None:
    served.know(BUYER)
    token, message = served.token(BUYER), BUYER.sealed(50_000)
    digest = content_digest(hashlib.sha256(message[:20_000]).digest())
    assert served.put(token, message, piece=message[:20_000], Content_Digest=digest).headers["upload-offset"] == "20000"
    wrong = served.put(token, message, start=20_000, piece=bytes(10_000), Content_Digest=digest)
    assert (wrong.status, wrong.error) == (422, "TransferDamaged")
    assert [path.stat().st_size for path in begun(served)] == [20_000]
    assert served.put(token, message, start=20_000).status == 201
    # Whole, and not what it is called: nothing of it stays.
    other = BUYER.sealed(50_000)
    called = served.put(token, other, handle=hashlib.sha256(b"else").hexdigest())
    assert (called.status, called.error) == (422, "TransferDamaged")
    assert begun(served) == []
    assert [size for _, size in served.inbox.pending()] == [50_000]


def test_pieces_out_of_order_or_of_another_message_are_named(served: Served) -> None:
    served.know(BUYER)
    token, message, other = served.token(BUYER), BUYER.sealed(40_000), BUYER.sealed(40_000)
    assert served.put(token, message, piece=message[:10_000]).status == 202
    for start in (0, 9_999, 10_001, 30_000):
        answer = served.put(token, message, start=start)
        assert (answer.status, answer.error, answer.headers["upload-offset"]) == (409, "TransferDamaged", "10000")
    assert served.put(token, message, start=10_000, piece=other[10_000:20_000]).status == 202
    mixed = served.put(token, message, start=20_000)
    assert (mixed.status, mixed.error) == (422, "TransferDamaged")
    longer = served.put(token, message, piece=message[:10], total="39999")
    assert served.put(token, message, start=10, total="40000").error == "TransferDamaged", longer
    assert list(served.inbox.pending()) == []
    assert served.put(token, message, start=10, piece=message[10:39_999], total="39999").error == "TransferDamaged"
    assert served.put(token, message).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Range": "bytes 0-9/5"},
        {"Content-Range": "bytes 5-2/10"},
        {"Content-Range": "bytes 0-9/*"},
        {"Content-Range": "bytes 0-99999999999999/999999999999999"},
        {"Content-Range": "bytes 0-8/10"},
        {"Content-Range": "bytes -1-8/10"},
        {"Content-Range": "chunks 0-9/10"},
        {"Content-Range": "bytes 0-9/10", "Content-Length": "9"},
        {"Content-Range": "bytes 0-9/10", "Transfer-Encoding": "chunked"},
    ],
)
def test_a_request_that_does_not_say_what_it_has_is_refused(served: Served, headers: dict[str, str]) -> None:
    served.know(BUYER)
    own = {"Authorization": f"Bearer {served.token(BUYER)}", **headers}
    answer = served.ask("PUT", f"/v1/messages/{'0' * 64}", own, b"0123456789")
    assert answer.status in (400, 411), answer
    assert begun(served) == [] and is_alive(served)


@pytest.mark.deep
def test_the_disk_that_messages_take_is_bounded(tmp_path: Path) -> None:
    with serving(tmp_path, disk=300_000, unfinished_of_account=2, waiting_of_account=3, proof_burst=100) as served:
        people = [Person() for _ in range(4)]
        for person in people:
            served.know(person)
        tokens = [served.token(person) for person in people]
        # Of one account: the oldest of three that were begun gives way.
        for _ in range(6):
            served.put(tokens[0], BUYER.sealed(100), piece=people[0].sealed(50), total="60000")
        assert len(begun(served)) == 2
        # Of all accounts: what was announced counts, not what came.
        taken = [served.put(token, os.urandom(9), piece=person.sealed(50), total="100000") for person, token in
                 zip(people[1:], tokens[1:], strict=True)]  # fmt: skip
        assert [answer.status for answer in taken] == [202, 507, 507]
        assert taken[2].error == "ServiceBusy"
    with serving(tmp_path / "other", waiting_of_account=3) as served:
        served.know(BUYER)
        token = served.token(BUYER)
        statuses = [served.put(token, BUYER.inquiry(number)).status for number in range(5)]
        assert statuses == [201, 201, 201, 503, 503]
        [handle, *_] = [name for name, _ in served.inbox.pending()]
        served.inbox.done(handle)
        assert served.put(token, BUYER.inquiry(9)).status == 201


# --- floods and slow lines -----------------------------------------------------------------------------------------


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Served]:
    with serving(
        tmp_path, header_seconds=1.0, body_seconds=1.0, connections=40, connections_of_address=10, address_rate=5.0,
        address_burst=20, proof_rate=0.5, proof_burst=5, account_rate=5.0, account_burst=20,
    ) as found:  # fmt: skip
        yield found


def test_an_address_that_asks_too_much_is_told_when_to_ask_again(strict: Served) -> None:
    answers = [strict.ask("GET", "/v1/info") for _ in range(40)]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) >= 15 and len(refused) < 25
    assert {answer.error for answer in refused} == {"ServiceBusy"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert strict.ask("GET", "/v1/info", source="127.0.0.2").status == 200


def test_an_account_that_asks_too_much_is_refused_and_others_are_not(strict: Served) -> None:
    tokens = [strict.token(person) for person in (BUYER, OTHER)]
    many = [strict.ask("GET", "/v1/mailbox", {"Authorization": f"Bearer {tokens[0]}"}).status for _ in range(40)]
    assert many.count(429) >= 15
    assert strict.ask("GET", "/v1/mailbox", {"Authorization": f"Bearer {tokens[1]}"}).status == 200


@pytest.mark.deep
def test_checks_of_signatures_are_rationed(strict: Served) -> None:
    answers = [strict.ask("POST", "/v1/session", body=strict.proof(BUYER, "00" * 32, 0)) for _ in range(12)]
    assert [answer.status for answer in answers].count(401) <= 6
    assert answers[-1].error == "ServiceBusy"


def test_a_header_that_does_not_end_is_cut_off(strict: Served) -> None:
    with socket.create_connection(("127.0.0.1", strict.port)) as line:
        line.settimeout(10)
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 8:
                line.sendall(b"X" if time.monotonic() - began > 0.3 else b"GET /v1/info HTTP/1.1\r\nX-Slow: ")
                time.sleep(0.1)
        assert time.monotonic() - began < 5


@pytest.mark.deep
def test_a_connection_after_its_first_request_is_cut_off_as_well(strict: Served) -> None:
    with socket.create_connection(("127.0.0.1", strict.port)) as line:
        line.settimeout(10)
        line.sendall(b"GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 8:
                line.sendall(b"G" if time.monotonic() - began < 0.2 else b"E")
                time.sleep(0.1)
        assert time.monotonic() - began < 5


def test_a_body_that_does_not_end_is_answered_and_its_beginning_kept(strict: Served) -> None:
    strict.know(BUYER)
    token, message = strict.token(BUYER), BUYER.sealed(10_000)
    name = hashlib.sha256(message).hexdigest()
    head = (
        f"PUT /v1/messages/{name} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        f"Content-Length: 10000\r\nContent-Range: bytes 0-9999/10000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", strict.port)) as line:
        line.settimeout(10)
        line.sendall(head.encode() + message[:6000])
        answer = read_answer(line)
    assert (answer.status, answer.error, answer.headers["upload-offset"]) == (408, "ServiceBusy", "6000")
    assert strict.put(token, message, start=6000).status == 201


@pytest.mark.deep
def test_connections_that_wait_keep_nobody_out(strict: Served) -> None:
    """One address has so many; and where all are taken, those that have waited longest make way."""
    waiting = [socket.create_connection(("127.0.0.1", strict.port), source_address=("127.0.0.3", 0)) for _ in range(30)]
    time.sleep(0.3)
    closed = 0
    for line in waiting:
        line.setblocking(False)
        try:
            closed += line.recv(1) == b""
        except BlockingIOError:
            continue
        except ConnectionError:
            closed += 1
    assert closed >= 20
    many = [
        socket.create_connection(("127.0.0.1", strict.port), source_address=(f"127.0.1.{number}", 0))
        for number in range(1, 61)
    ]
    assert strict.ask("GET", "/v1/info", source="127.0.0.4").status == 200
    for line in [*waiting, *many]:
        line.close()


def test_headers_without_end_are_refused(strict: Served) -> None:
    endless = b"GET /v1/info HTTP/1.1\r\nX-Large: " + b"x" * 2**21
    for junk in (
        endless,
        endless + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        os.urandom(500) + b"\r\n\r\n",
        b"\r\n" * 5000,
    ):
        with socket.create_connection(("127.0.0.1", strict.port), 10) as line:
            try:
                line.sendall(junk)
                # Not connected any more is an error of its own, which is no ConnectionError.
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_WR)
                while block := line.recv(4096):
                    assert b" 200 " not in block
            except ConnectionError:
                pass
    assert is_alive(strict)


def test_documents_are_small(served: Served) -> None:
    for body in (b'{"account":"' + b"0" * 5000 + b'"}', b"[" * 4000, b"\xff", b"{}", b'{"account":1}', b""):
        answer = served.ask("POST", "/v1/challenge", body=body)
        assert (answer.status, answer.error) in ((400, "TransferDamaged"), (413, "TransferDamaged")), body[:20]
    assert is_alive(served)


@pytest.mark.deep
def test_a_document_that_does_not_end_and_a_disk_that_does_not_work_are_named(strict: Served) -> None:
    strict.know(BUYER)
    token = strict.token(BUYER)
    [folder] = strict.mail.glob(".incoming-*")
    (folder / BUYER.address).touch()
    answer = strict.put(token, BUYER.sealed(5000))
    assert (answer.status, answer.error) == (507, "ServiceBusy")
    answer = strict.ask("POST", "/v1/challenge", {"Content-Length": "100"}, b"{")
    assert (answer.status, answer.error) == (408, "ServiceBusy")


# --- behind a proxy ------------------------------------------------------------------------------------------------


def test_who_asks_is_what_a_named_proxy_says_and_nobody_else(tmp_path: Path) -> None:
    """Without `proxy`, a header that names another address buys nothing."""
    for number, (proxy, told) in enumerate([(None, [200] * 5 + [429] * 5), ("127.0.0.1", [200] * 10)]):
        with serving(tmp_path / str(number), proxy=proxy, address_rate=0.1, address_burst=5) as served:
            named = [served.ask("GET", "/v1/info", {"X-Forwarded-For": f"203.0.113.{n}"}).status for n in range(10)]
            assert named == told
            others = [
                served.ask("GET", "/v1/info", {"X-Forwarded-For": f"203.0.113.{n}"}, source="127.0.0.7").status
                for n in range(10)
            ]
            assert others == [200] * 5 + [429] * 5


@pytest.mark.deep
def test_a_named_proxy_has_the_connections_of_many_clients(tmp_path: Path) -> None:
    """Else those that a few clients hold through it would be all that there are for anybody."""
    with serving(tmp_path, proxy="127.0.0.1", connections_of_address=2, connections=20) as served:
        place = ("127.0.0.1", served.port)
        through = [socket.create_connection(place, 10, ("127.0.0.1", 0)) for _ in range(6)]
        others = [socket.create_connection(place, 10, ("127.0.0.7", 0)) for _ in range(6)]
        time.sleep(0.3)
        assert served.ask("GET", "/v1/info").status == 200
        closed = 0
        for line in others:
            line.setblocking(False)
            try:
                closed += line.recv(1) == b""
            except BlockingIOError:
                continue
            except ConnectionError:
                closed += 1
        assert closed == 4
        for line in [*through, *others]:
            line.close()


@pytest.mark.deep
def test_the_path_of_a_public_url_may_come_through_or_not(tmp_path: Path) -> None:
    with serving(tmp_path, public_url="https://data.example/blind/fair/") as served:
        for path in ("/v1/info", "/blind/fair/v1/info"):
            answer = served.ask("GET", path)
            assert json.loads(answer.body)["url"] == "https://data.example/blind/fair"
        assert served.ask("GET", "/other/v1/info").status == 404
