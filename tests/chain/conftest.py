"""Two kinds of chain for the same assertions: the embedded one, and a node behind a real socket."""

from collections.abc import Iterator

import pytest
from chain_support import HARDHAT, HardhatNetwork, Network, Trade, exchange_on, new_trade, running_hardhat

from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.exchange import DataExchange


@pytest.fixture(scope="session")
def hardhat_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not HARDHAT.exists():
        pytest.skip("hardhat is not installed: npm ci")
    with running_hardhat(tmp_path_factory.mktemp("hardhat") / "output") as url:
        yield url


@pytest.fixture(scope="session")
def hardhat(hardhat_url: str) -> HardhatNetwork:
    return HardhatNetwork(hardhat_url)


@pytest.fixture(scope="session", params=["embedded", "hardhat"])
def network(request: pytest.FixtureRequest) -> Network:
    return EmbeddedChain() if request.param == "embedded" else request.getfixturevalue("hardhat")


@pytest.fixture(scope="session")
def exchange(network: Network) -> DataExchange:
    return exchange_on(network)


@pytest.fixture
def trade(network: Network, exchange: DataExchange) -> Trade:
    return new_trade(network, exchange)
