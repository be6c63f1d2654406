"""The wheel, installed in a fresh environment outside of the checkout: the demo runs, with a compiler and without one.

Its dependencies come from the environment of the tests, and so no network is needed.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import blindfair

ROOT = Path(__file__).parents[1]
NOT_SOURCES = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info")
LARGEST = 5_000_000
"""Bytes of the wheel: the small language model and its texts take 2.6 million, all else about 0.7."""


@dataclass(frozen=True)
class Installed:
    """A wheel and the environment that it is installed in."""

    wheel: Path
    venv: Path

    def run(self, *command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run the installed `blindfair` where no checkout is near."""
        return subprocess.run(
            [self.venv / "bin" / "blindfair", *map(str, command)],
            cwd=cwd,
            env=bare(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )

    def names(self) -> list[str]:
        """The files in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return archive.namelist()


def bare(**more: str) -> dict[str, str]:
    """Environment variables without those that lead to the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | more


def pip(*arguments: object, **variables: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)],
        env=bare(PIP_NO_INDEX="1", **variables),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def install(home: Path, **variables: str) -> Installed:
    """Build the wheel from the sources alone and install it in an environment of its own."""
    sources = home / "sources"
    sources.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    shutil.copytree(ROOT / "offchain", sources / "offchain", ignore=NOT_SOURCES)
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", home, sources, **variables)
    (wheel,) = home.glob("*.whl")
    venv = home / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    pip("--python", venv / "bin" / "python", "install", "--no-deps", wheel)
    # Only now: pip would take the checkout's package for what is to be replaced.
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(wheel, venv)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("wheel"))


def small_table(path: Path) -> Path:
    """Two hundred and forty records of two classes."""
    draws = np.random.default_rng(1).normal(size=(240, 3))
    labels = np.arange(240) % 2
    draws[:, 0] += labels
    rows = [",".join(f"{cell:.3f}" for cell in row) + f",{label}" for row, label in zip(draws, labels, strict=True)]
    path.write_text("\n".join(["a,b,c,y", *rows, ""]))
    return path


def trade(installed: Installed, home: Path) -> None:
    """Run a small demo from the wheel to its end, quietly."""
    options = ("--records", small_table(home / "table.csv"), "--label", "y", "--divisions", 2, "--budget", 0.2)
    done = installed.run("demo", "-q", *options, "--json", "-", cwd=home)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    endings = [trade["final"] for trade in json.loads(done.stdout)["trades"]]
    assert endings == ["Released", "Refunded", "Refunded", "Released", "Released"]


def kernel(installed: Installed, home: Path) -> str:
    """What `blindfair doctor` finds of the kernel; everything that it looks at is outside of the checkout."""
    document = json.loads(installed.run("doctor", "--json", "-", cwd=home).stdout)
    found = {finding["check"]: finding["found"] for finding in document["checks"]}
    assert found["version"] == f"blindfair {blindfair.__version__} in {found['version'].partition(' in ')[2]}"
    assert str(installed.venv) in found["version"]
    return str(found["kernel"])


@pytest.mark.deep
def test_the_wheel_holds_the_product_and_no_studies(installed: Installed) -> None:
    names = installed.names()
    size = installed.wheel.stat().st_size
    print(f"{installed.wheel.name}: {size:,} bytes, {len(names)} files")
    assert size < LARGEST
    assert not [name for name in names if "studies" in name or not name.startswith("blindfair")]
    for needed in (
        "py.typed",
        "chain/artifacts/DataExchange.json",
        "chain/artifacts/ListingDirectory.json",
        "cli/demo/data/ACTG175.csv",
        "cli/demo/data/text/model/model.safetensors",
        "cli/demo/data/text/offer.jsonl.gz",
        "cli/main.py",
        "pages/templates/base.html",
        "pages/templates/style.css",
        "cli/testnet/project/package-lock.json",
    ):
        assert f"blindfair/{needed}" in names


@pytest.mark.deep
@pytest.mark.deep
def test_studies_can_be_imported_from_the_checkout() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "blindfair.studies", "--help"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "offchain")},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.deep
def test_the_demo_runs_from_the_wheel_on_the_compiled_kernel(installed: Installed, tmp_path: Path) -> None:
    if not any(name.startswith("blindfair/blind/_kernel.") for name in installed.names()):
        pytest.skip("there is no C compiler")
    assert kernel(installed, tmp_path).startswith("compiled")
    trade(installed, tmp_path)


@pytest.mark.deep
def test_the_demo_runs_from_a_wheel_that_was_built_without_a_compiler(tmp_path: Path) -> None:
    plain = install(tmp_path, CC="/nonexistent/cc")
    assert not any(name.startswith("blindfair/blind/_kernel.") for name in plain.names())
    assert kernel(plain, tmp_path).startswith("SEAL's own arithmetic")
    trade(plain, tmp_path)
