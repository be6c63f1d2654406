"""The clinical trial that comes with the package, as a table; and the same hypothesis examples in every run."""

from pathlib import Path

import pytest
from hypothesis import settings

import blindfair
from blindfair.influence.table import Table, read_table
from blindfair.influence.text import BaseModel

settings.register_profile("same-every-time", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("same-every-time")

TRIAL = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "ACTG175.csv"


@pytest.fixture(scope="session")
def trial() -> Table:
    return read_table(TRIAL, "cens", exclude=("pidnum", "days", "cd496", "offtrt", "r"))


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind of tiny base model of texts. Needs the extra `blindfair[text]`."""
    pytest.importorskip("transformers")
    from tiny_bases import KINDS, build, write

    return {kind: write(build(kind), tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture(scope="session")
def bases(folders: dict[str, Path]) -> dict[str, BaseModel]:
    """A tiny base model of each kind."""
    return {kind: BaseModel.load(folder) for kind, folder in folders.items()}
