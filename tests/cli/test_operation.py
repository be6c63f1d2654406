"""A seller as a service: logs in JSON, metrics, health, signals, backups while it runs, and what it paid."""

import csv
import errno
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from command import COMMAND, Inside
from interruptible import interruptible
from local_chain import LocalChain, children_of, environment, password
from real_tables import LABEL, tumours, write_csv

from blindfair.agents.context import Event
from blindfair.api.keystore import address_of
from blindfair.cli.ending import USAGE
from blindfair.cli.json_log import redacted
from blindfair.cli.party.telemetry import Telemetry, served_metrics
from blindfair.cli.verbosity import LogFormat, choose_format
from blindfair.http.counts import ServiceCounts
from blindfair.protocol.errors import (
    CannotWrite,
    FileMissing,
    InsecureStore,
    InvalidOption,
    NodeFailure,
    OldCopy,
    StateError,
    WrongPassword,
)
from ports import free_port

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-as-a-service.md"


@dataclass(frozen=True)
class Service:
    """A running `seller serve`."""

    process: subprocess.Popen[bytes]
    told: Path
    directory: Path
    url: str
    metrics: str

    def events(self) -> list[dict[str, Any]]:
        """Every line that it has logged."""
        return [json.loads(line) for line in self.told.read_text().splitlines()]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        until = time.monotonic() + 120
        while True:
            found = [each for each in self.events() if each["event"] == event]
            if len(found) >= count:
                return found[-1]
            assert self.process.poll() is None, self.told.read_text()
            assert time.monotonic() < until, self.told.read_text()
            time.sleep(0.1)


def serve(directory: Path, told: Path, chain: LocalChain) -> Service:
    at, metrics = free_port(), free_port()
    command = interruptible(
        COMMAND, "seller", "serve", "--directory", directory, "--password-file", directory.parent / "password",
        "--rpc", chain.url, "--http", f"127.0.0.1:{at}", "--metrics", f"127.0.0.1:{metrics}",
        "--log-format", "json", "--poll", "0.1", "--json", directory.parent / "serve.json",
    )  # fmt: skip
    with told.open("wb") as errors, told.with_suffix(".out").open("wb") as output:
        process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
    return Service(process, told, directory, f"http://127.0.0.1:{at}", f"http://127.0.0.1:{metrics}")


def begun_seller(home: Path, testnet: LocalChain) -> Path:
    """The directory of a seller with a listing; its password lies beside it."""
    with tumours(home / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(home / "offer.csv", header, rows[:60])
    testnet.party(home / "seller")
    listed = Inside()(
        "seller", "list", "--directory", home / "seller", "--records", home / "offer.csv", "--label", LABEL,
        "--price-per-record", "0.001", "--licence", "any", "--consent", "public", "--rpc", testnet.url,
        "--deployment", testnet.deployment, "--password-file", home / "password", "--finality-depth", "0",
    )  # fmt: skip
    assert listed.code == 0, listed.err
    return home / "seller"


@pytest.fixture(scope="module")
def service(testnet: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("service")
    running = serve(begun_seller(home, testnet), home / "told", testnet)
    running.wait_for("serves")
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()


def test_health_and_metrics_tell_no_account_and_no_stranger(service: Service) -> None:
    health = requests.get(f"{service.metrics}/health", timeout=10)
    assert (health.status_code, health.json()["status"], health.json()["trouble"]) == (200, "ok", None)
    service.wait_for("waits")
    metrics = requests.get(f"{service.metrics}/metrics", timeout=10)
    assert "version=0.0.4" in metrics.headers["content-type"]
    assert 'blindfair_info{role="seller"' in metrics.text
    assert 'blindfair_orders{state="open"} 0.0' in metrics.text
    (turns,) = [line for line in metrics.text.splitlines() if line.startswith("blindfair_turns_total ")]
    assert "_created" not in metrics.text
    assert float(turns.split()[1]) > 0
    address = address_of(service.directory / "keystore.json")
    assert address is not None
    assert "0x" not in metrics.text and address[2:] not in metrics.text.lower()
    # A page in a browser on this machine gets nothing by a name of its own.
    for name in ("evil.example", "evil.example:80", "127.0.0.1.evil.example"):
        assert requests.get(f"{service.metrics}/metrics", headers={"Host": name}, timeout=10).status_code == 403
    # The public service says that it answers, and has no metrics at all.
    assert requests.get(f"{service.url}/health", timeout=10).json() == {"status": "ok"}
    assert requests.get(f"{service.url}/metrics", timeout=10).status_code == 404
    # What it answered is told here instead.
    until = time.monotonic() + 60
    while 'blindfair_http_answers_total{status="404"} 1.0' not in metrics.text:
        assert time.monotonic() < until, metrics.text
        time.sleep(0.1)
        metrics = requests.get(f"{service.metrics}/metrics", timeout=10)


def test_the_page_names_every_metric_and_every_field_of_health() -> None:
    page = PAGE.read_text()
    telemetry = Telemetry("seller")
    telemetry.show_service(ServiceCounts)
    with served_metrics(telemetry, f"127.0.0.1:{free_port()}") as url:
        metrics = requests.get(f"{url}/metrics", timeout=10).text
        health = requests.get(f"{url}/health", timeout=10).json()
    assert set(re.findall(r"^\| `(blindfair_\w+)` \|", page, re.MULTILINE)) == set(
        re.findall(r"^# TYPE (\w+) ", metrics, re.MULTILINE)
    )
    fields = page[page.index("| field of `/health` |") :].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", fields, re.MULTILINE)) == set(health)


def test_health_tells_trouble_and_a_party_that_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = Telemetry("seller", lambda: {"open": 2})
    with served_metrics(telemetry, f"127.0.0.1:{free_port()}") as url:
        telemetry.trouble(NodeFailure("the node is away"))
        telemetry.event(Event("seller", f"reveal:{'ab' * 32}", "reveals the key", gas=47_000))
        assert requests.get(f"{url}/health", timeout=10).json()["trouble"] == "NodeFailure"
        text = requests.get(f"{url}/metrics", timeout=10).text
        for line in (
            'blindfair_troubles_total{error="NodeFailure"} 1.0',
            'blindfair_gas_total{call="reveal"} 47000.0',
            'blindfair_orders{state="open"} 2.0',
        ):
            assert line in text
        # Which order it was is nobody's business here.
        assert "abab" not in text
        telemetry.turn()
        assert requests.get(f"{url}/health", timeout=10).json()["trouble"] is None
        monkeypatch.setattr("blindfair.cli.party.telemetry.STALE_SECONDS", 0.0)
        stuck = requests.get(f"{url}/health", timeout=10)
        assert (stuck.status_code, stuck.json()["status"]) == (503, "stuck")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/health", timeout=10)


@pytest.mark.parametrize("place", ["0.0.0.0:9440", "192.0.2.1:9440", "example.org:9440", "127.0.0.1", ":9440"])
def test_metrics_are_for_this_machine_alone(service: Service, inside: Inside, place: str) -> None:
    ended = inside("seller", "serve", "--directory", service.directory, "--metrics", place)
    ended.failed(InvalidOption, "--metrics", "127.0.0.1:PORT")


def test_a_hangup_reads_the_certificate_again_and_ends_nothing(service: Service) -> None:
    (before,) = children_of(service.process.pid)
    session = requests.get(f"{service.url}/v1/info", timeout=10).json()
    service.process.send_signal(signal.SIGHUP)
    assert "but not its options and settings" in service.wait_for("reload")["text"]
    until = time.monotonic() + 60
    while Path(f"/proc/{before}").exists():
        assert time.monotonic() < until
        time.sleep(0.1)
    # Whoever asks meanwhile waits: the socket stays open.
    assert requests.get(f"{service.url}/v1/info", timeout=60).json() == session
    assert service.process.poll() is None
    assert [each for each in service.events() if each["event"] == "trouble"] == []


def hung_up_before_its_password(process: subprocess.Popen[bytes], pipe: Path, secret: bytes) -> None:
    """Send SIGHUP to a program that stands at the pipe of its password, and tell it the password then."""
    until = time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < until
        try:
            writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            # Nobody reads from it yet.
            assert error.errno == errno.ENXIO
            time.sleep(0.05)
            continue
        break
    process.send_signal(signal.SIGHUP)
    os.write(writing, secret)
    os.close(writing)


def test_a_hangup_while_a_seller_still_opens_its_directory_is_acted_on_once_it_serves(
    testnet: LocalChain, tmp_path: Path
) -> None:
    directory, pipe = begun_seller(tmp_path, testnet), tmp_path / "password"
    secret = pipe.read_bytes()
    pipe.unlink()
    os.mkfifo(pipe, 0o600)
    running = serve(directory, tmp_path / "told", testnet)
    try:
        hung_up_before_its_password(running.process, pipe, secret)
        assert "starts again with the certificate" in running.wait_for("reload")["text"]
        assert [each["event"] for each in running.events() if each["event"] in ("serves", "reload", "trouble")] == [
            "serves", "reload",
        ]  # fmt: skip
    finally:
        running.process.kill()
        running.process.wait()


def test_a_hangup_while_a_watcher_still_opens_its_directory_is_acted_on_once_it_watches(
    testnet: LocalChain, tmp_path: Path
) -> None:
    testnet.party(tmp_path / "watcher")
    pipe = tmp_path / "password"
    secret = pipe.read_bytes()
    pipe.unlink()
    os.mkfifo(pipe, 0o600)
    (tmp_path / "packages").mkdir(0o700)
    command = interruptible(
        COMMAND, "watch", "--directory", tmp_path / "watch", "--packages", tmp_path / "packages", "--rpc", testnet.url,
        "--deployment", testnet.deployment, "--keystore", tmp_path / "watcher" / "keystore.json", "--gas-ceiling", "1",
        "--password-file", pipe, "--finality-depth", "0", "--log-format", "json", "--poll", "0.1",
    )  # fmt: skip
    told = tmp_path / "told"
    with told.open("wb") as errors:
        process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
    running = Service(process, told, tmp_path / "watch", "", "")
    try:
        hung_up_before_its_password(process, pipe, secret)
        assert "looks at every package again" in running.wait_for("reload")["text"]
    finally:
        process.kill()
        process.wait()


def test_every_line_is_json_with_time_and_level(service: Service) -> None:
    events = service.events()
    assert len(events) > 3
    for event in events:
        assert {"event", "level", "time"} <= event.keys()
    assert "Ctrl-C" in service.wait_for("serves")["text"]


@pytest.mark.deep
def test_a_backup_of_a_running_seller_goes_on_after_it_was_killed(
    service: Service, testnet: LocalChain, inside: Inside, tmp_path: Path
) -> None:
    """And one that is too old, by a transaction of the account, does not; nor one on a wrong password."""
    secret, target = password(tmp_path / "secret", "another horse"), tmp_path / "seller.backup"
    made = inside("backup", "--directory", service.directory, "--to", target, "--password-file", secret, "--json", "-")
    assert made.code == 0, made.err
    found = json.loads(made.out)
    assert (found["has_keystore"], found["transactions"]) == (True, 1)
    assert target.stat().st_mode & 0o777 == 0o600
    service.process.kill()
    service.process.wait()
    again = tmp_path / "again"
    wrong = inside("restore", "--from", target, "--directory", again, "--password-file", password(tmp_path / "no"))
    wrong.failed(WrongPassword, "does not open")
    assert not again.exists()
    restored = inside("restore", "--from", target, "--directory", again, "--password-file", secret)
    assert restored.code == 0, restored.err
    assert f"blindfair seller serve --directory {again}" in " ".join(restored.out.split())
    assert "no other program of this account runs" in " ".join(restored.out.split())
    password(tmp_path / "password")
    running = serve(again, tmp_path / "told", testnet)
    try:
        running.wait_for("serves")
        assert requests.get(f"{running.url}/health", timeout=30).status_code == 200
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0
    finally:
        running.process.kill()
    assert "stopped; the same command goes on where it was" in running.events()[-1]["text"]
    assert json.loads((tmp_path / "serve.json").read_text())["orders"] == []
    paid = inside("money", "--directory", again, "--json", "-")
    assert paid.code == 0, paid.err
    money = json.loads(paid.out)
    (entry,) = money["transactions"]
    assert (entry["call"], entry["state"], money["is_complete"]) == ("commit", "paid", True)
    assert 10 * 10**18 - testnet.exchange.balance(money["account"]) == int(money["fees_wei"]) == int(entry["fee_wei"])
    offline = json.loads(inside("money", "--directory", again, "--offline", "--json", "-").out)
    assert offline["fees_wei"] == money["fees_wei"]
    # Another program of this account sends something: what was backed up before is an old copy now.
    testnet.web3.provider.make_request("hardhat_setNonce", [money["account"], "0x3"])  # type: ignore[arg-type]
    old = tmp_path / "old"
    assert inside("restore", "--from", target, "--directory", old, "--password-file", secret).code == 0
    stopped = inside("seller", "serve", "--directory", old, "--password-file", tmp_path / "password")
    assert stopped.code == OldCopy.exit_code, stopped.err
    assert "restore the newest backup" in " ".join(stopped.err.split())
    assert "--used-elsewhere" in stopped.err


def test_a_password_is_never_an_argument_and_its_file_nobody_elses(
    service: Service, inside: Inside, tmp_path: Path
) -> None:
    words = "backup", "--directory", service.directory, "--to", tmp_path / "out", "--offline"
    assert inside(*words, "--password", "secret").code == USAGE
    asked = inside(*words)
    assert asked.code == InvalidOption.exit_code
    assert "Nobody can be asked for the password" in asked.err
    secret = password(tmp_path / "secret")
    secret.chmod(0o644)
    assert inside(*words, "--password-file", secret).code == InsecureStore.exit_code
    assert inside("restore", "--from", tmp_path / "none", "--directory", tmp_path / "x", "--password-file",
                  password(tmp_path / "good")).code == FileMissing.exit_code  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_a_seller_without_offers_has_no_keys_to_hand_over(service: Service, inside: Inside, tmp_path: Path) -> None:
    ended = inside("seller", "watch-package", "--directory", service.directory, "--to", tmp_path)
    assert ended.code == StateError.exit_code
    assert "No offer is open" in ended.err
    assert "--watch-packages" in ended.err
    gone = inside("seller", "watch-package", "--directory", service.directory, "--to", tmp_path / "none")
    assert gone.code == CannotWrite.exit_code
    assert [*tmp_path.iterdir()] == []


def test_an_error_is_an_event_and_secrets_are_redacted(inside: Inside, tmp_path: Path) -> None:
    ended = inside("seller", "status", "--directory", tmp_path / "none", "--log-format", "json")
    choose_format(LogFormat.TEXT)
    (line,) = ended.err.splitlines()
    event = json.loads(line)
    assert (ended.code, event["error"], event["level"]) == (FileMissing.exit_code, "FileMissing", "error")
    key, order = "5" * 64, "0x" + "6" * 64
    shown = redacted(f"key {key} of order {order} at https://me:pw@node.example:8545/v3/{key}?a=b Bearer abcdefghijk")
    assert shown == (f"key [redacted] of order {order} at https://node.example:8545/[redacted] Bearer [redacted]")
