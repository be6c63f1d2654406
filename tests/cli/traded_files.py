"""A trade of files by the commands, more than the seller keeps in memory: listed through a kill, bought, exported."""

import json
import random
import subprocess
import time
from pathlib import Path

from local_chain import LocalChain, environment, shell, wait_for

from blindfair.bulk.store import read_state

FILES, SIZE = 150, 800_000
"""120 MB, of which a buyer that may buy all takes more than one message holds."""


def table(path: Path, numbers: range, *, files: bool) -> None:
    rng = random.Random(numbers.start)
    lines = ["file,size,shade,sick" if files else "size,shade,sick"]
    for number in numbers:
        size, shade = rng.gauss(10, 3), rng.gauss(50, 9)
        cells = f"{size:.3f},{shade:.3f},{'y' if size + rng.gauss(0, 1) > 10 else 'n'}"
        lines.append(f"{number}.bin,{cells}" if files else cells)
    path.write_text("\n".join(lines) + "\n")


def trade_through_a_kill(testnet: LocalChain, more: str) -> str:
    """List with `more` options, kill that in the middle, list again, serve, buy, export; return what listing told."""
    home = testnet.home
    table(home / "offer.csv", range(FILES), files=True)
    table(home / "own.csv", range(1000, 1400), files=False)
    (home / "scans").mkdir()
    for number in range(FILES):
        (home / "scans" / f"{number}.bin").write_bytes(random.Random(number).randbytes(SIZE + number))
    places = f"--rpc http://127.0.0.1:{testnet.port} --deployment deployments/31337.json --mail testnet/mail"
    unlocked = "--password-file testnet/password"
    offer = (
        f"blindfair seller list --directory testnet/seller {unlocked} {places} --records offer.csv --label sick "
        "--files scans --price-per-record 0.0001 --licence any --consent given --chunk-size 16384 --bits 4" + more
    )

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", command], cwd=home, env=environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, command + done.stderr
        return done.stdout + done.stderr

    data = home / "testnet" / "seller" / "data"
    with subprocess.Popen(["bash", "-ec", f"exec {offer}"], cwd=home, env=environment()) as killed:
        until = time.monotonic() + 120
        while not (data / "chunks").exists() or (data / "chunks").stat().st_size < 10**7:
            assert time.monotonic() < until
            time.sleep(0.01)
        killed.kill()
    state = read_state(data)
    assert state is None or not state.finished
    told_again = run(offer)
    state = read_state(data)
    assert state is not None and (state.records, state.finished) == (FILES, True)
    (home / "scans").rename(home / "kept")

    told = home / "serve.told"
    with shell(f"blindfair seller serve --directory testnet/seller {unlocked}", home, told) as serving:
        wait_for("serves", told, serving)
        run(
            f"blindfair buyer evaluate --directory testnet/buyer {unlocked} {places} --own own.csv --label sick "
            "--budget 0.02 --fee 0.02 --audit-rows 5 --yes"
        )
        bought = run(f"blindfair buyer buy --directory testnet/buyer {unlocked} --yes --json bought.json")
        wait_for("withdraws its free balance", told, serving)
    assert "ended Released" in " ".join(bought.split()), bought
    assert "encrypts segments" in told.read_text()
    folder = home / "testnet" / "buyer" / "bought"
    lines = (folder / "bought.csv").read_text().splitlines()[1:]
    assert len(lines) * SIZE > 2**26
    listed = (home / "offer.csv").read_text().splitlines()
    for line in lines:
        place, row = line.split(",", 1)
        assert row == listed[int(place) + 1]
        name = row.split(",")[0]
        assert (folder / name).read_bytes() == (home / "kept" / name).read_bytes()
    assert json.loads((home / "bought.json").read_text())
    return told_again
