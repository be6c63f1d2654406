"""Hardhat, for whoever uses it, makes the bytecode that the package ships."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from compile import install_packages  # noqa: E402

from blindfair.cli.testnet.npm import find_node  # noqa: E402


@pytest.mark.deep
def test_hardhat_makes_the_shipped_bytecode() -> None:
    """The whole folder compiles, tests included, from nothing."""
    node = find_node()
    install_packages(node)
    command = [str(node), str(ROOT / "node_modules/hardhat/dist/src/cli.js"), "build", "--force"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    built = json.loads((ROOT / "artifacts/contracts/DataExchange.sol/DataExchange.json").read_text())
    shipped = json.loads(files("blindfair.chain").joinpath("artifacts", "DataExchange.json").read_text())
    assert built["bytecode"] == shipped["bytecode"]
