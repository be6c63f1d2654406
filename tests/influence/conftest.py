"""The clinical trial that comes with the package, as a table; and the same hypothesis examples in every run."""

from pathlib import Path

import pytest
from hypothesis import settings

import blindfair
from blindfair.influence.table import Table, read_table

settings.register_profile("same-every-time", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("same-every-time")

TRIAL = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "ACTG175.csv"


@pytest.fixture(scope="session")
def trial() -> Table:
    return read_table(TRIAL, "cens", exclude=("pidnum", "days", "cd496", "offtrt", "r"))
