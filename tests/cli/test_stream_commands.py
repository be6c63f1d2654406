"""A table as a stream by the commands: listed through a kill, served without the file, bought and exported."""

import json
import random
import subprocess
import time
from pathlib import Path

import pytest
from local_chain import LocalChain, environment, shell, wait_for

from blindfair.agents.seller.data import DATA
from blindfair.api.stream_options import RECORDS
from blindfair.bulk.store import read_state

ROWS = 60_000
"""2,000 bytes each: more than the least between two checkpoints, and quick enough to be read."""


def made(path: Path, numbers: range, note: int) -> Path:
    rng = random.Random(numbers.start)
    with path.open("w") as file:
        file.write("size,shade,note,sick\n")
        for number in numbers:
            size, shade = rng.gauss(10, 3), rng.gauss(50, 9)
            sick = "y" if size + rng.gauss(0, 1) > 10 else "n"
            file.write(f"{size:.2f},{shade:.3f},{rng.randbytes(note).hex()}{number},{sick}\n")
    return path


@pytest.mark.deep
def test_the_commands_trade_a_streamed_table_through_a_kill(own_testnet: LocalChain) -> None:
    home = own_testnet.home
    offer = made(home / "offer.csv", range(ROWS), 1000)
    made(home / "own.csv", range(10**6, 10**6 + 400), 4)
    places = f"--rpc http://127.0.0.1:{own_testnet.port} --deployment deployments/31337.json --mail testnet/mail"
    unlocked = "--password-file testnet/password"
    listing = (
        f"blindfair seller list --directory testnet/seller {unlocked} {places} --records offer.csv --label sick "
        "--price-per-record 0.0001 --licence any --consent given --chunk-size 4096 --bits 4 --stream --json list.json"
    )

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", command], cwd=home, env=environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, command + done.stderr
        return done.stdout + done.stderr

    seller = home / "testnet" / "seller"
    chunks = seller / DATA / "chunks"
    with subprocess.Popen(["bash", "-ec", f"exec {listing}"], cwd=home, env=environment()) as killed:
        until = time.monotonic() + 300
        while not chunks.exists() or chunks.stat().st_size < 10**7:
            assert time.monotonic() < until
            time.sleep(0.01)
        killed.kill()
    state = read_state(seller / DATA)
    assert state is None or not state.finished
    surveyed = (seller / RECORDS).read_bytes()
    told = run(listing)
    assert (seller / RECORDS).read_bytes() == surveyed
    state = read_state(seller / DATA)
    assert state is not None and (state.records, state.finished) == (ROWS, True)
    document = json.loads((home / "list.json").read_text())
    assert document["records"] == ROWS
    assert 1000 < document["sampled"] < ROWS
    assert "measured on" in " ".join(told.split())
    offer.rename(home / "kept.csv")

    told_to = home / "serve.told"
    with shell(f"blindfair seller serve --directory testnet/seller {unlocked}", home, told_to) as serving:
        wait_for("serves", told_to, serving)
        run(
            f"blindfair buyer evaluate --directory testnet/buyer {unlocked} {places} --own own.csv --label sick "
            "--budget 4 --fee 4 --audit-rows 5 --yes"
        )
        bought = run(f"blindfair buyer buy --directory testnet/buyer {unlocked} --yes --json bought.json")
        wait_for("withdraws its free balance", told_to, serving)
    assert "ended Released" in " ".join(bought.split()), bought
    assert "encrypts segments" in told_to.read_text()
    lines = (home / "testnet" / "buyer" / "bought.csv").read_text().splitlines()[1:]
    assert 4096 * len(lines) > 2**26
    listed = (home / "kept.csv").read_text().splitlines()
    for line in lines:
        place, row = line.split(",", 1)
        assert row == listed[int(place) + 1]
