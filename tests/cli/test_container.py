"""The container file is built, step by step, and a seller serves from it as its head says: without root, read-only."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from container import Stage, built, end, steps_of, why_not
from local_chain import LocalChain, children_of, wait_for

from ports import free_port

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "Containerfile"
IDENTITY = 10001
KEPT = "/var/lib/blindfair"


def let_in() -> list[str]:
    """What a builder is given of the checkout, by `.dockerignore`."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def test_a_builder_is_given_what_is_copied_and_no_directory_of_a_party() -> None:
    copied = [rest.split()[:-1] for word, rest in steps_of(FILE.read_text()) if word == "COPY" and "--from" not in rest]
    assert [source.removeprefix("./") for sources in copied for source in sources] == let_in()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if reason := why_not():
        pytest.skip(reason)
    context = tmp_path_factory.mktemp("context")
    for name in let_in():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(ROOT / name, context)
    began = time.monotonic()
    try:
        with built(FILE, context) as stage:
            print(f"\nbuilt in {time.monotonic() - began:.0f} s")
            yield stage
    except subprocess.CalledProcessError as error:
        raise AssertionError(f"{error.cmd}: {error.stdout.decode()[-2000:]} {error.stderr.decode()[-2000:]}") from error


def answer(url: str, process: "subprocess.Popen[bytes]", told: Path) -> int:
    """The status of a page, once there is one."""
    for _ in range(1200):
        assert process.poll() is None, told.read_text()
        try:
            with urlopen(url) as found:  # noqa: S310
                return int(found.status)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(told.read_text())


@pytest.mark.deep
def test_a_seller_serves_from_the_image(image: Stage, testnet: LocalChain, tmp_path: Path) -> None:
    volume, secret, told = tmp_path / "data", tmp_path / "password", tmp_path / "told"
    (volume / "seller").mkdir(parents=True)
    shutil.copy(testnet.home / "testnet" / "seller" / "keystore.json", volume / "seller")
    shutil.copy(testnet.home / "testnet" / "seller.csv", volume)
    shutil.copy(testnet.deployment, volume / "deployment.json")
    shutil.copy(testnet.home / "testnet" / "password", secret)
    for path in (*volume.rglob("*"), volume, secret):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.chown(path, IDENTITY, IDENTITY)
    place, metrics = free_port(), free_port()
    common = ["--directory", f"{KEPT}/seller", "--password-file", "/run/secrets/blindfair-password"]
    contained = image.contained([], volume=volume, secret=secret)

    listed = subprocess.run(
        [*contained, "seller", "list", *common, "--rpc", testnet.url, "--deployment", f"{KEPT}/deployment.json",
         "--records", f"{KEPT}/seller.csv", "--label", "cens", "--categorical", "arms", "--price-per-record", "0.001",
         "--licence", "any", "--consent", "public"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    with told.open("wb") as output:
        serving = subprocess.Popen(
            [*contained, "seller", "serve", *common, "--http", f"0.0.0.0:{place}", "--public-url",
             "https://data.example.org", "--metrics", f"127.0.0.1:{metrics}", "--log-format", "json"],
            stdout=subprocess.DEVNULL, stderr=output,
        )  # fmt: skip
    try:
        wait_for('"event": "serves"', told, serving)
        assert answer(f"http://127.0.0.1:{place}/health", serving, told) == 200
        assert answer(f"http://127.0.0.1:{metrics}/health", serving, told) == 200
        for pid in (serving.pid, *children_of(serving.pid)):
            status = dict(
                line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
            )
            assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(IDENTITY)}
            assert (int(status["CapEff"], 16), int(status["CapBnd"], 16)) == (0, 0)
            assert status["NoNewPrivs"].strip() == "1"
        assert end(serving) == 0, told.read_text()
    finally:
        serving.kill()
    assert all(json.loads(line)["event"] for line in told.read_text().splitlines())
    # What it keeps is on the volume, and nobody else's to read.
    assert (volume / "seller" / "journal.sqlite").stat().st_uid == IDENTITY
    assert (volume / "seller" / "journal.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.deep
def test_the_image_has_the_kernel_and_is_read_only(image: Stage, tmp_path: Path) -> None:
    """After the other test, which has put the image to use."""
    found = subprocess.run(
        image.mounts.inside("sh", "-c", f"ls {image.root}/opt/blindfair/lib/python3*/site-packages/blindfair/blind"),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "_kernel" in found.stdout, "the compiler's stage compiles nothing"
    written = subprocess.run(image.mounts.inside("touch", f"{image.root}/opt/blindfair/x"), capture_output=True)
    assert b"Read-only" in written.stderr
