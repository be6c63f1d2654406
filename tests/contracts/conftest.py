"""The same world for every test, in ether and in a token, taken back to its beginning each time."""

import pytest
from escrow_world import World
from hostile_wallet import Wallet


@pytest.fixture(scope="session")
def worlds() -> dict[str, World]:
    return {"ether": World(), "token": World(in_ether=False)}


@pytest.fixture(params=["ether", "token"])
def world(request: pytest.FixtureRequest, worlds: dict[str, World]) -> World:
    """The same trade in both kinds of money."""
    chosen = worlds[request.param]
    chosen.rewind()
    return chosen


@pytest.fixture
def ether_world(worlds: dict[str, World]) -> World:
    """For what does not depend on the kind of money."""
    worlds["ether"].rewind()
    return worlds["ether"]


@pytest.fixture
def wallet(ether_world: World) -> Wallet:
    """A contract that trades in ether."""
    return Wallet(ether_world)
