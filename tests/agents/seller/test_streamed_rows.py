"""Rows go to the disk batch by batch, to the same bits as all at once, whole or not at all (PROTOCOL 4.2)."""

import resource
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trade import COLUMNS, HandValuer, World, feature_schema, make_parties

from blindfair.agents.buyer.question import ask
from blindfair.agents.evaluation import rows as rows_module
from blindfair.agents.evaluation.rows import real_rows
from blindfair.agents.seller.row_store import RowStore
from blindfair.influence.architecture import Mlp
from blindfair.influence.models import LogisticRegression
from blindfair.influence.network import NetworkModel
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows, quantise_rows
from blindfair.influence.scoring_model import ScoringModel
from blindfair.protocol.errors import CannotWrite, JournalDamaged, UnusableModel
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import ETHER, Digest, Secret, Timestamp, Wei
from blindfair.protocol.records import decode_row, encode_row
from blindfair.protocol.rows import build_row_tree

SECRET, DIGEST = Secret(bytes(range(32))), Digest(b"\x05" * 32)
SCALE = 400.0
MANY = 4096 + 77


def some_records(n: int) -> list[bytes]:
    rng = np.random.default_rng(n)
    cells = rng.normal(100, 40, (n, len(COLUMNS)))
    return [encode_row((*map(float, row), int(number % 3 == 0))) for number, row in enumerate(cells)]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Request:
    world = World(tmp_path_factory.mktemp("world"))
    manifest = make_parties(world).seller.manifest
    world.close()
    question = HandValuer().question(manifest)
    return ask(
        question,
        manifest,
        buyer=manifest.seller,
        buyer_hpke=bytes(32),
        expiry=Timestamp(1),
        token=ETHER,
        fee=Wei(0),
    )[0]


@pytest.fixture
def request_of(asked: Request) -> Callable[..., Request]:

    def make(model: ScoringModel, projection: Projection, **changes: Any) -> Request:
        config, weights = model.to_parts()
        document, basis = projection.to_parts()
        changes = {"row_scale": SCALE, "exponent_bits": 2} | changes
        return replace(
            asked, model_name=model.name, model_config=config, weights=weights, projection=document, basis=basis,
            dimension=projection.k, **changes,
        )  # fmt: skip

    return make


def logistic(seed: int = 1) -> LogisticRegression:
    schema = feature_schema()
    return LogisticRegression(schema, np.random.default_rng(seed).normal(size=schema.width))


def network(hidden: int = 11) -> NetworkModel:
    schema = feature_schema()
    shape = Mlp(inputs=schema.width - 1, hidden=(hidden,), classes=2)
    return NetworkModel(schema, shape, np.random.default_rng(3).normal(size=shape.parameters))


def stored(directory: Path, request: Request, records: Sequence[bytes]) -> QuantisedRows:
    store = RowStore(directory, SECRET)
    store.compute(DIGEST, request, records)
    return store.load(DIGEST)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few records at once as the model allows."""
    monkeypatch.setattr(rows_module, "BATCH_NUMBERS", 1)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(
    ("model", "projection"),
    [
        (logistic(), Projection.identity(7)),
        (logistic(), Projection.signs(5, bytes(32))),
        (logistic(), Projection.matrix(np.random.default_rng(8).normal(size=(7, 3)))),
        (network(), Projection.identity(network().k)),
        (network(), Projection.signs(9, bytes(32))),
    ],
)
def test_rows_in_batches_are_those_of_one_go(
    model: ScoringModel, projection: Projection, request_of: Callable[..., Request], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # A network's batch is large where it has few weights.
    monkeypatch.setattr("blindfair.influence.gradients.BATCH_NUMBERS", 2**17)
    request, records = request_of(model, projection), some_records(MANY)
    assert model.batch < MANY
    found = stored(tmp_path, request, records)
    expected = quantise_rows(real_rows(request, [decode_row(record) for record in records]), SCALE, 2)
    np.testing.assert_array_equal(found.entries, expected.entries)
    np.testing.assert_array_equal(found.exponents, expected.exponents)
    assert found.clipped == expected.clipped
    assert len(set(expected.exponents.tolist())) > 1


def test_the_share_of_clipped_entries_is_that_of_all_batches(
    request_of: Callable[..., Request], tmp_path: Path, small_batches: None
) -> None:
    request = request_of(logistic(), Projection.identity(7), row_scale=3000.0, exponent_bits=0)
    records = some_records(MANY)
    expected = quantise_rows(real_rows(request, [decode_row(record) for record in records]), 3000.0)
    assert stored(tmp_path, request, records).clipped == expected.clipped > 0.01


def test_real_numbers_are_in_memory_a_batch_at_a_time(
    request_of: Callable[..., Request], tmp_path: Path, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blindfair.influence.gradients.BATCH_NUMBERS", 2**19)
    model, n = network(hidden=40), 20_000
    request, records = request_of(model, Projection.identity(model.k)), some_records(2000) * 10
    tracemalloc.start()
    found = stored(tmp_path, request, records)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.entries.shape == (n, model.k)
    assert isinstance(found.entries, np.memmap)
    assert not found.entries.flags.writeable
    # Less than the rows as doubles, once. Rounding takes several copies.
    assert peak < 8 * n * model.k


def test_the_row_tree_is_that_of_all_rows_at_once(request_of: Callable[..., Request], tmp_path: Path) -> None:
    rows = stored(tmp_path, request_of(logistic(), Projection.signs(2, bytes(32))), some_records(4096 + 5))
    tree = RowStore(tmp_path, SECRET).tree(DIGEST, rows)
    assert tree.root == build_row_tree(SECRET, DIGEST, rows.entries.astype(">i2").tobytes(), 2).root


class Watched(list[bytes]):
    """Records that say how many of them were asked for."""

    seen = 0

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        self.seen += len(part)
        return part


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("place", [0, MANY - 1])
@pytest.mark.parametrize(
    "wrong", [encode_row((1.0,) * 6 + (7,)), encode_row((1.0,)), b"\xff"], ids=["class", "short", "bytes"]
)
def test_a_record_that_does_not_fit_leaves_nothing_and_is_not_told_by_the_time(
    wrong: bytes, place: int, request_of: Callable[..., Request], tmp_path: Path
) -> None:
    records = Watched(some_records(MANY))
    records[place] = wrong
    with pytest.raises(UnusableModel, match="does not fit the records of the listing"):
        stored(tmp_path, request_of(logistic(), Projection.identity(7)), records)
    assert records.seen == MANY
    assert list(tmp_path.iterdir()) == []


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_in_the_middle_is_an_error_and_leaves_nothing(
    request_of: Callable[..., Request], tmp_path: Path, small_batches: None
) -> None:
    request, records = request_of(logistic(), Projection.identity(7)), some_records(MANY)
    with files_of_at_most(2 * 7 * 4100), pytest.raises(CannotWrite):
        stored(tmp_path, request, records)
    assert list(tmp_path.iterdir()) == []
    assert len(stored(tmp_path, request, records).entries) == MANY


def test_what_a_killed_process_left_is_removed(request_of: Callable[..., Request], tmp_path: Path) -> None:
    (tmp_path / f".{DIGEST.hex()}.npy.1").write_bytes(bytes(1000))
    stored(tmp_path, request_of(logistic(), Projection.identity(7)), some_records(3))
    assert [path.name for path in tmp_path.iterdir()] == [f"{DIGEST.hex()}.npy"]


@pytest.mark.parametrize("place", [0, 60, 200, -100, -40, -1])
def test_a_changed_byte_is_seen(place: int, request_of: Callable[..., Request], tmp_path: Path) -> None:
    stored(tmp_path, request_of(logistic(), Projection.identity(7)), some_records(50))
    [path] = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalDamaged):
        RowStore(tmp_path, SECRET).load(DIGEST)
