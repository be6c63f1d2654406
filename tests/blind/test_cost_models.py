"""Plans come from a cost model alone and measure nothing; a model is kept for this machine, and ignored if damaged."""

import doctest
import json
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import blindfair
from blindfair.blind import cost_cache, cost_model
from blindfair.blind import plan as plan_module
from blindfair.blind.cost_cache import cache_path, cached_costs, keep_costs, known_costs
from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import estimate
from blindfair.blind.measure_costs import machine_name, measure_costs
from blindfair.blind.parameters import DEFAULT, EXPANDED, PARAMETER_SETS
from blindfair.blind.plan import plan
from blindfair.blind.reference_costs import REFERENCE
from blindfair.protocol.errors import MalformedFile, UnknownParameters
from blindfair.protocol.quantities import BytesPerSecond

HERE = replace(REFERENCE, machine=machine_name(), version=blindfair.__version__)
"""A model as if it was measured on this machine."""

THIN = BytesPerSecond(125_000)
"""1 Mbit/s."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "blindfair"


def changed(change: Callable[[Any], object]) -> Any:
    document: Any = json.loads(json.dumps(HERE.to_document()))
    change(document)
    return document


# --- planning is pure ----------------------------------------------------------------------------------------------


def test_planning_measures_nothing_and_reads_no_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another machine's figures in the cache, and clocks that fail when they are looked at."""

    def clock() -> float:
        raise AssertionError("a clock was looked at")

    before = plan(100_000, 64, 2)
    keep_costs(CostModel.from_document(changed(slow_automorphisms)))
    for name in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, name, clock)
    assert plan(100_000, 64, 2) == before
    assert before.costs is REFERENCE


def slow_automorphisms(document: Any) -> None:
    document["operations"][EXPANDED.name]["automorphism"] = 30.0


def test_a_given_model_decides() -> None:
    """Where an automorphism takes half a minute, no bandwidth speaks for expansion."""
    slow = CostModel.from_document(changed(slow_automorphisms))
    assert plan(100_000, 512, 1, THIN).parameters == EXPANDED
    found = plan(100_000, 512, 1, THIN, slow)
    assert found.parameters == DEFAULT
    assert found.estimate == estimate(DEFAULT, 100_000, 512, 1, slow)


@pytest.mark.parametrize(
    ("n", "k", "m", "bandwidth", "chosen"),
    [
        (1_000, 4, 1, 125_000, DEFAULT),
        (1_000, 64, 2, 125_000, EXPANDED),
        (100_000, 512, 1, 12_500_000, EXPANDED),
        (100_000, 512, 1, 125_000_000_000, DEFAULT),
    ],
)
def test_what_the_reference_chooses_is_written_down(n: int, k: int, m: int, bandwidth: int, chosen: object) -> None:
    """Whoever changes the reference's figures sees here which requests change with them."""
    assert plan(n, k, m, BytesPerSecond(bandwidth)).parameters == chosen


def test_without_the_kernel_products_on_disk_take_what_seal_takes() -> None:
    def without(document: Any) -> None:
        for seconds in document["operations"].values():
            seconds["kernel_product"] = None

    bare = CostModel.from_document(changed(without))
    quick, slow = (estimate(DEFAULT, 100_000, 64, 1, each).evaluate_seconds for each in (HERE, bare))
    assert slow > 2 * quick
    small = [estimate(DEFAULT, 1000, 64, 1, each) for each in (HERE, bare)]
    assert small[0] == small[1], "in memory the kernel is not used"


def test_a_reply_is_decrypted_one_ciphertext_for_each_block_and_query() -> None:
    one, blocks = HERE.of(DEFAULT).decrypt, -(-100_000 // DEFAULT.ring_degree)
    for n, m, ciphertexts in ((1, 1, 1), (100_000, 1, blocks), (100_000, 3, 3 * blocks)):
        assert estimate(DEFAULT, n, 64, m, HERE).decrypt_seconds == pytest.approx(ciphertexts * one)


# --- a model is a value --------------------------------------------------------------------------------------------


def test_a_measured_model_covers_every_set_and_comes_back_unchanged() -> None:
    model = measure_costs()
    assert model.operations.keys() == PARAMETER_SETS.keys()
    assert model.machine == machine_name()
    assert CostModel.from_document(json.loads(json.dumps(model.to_document()))) == model
    for parameters in PARAMETER_SETS.values():
        found = model.of(parameters)
        assert min(found.encrypt, found.product, found.flood) > 0
        # Unpacking and two transforms are in it, and copying the words is the least part.
        assert found.decrypt > found.ciphertext_to_words
    assert model.of(EXPANDED).automorphism > 0 == model.of(DEFAULT).automorphism


def test_a_set_that_was_not_measured_is_named() -> None:
    with pytest.raises(UnknownParameters, match="lacks a parameter set"):
        estimate(EXPANDED, 10, 2, 1, replace(HERE, operations={DEFAULT.name: HERE.of(DEFAULT)}))


def of_default(**seconds: object) -> Callable[[Any], object]:
    return lambda document: document["operations"][DEFAULT.name].update(seconds)


DAMAGED = {
    "no operations": lambda document: document.pop("operations"),
    "no machine": lambda document: document.pop("machine"),
    "another field": lambda document: document.update(more="x"),
    "a date that is a number": lambda document: document.update(date=2026),
    "operations in a list": lambda document: document.update(operations=[]),
    "an operation more": of_default(more=0.1),
    "an operation less": lambda document: document["operations"][DEFAULT.name].pop("flood"),
    "a negative time": of_default(flood=-1.0),
    "no number": of_default(flood=float("nan")),
    "endless": of_default(flood=float("inf")),
    "a time of hours": of_default(flood=3600.0),
    "text": of_default(flood="1"),
    "true": of_default(flood=True),
    "none": of_default(flood=None),
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_model_is_refused_and_in_the_cache_ignored(change: Callable[[Any], object], cache: Path) -> None:
    document = changed(change)
    with pytest.raises(MalformedFile):
        CostModel.from_document(document)
    kept = keep_costs(HERE)
    assert kept is not None and cached_costs() == HERE
    kept.write_text(json.dumps(document))
    assert cached_costs() is None
    assert known_costs() == REFERENCE


# --- the cache -----------------------------------------------------------------------------------------------------


def test_a_kept_model_is_the_users_alone_and_is_read_again(cache: Path) -> None:
    assert cached_costs() is None and not cache.exists(), "looking makes nothing"
    kept = keep_costs(HERE)
    assert kept is not None and kept == cache_path() and kept.parent == cache
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in cache.iterdir()] == [kept.name], "nothing temporary is left"
    assert cached_costs() == known_costs() == HERE


@pytest.mark.parametrize("other", [{"machine": "another"}, {"version": "0.0.0"}, {"operations": {}}])
def test_a_model_of_another_machine_or_version_is_ignored(cache: Path, other: dict[str, Any]) -> None:
    keep_costs(replace(HERE, **other))
    assert cached_costs() is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 60_000, b" " * 70_000 + b"{}"])
def test_bytes_that_are_no_model_are_ignored(cache: Path, data: bytes) -> None:
    kept = keep_costs(HERE)
    assert kept is not None
    kept.write_bytes(data)
    assert cached_costs() is None


def test_each_machine_and_version_has_a_file_of_its_own(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {cache_path()}
    monkeypatch.setattr(cost_cache, "machine_name", lambda: "another")
    paths.add(cache_path())
    monkeypatch.setattr(blindfair, "__version__", "0.0.0")
    paths.add(cache_path())
    assert len(paths) == 3


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    assert keep_costs(HERE) is None
    assert cached_costs() is None


@pytest.mark.parametrize("named", ["", "relative/folder"])
def test_a_folder_that_is_not_absolute_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """As the XDG base directory specification says."""
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for platform, folder in (("linux", ".cache"), ("darwin", "Library/Caches")):
        monkeypatch.setattr("sys.platform", platform)
        assert cost_cache.cache_folder() == tmp_path / folder / "blindfair"


@pytest.mark.parametrize("module", [cost_model, plan_module])
def test_examples_of_the_docstrings_run(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
