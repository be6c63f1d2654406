"""A seller and a buyer as programs of one's own, from `examples`, on a real node: a trade, with the buyer killed."""

import csv
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from interruptible import interruptible
from local_chain import ROOT, LocalChain, environment, wait_for
from real_tables import LABEL, tumours, write_csv

EXAMPLES = ROOT / "examples"


@contextmanager
def script(name: str, told: Path, **options: object) -> Iterator["subprocess.Popen[bytes]"]:
    """An example as a process; killed at the end if it still runs."""
    given = [part for option, value in options.items() for part in (f"--{option.replace('_', '-')}", str(value))]
    with told.open("ab") as output:
        process = subprocess.Popen(
            interruptible(sys.executable, str(EXAMPLES / f"{name}.py"), *given),
            env=environment(),
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)


def ended(process: "subprocess.Popen[bytes]", told: Path) -> None:
    until = time.monotonic() + 120
    while process.poll() is None:
        assert time.monotonic() < until, told.read_text()
        time.sleep(0.1)
    assert process.returncode == 0, told.read_text()


@pytest.mark.deep
def test_a_trade_of_two_scripts_goes_on_after_a_kill(testnet: LocalChain, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    with tumours(tmp_path / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    offer = write_csv(tmp_path / "offer.csv", header, rows[:200])
    own = write_csv(tmp_path / "own.csv", header, rows[200:400])
    for name in ("seller", "buyer"):
        testnet.party(tmp_path / name)
    common: dict[str, object] = {
        "rpc": testnet.url,
        "deployment": testnet.deployment,
        "mail": tmp_path / "mail",
        "password_file": tmp_path / "password",
        "label": LABEL,
    }

    def places(name: str) -> dict[str, object]:
        return {"directory": tmp_path / name, "keystore": tmp_path / name / "keystore.json", **common}

    sold, bought, to = tmp_path / "seller.told", tmp_path / "buyer.told", tmp_path / "bought.csv"
    with script("my_seller", sold, records=offer, **places("seller")) as selling:
        wait_for("listed 0x", sold, selling)
        (listing,) = re.findall(r"^listed (0x[0-9a-f]{64})$", sold.read_text(), re.MULTILINE)
        asked = {"listing": listing, "own": own, "wanted": 80, "to": to, **places("buyer")}
        with script("my_buyer", bought, **asked) as buying:
            wait_for("sends the request", bought, buying)
        assert buying.returncode not in (0, None)
        with script("my_buyer", bought, **asked) as buying:
            ended(buying, bought)
        wait_for("withdraws", sold, selling)
        selling.send_signal(signal.SIGINT)
        ended(selling, sold)
    assert "stopped after 2 orders" in sold.read_text()
    told = bought.read_text()
    assert "chose 80 records: the 80 highest scores" in told
    assert told.splitlines()[-1] == "ended Released"
    # It went on: nothing was asked twice.
    assert told.count("sends the request") == 1
    assert "Traceback" not in told + sold.read_text()
    with to.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 80
    for row in found:
        listed = rows[int(row.pop("record"))]
        assert [float(cell) for cell in list(row.values())[:-1]] == [float(cell) for cell in listed[:-1]]
        assert row[LABEL] == listed[-1]
