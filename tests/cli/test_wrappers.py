"""The bash scripts themselves, from the chain to the last withdrawal, with prices in the test token and an MLP."""

import csv
import json
import subprocess
from pathlib import Path

import pytest
from local_chain import ROOT, LocalChain, environment, shell, wait_for

from blindfair.chain.deployment import Deployment
from ports import free_port

MADE = ROOT / ".venv" / ".blindfair-dev"


def script(name: str, *arguments: object, cwd: Path) -> str:
    """Run a script to its end; what it printed as its result."""
    done = subprocess.run(
        [ROOT / "scripts" / name, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.deep
def test_the_scripts_trade_in_a_token_from_listing_to_withdrawal(tmp_path: Path) -> None:
    if not MADE.exists():
        pytest.skip("there is no environment in the checkout: scripts/deep makes it")
    port, told, serving = free_port(), tmp_path / "told", tmp_path / "serving"
    chain = LocalChain(port, tmp_path)
    with shell(f"exec '{ROOT}/scripts/testnet' --port {port}", tmp_path, told) as testnet:
        wait_for("Ctrl-C stops it", told, testnet)
        token = told.read_text().partition("token     ")[2][:42]
        password = ["--password-file", tmp_path / "testnet" / "password"]
        place = ["--mail", "testnet/mail", "--rpc", chain.url, "--deployment", "deployments/31337.json"]

        deployer = ["--keystore", "testnet/deployer/keystore.json", *password]
        where = ["--rpc", chain.url, "--chain-id", 31337, "--deployments", "found"]
        assert json.loads(script("deploy", *where, *deployer, "--json", "-", cwd=tmp_path))["transaction"] is None
        found = Deployment.from_bytes((tmp_path / "found" / "31337.json").read_bytes())
        assert found == Deployment.from_bytes(chain.deployment.read_bytes())
        assert found.first_block > 0

        seller = ["--directory", "testnet/seller", *password]
        listed = script(
            "agents/seller", "list", *seller, *place, "--records", "testnet/seller.csv", "--label", "cens",
            "--categorical", "arms", "--token", token, "--own-models",
            "--price-per-record", "0.001", "--licence", "any", "--consent", "public", cwd=tmp_path,
        )  # fmt: skip
        assert "at least 0.001 PMT each" in listed
        serve = f"exec '{ROOT}/scripts/agents/seller' serve --directory testnet/seller --password-file testnet/password"
        with shell(serve, tmp_path, serving) as process:
            wait_for("serves", serving, process)
            keystore = ["--keystore", "testnet/buyer/keystore.json"]
            assert "0.001 PMT" in script("agents/buyer", "find", *keystore, *password, *place, cwd=tmp_path)
            buyer = ["--directory", "testnet/buyer", *password]
            script(
                "agents/buyer", "evaluate", *buyer, *place, "--own", "testnet/buyer.csv", "--label", "cens",
                "--budget", "0.4", "--token", token, "--model", "mlp", cwd=tmp_path,
            )  # fmt: skip
            ended = script("agents/buyer", "buy", *buyer, "--yes", "--json", "-", cwd=tmp_path)
            wait_for("withdraws its free balance", serving, process, 120)
        assert process.returncode == 0, serving.read_text()

        assert json.loads(ended)["final"] == "Released"
        # A transaction for each part: the token takes permits.
        assert list(json.loads(ended)["gas"]) == ["accept:sample", "accept:rest"]
        with (tmp_path / "testnet" / "buyer" / "bought.csv").open(newline="") as file:
            bought = len(list(csv.DictReader(file)))
        standing = json.loads(
            script("agents/seller", "status", "--directory", "testnet/seller", "--json", "-", cwd=tmp_path)
        )
        assert standing["token_balance"] == str(100 * 10**18 + bought * 10**15)
        assert standing["orders"][-1]["ending"] == "Released"
    assert testnet.returncode == 0
    assert told.read_text().splitlines()[-1] == "testnet: stopped; the chain is gone"
