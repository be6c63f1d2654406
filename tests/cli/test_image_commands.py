"""Images by the commands and by the page on them: its programs run as they stand, and what is refused at once."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Inside
from local_chain import ROOT, LocalChain, environment, shell, wait_for

from blindfair.protocol.errors import (
    BlindfairError,
    FileMissing,
    InvalidListing,
    InvalidOption,
    LabelMissing,
    LabelUnusable,
    UnusableImages,
)

PAGE = (ROOT / "docs" / "how-to" / "sell-images.md").read_text(encoding="utf-8")
PROGRAMS, COMMANDS = (re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S) for language in ("python", "sh"))

TERMS = ["--price-per-record", "0.001", "--licence", "any", "--consent", "public data"]
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 6, 6), dtype=np.uint8)
LABELS = np.arange(40) % 2


@pytest.mark.deep
def test_the_page_s_programs_trade_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for program in PROGRAMS:
        exec(compile(program, "sell-images.md", "exec"), names)  # noqa: S102
    offered = np.load("offer/images.npy")
    chosen = list(names["choice"].records)
    assert 15 < len(chosen) == len(names["bought"])
    assert names["bought"].dtype == offered.dtype and np.array_equal(names["bought"], offered[chosen])
    assert np.array_equal(names["bought_labels"], np.load("offer/labels.npy")[chosen])
    # A third of the offer is wrong, and the network knows it: of what it buys about a tenth is, as the noise falls.
    wrong = np.arange(150) % 3 == 0
    assert wrong[chosen].mean() < 0.25
    held = names["listing"].spec.terms.record_bits
    assert 120 < held < 180, "the page says about 150"


@pytest.mark.deep
def test_the_page_s_commands_trade_images_by_two_programs(own_testnet: LocalChain) -> None:
    home = own_testnet.home

    def here(block: str) -> str:
        return block.replace("8545", str(own_testnet.port))

    def run(block: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", here(block)], cwd=home, env=environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, block + done.stderr
        return done.stdout + done.stderr

    chain, offer, buy = COMMANDS
    assert chain == "./scripts/testnet\n"
    run(f"python - <<'END'\n{PROGRAMS[0]}\nEND\n")
    told = home / "serve.told"
    with shell(here(offer), home, told) as serving:
        wait_for("serves", told, serving)
        bought = run(buy)
        listed = run(
            "blindfair buyer find --keystore testnet/buyer/keystore.json --password-file testnet/password --mail "
            "testnet/mail --rpc http://127.0.0.1:8545 --deployment deployments/31337.json --json found.json"
        )
        wait_for("withdraws its free balance", told, serving)
    assert serving.returncode == 0, told.read_text()
    assert "ended Released" in " ".join(bought.split())
    assert "image (images of 8 x 8 numbers of type |u1)" in " ".join(listed.split()), listed
    (found,) = json.loads((home / "found.json").read_text())["listings"]
    told_of = found["manifest"]
    assert (told_of["kinds"], told_of["classes"]) == ({"image": "array", "label": "category"}, [0, 1, 2, 3]), found
    assert "images are 8 x 8 numbers of type |u1" in " ".join(told.read_text().split())
    folder = home / "testnet" / "buyer" / "bought"
    images, numbers = np.load(folder / "images.npy"), np.load(folder / "records.npy")
    assert images.tobytes() == np.load(home / "offer" / "images.npy")[numbers].tobytes()
    assert np.load(folder / "labels.npy").tobytes() == np.load(home / "offer" / "labels.npy")[numbers].tobytes()
    again = run("blindfair buyer export --directory testnet/buyer --password-file testnet/password --to again")
    assert (home / "again" / "images.npy").read_bytes() == (folder / "images.npy").read_bytes(), again


def folder(home: Path, pixels: Any = PIXELS, labels: Any = LABELS) -> Path:
    np.save(home / "images.npy", pixels)
    np.save(home / "labels.npy", labels)
    return home


def truncated(home: Path) -> Path:
    path = folder(home) / "images.npy"
    path.write_bytes(path.read_bytes()[:-5])
    return home


def unlabelled(home: Path) -> Path:
    (folder(home) / "labels.npy").unlink()
    return home / "images.npy"


def with_table(home: Path) -> Path:
    unlabelled(home)
    (home / "labels.csv").write_text("digit\n" + "".join(f"{label}\n" for label in LABELS))
    return home


BAD: dict[str, tuple[Callable[[Path], Path], list[str], type[BlindfairError], str]] = {
    "cut off": (truncated, [], UnusableImages, "cut off"),
    "objects": (lambda home: folder(home, np.array([[["a"]]], dtype=object)), [], UnusableImages, "plain numbers"),
    "flat": (lambda home: folder(home, PIXELS.reshape(40, 36)), [], UnusableImages, "no array of images"),
    "fewer labels": (lambda home: folder(home, labels=LABELS[:9]), [], UnusableImages, "for each image"),
    "no labels": (unlabelled, [], FileMissing, "no labels beside"),
    "another column": (with_table, ["--label", "label"], LabelMissing, "--label COLUMN"),
    "40 classes": (lambda home: folder(home, labels=np.arange(40)), [], LabelUnusable, "at least 5"),
    "a copy": (lambda home: folder(home, PIXELS[[*range(39), 0]]), [], InvalidListing, "--without-copies"),
    "an option of tables": (folder, ["--exclude", "image"], InvalidOption, "--exclude"),
    "a kind of label": (folder, ["--label-kind", "number"], InvalidOption, "--label-kind"),
}


@pytest.mark.parametrize("case", BAD)
def test_images_that_cannot_be_listed_end_the_command(case: str, clean: Path, tmp_path: Path, inside: Inside) -> None:
    """With a named error and nothing written, `clean` sees to that; before anything is asked of a node."""
    make, options, error, told = BAD[case]
    source = tmp_path / "images"
    source.mkdir()
    inside(
        "seller", "list", "--directory", "home", "--mail", "mail", "--rpc", "http://127.0.0.1:1", "--deployment",
        "nowhere.json", "--records", make(source), *TERMS, *options,
    ).failed(error, told)  # fmt: skip


def test_own_images_that_cannot_be_used_end_the_command(clean: Path, tmp_path: Path, inside: Inside) -> None:
    place = ["--directory", "home", "--mail", "mail", "--rpc", "http://127.0.0.1:1", "--deployment", "nowhere.json"]
    given = ["buyer", "evaluate", *place, "--budget", "1"]
    inside(*given, "--own", truncated(tmp_path)).failed(UnusableImages, "cut off")
    inside(*given, "--own", folder(tmp_path), "--exclude", "a").failed(InvalidOption, "--exclude")
    inside(*given, "--own", folder(tmp_path), "--model", "vgg").failed(InvalidOption, "cnn")
