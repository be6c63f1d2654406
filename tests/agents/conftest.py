"""Worlds for the tests of the agents: new ones, and copies of an honest trade at any of its stages."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from trade import Stages, World

from blindfair.influence.text import BaseModel


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "world")
    yield world
    world.close()


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    stages = Stages(tmp_path_factory.mktemp("stages"))
    yield stages
    stages.close()


@pytest.fixture
def at(stages: Stages, tmp_path: Path) -> Iterator[Callable[[str], World]]:
    """`at("opened")`: a world in which the openings were just sent."""
    opened: list[World] = []

    def copy(stage: str) -> World:
        opened.append(stages.copy(stage, tmp_path))
        return opened[-1]

    yield copy
    for world in opened:
        world.close()


@pytest.fixture
def beside(stages: Stages, tmp_path: Path) -> Iterator[Callable[[str], World]]:
    """`at` for what changes nothing on the chain: mails and directories are copies, the chain is one for all."""
    heights = []

    def copy(stage: str) -> World:
        world = stages.beside(stage, tmp_path)
        heights.append((world.exchange, world.exchange.height()))
        return world

    yield copy
    assert all(exchange.height() == height for exchange, height in heights)


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BaseModel]:
    """A tiny base model of each kind. Needs the extra `blindfair[text]`."""
    pytest.importorskip("transformers")
    from tiny_bases import KINDS, build, write

    return {kind: BaseModel.load(write(build(kind), tmp_path_factory.mktemp(kind))) for kind in KINDS}
