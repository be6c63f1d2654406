"""A command that measures the machine says so, and measures once."""

from pathlib import Path

import pytest

from blindfair.cli import machine_costs as module
from blindfair.cli.machine_costs import machine_costs


def test_the_machine_is_measured_once_and_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told: list[str] = []
    first = machine_costs(told.append)
    assert "measures this machine once" in told[0]
    (kept,) = (tmp_path / "blindfair").iterdir()
    assert told[1:] == [f"measured; kept in {kept}"]

    def again() -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(module, "measure_costs", again)
    assert machine_costs(told.append) == first
    assert len(told) == 2


def test_without_a_cache_folder_it_is_measured_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    told: list[str] = []
    assert machine_costs(told.append).operations
    assert "no cache folder can be written" in told[1]
