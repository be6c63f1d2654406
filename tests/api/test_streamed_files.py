"""Files beside a table as a stream, in Python: the records of files in memory, gone on with, traded, refused."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import blindfair as bf
from blindfair.agents.seller.data import DATA
from blindfair.api.listing import PreparedListing
from blindfair.api.stream_estimate import estimate_stream
from blindfair.api.stream_options import RECORDS, STATES
from blindfair.bulk import committing
from blindfair.bulk.store import StoredDataset, read_state
from blindfair.cli.buyer.export import export_bought
from blindfair.influence import table_stream
from blindfair.influence.file_stream import FilesBeside
from blindfair.protocol.errors import (
    BlindfairError,
    CannotWrite,
    FileChanged,
    FileMissing,
    InvalidListing,
    InvalidOption,
    LabelMissing,
    MalformedTable,
    TooLarge,
)
from blindfair.protocol.records import RecordEncoding

TERMS: dict[str, Any] = {"label": "sick", "price_per_record": "0.001", "licence": "any", "consent": "given", "bits": 4}
COUNT = 300


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table in several batches, and a file of each row: some empty, some of whole chunks, some of more."""
    monkeypatch.setattr(table_stream, "BATCH", 64)
    rng = random.Random(5)
    (tmp_path / "scans" / "b").mkdir(parents=True)
    lines = ["size,name,shade,sick"]
    for number in range(COUNT):
        size, shade = rng.gauss(10, 3), rng.gauss(50, 9)
        name = f"b/{number}.wav" if number % 2 else f"{number}.wav"
        (tmp_path / "scans" / name).write_bytes(rng.randbytes(number * 13 % 4000))
        lines.append(f"{size:.2f},{name},{shade:.3f},{'y' if size + rng.gauss(0, 1) > 10 else 'n'}")
    (tmp_path / "offer.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "offer.csv"


def listed(offer: Path, **changes: Any) -> PreparedListing:
    options = {"files": offer.parent / "scans", "file_column": "name", **TERMS, **changes}
    return bf.make_listing(offer, **options)


def test_records_are_those_of_files_in_memory(offer: Path, tmp_path: Path) -> None:
    whole, listing = listed(offer), listed(offer, stream_to=tmp_path / "seller")
    assert listing.spec.encoding is RecordEncoding.BYTES
    assert (listing.spec.schema, listing.spec.terms) == (whole.spec.schema, whole.spec.terms)
    assert listing.spec.preprocessing == whole.spec.preprocessing
    assert list(listing.spec.records) == list(whole.spec.records)
    assert not (tmp_path / "seller" / STATES).exists()


def test_sizes_and_times_that_a_kill_left_are_removed(offer: Path, tmp_path: Path) -> None:
    listed(offer, stream_to=tmp_path / "seller")
    (tmp_path / "seller" / STATES).write_bytes(bytes(16 * COUNT))
    listed(offer, stream_to=tmp_path / "seller")
    assert not (tmp_path / "seller" / STATES).exists()


@pytest.mark.deep
def test_streamed_files_are_traded_without_their_folder_and_come_out_as_they_were(offer: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    rows = [line.split(",") for line in offer.read_text().splitlines()]
    own.write_text("\n".join(f"{size}1,{shade},{sick}" for size, _, shade, sick in rows).replace("size1", "size"))
    wanted = bf.make_purchase(own, label="sick", budget="0.3", fee="0.2", audit_rows=5)
    with bf.LocalMarket(tmp_path / "market") as market:
        listing = listed(offer, stream_to=tmp_path / "market" / "seller-1")
        (tmp_path / "scans").rename(tmp_path / "kept")
        seller = market.sell(listing)
        assert isinstance(seller.agent.dataset, StoredDataset)
        buyer = market.buyer(seller, wanted)
        buyer.evaluate()
        buyer.buy()
        number = export_bought(buyer.agent, tmp_path / "bought")
    assert number > 20
    found = [path for path in (tmp_path / "bought").rglob("*.wav")]
    assert len(found) == number
    for path in found:
        assert path.read_bytes() == (tmp_path / "kept" / path.relative_to(tmp_path / "bought")).read_bytes()


class Broken(Exception):
    """The disk is pulled out."""


@pytest.fixture
def begun(offer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A seller's directory with half of the records, of which the program was killed."""
    with monkeypatch.context() as patched:
        commit, written = committing._Writer.add, 0

        def some(self: Any, record: bytes) -> None:
            nonlocal written
            written += 1
            commit(self, record)
            if written == COUNT // 2:
                self._check_in(finished=False)
                raise Broken

        patched.setattr(committing._Writer, "add", some)
        with pytest.raises(Broken):
            listed(offer, stream_to=tmp_path / "seller")
    state = read_state(tmp_path / "seller" / DATA)
    assert state is not None and (state.records, state.finished) == (COUNT // 2, False)
    return tmp_path / "seller"


def test_what_was_interrupted_goes_on_where_it_was(offer: Path, begun: Path) -> None:
    surveyed = (begun / RECORDS).read_bytes()
    # What is written already is not read again: it may be gone.
    (offer.parent / "scans" / "4.wav").unlink()
    listing = listed(offer, stream_to=begun)
    assert (begun / RECORDS).read_bytes() == surveyed
    assert len(listing.spec.records) == COUNT
    for number in (0, 4, 149, 150, 151, 299):
        content = listing.spec.schema.decode(RecordEncoding.BYTES, listing.spec.records[number])[0]
        assert isinstance(content, bytes) and len(content) == number * 13 % 4000


@pytest.mark.parametrize("number", [150, 299])
def test_a_file_that_changes_between_two_readings_is_refused_by_name(offer: Path, begun: Path, number: int) -> None:
    name = f"b/{number}.wav" if number % 2 else f"{number}.wav"
    path = offer.parent / "scans" / name
    was, content = path.stat(), path.read_bytes()
    path.write_bytes(content[::-1])
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns + 1000))
    with pytest.raises(FileChanged, match=name):
        listed(offer, stream_to=begun)
    path.write_bytes(content)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert len(listed(offer, stream_to=begun).spec.records) == COUNT


def test_a_table_that_changes_between_two_readings_is_refused(offer: Path, begun: Path) -> None:
    offer.write_text(offer.read_text().replace("n\n", "y\n", 1))
    with pytest.raises(FileChanged):
        listed(offer, stream_to=begun)


def test_other_options_are_refused_once_it_was_begun(offer: Path, begun: Path) -> None:
    for options in ({"exclude": ["shade"]}, {"files": None}):
        with pytest.raises(InvalidOption):
            listed(offer, stream_to=begun, **options)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda path: (path.parent / "scans" / "4.wav").unlink(), FileMissing),
        (lambda path: path.write_text(path.read_text().replace(",4.wav", ",../offer.csv", 1)), MalformedTable),
        (lambda path: path.write_text(path.read_text().replace("name,", "other,", 1)), LabelMissing),
        (lambda path: path.write_text(path.read_text().replace("shade", "content", 1)), MalformedTable),
        (lambda path: (path.parent / "scans" / "298.wav").open("wb").truncate(2**26), TooLarge),
        (lambda path: path.write_text(path.read_text() + path.read_text().splitlines()[9] + "\n"), InvalidListing),
        (lambda path: (path.parent / "scans" / "298.wav").unlink()
         or (path.parent / "scans" / "298.wav").symlink_to(path), MalformedTable),
    ],
    ids=range(7),
)  # fmt: skip
def test_files_that_cannot_be_sold_are_refused_and_nothing_is_left(
    offer: Path, tmp_path: Path, change: Any, error: type[BlindfairError]
) -> None:
    change(offer)
    with pytest.raises(error):
        listed(offer, stream_to=tmp_path / "seller")
    assert {path.name for path in (tmp_path / "seller").iterdir()} <= {"lock"}


def test_copies_are_for_their_owner_to_remove(offer: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption):
        listed(offer, stream_to=tmp_path / "seller", without_copies=True)


def test_equal_files_under_two_names_are_two_records(offer: Path, tmp_path: Path) -> None:
    for number in (4, 6):
        (offer.parent / "scans" / f"{number}.wav").write_bytes(b"the same")
    assert len(listed(offer, stream_to=tmp_path / "seller").spec.records) == COUNT


def test_files_that_do_not_fit_on_the_disk_or_into_a_listing_are_refused_before_they_are_written(
    offer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage
    with monkeypatch.context() as patched:
        patched.setattr("blindfair.influence.file_stream.LISTED_CHUNKS_LIMIT", COUNT)
        with pytest.raises(InvalidListing, match="too many"):
            listed(offer, stream_to=tmp_path / "seller")
        patched.undo()
        patched.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=2**28 + 100_000))
        with pytest.raises(CannotWrite):
            listed(offer, stream_to=tmp_path / "seller")
    assert not (tmp_path / "seller" / DATA / "chunks").exists()
    assert len(listed(offer, stream_to=tmp_path / "seller").spec.records) == COUNT


def test_an_estimate_is_of_all_files_although_a_trial_writes_a_few(
    offer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blindfair.api.stream_estimate._TRIAL_BYTES", 50_000)
    # Long rows: the share of the table that was read is known by its buffers.
    lines = [line + "," + "pad" + "x" * 500 for line in offer.read_text().splitlines()]
    offer.write_text("\n".join([lines[0].replace("x", ""), *lines[1:]]) + "\n")
    beside = FilesBeside(tmp_path / "scans", "name")
    places: dict[str, Any] = {"exclude": ("pad",), "text": (), "files": beside}
    found = estimate_stream(offer, "sick", tmp_path, 1024, **places)
    listed(offer, stream_to=tmp_path / "seller", exclude=["pad"])
    # Four batches are less than the whole table.
    assert found.records == pytest.approx(COUNT, rel=0.1)
    assert found.disk == pytest.approx(sum(f.stat().st_size for f in (tmp_path / "seller" / DATA).iterdir()), rel=0.2)
    assert {path.name for path in tmp_path.iterdir()} == {"offer.csv", "scans", "seller"}


def test_sizes_that_were_lost_are_told(offer: Path, begun: Path) -> None:
    (begun / STATES).write_bytes(b"short")
    with pytest.raises(BlindfairError, match="damaged"):
        listed(offer, stream_to=begun)


def test_names_that_look_like_numbers_are_names(offer: Path, tmp_path: Path) -> None:
    for number in range(COUNT):
        name = f"b/{number}.wav" if number % 2 else f"{number}.wav"
        (offer.parent / "scans" / name).rename(offer.parent / "scans" / f"{number:04}")
    rows = offer.read_text().splitlines()
    lines = [rows[0]]
    for number, line in enumerate(rows[1:]):
        cells = line.split(",")
        lines.append(",".join([cells[0], f"{number:04}", *cells[2:]]))
    offer.write_text("\n".join(lines) + "\n")
    listing = listed(offer, stream_to=tmp_path / "seller")
    assert listing.spec.schema.decode(RecordEncoding.BYTES, listing.spec.records[7])[1] == "0007"


def test_memory_is_bounded_by_one_file() -> None:
    program = """
import resource, sys, tempfile
from pathlib import Path
from blindfair.influence.folder import Folder, FILE_LIMIT
from blindfair.influence.files import file_record
with tempfile.TemporaryDirectory() as name:
    with Path(name, "f").open("wb") as file:
        file.truncate(FILE_LIMIT)
    folder = Folder(Path(name))
    state = folder.state("f")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    record = file_record(folder, state, ("f", 1), 16384)
    assert len(record) >= FILE_LIMIT
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / FILE_LIMIT)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.3
