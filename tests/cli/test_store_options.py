"""The commands with a store for messages: a whole trade of two programs, and what is told before anything is begun."""

import csv
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import BUCKET, HIDDEN, environment, s3_server
from command import COMMAND, Inside
from local_chain import LocalChain, shell, wait_for
from real_tables import LABEL, tumours, write_csv

from blindfair.cli.party.begun import SETTINGS
from blindfair.protocol.errors import InvalidOption, MailStoreMissing

pytest.importorskip("s3fs")
pytest.importorskip("moto")

URL = f"s3://{BUCKET}/mail"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as port, environment(port):
        yield URL


@pytest.fixture
def home(tmp_path: Path, testnet: LocalChain) -> Path:
    with tumours(tmp_path / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(tmp_path / "offer.csv", header, rows[:300])
    write_csv(tmp_path / "own.csv", header, rows[300:])
    for name in ("seller", "buyer"):
        testnet.party(tmp_path / name)
    return tmp_path


def listing(home: Path, testnet: LocalChain, *more: object) -> list[object]:
    return [
        "seller", "list", "--directory", home / "seller", "--password-file", home / "password", "--rpc", testnet.url,
        "--deployment", testnet.deployment, "--records", home / "offer.csv", "--label", LABEL,
        "--price-per-record", "0.001", "--licence", "any", "--consent", "public", "--opened-share", "0.5", *more,
    ]  # fmt: skip


def finding(home: Path, testnet: LocalChain, mail: str) -> list[object]:
    return [
        "buyer", "find", "--mail", mail, "--keystore", home / "buyer" / "keystore.json",
        "--password-file", home / "password", "--rpc", testnet.url, "--deployment", testnet.deployment,
    ]  # fmt: skip


@pytest.mark.deep
def test_two_programs_trade_through_a_bucket(home: Path, testnet: LocalChain, bucket: str) -> None:
    inside = Inside()
    listed = inside(*listing(home, testnet, "--mail", bucket, "--json", "-"))
    assert listed.code == 0, listed.err
    common = ["--directory", home / "seller", "--password-file", home / "password", "--poll", "0.1"]
    told = home / "told"
    command = shlex.join(map(str, [COMMAND, "seller", "serve", *common]))
    with shell(f"exec {command}", home, told) as process:
        wait_for("serves", told, process)
        found = inside(*finding(home, testnet, bucket), "--json", "-")
        assert found.code == 0, found.err
        assert any(each["manifest"] for each in json.loads(found.out)["listings"])
        ended = inside(
            "buyer", "evaluate", "--directory", home / "buyer", "--password-file", home / "password",
            "--rpc", testnet.url, "--deployment", testnet.deployment, "--own", home / "own.csv", "--label", LABEL,
            "--budget", "0.05", "--audit-rows", "10", "--mail", f"{bucket}/", "--poll", "0.1",
            "--listing", json.loads(listed.out)["listing"],
        )  # fmt: skip
        assert ended.code == 0, ended.err
        bought = inside(
            "buyer",
            "buy",
            "--directory",
            home / "buyer",
            "--password-file",
            home / "password",
            "--poll",
            "0.1",
            "--yes",
        )
        assert bought.code == 0, bought.err
    assert json.loads((home / "buyer" / SETTINGS).read_bytes())["at"] == bucket
    assert HIDDEN not in told.read_text() + ended.err + ended.out + bought.err + bought.out
    # A folder in the store's place, and HTTP beside a store, are told apart.
    refused = inside("seller", "serve", *common, "--http", "127.0.0.1:0")
    assert refused.code == InvalidOption.exit_code and "mail folder" in refused.err
    doctor = inside("doctor", "--directory", home / "buyer", "--json", "-")
    checks = [check for check in json.loads(doctor.out)["checks"] if bucket in check["found"]]
    assert [(check["check"], check["ok"]) for check in checks] == [("mail", True)]


@pytest.mark.deep
@pytest.mark.parametrize(
    ("mail", "code"),
    [
        ("s3://nobodys-bucket/mail", MailStoreMissing.exit_code),
        (f"s3://key:{HIDDEN}@{BUCKET}/mail", InvalidOption.exit_code),
        (f"{URL}?key={HIDDEN}", InvalidOption.exit_code),
        ("https://example.org", InvalidOption.exit_code),
        ("nosuchstore://bucket/mail", InvalidOption.exit_code),
    ],
)
def test_what_is_no_store_is_told_before_anything_is_begun(
    home: Path, testnet: LocalChain, bucket: str, mail: str, code: int
) -> None:
    ended = Inside()(*listing(home, testnet, "--mail", mail))
    assert ended.code == code and HIDDEN not in ended.err + ended.out, ended.err
    assert not (home / "seller" / SETTINGS).exists()
    found = Inside()(*finding(home, testnet, mail))
    assert found.code == code and HIDDEN not in found.err + found.out, found.err
