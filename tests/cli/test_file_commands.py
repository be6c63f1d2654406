"""Files by the commands, more than the seller keeps in memory: listed through a kill, bought in segments, exported."""

import json
from pathlib import Path

import pytest
from command import Inside
from local_chain import LocalChain, shell, wait_for
from traded_files import table, trade_through_a_kill

from blindfair.protocol.errors import CannotWrite

pytestmark = pytest.mark.deep


def test_files_are_exported_to_a_new_folder_alone(testnet: LocalChain, tmp_path: Path, inside: Inside) -> None:
    for name in ("seller", "buyer"):
        testnet.party(tmp_path / name)
    password = ["--password-file", tmp_path / "password"]
    place = ["--mail", tmp_path / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment, *password]
    table(tmp_path / "offer.csv", range(120), files=True)
    table(tmp_path / "own.csv", range(1000, 1300), files=False)
    (tmp_path / "scans").mkdir()
    for number in range(120):
        (tmp_path / "scans" / f"{number}.bin").write_bytes(f"scan {number}".encode())
    listed = inside(
        "seller", "list", "--directory", tmp_path / "seller", *place, "--records", tmp_path / "offer.csv",
        "--label", "sick", "--files", tmp_path / "scans", "--price-per-record", "0.0001", "--licence", "any",
        "--consent", "given", "--json", tmp_path / "listing.json",
    )  # fmt: skip
    assert listed.code == 0, listed.err
    listing = json.loads((tmp_path / "listing.json").read_text())["listing"]
    serving = f"exec blindfair seller serve --directory {tmp_path}/seller --password-file {tmp_path}/password"
    with shell(serving, tmp_path, tmp_path / "told") as process:
        wait_for("serves", tmp_path / "told", process)
        asked = inside(
            "buyer", "evaluate", "--directory", tmp_path / "buyer", *place, "--listing", listing, "--own",
            tmp_path / "own.csv", "--label", "sick", "--budget", "0.01", "--fee", "0.01", "--audit-rows", "5",
            "--poll", "0.2",
        )  # fmt: skip
        assert asked.code == 0, asked.err
        target = tmp_path / "bought"
        buy = ["buyer", "buy", "--directory", tmp_path / "buyer", *password, "--yes", "--poll", "0.2", "--export"]
        for name in ("x.csv", "x.jsonl", "x.PARQUET"):
            inside(*buy, tmp_path / name).failed(CannotWrite, "a folder that does not exist yet", name)
            assert not (tmp_path / name).exists()
        done = inside(*buy, target)
        assert done.code == 0, done.err
    export = ["buyer", "export", "--directory", tmp_path / "buyer", *password, "--to"]
    inside(*export, target).failed(CannotWrite, "a folder that does not exist yet", "is there already")
    assert inside(*export, tmp_path / "again").code == 0
    again = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert again == {path.name: path.read_bytes() for path in target.iterdir()} and len(again) > 5
    assert all(data == f"scan {name[:-4]}".encode() for name, data in again.items() if name.endswith(".bin"))


@pytest.mark.deep
def test_the_commands_trade_files_through_a_kill_in_segments(own_testnet: LocalChain) -> None:
    assert "measured on" not in " ".join(trade_through_a_kill(own_testnet, "").split())
